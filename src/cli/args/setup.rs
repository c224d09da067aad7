//! Of the verbs about setups and this program itself.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use clap_complete::Shell;

use crate::bench::suite::Suite;
use crate::source::decode::Format;

/// `quell detect`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Detect {
    /// Recordings, read one after the other; plain text, one record per line
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// A rule file, or a folder that is searched for .yml and .yaml; may be given more than once
    #[arg(long, required = true, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// An indicator list that the rules ask by its file name: .txt, .csv or .json (STIX); may be given more than once
    #[arg(long, value_name = "FILE")]
    pub indicators: Vec<PathBuf>,
    /// Format of the lines: auto (each line by what it looks like), eve, zeek, sshd, json, syslog,
    /// journald or logfmt
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub format: Format,
    /// Whether a rule sees only signals from the log source that it names
    #[arg(long, value_name = "auto|off", default_value = "auto")]
    pub routing: Routing,
    /// Threads that match rules, beside one that reads and one that prints; with 1 everything is done in turn
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// Year of log lines that have none
    #[arg(long, value_name = "YEAR", default_value_t = 2026, allow_hyphen_values = true)]
    #[arg(value_parser = clap::value_parser!(i16).range(1970..=9999))]
    pub year: i16,
    /// Time zone of log lines that have none, such as UTC or Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub tz: String,
    /// One JSON object per match on stdout, a summary last
    #[arg(long)]
    pub json: bool,
    /// Write the table, or the JSON, to this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Which rules see a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Routing {
    /// Those that are for its log source.
    Auto,
    /// All.
    Off,
}

/// `quell rules`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Rules {
    /// A rule file, or a folder that is searched for .yml and .yaml. Default: the rules of the setup
    #[arg(long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Print every mistake, and how many rules are sound
    #[arg(long, conflicts_with = "coverage")]
    pub check: bool,
    /// Print the ATT&CK tactics and techniques that the rules name, with how many do
    #[arg(long)]
    pub coverage: bool,
    /// Print the indicator lists of the setup, and which patterns of theirs are not understood
    #[arg(long, conflicts_with_all = ["rules", "check", "coverage"])]
    pub lists: bool,
    /// Print hits, cost and last match of the rules of an engine at work
    #[arg(long, conflicts_with_all = ["rules", "check", "coverage", "lists", "config"])]
    pub live: bool,
    /// With --live: the engine's state folder
    #[arg(long, value_name = "DIR", requires = "live")]
    pub state: Option<PathBuf>,
    /// One JSON object per row
    #[arg(long)]
    pub json: bool,
    /// Folder of the setup, without --rules
    #[arg(long, value_name = "DIR", conflicts_with = "rules")]
    pub config: Option<PathBuf>,
}

/// `quell init`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Init {
    /// Where to: a folder that is new or empty. Default: your own settings, where quell looks for them
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// What to begin with
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Example::Linux)]
    pub like: Example,
}

/// A setup that ships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Example {
    /// A host or gateway that defends itself: real agents, which observe until they are armed
    Linux,
    /// The exercise: drills, which pretend
    Exercise,
}

/// `quell check`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Check {
    /// Folder of the setup. Default: the one that would be used now
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// The same, as other verbs take it
    #[arg(long, value_name = "DIR", conflicts_with = "folder", hide = true)]
    pub config: Option<PathBuf>,
}

/// `quell states`.
#[derive(Debug, Clone, ClapArgs)]
pub struct States {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `quell bench`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Bench {
    /// What to measure. Default: everything
    #[arg(value_name = "SUITE")]
    pub suites: Vec<Suite>,
    /// So many times the work: 1 is 100 workflows, 1000 transitions, 500 signals
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub scale: u64,
    /// Workflows also with every record on a disk, synchronised
    #[arg(long)]
    pub durable: bool,
    /// Also the bare loop of the same work, for comparison
    #[arg(long)]
    pub floor: bool,
    /// Measure so often; the run with the median of operations per second counts
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub repeat: u32,
    /// One JSON object on stdout
    #[arg(long)]
    pub json: bool,
    /// Write the table, or the JSON, to this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write every latency to this file, one JSON object per benchmark
    #[arg(long, value_name = "FILE")]
    pub samples: Option<PathBuf>,
    /// Compare with the JSON of an earlier run; exit 1 if something became slower
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// How much slower it may be, as a share
    #[arg(long, value_name = "R", default_value_t = 0.2, requires = "baseline")]
    #[arg(allow_hyphen_values = true, value_parser = share)]
    pub tolerance: f64,
}

/// A share of 0 or more.
fn share(text: &str) -> Result<f64, &'static str> {
    let share = text.parse().ok().filter(|share: &f64| *share >= 0.0 && share.is_finite());
    share.ok_or("expected a share such as 0.2, for 20 percent")
}

/// `quell completions`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Completions {
    /// Which shell
    pub shell: Shell,
}
