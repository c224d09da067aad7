//! Small tools that panes draw with. Every text passes [`super::text::cut`], so that nothing from
//! outside can reach the terminal as it came.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::border;
use ratatui::widgets::{Block, Borders, Clear, Widget};

use super::text::{cut, width};
use super::theme::{Theme, Tone};

/// A piece of a line.
pub type Piece = (String, Tone);

/// One line of pieces.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row(pub Vec<Piece>);

impl Row {
    /// Empty.
    pub fn new() -> Self {
        Row::default()
    }
    /// Adds a piece.
    pub fn add(mut self, text: impl Into<String>, tone: Tone) -> Self {
        self.0.push((text.into(), tone));
        self
    }
    /// Adds a piece without a meaning of its own.
    pub fn plain(self, text: impl Into<String>) -> Self {
        self.add(text, Tone::Plain)
    }
    /// Adds a side remark.
    pub fn dim(self, text: impl Into<String>) -> Self {
        self.add(text, Tone::Dim)
    }
    /// Columns that it takes.
    pub fn width(&self) -> usize {
        self.0.iter().map(|(text, _)| width(text)).sum()
    }
}

/// Writes one line from left to right; stops at its end.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
    x: u16,
    y: u16,
    end: u16,
}

impl<'a> Pen<'a> {
    /// At line `row` of an area.
    pub fn at(buffer: &'a mut Buffer, theme: &'a Theme, area: Rect, row: u16) -> Self {
        let area = area.intersection(buffer.area);
        let inside = row < area.height;
        let end = if inside { area.right() } else { area.x };
        Pen { buffer, theme, x: area.x, y: area.y.saturating_add(row), end }
    }

    /// Columns that are left.
    pub fn left(&self) -> usize {
        usize::from(self.end.saturating_sub(self.x))
    }

    /// Writes a text as wide as it is.
    pub fn text(&mut self, text: &str, tone: Tone) -> &mut Self {
        let shown = cut(text, self.left());
        self.write(&shown, tone);
        self
    }

    /// Writes a text into a column of `columns`, cut or padded, and one space.
    pub fn column(&mut self, text: &str, columns: usize, tone: Tone) -> &mut Self {
        let start = self.x;
        let shown = cut(text, columns.min(self.left()));
        self.write(&shown, tone);
        self.skip_to(start, columns + 1)
    }

    /// As [`Pen::column`], to the right.
    pub fn right(&mut self, text: &str, columns: usize, tone: Tone) -> &mut Self {
        let start = self.x;
        let shown = cut(text, columns.min(self.left()));
        let pad = columns.saturating_sub(width(&shown));
        self.skip_to(start, pad);
        self.write(&shown, tone);
        self.skip_to(start, columns + 1)
    }

    /// Writes the pieces of a row.
    pub fn row(&mut self, row: &Row) -> &mut Self {
        for (text, tone) in &row.0 {
            self.text(text, *tone);
        }
        self
    }

    /// Leaves columns empty.
    pub fn space(&mut self, columns: usize) -> &mut Self {
        self.skip_to(self.x, columns)
    }

    fn skip_to(&mut self, start: u16, columns: usize) -> &mut Self {
        let columns = u16::try_from(columns).unwrap_or(u16::MAX);
        self.x = start.saturating_add(columns).min(self.end);
        self
    }

    fn write(&mut self, shown: &str, tone: Tone) {
        if self.left() > 0 {
            let (x, _) = self.buffer.set_stringn(self.x, self.y, shown, self.left(), self.theme.style(tone));
            self.x = x;
        }
    }
}

/// Draws rows from the top of an area.
pub fn rows<'r>(buffer: &mut Buffer, theme: &Theme, area: Rect, rows: impl IntoIterator<Item = &'r Row>) {
    for (y, row) in (0..area.height).zip(rows) {
        Pen::at(buffer, theme, area, y).row(row);
    }
}

/// Draws the frame of a pane and returns what is inside of it. The focus shows in the upper corners and
/// in number and name only: it moves often, and edges are long.
pub fn frame(buffer: &mut Buffer, theme: &Theme, area: Rect, title: &str, foot: &str, focused: bool) -> Rect {
    let inner = outline(buffer, theme, area, (border::PLAIN, Tone::Dim), (title, Tone::Strong), foot);
    if focused {
        let style = theme.style(Tone::Key);
        let right = area.right().saturating_sub(1);
        for (x, corner) in [(area.x, border::THICK.top_left), (right, border::THICK.top_right)] {
            if let Some(cell) = buffer.cell_mut((x, area.y)) {
                cell.set_symbol(corner).set_style(style);
            }
        }
        let name: usize = title.split_inclusive(' ').take(2).map(width).sum();
        let shown = name.min(usize::from(area.width).saturating_sub(4)) as u16;
        let place = Rect { x: area.x + 2, width: shown, height: 1, ..area };
        buffer.set_style(place.intersection(buffer.area), style);
    }
    inner
}

fn outline(
    buffer: &mut Buffer,
    theme: &Theme,
    area: Rect,
    (set, tone): (border::Set<'static>, Tone),
    (title, title_tone): (&str, Tone),
    foot: &str,
) -> Rect {
    let block = Block::new().borders(Borders::ALL).border_set(set).border_style(theme.style(tone));
    let inner = block.inner(area);
    block.render(area, buffer);
    let room = usize::from(area.width).saturating_sub(4);
    label(buffer, theme, area.x + 1, area.y, &cut(title, room), title_tone);
    let foot = cut(foot, room);
    if !foot.is_empty() && area.height > 1 {
        let x = area.right().saturating_sub(width(&foot) as u16 + 3);
        label(buffer, theme, x, area.bottom() - 1, &foot, Tone::Dim);
    }
    inner
}

fn label(buffer: &mut Buffer, theme: &Theme, x: u16, y: u16, text: &str, tone: Tone) {
    if !text.is_empty() && buffer.area.contains((x, y).into()) {
        let room = usize::from(buffer.area.right() - x);
        buffer.set_stringn(x, y, format!(" {text} "), room, theme.style(tone));
    }
}

/// An emptied box in the middle of an area, framed; returns its inside.
pub fn dialog(
    buffer: &mut Buffer,
    theme: &Theme,
    area: Rect,
    size: (u16, u16),
    title: &str,
    foot: &str,
) -> Rect {
    let width = size.0.saturating_add(4).min(area.width);
    let height = size.1.saturating_add(2).min(area.height);
    let place =
        Rect::new(area.x + (area.width - width) / 2, area.y + (area.height - height) / 2, width, height);
    Clear.render(place, buffer);
    let inner = outline(buffer, theme, place, (border::THICK, Tone::Key), (title, Tone::Key), foot);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

/// Changes the style of a whole line, for a cursor.
pub fn highlight(buffer: &mut Buffer, area: Rect, row: u16, style: Style) {
    if row < area.height {
        buffer.set_style(Rect { y: area.y + row, height: 1, ..area }, style);
    }
}
