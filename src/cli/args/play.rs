//! Of the verbs that run an engine.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use crate::cli::speed::Speed;
use crate::model::RunId;
use crate::source::decode::Format;

/// How to play.
#[derive(Debug, Clone, ClapArgs)]
pub struct Play {
    /// Pace: 1 as it was recorded, 10 ten times as fast, or `max`. Default: 1 with a console, else max
    #[arg(long, value_name = "N|max", allow_hyphen_values = true)]
    pub speed: Option<Speed>,
    /// No console, even on a terminal: progress on stderr, a summary on stdout
    #[arg(long)]
    pub headless: bool,
    /// One JSON object per record on stdout, a summary last; implies --headless
    #[arg(long)]
    pub json: bool,
    /// Write the summary, or the JSON, to this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: Place,
    /// Start anew in the folder of --state: what is there is deleted
    #[arg(long, requires = "state")]
    pub fresh: bool,
}

/// Which setup, and where to keep state.
#[derive(Debug, Clone, ClapArgs)]
pub struct Place {
    /// Folder of the setup. Default: $QUELL_CONFIG, else your own if there is one, else the one that ships
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,
    /// Folder for the journal: work goes on there after a stop. Default: nothing is kept in an exercise or
    /// a replay; else the platform's state folder
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// What drills and jitter are drawn from. Default: the setup's
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub seed: Option<u64>,
}

/// `quell replay`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Replay {
    /// Recordings, read one after the other; plain text, one record per line
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to play.
    #[command(flatten)]
    pub play: Play,
    /// Format of the lines: auto (each line by what it looks like), eve, zeek, sshd, json, syslog,
    /// journald or logfmt
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub format: Format,
    /// Year of log lines that have none. Default: the setup's
    #[arg(long, value_name = "YEAR", allow_hyphen_values = true)]
    #[arg(value_parser = clap::value_parser!(i16).range(1970..=9999))]
    pub year: Option<i16>,
    /// Time zone of log lines that have none, such as UTC or Europe/Berlin. Default: the setup's
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
    /// Write the lines that were no signals to this file, byte for byte
    #[arg(long, value_name = "FILE")]
    pub quarantine: Option<PathBuf>,
}

/// What is watched live.
#[derive(Debug, Clone, ClapArgs)]
pub struct Sources {
    /// What to watch, one record per line: a file (with --follow), a named pipe, a socket
    /// (udp://ADDRESS:PORT, tcp://ADDRESS:PORT, unix:///PATH), or `-` for the stdin of `run`. A format in front counts for this one: eve:/var/log/suricata/eve.json. Default: the setup's
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Watch files grow, through rotation; wait for those that are not there yet
    #[arg(long, short = 'F', requires = "sources")]
    pub follow: bool,
    /// Where to begin in a file that was not followed before. Default: end
    #[arg(long, value_name = "end|start", requires = "follow")]
    pub from: Option<From>,
    /// Format of the lines: auto (each line by what it looks like), eve, zeek, sshd, json, syslog,
    /// journald or logfmt
    #[arg(long, value_name = "FORMAT", default_value = "auto", requires = "sources")]
    pub format: Format,
    /// Year of log lines that have none. Default: that of the clock
    #[arg(long, value_name = "YEAR", allow_hyphen_values = true, requires = "sources")]
    #[arg(value_parser = clap::value_parser!(i16).range(1970..=9999))]
    pub year: Option<i16>,
    /// Time zone of log lines that have none, such as UTC or Europe/Berlin. Default: the setup's
    #[arg(long, value_name = "ZONE", requires = "sources")]
    pub tz: Option<String>,
    /// Append the lines that were no signals to this file
    #[arg(long, value_name = "FILE")]
    pub quarantine: Option<PathBuf>,
}

/// `quell run`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Run {
    /// What to watch.
    #[command(flatten)]
    pub watched: Sources,
    /// No console, even on a terminal: progress on stderr, a summary on stdout
    #[arg(long)]
    pub headless: bool,
    /// One JSON object per record on stdout, a summary last; implies --headless
    #[arg(long)]
    pub json: bool,
    /// Write the summary, or the JSON, to this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Which setup, and where to keep state.
    #[command(flatten)]
    pub place: Place,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// With what is written from now on.
    End,
    /// With the first line that is there.
    Start,
}

/// `quell trigger`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Trigger {
    /// The workflow, by its name
    pub workflow: String,
    /// Its inputs, each with its value
    #[arg(value_name = "KEY=VALUE")]
    pub inputs: Vec<String>,
    /// Pace of the drills: 1 as they say, 10 ten times as fast, or `max`
    #[arg(long, value_name = "N|max", default_value = "1", allow_hyphen_values = true)]
    pub speed: Speed,
    /// What to print, and where.
    #[command(flatten)]
    pub shown: Shown,
    /// Which setup, and where to keep state.
    #[command(flatten)]
    pub place: Place,
}

/// What a verb without a console prints.
#[derive(Debug, Clone, ClapArgs)]
pub struct Shown {
    /// One JSON object per record on stdout, a summary last
    #[arg(long)]
    pub json: bool,
    /// Write the summary, or the JSON, to this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `quell arm` and `quell disarm`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Arm {
    /// The workflow, by its name
    pub workflow: String,
    /// The records that came of it, one JSON object each
    #[arg(long)]
    pub json: bool,
    /// Which setup, and where to keep state.
    #[command(flatten)]
    pub place: Place,
}

/// `quell answer`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Answer {
    /// The run, for example run-7
    pub run: RunId,
    /// The step, by its id
    pub step: String,
    /// What came of it
    pub word: Word,
    /// In your own words
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    pub text: String,
    /// It is the undo of the step that was done, or failed
    #[arg(long)]
    pub undo: bool,
    /// What to print, and where.
    #[command(flatten)]
    pub shown: Shown,
    /// Which setup, and where to keep state.
    #[command(flatten)]
    pub place: Place,
}

/// What came of what a person was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Word {
    /// It is done
    Done,
    /// It could not be done
    Failed,
}

/// `quell serve`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Serve {
    /// What to watch.
    #[command(flatten)]
    pub watched: Sources,
    /// Which setup, and where to keep state.
    #[command(flatten)]
    pub place: Place,
}
