//! Where log lines go: into the console's pane, or to stderr.

use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::environment;
use super::output::tell;
use crate::model::SafeText;

fn filter(default: &str) -> EnvFilter {
    let Some(text) = environment::log() else { return EnvFilter::new(default) };
    text.parse().unwrap_or_else(|error| {
        tell(&format!("quell: QUELL_LOG is ignored: {}: {error}", SafeText(&text)));
        EnvFilter::new(default)
    })
}

/// Log lines go to stderr; warnings and worse, unless `QUELL_LOG` says otherwise.
pub fn to_stderr() {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // A second call changes nothing: the first one counts.
    let _ = tracing_subscriber::registry().with(filter("warn")).with(lines).try_init();
}

/// Log lines go to the console's log pane. Its own thread moves them: no mover is started.
pub fn to_console() {
    tui_logger::set_default_level(tui_logger::LevelFilter::Trace);
    let lines = tui_logger::TuiTracingSubscriberLayer;
    let _ = tracing_subscriber::registry().with(filter("info")).with(lines).try_init();
}
