//! The real binary in a real terminal: a pty, with a screen that understands what it is sent.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// What a person sees and does.
struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    keys: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
}

const PATIENCE: Duration = Duration::from_secs(30);

#[expect(clippy::disallowed_methods, reason = "a test with a real program waits in real time")]
fn now() -> Instant {
    Instant::now()
}

fn cells(n: u16) -> std::num::NonZero<u16> {
    std::num::NonZero::new(n).unwrap()
}

impl Terminal {
    fn start(args: &[&str], columns: u16, rows: u16) -> Terminal {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_quell"));
        command.args(args);
        command.env("TERM", "xterm-256color");
        for name in ["QUELL_CONFIG", "SSH_CONNECTION", "SSH_TTY", "NO_COLOR"] {
            command.env_remove(name);
        }
        command.env("XDG_CONFIG_HOME", "/nonexistent");
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(rows), cells(columns), 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pty.master.try_clone_reader().unwrap();
        let (shown, kept) = (Arc::clone(&screen), Arc::clone(&raw));
        thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 {
                    break;
                }
                shown.lock().unwrap().process(&buffer[..n]);
                kept.lock().unwrap().extend_from_slice(&buffer[..n]);
            }
        });
        let keys = pty.master.take_writer().unwrap();
        Terminal { screen, raw, keys, master: pty.master, child }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until the screen shows a text.
    fn sees(&mut self, wanted: &str) -> String {
        self.waits_for(wanted, |text| text.contains(wanted))
    }

    fn sees_no_more(&mut self, unwanted: &str) {
        self.waits_for(&format!("no {unwanted}"), |text| !text.contains(unwanted));
    }

    fn waits_for(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let end = now() + PATIENCE;
        loop {
            let text = self.text();
            if fits(&text) {
                return text;
            }
            assert!(now() < end, "waited for {what:?} in vain; the screen shows\n{text}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.screen.lock().unwrap().screen_mut().set_size(cells(rows), cells(columns));
        self.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.process_id().unwrap().to_string();
        let status = std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end, and says how it ended: the exit code.
    fn ends(&mut self) -> u32 {
        let end = now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // The last bytes may still be on their way through the pty.
                thread::sleep(Duration::from_millis(300));
                return status.exit_code();
            }
            assert!(now() < end, "it does not end; the screen shows\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_restored(&self) {
        let screen = self.screen.lock().unwrap();
        let screen = screen.screen();
        assert!(!screen.alternate_screen(), "the alternate screen is left");
        assert!(!screen.hide_cursor(), "the cursor is shown");
        assert!(!screen.bracketed_paste(), "bracketed paste is off");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "the mouse is free");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn the_exercise_starts_and_quits() {
    let mut terminal = Terminal::start(&[], 120, 40);
    let text = terminal.sees("fortress-1");
    for word in ["quell", "DRILL", "Workflows", "Incidents", "Latency", "Throughput", "fortress-1"] {
        assert!(text.contains(word), "{word} is missing in\n{text}");
    }
    terminal.press("q");
    assert_eq!(terminal.ends(), 0);
    terminal.is_restored();
}

/// Chooses `block-address` and gives it an address; the other inputs have defaults.
fn trigger(terminal: &mut Terminal, address: &str) {
    terminal.press("t");
    terminal.sees("Start which workflow?");
    terminal.press("\r");
    terminal.sees("the address to block");
    terminal.press(address);
    terminal.press("\t\t\t");
    terminal.press("\r");
    terminal.sees("trigger block-address: accepted");
}

#[test]
fn an_operator_triggers_pauses_resumes_cancels_and_retries() {
    let mut terminal = Terminal::start(&[], 120, 40);
    terminal.sees("fortress-1");
    // Its second step waits for 5 s: time to steer it.
    trigger(&mut terminal, "192.0.2.77");
    terminal.sees("run-1");
    terminal.press("2g");
    terminal.press("p");
    terminal.sees("pause run-1: accepted");
    terminal.sees("❚ paused");
    terminal.press("p");
    terminal.sees("resume run-1: accepted");
    terminal.press("x");
    let asked = terminal.sees("Cancel run-1?");
    assert!(asked.contains("blocklist_remove 192.0.2.77"), "it says what would be undone\n{asked}");
    // Enter never confirms harm: the default is No.
    terminal.press("\r");
    terminal.sees_no_more("Cancel run-1?");
    terminal.press("x");
    terminal.sees("Cancel run-1?");
    terminal.press("y");
    terminal.sees("cancel run-1: accepted");
    // The row, not an answer: "was not cancelled" says the word too.
    terminal.sees("↶ cancelled");
    terminal.press("\r");
    terminal.sees("Timeline");
    terminal.press("\u{1b}");
    terminal.sees_no_more("Timeline");
    terminal.press("p");
    terminal.sees("run-1 is cancelled");
    terminal.press("r");
    terminal.sees("run-2 tries run-1 again");
    terminal.press("q");
    assert_eq!(terminal.ends(), 0);
    terminal.is_restored();
}

#[test]
fn an_incident_is_acknowledged_and_closed() {
    let mut terminal = Terminal::start(&["--speed", "100"], 120, 40);
    // At the end nothing changes any more but by keys.
    terminal.sees("replay finished");
    terminal.press("3G");
    terminal.press("k");
    terminal.press("f");
    terminal.sees("FROZEN");
    terminal.press("f");
    terminal.sees_no_more("FROZEN");
    terminal.press("\r");
    terminal.sees("Evidence");
    terminal.press("\u{1b}");
    terminal.sees_no_more("Evidence");
    terminal.press("c");
    terminal.sees("Reason:");
    terminal.press("all clear\r");
    terminal.sees("resolve inc-4: accepted");
    terminal.sees("✓ resolved");
    // The second one was rolled back: it is open.
    terminal.press("gj");
    terminal.press("a");
    terminal.sees("acknowledge inc-2: accepted");
    terminal.sees("◐ acknowledged");
    terminal.press("q");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn help_lists_every_key_and_escape_leaves_it() {
    // High enough that nothing has to be scrolled to.
    let mut terminal = Terminal::start(&[], 120, 70);
    terminal.sees("fortress-1");
    terminal.press("?");
    let help = terminal.sees("type to search");
    for key in ["Tab", "zoom", "freeze"] {
        assert!(help.contains(key), "{key} is missing in\n{help}");
    }
    terminal.press("quit");
    terminal.sees("Leaves");
    terminal.press("\u{1b}");
    terminal.sees_no_more("type to search");
    terminal.press("q");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_terminal_that_is_too_small_is_told_so_and_may_grow() {
    let mut terminal = Terminal::start(&[], 20, 5);
    terminal.sees("60x16");
    terminal.resize(120, 40);
    terminal.sees("Incidents");
    terminal.resize(80, 24);
    terminal.sees("DRILL");
    terminal.resize(500, 200);
    terminal.sees("Incidents");
    terminal.press("q");
    assert_eq!(terminal.ends(), 0);
    terminal.is_restored();
}

#[test]
fn signals_restore_the_terminal() {
    for (signal, code) in [("TERM", 0), ("INT", 0), ("HUP", 0)] {
        let mut terminal = Terminal::start(&[], 120, 40);
        terminal.sees("fortress-1");
        terminal.signal(signal);
        assert_eq!(terminal.ends(), code, "after {signal}");
        terminal.is_restored();
    }
}

#[test]
fn the_first_paint_is_small() {
    let mut terminal = Terminal::start(&["--speed", "1"], 120, 40);
    terminal.sees("Throughput");
    let bytes = terminal.raw.lock().unwrap().len();
    assert!(bytes < 20_000, "{bytes} bytes until the first full screen");
    terminal.press("q");
    terminal.ends();
}

#[test]
fn pasted_text_triggers_no_key() {
    let mut terminal = Terminal::start(&[], 120, 40);
    terminal.sees("fortress-1");
    terminal.press("\u{1b}[200~q?x\u{1b}[201~");
    thread::sleep(Duration::from_millis(300));
    terminal.press("?");
    terminal.sees("type to search");
    terminal.press("\u{1b}");
    terminal.sees_no_more("type to search");
    terminal.press("q");
    assert_eq!(terminal.ends(), 0);
}
