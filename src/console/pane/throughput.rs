//! 5 Throughput: signals per second, the queue, and what was lost.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::layout::Pane;
use super::super::model::Model;
use super::super::paint::{Pen, frame};
use super::super::text::{age, grouped};
use super::super::theme::{Theme, Tone};

/// Draws it.
pub fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let focused = model.focus == Pane::Throughput;
    let gauges = model.gauges();
    let title = format!("5 Throughput signals/s  last {} s", model.window);
    let inner = frame(buffer, theme, area, &title, if focused { "+/- window" } else { "" }, focused);
    figures(model, Pen::at(buffer, theme, inner, 0).space(1));
    let books = gauges.books;
    let mut pen = Pen::at(buffer, theme, inner, 1);
    pen.space(1);
    pen.text(
        &format!("received {}  processed {}", grouped(books.received), grouped(books.processed)),
        Tone::Dim,
    );
    for (n, word) in
        [(books.deduplicated, "repeated"), (books.late, "late"), (books.undecodable, "undecodable")]
    {
        if n > 0 {
            pen.text(&format!("  {word} {}", grouped(n)), Tone::Dim);
        }
    }
    let rows = 3 + sources(model, theme, inner, buffer);
    let chart =
        Rect { y: (inner.y + rows).min(inner.bottom()), height: inner.height.saturating_sub(rows), ..inner };
    if gauges.books.received == 0 && gauges.per_second.is_empty() {
        let text = "No signals yet. They come from the source that is named in the first line.";
        return super::empty(model, theme, Pane::Throughput, chart, buffer, text);
    }
    let values = buckets(charted(model), model.window, usize::from(chart.width));
    let most = values.iter().copied().fold(0.0, f64::max);
    let mut pen = Pen::at(buffer, theme, inner, 2);
    pen.space(1).text(&format!("most {:.0}/s", most.ceil()), Tone::Dim);
    bars(theme, buffer, chart, &values, most, Tone::Busy);
}

/// Live sources that have a row of their own, at most.
const SOURCES: usize = 3;

/// A row for each live source, those with trouble first: `auth.log  1 024  drop 0  silent 00:03`. Says how
/// many rows there are.
fn sources(model: &Model, theme: &Theme, inner: Rect, buffer: &mut Buffer) -> u16 {
    let gauges = model.gauges();
    let mut shown: Vec<_> = gauges.sources.iter().collect();
    shown.sort_by_key(|source| (source.lost.is_none(), source.blind.is_none(), source.trouble.is_none()));
    shown.truncate(SOURCES);
    for (row, source) in (3..).zip(&shown) {
        if row >= inner.height {
            break;
        }
        let mut pen = Pen::at(buffer, theme, inner, row);
        pen.space(1).text(&tail(&source.name, 24), Tone::Plain);
        pen.text(&format!("  {}", grouped(source.received)), Tone::Dim);
        if source.dropped > 0 {
            pen.text(&format!("  drop {}", grouped(source.dropped)), Tone::Bad);
        }
        match (&source.lost, &source.trouble, source.last) {
            _ if source.blind.is_some() => {
                let blind = source.blind.as_deref().unwrap_or_default();
                pen.text(&format!("  BLIND: {blind}"), Tone::Critical)
            }
            (Some(lost), ..) => pen.text(&format!("  LOST: {lost}"), Tone::Bad),
            (None, Some(trouble), _) => pen.text(&format!("  {trouble}"), Tone::Wait),
            (None, None, Some(last)) => {
                let silent = age(gauges.now.since(last));
                pen.text(&format!("  silent {silent}"), Tone::Dim)
            }
            (None, None, None) => pen.text("  nothing yet", Tone::Dim),
        };
    }
    shown.len() as u16
}

/// The end of a name: that of a path says most.
fn tail(name: &str, most: usize) -> String {
    let safe = crate::model::SafeText(name).to_string();
    let long = safe.chars().count();
    if long <= most { safe } else { format!("…{}", safe.chars().skip(long + 1 - most).collect::<String>()) }
}

/// Seconds that are over: the one that runs would always look like a drop.
fn whole_seconds(model: &Model) -> &[u32] {
    let all = &model.gauges().per_second;
    &all[..all.len().saturating_sub(1)]
}

/// The seconds of the chart: while nothing comes in, it moves every fifth second only. To move it, most
/// of it has to be drawn anew.
fn charted(model: &Model) -> &[u32] {
    let seconds = whole_seconds(model);
    let since = usize::try_from(model.gauges().now.split().0.rem_euclid(QUIET_STEP)).unwrap_or(0);
    let (before, last) = seconds.split_at(seconds.len().saturating_sub(since));
    if last.iter().all(|n| *n == 0) { before } else { seconds }
}

/// Seconds between two movements of a chart into which nothing comes.
const QUIET_STEP: i64 = 5;

/// `in 1 024/s  queue 12 / 1 024  drop 0`.
pub fn figures(model: &Model, pen: &mut Pen<'_>) {
    let gauges = model.gauges();
    let now = whole_seconds(model).last().copied().unwrap_or(0);
    let (queued, size) = gauges.queue;
    let dropped = gauges.books.dropped();
    let queue_tone = if size > 0 && queued * 2 > size { Tone::Wait } else { Tone::Plain };
    pen.text(&format!("in {}/s  ", grouped(u64::from(now))), Tone::Strong);
    pen.text(&format!("queue {} / {}  ", grouped(queued as u64), grouped(size as u64)), queue_tone);
    pen.text(&format!("drop {}", grouped(dropped)), if dropped > 0 { Tone::Bad } else { Tone::Plain });
}

/// The last `window` seconds spread over `columns`: a column is the mean of its seconds, or a share of
/// one. A second that is not known is zero.
pub fn buckets(per_second: &[u32], window: usize, columns: usize) -> Vec<f64> {
    let second = |i: usize| {
        let from_end = window - i;
        per_second.len().checked_sub(from_end).and_then(|at| per_second.get(at)).copied().unwrap_or(0)
    };
    let mean = |column: usize| {
        let start = column * window / columns;
        let end = ((column + 1) * window / columns).max(start + 1);
        (start..end).map(|i| f64::from(second(i))).sum::<f64>() / (end - start) as f64
    };
    (0..columns).map(mean).collect()
}

const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Upright bars, each as many columns wide as fit; what is not zero can be seen.
pub fn bars(theme: &Theme, buffer: &mut Buffer, area: Rect, values: &[f64], most: f64, tone: Tone) {
    if values.is_empty() || area.is_empty() {
        return;
    }
    let wide = (usize::from(area.width) / values.len()).max(1);
    for (i, value) in values.iter().enumerate() {
        let full = f64::from(area.height) * 8.0;
        let eighths = if most > 0.0 { (value / most * full).round() as usize } else { 0 };
        let eighths = if *value > 0.0 { eighths.max(1) } else { 0 };
        for row in 0..area.height {
            let below = usize::from(area.height - 1 - row) * 8;
            let part = EIGHTHS[eighths.saturating_sub(below).min(8)];
            if part != " " {
                let room = Rect { x: area.x + ((i * wide) as u16).min(area.width), ..area };
                let room = Rect { width: area.right() - room.x, ..room };
                Pen::at(buffer, theme, room, row).text(&part.repeat(wide), tone);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_gathered_into_columns() {
        for (per_second, window, columns, out) in [
            (vec![1, 2, 3, 4], 4, 8, vec![1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]),
            (vec![1, 2, 3, 4], 4, 2, vec![1.5, 3.5]),
            (vec![9, 1, 2], 2, 2, vec![1.0, 2.0]),
            (vec![6], 4, 2, vec![0.0, 3.0]),
            (vec![], 3, 3, vec![0.0, 0.0, 0.0]),
            (vec![1; 600], 600, 56, vec![1.0; 56]),
            (vec![1; 600], 600, 0, vec![]),
        ] {
            assert_eq!(buckets(&per_second, window, columns), out);
        }
    }

    #[test]
    fn what_is_not_zero_can_be_seen() {
        let area = Rect::new(0, 0, 3, 2);
        let mut buffer = Buffer::empty(area);
        bars(&Theme::default(), &mut buffer, area, &[0.0, 1.0, 1000.0], 1000.0, Tone::Busy);
        let line = |y: u16| -> String { (0..3).map(|x| buffer[(x, y)].symbol().to_owned()).collect() };
        assert_eq!((line(0), line(1)), ("  █".to_owned(), " ▁█".to_owned()));
    }
}
