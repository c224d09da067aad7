//! Tests of the console as a whole: every key, every screen, every byte.

mod acts;
mod bytes;
mod figures;
mod keys;
mod ledger;
mod life;
mod person;
mod readme;
pub mod scenario;
mod screens;
mod settle;
mod sources;

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::update::{Msg, Todo, update};
use super::view::view;
use super::{Model, Theme};

/// Types keys: characters as they are, others as `<Enter>`, `<C-c>`.
fn press(model: &mut Model, keys: &str) -> Vec<Todo> {
    let mut todos = Vec::new();
    let mut rest = keys;
    while let Some(c) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|r| r.split_once('>'));
        let (code, modifiers, after) = match named {
            Some((name, after)) => {
                let (code, modifiers) = code(name);
                (code, modifiers, after)
            }
            None => (KeyCode::Char(c), KeyModifiers::NONE, &rest[c.len_utf8()..]),
        };
        rest = after;
        todos.extend(update(model, Msg::Key(KeyEvent::new(code, modifiers))));
        model.settle();
    }
    todos
}

fn code(name: &str) -> (KeyCode, KeyModifiers) {
    let plain = |code| (code, KeyModifiers::NONE);
    match name {
        "Enter" => plain(KeyCode::Enter),
        "Esc" => plain(KeyCode::Esc),
        "Tab" => plain(KeyCode::Tab),
        "S-Tab" => plain(KeyCode::BackTab),
        "Up" => plain(KeyCode::Up),
        "Down" => plain(KeyCode::Down),
        "Left" => plain(KeyCode::Left),
        "Right" => plain(KeyCode::Right),
        "PgUp" => plain(KeyCode::PageUp),
        "PgDn" => plain(KeyCode::PageDown),
        "Home" => plain(KeyCode::Home),
        "End" => plain(KeyCode::End),
        "BS" => plain(KeyCode::Backspace),
        _ => {
            let c = name.strip_prefix("C-").and_then(|c| c.chars().next());
            (KeyCode::Char(c.unwrap_or_else(|| panic!("no key {name}"))), KeyModifiers::CONTROL)
        }
    }
}

/// The screen as text.
fn picture(model: &Model, theme: &Theme) -> String {
    let mut buffer = Buffer::empty(model.screen);
    view(model, theme, &mut buffer);
    let mut text = String::new();
    for y in 0..model.screen.height {
        let mut line = String::new();
        let mut x = 0;
        while x < model.screen.width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += super::text::width(symbol).max(1) as u16;
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The screen in colours and Unicode.
fn seen(model: &Model) -> String {
    picture(model, &Theme::default())
}

/// Three requests: one done, one refused, one under way.
fn asked_for(model: &mut Model) {
    use crate::engine::Answer;
    use crate::model::RequestId;
    use crate::runtime::link::Answered;
    let sent = [(1, "pause run-5"), (2, "cancel run-3"), (3, "trigger contain-scan")];
    for (id, what) in sent {
        update(model, Msg::Sent(Some(RequestId(id)), what.to_owned()));
    }
    let answers = [
        (1, Answer::Accepted("run-5 is paused; what runs will finish".to_owned())),
        (2, Answer::Refused("run-3 has changed since you looked: it is \u{1b}[31mrolled back".to_owned())),
    ];
    for (id, answer) in answers {
        update(model, Msg::Answer(Answered { id: RequestId(id), seq: 0, answer }));
    }
}
