//! Changed cells as bytes for a terminal: as few as possible, since the terminal may be at the end of a
//! slow line. Control functions after ECMA-48 (SGR, CUP, CUF) and the usual codes 90 to 107 for the
//! bright colours.

use std::io::Write as _;

use ratatui::buffer::{Cell, CellWidth};
use ratatui::style::{Color, Modifier};

/// The attributes of the theme with their SGR codes.
const MODIFIERS: [(Modifier, u8); 5] = [
    (Modifier::BOLD, 1),
    (Modifier::DIM, 2),
    (Modifier::ITALIC, 3),
    (Modifier::UNDERLINED, 4),
    (Modifier::REVERSED, 7),
];

#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

const BARE: Look = Look { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

/// Appends what shows these cells. The terminal has no attributes set before and after.
pub fn encode<'a>(cells: impl Iterator<Item = (u16, u16, &'a Cell)>, out: &mut Vec<u8>) {
    let mut look = BARE;
    let mut place = None;
    for (x, y, cell) in cells {
        go(place, (x, y), out);
        let mut wanted = Look { fg: cell.fg, bg: cell.bg, modifier: cell.modifier };
        if cell.symbol() == " " && blank(wanted) == blank(look) {
            // Of a space one sees only what is behind it.
            wanted = look;
        }
        dress(look, wanted, out);
        look = wanted;
        out.extend_from_slice(cell.symbol().as_bytes());
        place = Some((x + cell.cell_width().max(1), y));
    }
    dress(look, BARE, out);
}

/// What one sees of a space.
fn blank(look: Look) -> (Color, Modifier) {
    let behind = Modifier::REVERSED | Modifier::UNDERLINED;
    let seen = look.modifier & behind;
    (if seen.is_empty() { look.bg } else { look.fg }, seen)
}

// Writing to memory cannot fail, so the results of `write!` below say nothing.

fn go(from: Option<(u16, u16)>, to: (u16, u16), out: &mut Vec<u8>) {
    let _ = match from {
        Some(here) if here == to => Ok(()),
        Some((x, y)) if y == to.1 && x + 1 == to.0 => write!(out, "\x1b[C"),
        Some((x, y)) if y == to.1 && x < to.0 => write!(out, "\x1b[{}C", to.0 - x),
        _ if to.0 == 0 => write!(out, "\x1b[{}H", to.1 + 1),
        _ => write!(out, "\x1b[{};{}H", to.1 + 1, to.0 + 1),
    };
}

fn dress(from: Look, to: Look, out: &mut Vec<u8>) {
    if from == to {
        return;
    }
    if to == BARE {
        let _ = write!(out, "\x1b[m");
        return;
    }
    // Only a reset takes single attributes away on every terminal.
    let reset = !to.modifier.contains(from.modifier);
    let from = if reset { BARE } else { from };
    let mut codes = Vec::with_capacity(6);
    if reset {
        codes.push(0);
    }
    let added = MODIFIERS.iter().filter(|(m, _)| to.modifier.contains(*m) && !from.modifier.contains(*m));
    codes.extend(added.map(|(_, code)| *code));
    if to.fg != from.fg {
        codes.push(30 + colour(to.fg));
    }
    if to.bg != from.bg {
        codes.push(40 + colour(to.bg));
    }
    for (i, code) in codes.iter().enumerate() {
        let _ = write!(out, "{}{code}", if i == 0 { "\x1b[" } else { ";" });
    }
    if !codes.is_empty() {
        out.push(b'm');
    }
}

/// The code of one of the 16 colours less 30; the terminal's own for all else.
fn colour(colour: Color) -> u8 {
    match colour {
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 60,
        Color::LightRed => 61,
        Color::LightGreen => 62,
        Color::LightYellow => 63,
        Color::LightBlue => 64,
        Color::LightMagenta => 65,
        Color::LightCyan => 66,
        Color::White => 67,
        Color::Reset | Color::Rgb(..) | Color::Indexed(_) => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn cells_become_short_sequences() {
        let area = Rect::new(0, 0, 20, 3);
        let mut next = Buffer::empty(area);
        let bold_cyan = Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD);
        next.set_string(0, 0, "ab", Style::new());
        next.set_string(3, 0, "c", bold_cyan);
        next.set_string(8, 0, "d", Style::new().fg(Color::DarkGray));
        next.set_string(0, 1, "漢字", Style::new());
        next.set_string(5, 2, "e", Style::new().fg(Color::Black).bg(Color::Yellow));
        let mut out = Vec::new();
        encode(Buffer::empty(area).diff_iter(&next), &mut out);
        let text = String::from_utf8(out).unwrap();
        let shown = "^[1Hab^[C^[1;36mc^[4C^[0;90md^[2H^[m漢字^[3;6H^[30;43me^[m";
        assert_eq!(text.replace('\u{1b}', "^"), shown);
    }
}
