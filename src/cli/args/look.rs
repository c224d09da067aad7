//! Of the verbs that look.

use std::path::PathBuf;

use clap::{ArgGroup, Args as ClapArgs, Subcommand};

use crate::cli::help;
use crate::cli::report::When;
use crate::model::RunId;

/// `quell runs`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Runs {
    /// Only this one, with its steps and its rollback: such as run-7
    #[arg(conflicts_with_all = ["limit", "all"])]
    pub run: Option<RunId>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub view: View,
}

/// A table.
#[derive(Debug, Clone, ClapArgs)]
pub struct View {
    /// The state folder. Default: the platform's
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// One JSON object per row
    #[arg(long)]
    pub json: bool,
    /// The latest rows only
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
    /// Every row that is kept, 20,000 at most from a running engine
    #[arg(long)]
    pub all: bool,
}

/// `quell ledger`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Ledger {
    /// The state folder. Default: the platform's
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// What has ended too, as long as it is kept
    #[arg(long)]
    pub all: bool,
    /// Only what acts on this, such as an address
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// Only what this run did or holds, such as run-7
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
    /// One object per row, and one with the figures
    #[arg(long)]
    pub json: bool,
    /// At most so many rows, those that end first; from a running engine 5,000
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
}

/// `quell attach`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Attach {
    /// The state folder. Default: the platform's
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Show, but send no requests
    #[arg(long)]
    pub read_only: bool,
}

/// `quell metrics`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Metrics {
    /// The state folder. Default: the platform's
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// As one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `quell events`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Events {
    /// The state folder. Default: the platform's
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Stay and print what comes; without --from only that
    #[arg(long)]
    pub follow: bool,
    /// From this record on
    #[arg(long, value_name = "SEQ")]
    pub from: Option<u64>,
    /// As JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

/// `quell explain`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Explain {
    /// The run, for example run-7
    pub run: String,
    /// The state folder. Default: the platform's
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// As one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `quell report`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Report {
    /// From when on: so long before --until, or a time such as 2026-11-21T02:00:00Z
    #[arg(long, value_name = "TIME", default_value = "12h")]
    pub since: When,
    /// Up to when: so long ago, or a time. Default: now; in an exercise, its last record
    #[arg(long, value_name = "TIME")]
    pub until: Option<When>,
    /// The state folder. Default: the platform's
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// As one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `quell protected`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Protected {
    /// One JSON object per entry
    #[arg(long)]
    pub json: bool,
    /// Folder of the setup. Default: $QUELL_CONFIG, else your own if there is one, else the one that ships
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,
}

/// `quell journal`.
#[derive(Debug, Subcommand)]
pub enum Journal {
    /// Print every record of a journal
    #[command(after_help = help::JOURNAL)]
    Show(Show),
    /// Check every record of a journal: its hash, its place, and the anchor beside the journal
    #[command(after_help = help::VERIFY)]
    Verify(Show),
    /// Move old records to a file of their own, which can be read and verified by itself
    #[command(after_help = help::ARCHIVE)]
    Archive(Archive),
    /// Put the records of an archive back into the journal that they were taken from
    #[command(after_help = help::RESTORE)]
    Restore(Restore),
}

/// `quell journal archive`.
#[derive(Debug, Clone, ClapArgs)]
#[command(group(ArgGroup::new("which").required(true)))]
pub struct Archive {
    /// The state folder; no engine may be at work in it
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
    /// Archive the records before this one
    #[arg(long, value_name = "SEQ", group = "which")]
    #[arg(value_parser = clap::value_parser!(u64).range(2..))]
    pub before: Option<u64>,
    /// Archive the records that are older than so many days
    #[arg(long, value_name = "N", group = "which")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=36_500))]
    pub keep_days: Option<u32>,
    /// The file that they go to; it must not be there yet
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// As JSON, one object
    #[arg(long)]
    pub json: bool,
}

/// `quell journal restore`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Restore {
    /// The state folder; no engine may be at work in it
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
    /// The archive: of several the latest first
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `quell journal show` and `quell journal verify`.
#[derive(Debug, Clone, ClapArgs)]
#[command(group(ArgGroup::new("what").required(true)))]
pub struct Show {
    /// An archive
    #[arg(value_name = "FILE", group = "what")]
    pub file: Option<PathBuf>,
    /// The state folder
    #[arg(long, value_name = "DIR", group = "what")]
    pub state: Option<PathBuf>,
    /// As JSON, one object per line
    #[arg(long)]
    pub json: bool,
}
