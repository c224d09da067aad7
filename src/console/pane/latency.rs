//! 4 Latency: how long each stage takes, as a histogram with fixed edges.

use hdrhistogram::Histogram;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::layout::Pane;
use super::super::model::Model;
use super::super::paint::{Pen, frame};
use super::super::text::{grouped, latency};
use super::super::theme::{Theme, Tone};
use super::throughput::bars;
use crate::runtime::gauges::Stage;

/// Lower edges of the buckets in microseconds: 1-2-5 in each decade. Below the first lies one more
/// bucket, from the last on one for everything slower.
const EDGES: [u64; 19] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 2_000_000, 5_000_000, 10_000_000,
];

/// Buckets in all.
const BUCKETS: usize = EDGES.len() + 1;

/// Which bucket a measurement falls into.
fn bucket(micros: u64) -> usize {
    EDGES.partition_point(|edge| *edge <= micros)
}

/// Measurements in each bucket.
pub fn counts(histogram: &Histogram<u64>) -> [u64; BUCKETS] {
    let mut counts = [0; BUCKETS];
    for value in histogram.iter_recorded() {
        // Of the values that the histogram cannot tell apart, about 1 % wide, the lowest.
        let at = histogram.lowest_equivalent(value.value_iterated_to());
        counts[bucket(at)] += value.count_at_value();
    }
    counts
}

/// Draws it.
pub fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let focused = model.focus == Pane::Latency;
    let view = model.latency;
    let title = format!("4 Latency {}  since the start", view.stage.title());
    let scale = if view.log { "log" } else { "linear" };
    let foot = if focused { format!("{scale} · = log/linear · ←→ stage") } else { scale.to_owned() };
    let inner = frame(buffer, theme, area, &title, &foot, focused);
    let side = 28.min(inner.width / 2);
    stages(model, theme, Rect { width: side, ..inner }, buffer);
    let right = Rect { x: inner.x + side + 1, width: inner.width.saturating_sub(side + 1), ..inner };
    let histogram = model.gauges().latencies.stage(view.stage);
    if histogram.is_empty() {
        let text = match view.stage {
            Stage::SignalToDetection => "No detection yet: nothing was measured.",
            Stage::DetectionToEffect => "No answer to a detection yet: nothing was measured.",
            Stage::Step => "No step has ended yet: nothing was measured.",
            Stage::RollbackStep => "Nothing was undone yet: nothing was measured.",
        };
        return super::empty(model, theme, Pane::Latency, right, buffer, text);
    }
    chart(theme, buffer, right, histogram, view.log);
}

fn stages(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let latencies = &model.gauges().latencies;
    for (row, stage) in (0..area.height).zip(Stage::ALL) {
        let chosen = stage == model.latency.stage;
        let histogram = latencies.stage(stage);
        let p50 = match histogram.len() {
            0 => "-".to_owned(),
            _ => latency(histogram.value_at_quantile(0.5)),
        };
        let mut pen = Pen::at(buffer, theme, area, row);
        let tone = if chosen { Tone::Strong } else { Tone::Dim };
        pen.text(if chosen { "▸" } else { " " }, Tone::Key)
            .column(stage.title(), 16, tone)
            .right(&p50, 8, tone);
    }
    let histogram = latencies.stage(model.latency.stage);
    if histogram.is_empty() {
        return;
    }
    let over = counts(histogram)[BUCKETS - 1];
    let stale = model.gauges().stale_answers;
    let lines = [
        ("p50", latency(histogram.value_at_quantile(0.5))),
        ("p99", latency(histogram.value_at_quantile(0.99))),
        ("max", latency(histogram.max())),
        ("n", grouped(histogram.len())),
        ("≥10 s", grouped(over)),
    ];
    let late = (stale > 0).then(|| ("late answers", grouped(stale)));
    for (row, (name, figure)) in (4..area.height).zip(lines.into_iter().chain(late)) {
        Pen::at(buffer, theme, area, row).space(1).column(name, 16, Tone::Dim).right(&figure, 8, Tone::Plain);
    }
}

fn chart(theme: &Theme, buffer: &mut Buffer, area: Rect, histogram: &Histogram<u64>, log: bool) {
    let counts = counts(histogram);
    let scaled = |n: u64| if log { (n as f64 + 1.0).log2() } else { n as f64 };
    let values: Vec<f64> = counts.iter().map(|n| scaled(*n)).collect();
    let most = values.iter().copied().fold(0.0, f64::max);
    let bars_area = Rect { height: area.height.saturating_sub(2), ..area };
    bars(theme, buffer, bars_area, &values, most, Tone::Busy);
    let wide = (usize::from(area.width) / BUCKETS).max(1);
    let place = |quantile| bucket(histogram.value_at_quantile(quantile)) * wide;
    let marks = marks(place(0.5), place(0.99), usize::from(area.width));
    let foot = area.height.saturating_sub(2);
    Pen::at(buffer, theme, area, foot).text(&marks, Tone::Strong);
    Pen::at(buffer, theme, area, foot + 1).text(&axis(wide, usize::from(area.width)), Tone::Dim);
}

/// The line that points at the median and at the 99th percentile.
fn marks(p50: usize, p99: usize, columns: usize) -> String {
    let one = |at: usize, text: &str| {
        let before = if at + 4 <= columns { format!("{}▲{text}", " ".repeat(at)) } else { String::new() };
        if before.is_empty() {
            format!("{}{text}▲", " ".repeat((at + 1).saturating_sub(4)))
        } else {
            before
        }
    };
    if p99.abs_diff(p50) >= 5 {
        let median = format!("{}▲p50", " ".repeat(p50));
        let slow = one(p99, "p99");
        let gap = slow.chars().skip(median.chars().count()).collect::<String>();
        return format!("{median}{gap}");
    }
    let both = if p50 == p99 {
        "▲p50=p99".to_owned()
    } else {
        format!("▲p50{}▲p99", " ".repeat(p99.abs_diff(p50).saturating_sub(4)))
    };
    let start = p50.min(columns.saturating_sub(both.chars().count()));
    format!("{}{both}", " ".repeat(start))
}

/// The decades below the bars.
fn axis(wide: usize, columns: usize) -> String {
    let mut line = String::new();
    for (decade, text) in ["10µs", "100µs", "1ms", "10ms", "100ms", "1s", "10s"].into_iter().enumerate() {
        let at = (1 + 3 * decade) * wide;
        let used = line.chars().count();
        if at >= used + usize::from(used > 0) && at + text.chars().count() <= columns {
            line.push_str(&" ".repeat(at - used));
            line.push_str(text);
        }
    }
    line
}

/// One line about the chosen stage.
pub fn strip(model: &Model, pen: &mut Pen<'_>) {
    let stage = model.latency.stage;
    let histogram = model.gauges().latencies.stage(stage);
    let at = |quantile| match histogram.len() {
        0 => "-".to_owned(),
        _ => latency(histogram.value_at_quantile(quantile)),
    };
    pen.text(&format!("{} p50 {}  p99 {}", stage.title(), at(0.5), at(0.99)), Tone::Plain);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measurement_is_in_its_bucket() {
        let mut histogram = Histogram::<u64>::new(2).unwrap();
        histogram.auto(true);
        for micros in [1, 9, 10, 19, 20, 1_000, 1_999, 9_800_000, 10_200_000, 3_600_000_000] {
            histogram.record(micros).unwrap();
        }
        let counts = counts(&histogram);
        assert_eq!(counts.iter().sum::<u64>(), 10);
        assert_eq!((counts[0], counts[1], counts[2], counts[7]), (2, 2, 1, 2));
        assert_eq!((counts[BUCKETS - 2], counts[BUCKETS - 1]), (1, 2));
    }

    #[test]
    fn marks_stay_readable() {
        for (p50, p99, shown) in [
            (0, 10, "▲p50      ▲p99"),
            (4, 4, "    ▲p50=p99"),
            (4, 6, "    ▲p50▲p99"),
            (2, 38, "  ▲p50                             p99▲"),
            (38, 38, "                                ▲p50=p99"),
        ] {
            assert_eq!(marks(p50, p99, 40), shown);
        }
    }

    #[test]
    fn decades_are_named_where_they_are() {
        assert_eq!(
            axis(2, 40),
            "  10µs  100µs 1ms   10ms  100ms 1s    10s".replace("  10s", "").trim_end().to_owned()
        );
        assert!(axis(1, 20).chars().count() <= 20);
    }
}
