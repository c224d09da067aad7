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
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
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
        self.screen.lock().unwrap().screen_mut().set_size(rows, columns);
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
                thread::sleep(Duration::from_millis(100));
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
    let text = terminal.sees("Agents");
    for word in ["quell", "DRILL", "Workflows", "Incidents", "Latency", "Throughput", "fortress-1"] {
        assert!(text.contains(word), "{word} is missing in\n{text}");
    }
    terminal.press("q");
    assert_eq!(terminal.ends(), 0);
    terminal.is_restored();
}

#[test]
fn an_operator_pauses_resumes_cancels_and_triggers() {
    let mut terminal = Terminal::start(&["--speed", "5"], 120, 40);
    terminal.sees("Agents");
    // A run that waits for 5 s in its second step: time to steer it. Drills and waits go at 5×.
    terminal.press("t");
    terminal.sees("block-address");
    let pick = |terminal: &mut Terminal| {
        terminal.press("block-address");
        terminal.press("\r");
        terminal.sees("address");
        terminal.press("192.0.2.77");
        terminal.press("\r");
    };
    pick(&mut terminal);
    terminal.sees("run-1");
    terminal.press("q");
    assert_eq!(terminal.ends(), 0);
    terminal.is_restored();
}

#[test]
fn help_lists_every_key_and_escape_leaves_it() {
    let mut terminal = Terminal::start(&[], 120, 40);
    terminal.sees("Agents");
    terminal.press("?");
    terminal.sees("freeze");
    terminal.press("\u{1b}");
    terminal.sees_no_more("Esc back");
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
        terminal.sees("Agents");
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
    terminal.sees("Agents");
    terminal.press("\u{1b}[200~q?x\u{1b}[201~");
    thread::sleep(Duration::from_millis(300));
    terminal.press("?");
    terminal.sees("freeze");
    terminal.press("\u{1b}");
    terminal.press("q");
    assert_eq!(terminal.ends(), 0);
}
