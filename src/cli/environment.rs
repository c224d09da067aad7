//! What the environment says, read once and handed down.

#![expect(clippy::disallowed_methods, reason = "this is where the environment enters the program")]

use std::ffi::OsString;
use std::io::IsTerminal;
use std::sync::Arc;

use crate::agent::http::Secrets;
use crate::config::Loaded;
use crate::console::Theme;

/// The setup folder that `QUELL_CONFIG` names.
pub fn config() -> Option<OsString> {
    std::env::var_os("QUELL_CONFIG")
}

/// Where `systemd` wants to be told how a service does.
pub fn notify_socket() -> Option<OsString> {
    std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())
}

/// What `QUELL_LOG` says about log levels, as `tracing` filters are written.
pub fn log() -> Option<String> {
    std::env::var("QUELL_LOG").ok()
}

/// The secrets that a setup looks for in the environment.
pub fn secrets(loaded: &Loaded) -> Secrets {
    let names = loaded.needs.iter().filter_map(|need| need.variable());
    Secrets::of(names.map(|name| (Arc::clone(name), std::env::var_os(&**name))))
}

/// Whether stdout and stdin are a terminal, so that a console can be shown.
pub fn has_terminal() -> bool {
    std::io::stdout().is_terminal() && std::io::stdin().is_terminal()
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Frames per second: fewer over SSH.
pub fn frames_per_second() -> u32 {
    if is_set("SSH_CONNECTION") || is_set("SSH_TTY") { 4 } else { 10 }
}

/// What the terminal can show: `NO_COLOR`, `TERM`, and whether the locale is UTF-8.
pub fn theme() -> Theme {
    let term = std::env::var("TERM").unwrap_or_default();
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    // Without any locale nearly every terminal of today shows UTF-8; an explicit C or POSIX asks for ASCII.
    let ascii = locale.is_some_and(|locale| {
        let locale = locale.to_lowercase();
        !(locale.contains("utf-8") || locale.contains("utf8"))
    });
    Theme { colour: !is_set("NO_COLOR") && term != "dumb", ascii: ascii || term == "linux" }
}
