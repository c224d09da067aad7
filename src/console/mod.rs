//! The console: an engine on one screen, for an operator over SSH at night.
//!
//! A [`Model`] holds a replica of `engine::State`, folded from the feed, and the latest gauges.
//! [`update`](update::update) takes one message and returns things to do; [`view`](view::view) draws the
//! model and nothing else. Three threads cannot hold each other up: the engine's, the console's own, and
//! the writer's, which alone waits for the terminal. The console can send nothing but `engine::Request`.

pub mod actions;
mod approvals;
mod app;
mod copy;
mod detail;
mod dialogs;
mod encode;
mod field;
mod form;
mod glyph;
mod header;
mod inlets;
pub mod layout;
mod lift;
mod list;
mod may;
pub mod model;
mod overlay;
mod paint;
mod palette;
mod pane;
mod perform;
mod person;
mod requests;
mod screen;
pub mod session;
mod settle;
mod sort;
mod subject;
pub mod text;
pub mod theme;
pub mod update;
pub mod view;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::mpsc::Receiver;

pub use app::{StopSender, run};
pub use layout::Pane;
pub use model::{Model, Subject};
pub use theme::Theme;

/// What is decided before the console starts.
pub struct Options {
    /// What the terminal can show.
    pub theme: Theme,
    /// Frames per second at most, where only data asks for them: 10 locally, 4 over SSH.
    pub frames_per_second: u32,
    /// Show, but send no requests.
    pub read_only: bool,
    /// The engine is another process, which goes on when the console ends.
    pub attached: bool,
    /// How the owner of the signals ends the console.
    pub stop: Receiver<Stop>,
}

/// Why somebody outside ends the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM.
    Terminate,
    /// SIGINT from outside; the key is a key.
    Interrupt,
    /// SIGHUP: the terminal is going.
    HangUp,
}

/// Why the console ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By its operator.
    Quit,
    /// From outside.
    Stopped(Stop),
    /// There is no terminal any more; standard input and output are stood in for.
    TerminalLost,
}
