//! The real binary in a real terminal.

#[path = "terminal/pty.rs"]
mod pty;

use std::thread;
use std::time::Duration;

use pty::*;

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
    // It says what would be undone. A frame may arrive in pieces.
    let whole = |text: &str| text.contains("Cancel run-1?") && text.contains("blocklist_remove 192.0.2.77");
    terminal.waits_for("what would be undone", whole);
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
