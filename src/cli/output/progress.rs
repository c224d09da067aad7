//! Progress on stderr: a bar on a terminal, else a line now and then, and one at the end.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::tell;
use super::words::counted;
use crate::engine::Counts;
use crate::runtime::clock;
use crate::runtime::gauges::Gauges;

/// How often the bar is drawn, and how often a line is written where there is no terminal.
const BAR: Duration = Duration::from_millis(100);
const LINE: Duration = Duration::from_secs(10);

/// The bar counts in thousandths.
const PARTS: u64 = 1000;

/// Progress of one piece of work.
pub struct Progress {
    bar: Option<ProgressBar>,
    next: Instant,
    every: Duration,
}

impl Progress {
    /// Begins; `what` is shown in front.
    pub fn begin(what: &str) -> Self {
        let (bar, every) = match std::io::stderr().is_terminal() {
            true => (Some(bar(what)), BAR),
            false => (None, LINE),
        };
        Progress { bar, next: clock::instant() + every, every }
    }

    /// Whether it should be shown now.
    pub fn is_due(&self) -> bool {
        clock::instant() >= self.next
    }

    /// Shows how far it is.
    pub fn show(&mut self, gauges: &Gauges, counts: &Counts) {
        self.next = clock::instant() + self.every;
        let said = figures(gauges, counts);
        let share = gauges.progress.map(|share| share.clamp(0.0, 1.0));
        match &self.bar {
            Some(bar) => {
                if let Some(share) = share {
                    bar.set_position((share * PARTS as f64) as u64);
                }
                bar.set_message(said);
            }
            None => {
                let share = share.map_or(String::new(), |share| format!("{:.0}% read, ", 100.0 * share));
                tell(&format!("quell: {share}{said}"));
            }
        }
    }

    /// Takes the bar away, and says the one line.
    pub fn end(&self, gauges: &Gauges, counts: &Counts, took: Duration) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        tell(&format!("quell: {} in {:.1} s", figures(gauges, counts), took.as_secs_f64()));
    }
}

fn bar(what: &str) -> ProgressBar {
    let bar = ProgressBar::new(PARTS);
    // Without a style of ours it is drawn in indicatif's own.
    if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:20} {percent:>3}%  {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(what.to_owned());
    bar
}

fn figures(gauges: &Gauges, counts: &Counts) -> String {
    let dropped = match gauges.books.dropped() {
        0 => String::new(),
        n => format!(" ({n} dropped)"),
    };
    let live = match counts.live_runs {
        0 => String::new(),
        n => format!(" ({n} live)"),
    };
    format!(
        "{}{dropped}, {}, {}{live}",
        counted(gauges.books.received, "line"),
        counted(counts.incidents, "incident"),
        counted(counts.ended() + counts.live_runs as u64, "run"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_and_tells_what_is_open() {
        let (mut gauges, mut counts) = (Gauges::default(), Counts::default());
        assert_eq!(figures(&gauges, &counts), "0 lines, 0 incidents, 0 runs");
        (gauges.books.received, gauges.books.too_long) = (7, 2);
        (counts.incidents, counts.live_runs) = (1, 1);
        assert_eq!(figures(&gauges, &counts), "7 lines (2 dropped), 1 incident, 1 run (1 live)");
    }
}
