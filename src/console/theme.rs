//! How things look: what a tone becomes in colour, in black and white, and in ASCII.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

/// What a terminal can show. The command line decides it from the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// The terminal's own 16 colours; without it, weight and reverse video only (`NO_COLOR`).
    pub colour: bool,
    /// Only ASCII leaves the console: glyphs and borders have a substitute, all else is `?`.
    pub ascii: bool,
}

impl Default for Theme {
    fn default() -> Self {
        Theme { colour: true, ascii: false }
    }
}

/// What a piece of text means. Never the only carrier of it: a word or a glyph stands beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Tone {
    #[default]
    Plain,
    Dim,
    Strong,
    Key,
    Good,
    Busy,
    Wait,
    Bad,
    Critical,
    /// A label that must not be overlooked: DRILL, FROZEN.
    Label,
    /// The row under the cursor of the focused pane.
    Cursor,
}

impl Theme {
    /// The style of a tone.
    pub fn style(&self, tone: Tone) -> Style {
        let plain = Style::new();
        let coloured = |colour: Color| if self.colour { plain.fg(colour) } else { plain };
        match tone {
            Tone::Plain => plain,
            Tone::Dim if self.colour => plain.fg(Color::DarkGray),
            Tone::Dim => plain.add_modifier(Modifier::DIM),
            Tone::Strong => plain.add_modifier(Modifier::BOLD),
            Tone::Key => coloured(Color::Cyan).add_modifier(Modifier::BOLD),
            Tone::Good => coloured(Color::Green),
            Tone::Busy => coloured(Color::Cyan),
            Tone::Wait => coloured(Color::Yellow),
            Tone::Bad => coloured(Color::Red).add_modifier(Modifier::BOLD),
            Tone::Critical => coloured(Color::LightRed).add_modifier(Modifier::BOLD),
            Tone::Label if self.colour => plain.fg(Color::Black).bg(Color::Yellow),
            Tone::Label | Tone::Cursor => plain.add_modifier(Modifier::REVERSED),
        }
    }

    /// Replaces what an ASCII terminal cannot show. The last thing that happens to a frame, so that
    /// nothing gets past it.
    pub fn finish(&self, buffer: &mut Buffer) {
        if !self.ascii {
            return;
        }
        for cell in &mut buffer.content {
            if !cell.symbol().is_ascii() {
                let plain = cell.symbol().chars().next().map_or('?', substitute);
                cell.set_char(plain);
            }
        }
    }
}

/// The ASCII stand-in of a character.
fn substitute(c: char) -> char {
    match c {
        '─' | '–' | '—' | '·' => '-',
        '━' => '=',
        '│' | '┃' | '❚' | '▏' => '|',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' => '+',
        '█' | '▇' | '┏' | '┓' | '┗' | '┛' => '#',
        '▆' => '%',
        '▅' => '*',
        '▄' => '+',
        '▃' => '=',
        '▂' => '-',
        '▁' => '_',
        '▒' => '<',
        '░' => '.',
        '●' | '■' => '*',
        '○' | '◌' | '◇' => 'o',
        '◐' => '@',
        '✓' => '+',
        '✗' | '×' => 'x',
        '▶' | '→' | '▌' | '▸' | '›' => '>',
        '◀' | '←' | '↶' | '◂' => '<',
        '▲' | '↑' => '^',
        '▼' | '↓' => 'v',
        '…' => '~',
        'µ' => 'u',
        '≥' => '>',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;

    #[test]
    fn nothing_but_ascii_leaves_an_ascii_theme() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        buffer.set_string(0, 0, "┌█✓ 漢 é", Style::new());
        Theme { colour: true, ascii: true }.finish(&mut buffer);
        let line: String = buffer.content.iter().map(|c| c.symbol()).collect();
        assert_eq!(line, "+#+ ?  ?    ");
    }

    #[test]
    fn without_colour_no_tone_has_one() {
        use Tone::*;
        let mono = Theme { colour: false, ascii: false };
        for tone in [Plain, Dim, Strong, Key, Good, Busy, Wait, Bad, Critical, Label, Cursor] {
            let style = mono.style(tone);
            assert_eq!((style.fg, style.bg), (None, None), "{tone:?}");
        }
    }
}
