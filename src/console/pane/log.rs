//! The log of quell itself, by tui-logger.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use tui_logger::{ExtLogRecord, LogFormatter, TuiLoggerWidget, TuiWidgetEvent, TuiWidgetState};

use super::super::layout::Pane;
use super::super::list::Move;
use super::super::model::Model;
use super::super::paint::frame;
use super::super::text::wrap;
use super::super::theme::{Theme, Tone};
use crate::model::Timestamp;

/// Where one looks in the log.
#[derive(Default)]
pub struct LogView {
    state: TuiWidgetState,
    /// Pages above the end.
    back: usize,
}

impl LogView {
    /// Turns pages; the end follows.
    pub fn go(&mut self, step: Move) {
        match step {
            Move::Up | Move::PageUp | Move::First | Move::Previous => {
                self.state.transition(TuiWidgetEvent::PrevPageKey);
                self.back += 1;
            }
            Move::Down | Move::PageDown | Move::Next => {
                self.state.transition(TuiWidgetEvent::NextPageKey);
                self.back = self.back.saturating_sub(1);
            }
            Move::Last => self.back = 0,
        }
        if self.back == 0 {
            self.state.transition(TuiWidgetEvent::EscapeKey);
        }
    }

    /// Back to the end; false if it was there.
    pub fn follow(&mut self) -> bool {
        let was_away = self.back > 0;
        self.go(Move::Last);
        was_away
    }
}

/// Draws it.
pub fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let focused = model.focus == Pane::Log;
    let follow = if model.logs.back == 0 { " · FOLLOW" } else { "" };
    let inner = frame(buffer, theme, area, &format!("L Log{follow}"), "PgUp PgDn · Esc follows", focused);
    TuiLoggerWidget::default()
        .formatter(Box::new(Formatter { theme: *theme }))
        .state(&model.logs.state)
        .render(inner, buffer);
}

struct Formatter {
    theme: Theme,
}

impl LogFormatter for Formatter {
    fn min_width(&self) -> u16 {
        20
    }

    fn format(&self, width: usize, record: &ExtLogRecord) -> Vec<Line<'_>> {
        let tone = match record.level.as_str() {
            "ERROR" => Tone::Bad,
            "WARN" => Tone::Wait,
            "INFO" => Tone::Plain,
            _ => Tone::Dim,
        };
        let at = Timestamp(record.timestamp.timestamp().as_microsecond()).clock();
        let text = format!("{at} {:<5} {}: {}", record.level.as_str(), record.target(), record.msg());
        let style = self.theme.style(tone);
        wrap(&text, width).into_iter().map(|line| Line::from(Span::styled(line, style))).collect()
    }
}
