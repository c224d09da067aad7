//! Progress on stderr: a bar on a terminal, else one line at the end.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::tell;
use crate::engine::Counts;
use crate::runtime::gauges::Gauges;

/// Progress of one piece of work.
pub struct Progress {
    bar: Option<ProgressBar>,
}

/// The bar counts in thousandths.
const PARTS: u64 = 1000;

impl Progress {
    /// Begins; `what` is shown in front.
    pub fn begin(what: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Progress { bar: None };
        }
        let bar = ProgressBar::new(PARTS);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30} {percent:>3}% {msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        Progress { bar: Some(bar) }
    }

    /// Shows how far it is.
    pub fn show(&self, gauges: &Gauges, counts: &Counts) {
        let Some(bar) = &self.bar else { return };
        if let Some(share) = gauges.progress {
            bar.set_position((share.clamp(0.0, 1.0) * PARTS as f64) as u64);
        }
        bar.set_message(format!(
            "{} signals, {} incidents, {} runs live, {} ended",
            gauges.books.received,
            counts.incidents,
            counts.live_runs,
            counts.ended()
        ));
    }

    /// Takes the bar away, or says the one line.
    pub fn end(&self, gauges: &Gauges, counts: &Counts, took: Duration) {
        match &self.bar {
            Some(bar) => bar.finish_and_clear(),
            None => tell(&format!(
                "quell: {} signals in {:.1} s, {} incidents, {} runs",
                gauges.books.received,
                took.as_secs_f64(),
                counts.incidents,
                counts.ended() + counts.live_runs as u64
            )),
        }
    }
}
