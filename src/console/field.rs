//! One line of text that a person types.

use ratatui::crossterm::event::KeyCode;

/// Characters that a field holds at most.
const LIMIT: usize = 1024;

/// A text and a cursor in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    text: String,
    /// Characters before the cursor.
    at: usize,
}

impl Field {
    /// With a text, the cursor behind it.
    pub fn with(text: &str) -> Self {
        let mut field = Field::default();
        field.insert(text);
        field
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text before the cursor, and from it on.
    pub fn split(&self) -> (&str, &str) {
        self.text.split_at(self.byte(self.at))
    }

    /// Takes typed or pasted text in; controls become spaces, so that a paste stays one line.
    pub fn insert(&mut self, text: &str) {
        for c in text.chars() {
            if self.text.chars().count() >= LIMIT {
                return;
            }
            self.text.insert(self.byte(self.at), if c.is_control() { ' ' } else { c });
            self.at += 1;
        }
    }

    /// Takes an editing key; false if it is none.
    pub fn key(&mut self, code: KeyCode, ctrl: bool) -> bool {
        let count = self.text.chars().count();
        match code {
            KeyCode::Char('u') if ctrl => *self = Field::default(),
            KeyCode::Char('w') if ctrl => self.delete_word(),
            KeyCode::Char(c) if !ctrl => self.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace if self.at > 0 => {
                self.at -= 1;
                self.text.remove(self.byte(self.at));
            }
            KeyCode::Backspace => {}
            KeyCode::Delete if self.at < count => {
                self.text.remove(self.byte(self.at));
            }
            KeyCode::Left => self.at = self.at.saturating_sub(1),
            KeyCode::Right => self.at = (self.at + 1).min(count),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = count,
            _ => return false,
        }
        true
    }

    fn delete_word(&mut self) {
        let (before, after) = self.split();
        let kept = before.trim_end().rfind(' ').map_or(0, |i| i + 1);
        let (kept, after) = (before[..kept].to_owned(), after.to_owned());
        self.at = kept.chars().count();
        self.text = kept + &after;
    }

    fn byte(&self, chars: usize) -> usize {
        self.text.char_indices().nth(chars).map_or(self.text.len(), |(i, _)| i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_edited() {
        let mut field = Field::with("héllo wörld");
        field.key(KeyCode::Left, false);
        field.key(KeyCode::Backspace, false);
        assert_eq!(field.split(), ("héllo wör", "d"));
        field.key(KeyCode::Home, false);
        field.key(KeyCode::Delete, false);
        field.key(KeyCode::Char('H'), false);
        assert_eq!(field.text(), "Héllo wörd");
        field.key(KeyCode::End, false);
        field.key(KeyCode::Char('w'), true);
        assert_eq!(field.text(), "Héllo ");
        field.key(KeyCode::Char('u'), true);
        assert_eq!(field.text(), "");
        field.insert("two\nlines\u{1b}[2J");
        assert_eq!(field.text(), "two lines [2J");
        assert!(!field.key(KeyCode::Enter, false));
        field.insert(&"x".repeat(5000));
        assert_eq!(field.text().chars().count(), LIMIT);
    }
}
