//! What goes out to the terminal: how much, and that nothing foreign is among it.

use super::super::screen::Screen;
use super::super::session::Session;
use super::super::theme::Theme;
use super::super::update::{Msg, update};
use super::figures::{gauges, model};
use super::press;
use super::scenario::{Script, busy};
use crate::engine::JournalKind;
use crate::model::{Severity, Span};

fn first(width: u16, height: u16) -> Vec<u8> {
    let mut screen = Screen::new(Session::opening());
    screen.draw(&model(&busy(), width, height), &Theme::default()).unwrap()
}

#[test]
fn the_first_paint_is_small() {
    for (width, height, limit) in [(120, 40, 9_000), (80, 24, 5_000), (60, 16, 5_000)] {
        let bytes = first(width, height).len();
        assert!(bytes <= limit, "{width}x{height}: {bytes}");
    }
}

#[test]
fn an_equal_frame_costs_nothing_and_a_tick_little() {
    let script = busy();
    let mut model = model(&script, 120, 40);
    let mut screen = Screen::new(Session::opening());
    screen.draw(&model, &Theme::default()).unwrap();
    assert_eq!(screen.draw(&model, &Theme::default()), None);
    press(&mut model, "<Down>");
    let key = screen.draw(&model, &Theme::default()).unwrap().len();
    assert!(key <= 1_000, "{key}");
    for pane in 0..6 {
        press(&mut model, "<Tab>");
        let tab = screen.draw(&model, &Theme::default()).unwrap().len();
        assert!(tab <= 360, "{tab} for pane {pane}");
    }
    update(&mut model, Msg::Gauges(Box::new(gauges(script.at + Span::from_secs(1)))));
    let tick = screen.draw(&model, &Theme::default()).unwrap().len();
    assert!(tick <= 300, "{tick}");
}

#[test]
fn frames_add_up_to_the_picture() {
    let script = busy();
    let mut model = model(&script, 80, 24);
    let mut screen = Screen::new(Session::opening());
    let mut terminal = vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 0);
    let keys = [
        "", "j", "<Enter>", "<PgDn>", "<Esc>", "3", "k", "?", "zoom", "<Esc>", "t", "<Enter>", "x", "<Esc>",
        "<Esc>", "5",
    ];
    for keys in keys {
        press(&mut model, keys);
        if let Some(bytes) = screen.draw(&model, &Theme::default()) {
            terminal.process(&bytes);
        }
        let shown: String =
            terminal.screen().rows(0, 80).map(|row| row.trim_end().to_owned() + "\n").collect();
        assert_eq!(shown, super::seen(&model), "after {keys}");
    }
    screen.restart(Session::opening());
    terminal.process(b"\x1b[2J");
    terminal.process(&screen.draw(&model, &Theme::default()).unwrap());
    let shown: String = terminal.screen().rows(0, 80).map(|row| row.trim_end().to_owned() + "\n").collect();
    assert_eq!(shown, super::seen(&model), "drawn anew");
}

const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{90}q\u{9c}\u{202e}cba\u{200b}\u{feff}漢\r\n\t";

#[test]
fn c32_hostile_text_reaches_the_terminal_as_visible_escapes_only() {
    let mut script = Script::new();
    script.open(JournalKind::Exercise);
    script.incident(1, HOSTILE, Severity::High, HOSTILE, &[HOSTILE]);
    script.run(1, HOSTILE, &[HOSTILE, "b"], Some(1)).start(1, 0, 1, 0);
    let mut model = model(&script, 120, 40);
    model.live_gauges.source = HOSTILE.to_owned();
    model.live_gauges.on_hold = Some(HOSTILE.to_owned());
    let mut screen = Screen::new(Vec::new());
    for keys in ["", "j", "<Enter>", "<Esc>x", "<Esc>X", "<Esc>3k<Enter>", "<Esc>c", "<Esc>/"] {
        press(&mut model, keys);
        update(&mut model, Msg::Paste(HOSTILE.to_owned()));
        model.settle();
        let bytes = screen.draw(&model, &Theme::default()).unwrap_or_default();
        let text = String::from_utf8(bytes).unwrap();
        // Only what the backend writes: positions, colours, attributes.
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            assert!(before.chars().all(|c| !c.is_control()), "{before:?}");
            let sequence = after.strip_prefix('[').unwrap_or_else(|| panic!("{after:?}"));
            let end = sequence.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap();
            assert!(matches!(&sequence[end..=end], "H" | "C" | "m"), "{sequence:?}");
            rest = &sequence[end + 1..];
        }
        assert!(rest.chars().all(|c| !c.is_control()));
        for bad in ['\u{202e}', '\u{200b}', '\u{feff}', '\u{9b}'] {
            assert!(!text.contains(bad), "{bad:?} after {keys}");
        }
    }
}

#[test]
fn a_quiet_minute_costs_no_more_than_its_clock() {
    let mut script = Script::new();
    script.open(JournalKind::Exercise);
    let mut model = model(&script, 120, 40);
    let mut screen = Screen::new(Session::opening());
    let mut costs = Vec::new();
    for second in 0..120 {
        let mut gauges = gauges(script.at + Span::from_secs(second));
        gauges.per_second = vec![0; 10 + second as usize];
        gauges.per_second[3] = 1;
        update(&mut model, Msg::Gauges(Box::new(gauges)));
        model.settle();
        costs.push(screen.draw(&model, &Theme::default()).map_or(0, |bytes| bytes.len()));
    }
    for minute in [&costs[1..60], &costs[60..]] {
        let mean = minute.iter().sum::<usize>() / minute.len();
        assert!(mean <= 60, "{mean} bytes a second: {minute:?}");
    }
}
