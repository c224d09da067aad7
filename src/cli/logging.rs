//! Where log lines go: into the console's pane, or to stderr.

use std::io::{self, Write};

use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::environment;
use super::output::{safe, tell};
use crate::model::SafeText;

/// A writer that is given whole lines, and writes them as safe text (C32): what failed may have been
/// named by somebody else.
struct Safe<W>(W);

impl<W: Write> Write for Safe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(safe(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn filter(default: &str) -> EnvFilter {
    let Some(text) = environment::log() else { return EnvFilter::new(default) };
    text.parse().unwrap_or_else(|error| {
        tell(&format!("quell: QUELL_LOG is ignored: {}: {error}", SafeText(&text)));
        EnvFilter::new(default)
    })
}

/// Log lines go to stderr; warnings and worse, unless `QUELL_LOG` says otherwise.
pub fn to_stderr() {
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Safe(std::io::stderr())).with_ansi(false);
    // A second call changes nothing: the first one counts.
    let _ = tracing_subscriber::registry().with(filter("warn")).with(lines).try_init();
}

/// Log lines go to the console's log pane. Its own thread moves them: no mover is started.
pub fn to_console() {
    tui_logger::set_default_level(tui_logger::LevelFilter::Trace);
    let lines = tui_logger::TuiTracingSubscriberLayer;
    let _ = tracing_subscriber::registry().with(filter("info")).with(lines).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c32_what_is_logged_is_safe() {
        let mut out = Vec::new();
        Safe(&mut out).write_all("WARN source: \u{9b}2J\u{202e}.log\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "WARN source: \\x9b2J\\u{202e}.log\n");
    }
}
