//! `:`: actions by a few of their letters.

use ratatui::crossterm::event::KeyCode;

use super::actions::{ACTIONS, Action, Chord};
use super::field::Field;
use super::model::{Mode, Model};
use super::person;
use super::update::{Todo, try_action};

/// The actions that a query fits, the best first.
pub fn found(query: &str) -> Vec<&'static Action> {
    // What follows these words is the name of a workflow.
    let query = match query.trim_start().split_once(' ') {
        Some((verb @ ("arm" | "disarm"), _)) => verb,
        _ => query,
    };
    let mut found: Vec<(usize, &Action)> =
        ACTIONS.iter().filter_map(|action| Some((cost(query, action.title)?, action))).collect();
    found.sort_by_key(|(cost, _)| *cost);
    found.into_iter().map(|(_, action)| action).collect()
}

/// How badly a title fits: all letters of the query have to be there, in order. Letters that are passed
/// over cost, less so up to the start of a word; a shorter title is better.
fn cost(query: &str, title: &str) -> Option<usize> {
    let mut cost = title.chars().count();
    let mut rest = title.char_indices().peekable();
    let mut before = ' ';
    for wanted in query.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase) {
        let mut passed = 0;
        loop {
            let (_, c) = rest.next()?;
            let starts = !before.is_alphanumeric();
            before = c;
            if c.to_lowercase().eq([wanted]) {
                cost += if starts { passed.min(1) } else { passed * 10 };
                break;
            }
            passed += 1;
        }
    }
    Some(cost)
}

/// A key while the palette is open.
pub fn on_key(model: &mut Model, chord: Chord, mut query: Field, at: usize) -> Vec<Todo> {
    let entries = found(query.text());
    let last = entries.len().saturating_sub(1);
    let at = match chord.code {
        KeyCode::Esc => return Vec::new(),
        KeyCode::Backspace if query.text().is_empty() => return Vec::new(),
        KeyCode::Enter => {
            if let Some(todos) = person::command(model, query.text()) {
                return todos;
            }
            return entries.get(at.min(last)).map_or_else(Vec::new, |action| try_action(model, action));
        }
        KeyCode::Up => at.saturating_sub(1),
        KeyCode::Down | KeyCode::Tab => (at + 1).min(last),
        code => {
            query.key(code, chord.ctrl);
            0
        }
    };
    model.mode = Mode::Palette { query, at };
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_letters_find_an_action() {
        for (query, title) in [
            ("", "up"),
            ("can", "cancel"),
            ("cnc", "cancel"),
            ("CID", "copy id"),
            ("cr", "copy row"),
            ("np", "next pane"),
            ("thr", "throughput"),
            ("qt", "quit"),
            ("rt", "retry"),
        ] {
            assert_eq!(found(query).first().map(|action| action.title), Some(title), "{query}");
        }
        assert!(found("xyz").is_empty());
        assert_eq!(found("").len(), ACTIONS.len());
    }
}
