//! Arguments as they are typed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::help;
use super::speed::Speed;
use crate::model::RunId;
use crate::source::decode::Format;

/// A terminal control console for automated incident response.
#[derive(Debug, Parser)]
#[command(name = "quell", version, max_term_width = 110, args_conflicts_with_subcommands = true)]
#[command(after_help = help::EXERCISE)]
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
    #[command(after_help = help::REPLAY)]
    Replay(Replay),
    /// Start a workflow by hand, and wait for its end
    #[command(after_help = help::TRIGGER)]
    Trigger(Trigger),
    /// Let the runs of a workflow act, as its file is now; until then they only observe
    #[command(after_help = help::ARM)]
    Arm(Arm),
    /// Let the runs of a workflow only observe
    #[command(after_help = help::DISARM)]
    Disarm(Arm),
    /// Answer for a step that a person does
    #[command(after_help = help::ANSWER)]
    Answer(Answer),
    /// Throw the kill switch: begin nothing any more, stop what is in flight
    #[command(after_help = help::HALT)]
    Halt(Halt),
    /// Release the kill switch: work goes on
    #[command(after_help = help::RELEASE)]
    Release(Release),
    /// Print what quell never acts against, as it is now on this machine
    #[command(after_help = help::PROTECTED)]
    Protected(Protected),
    /// Look for mistakes in a setup
    #[command(after_help = help::CHECK)]
    Check(Check),
    /// Print the lifecycles of agents, runs, steps and incidents
    #[command(after_help = help::STATES)]
    States(States),
    /// Look into a journal
    #[command(subcommand)]
    Journal(Journal),
    /// Print completions for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions(Completions),
}

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
    /// Format of the lines: auto (each line by what it looks like), eve, zeek, sshd or json
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

/// `quell halt`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Halt {
    /// Why: it is recorded, and shown wherever the halt is
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
    /// Which setup, and where its state is kept.
    #[command(flatten)]
    pub place: Place,
}

/// `quell release`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Release {
    /// Which setup, and where its state is kept.
    #[command(flatten)]
    pub place: Place,
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
    #[command(after_help = help::JOURNAL)]
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
    /// Which shell
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
