//! Arguments as they are typed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use clap_complete::Shell;

use super::speed::Speed;
use crate::source::decode::Format;

const EXERCISE_EXAMPLES: &str = "\
Examples:
  quell                                 the exercise: a console on the recording that ships
  quell --headless --speed max          the same without a console, as fast as it can be read
  quell replay eve.json auth.log        what would have been found in your own logs
  quell trigger block-address address=192.0.2.7
  quell check config/                   look for mistakes in a setup

Without a verb, and with every verb listed here, quell is an exercise: nothing real is done. Agents are
drills, which pretend, or builtins, which write only in the state folder.

Exit codes: 0 everything ended; 1 quell failed; 2 usage or setup; 3 something waits for a person.";

const REPLAY_EXAMPLES: &str = "\
Examples:
  quell replay eve.json                 a console on a recording, at the pace at which it was recorded
  quell replay eve.json --speed 10      ten times as fast
  quell replay *.log --json > out.jsonl as fast as possible, one JSON object per line
  quell replay auth.log --year 2024 --tz Europe/Berlin
  quell replay big.json --state work/   keeps a journal: kill it and start it again, and it goes on

At `--speed max` time is virtual: nothing waits, and two replays of the same files give the same records
on every machine; the summary has their hash.

Exit codes: 0 every run ended (rolled back counts); 1 a file or the journal failed; 2 usage or setup;
3 something waits for a person; 141 nobody reads the output.";

const TRIGGER_EXAMPLES: &str = "\
Examples:
  quell trigger block-address address=192.0.2.7
  quell trigger contain-port-scan source_ip=192.0.2.7 --json
  quell trigger block-address address=192.0.2.7 --state work/

Exit codes: 0 the run completed; 1 it did not; 2 usage or setup; 3 it waits for a person.";

const JOURNAL_EXAMPLES: &str = "\
Examples:
  quell journal show --state work/
  quell journal show --state work/ --json | jq 'select(.type == \"step\")'";

const CHECK_EXAMPLES: &str = "\
Examples:
  quell check                 the setup that would be used now
  quell check my-setup/       a folder

Every mistake is reported at once, as file:line:column. Exit codes: 0 it is fine; 2 it is not.";

/// A terminal control console for automated incident response.
#[derive(Debug, Parser)]
#[command(name = "quell", version, max_term_width = 110, args_conflicts_with_subcommands = true)]
#[command(after_help = EXERCISE_EXAMPLES)]
pub struct Args {
    /// What to do; without one, the exercise.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// How to play the exercise.
    #[command(flatten)]
    pub play: Play,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Play recorded signals: detect, open incidents, run workflows on drills
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(Replay),
    /// Start a workflow by hand, on drills, and wait for its end
    #[command(after_help = TRIGGER_EXAMPLES)]
    Trigger(Trigger),
    /// Look for mistakes in a setup
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Print the lifecycles of agents, runs, steps and incidents
    States(States),
    /// Look into a journal
    #[command(subcommand)]
    Journal(Journal),
    /// Print completions for a shell
    Completions(Completions),
}

/// How to play.
#[derive(Debug, Clone, ClapArgs)]
pub struct Play {
    /// Pace: 1 as it was recorded, 10 ten times as fast, or `max`. Default: 1 with a console, else max
    #[arg(long, value_name = "N|max")]
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
    /// Folder for the journal: work goes on there after a stop. Default: nothing is kept
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// What drills and jitter are drawn from. Default: the setup's
    #[arg(long, value_name = "N")]
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
    /// Format of the lines
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub format: Format,
    /// Year of log lines that have none. Default: the setup's
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i16).range(1970..=9999))]
    pub year: Option<i16>,
    /// Time zone of log lines that have none, such as UTC or Europe/Berlin. Default: the setup's
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
    /// Write lines that could not be decoded to this file
    #[arg(long, value_name = "FILE")]
    pub quarantine: Option<PathBuf>,
}

/// `quell trigger`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Trigger {
    /// The workflow
    pub workflow: String,
    /// Its inputs
    #[arg(value_name = "KEY=VALUE")]
    pub inputs: Vec<String>,
    /// Pace of the drills: 1 as they say, 10 ten times as fast, or `max`
    #[arg(long, value_name = "N|max", default_value = "1")]
    pub speed: Speed,
    /// One JSON object per record on stdout, a summary last
    #[arg(long)]
    pub json: bool,
    /// Write the summary, or the JSON, to this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Which setup, and where to keep state.
    #[command(flatten)]
    pub place: Place,
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

/// `quell journal`.
#[derive(Debug, Subcommand)]
pub enum Journal {
    /// Print every record of a journal
    #[command(after_help = JOURNAL_EXAMPLES)]
    Show(Show),
}

/// `quell journal show`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Show {
    /// The state folder
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
    /// One JSON object per record
    #[arg(long)]
    pub json: bool,
}

/// `quell completions`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_fit_together() {
        Args::command().debug_assert();
    }
}
