//! From frames to bytes: only what changed, in one piece.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::encode::encode;
use super::model::Model;
use super::theme::Theme;
use super::view::view;

/// What the terminal shows, as far as it was given to the writer.
pub struct Screen {
    shown: Buffer,
    next: Buffer,
    /// Bytes that must go out before the next frame; the terminal is blank after them.
    opening: Option<Vec<u8>>,
}

impl Screen {
    /// Nothing is known of the terminal until `opening` went out, which must leave it blank.
    pub fn new(opening: Vec<u8>) -> Self {
        Screen { shown: Buffer::default(), next: Buffer::default(), opening: Some(opening) }
    }

    /// The next frame starts from a blank terminal, which `opening` makes.
    pub fn restart(&mut self, opening: Vec<u8>) {
        self.opening = Some(opening);
    }

    /// The bytes that bring the terminal from the last frame to the present one; none if they are equal.
    pub fn draw(&mut self, model: &Model, theme: &Theme) -> Option<Vec<u8>> {
        let area: Rect = model.screen;
        let mut bytes = self.opening.take();
        if bytes.is_some() || self.shown.area != area {
            self.shown.resize(area);
            self.shown.reset();
        }
        self.next.resize(area);
        self.next.reset();
        view(model, theme, &mut self.next);
        let mut changes = self.shown.diff_iter(&self.next).peekable();
        if changes.peek().is_some() {
            encode(changes, bytes.get_or_insert_default());
        }
        std::mem::swap(&mut self.shown, &mut self.next);
        bytes
    }
}
