//! Arguments as they are typed.

use std::path::PathBuf;

use clap::{ArgGroup, Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::help;
use super::report::When;
use super::speed::Speed;
use crate::bench::suite::Suite;
use crate::model::{IncidentId, ObligationId, RunId, Span};
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
    /// Watch live signals and respond: files that grow, pipes
    #[command(after_help = help::RUN)]
    Run(Run),
    /// Start a workflow by hand, and wait for its end
    #[command(after_help = help::TRIGGER)]
    Trigger(Trigger),
    /// Run an engine without a console until it is told to stop: for systemd
    #[command(after_help = help::SERVE)]
    Serve(Serve),
    /// Hold a run at the next step
    #[command(after_help = help::STEER)]
    Pause(OfRun),
    /// Let a paused run go on
    #[command(after_help = help::STEER)]
    Resume(OfRun),
    /// Stop a run and roll it back
    #[command(after_help = help::STEER)]
    Cancel(OfRun),
    /// Go on with a parked or stuck run, or try an ended one again
    #[command(after_help = help::STEER)]
    Retry(OfRun),
    /// Settle a step in doubt, or an undo that failed or waits
    #[command(after_help = help::SETTLE)]
    Settle(Settle),
    /// Give a run up: nothing of it is undone
    #[command(after_help = help::STEER)]
    Abandon(Abandon),
    /// Say that you are on an incident
    #[command(after_help = help::STEER)]
    Acknowledge(OfIncident),
    /// Close an incident, with a reason
    #[command(after_help = help::STEER)]
    Close(Close),
    /// Have a running engine read its setup anew: all of it, or nothing
    #[command(after_help = help::RELOAD)]
    Reload(ReloadArgs),
    /// List runs, or show one with its steps
    #[command(after_help = help::VIEWS)]
    Runs(Runs),
    /// List incidents
    #[command(after_help = help::VIEWS)]
    Incidents(View),
    /// List agents
    #[command(after_help = help::VIEWS)]
    Agents(View),
    /// List what is in force because of quell, and what is owed
    #[command(after_help = help::LEDGER)]
    Ledger(Ledger),
    /// List what people have to approve, and what was acted on without asking
    #[command(after_help = help::APPROVALS)]
    Approvals(View),
    /// Say yes to what a step would do
    #[command(after_help = help::APPROVE)]
    Approve(Approve),
    /// Say no to it: the step fails
    #[command(after_help = help::DENY)]
    Deny(Deny),
    /// Undo what is in force, and wait until it is undone
    #[command(after_help = help::LIFT)]
    Lift(Lift),
    /// Keep an effect that would be taken back otherwise
    #[command(after_help = help::CONFIRM)]
    Confirm(Confirm),
    /// Print the figures of an engine at work: books, queue, latencies
    #[command(after_help = help::METRICS)]
    Metrics(Metrics),
    /// Print what happened, or what happens
    #[command(after_help = help::EVENTS)]
    Events(Events),
    /// Say why each thing of a run was done, or was not
    #[command(after_help = help::EXPLAIN)]
    Explain(Explain),
    /// Print what the next one on duty has to know
    #[command(after_help = help::REPORT)]
    Report(Report),
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
    /// Match recorded signals against Sigma rules, and nothing else
    #[command(after_help = help::DETECT)]
    Detect(Detect),
    /// List Sigma rules, their mistakes, or what of ATT&CK they cover
    #[command(after_help = help::RULES)]
    Rules(Rules),
    /// Look for mistakes in a setup
    #[command(after_help = help::CHECK)]
    Check(Check),
    /// Print the lifecycles of agents, runs, steps and incidents
    #[command(after_help = help::STATES)]
    States(States),
    /// Look into a journal
    #[command(subcommand)]
    Journal(Journal),
    /// Measure how fast the engine is
    #[command(after_help = help::BENCH)]
    Bench(Bench),
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

/// What is watched live.
#[derive(Debug, Clone, ClapArgs)]
pub struct Sources {
    /// What to watch, one record per line: a file (with --follow), a named pipe, or `-` for the stdin of
    /// `run`. A format in front counts for this one: eve:/var/log/suricata/eve.json. Default: the setup's
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Watch files grow, through rotation; wait for those that are not there yet
    #[arg(long, short = 'F', requires = "sources")]
    pub follow: bool,
    /// Where to begin in a file that was not followed before. Default: end
    #[arg(long, value_name = "end|start", requires = "follow")]
    pub from: Option<From>,
    /// Format of the lines: auto (each line by what it looks like), eve, zeek, sshd or json
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

/// How a request reaches its engine.
#[derive(Debug, Clone, ClapArgs)]
pub struct Steer {
    /// The state folder. Default: the platform's
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Folder of the setup, if no engine is at work in the state folder. Default: as for other verbs
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,
    /// Refuse if what it is about has changed after this record: `changed` in `quell runs --json`
    #[arg(long, value_name = "SEQ")]
    pub seen: Option<u64>,
    /// Name of this request: one that a running engine has done already is answered, not done again
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// The answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// A verb about a run.
#[derive(Debug, Clone, ClapArgs)]
pub struct OfRun {
    /// Such as run-7
    pub run: RunId,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub steer: Steer,
}

/// `quell settle`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Settle {
    /// Such as run-7
    pub run: RunId,
    /// The step, by its id
    pub step: String,
    /// As what
    #[arg(value_name = "AS")]
    pub word: SettleWord,
    /// Why: it is recorded, and shown with the run
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    #[arg(required_if_eq_any([("word", "done"), ("word", "skip")]), allow_hyphen_values = true)]
    pub reason: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub steer: Steer,
}

/// As what a step is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SettleWord {
    /// Perform it, or undo it, once more under the same key
    Again,
    /// It may have happened: roll the run back, and undo it too
    Undo,
    /// It happened, or was undone by hand; needs --reason
    Done,
    /// It did not happen: go on as after a failure
    Failed,
    /// It is not undone, and that is accepted; needs --reason
    Skip,
}

/// `quell abandon`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Abandon {
    /// Such as run-7
    pub run: RunId,
    /// The same again; on a terminal it is asked for
    #[arg(long, value_name = "RUN", visible_alias = "confirm")]
    pub yes_abandon: Option<RunId>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub steer: Steer,
}

/// `quell approve`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Approve {
    /// Such as run-7
    pub run: RunId,
    /// The step, by its id
    pub step: String,
    /// Only if what it would do has this hash, or one that begins so: see `quell approvals`
    #[arg(long, value_name = "HASH")]
    pub hash: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub steer: Steer,
}

/// `quell confirm`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Confirm {
    /// Such as run-7
    pub run: RunId,
    /// The step, by its id
    pub step: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub steer: Steer,
}

/// `quell deny`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Deny {
    /// Such as run-7
    pub run: RunId,
    /// The step, by its id
    pub step: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub steer: Steer,
}

/// `quell acknowledge`.
#[derive(Debug, Clone, ClapArgs)]
pub struct OfIncident {
    /// Such as inc-7
    pub incident: IncidentId,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub steer: Steer,
}

/// `quell close`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Close {
    /// Such as inc-7
    pub incident: IncidentId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// It was nothing, instead of: it is over
    #[arg(long)]
    pub dismiss: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub steer: Steer,
}

/// `quell reload`.
#[derive(Debug, Clone, ClapArgs)]
pub struct ReloadArgs {
    /// The state folder of the engine. Default: the platform's
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Name of this request: one that the engine has done already is answered, not done again
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// The answer as JSON
    #[arg(long)]
    pub json: bool,
}

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

/// `quell lift`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Lift {
    /// What.
    #[command(flatten)]
    pub what: Lifted,
    /// Why: it is recorded with the lift
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    pub reason: String,
    /// Lift more than one effect without asking
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub steer: Steer,
}

/// What `quell lift` undoes: one of these.
#[derive(Debug, Clone, ClapArgs)]
#[group(required = true, multiple = false)]
pub struct Lifted {
    /// One effect, such as ob-7, whoever holds it
    #[arg(value_name = "ID")]
    pub obligation: Option<ObligationId>,
    /// What a run holds, such as run-7; what others hold too stays
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
    /// What the runs of an incident hold, such as inc-7; what others hold too stays
    #[arg(long, value_name = "INCIDENT")]
    pub incident: Option<IncidentId>,
    /// What is in force against this, such as an address
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// What came into force in the last while, such as 10m
    #[arg(long, value_name = "DURATION")]
    pub last: Option<Span>,
    /// Everything
    #[arg(long)]
    pub all: bool,
}

impl Lifted {
    /// Whether nobody said how many effects that is.
    pub fn is_many(&self) -> bool {
        self.all || self.last.is_some()
    }
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

/// `quell detect`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Detect {
    /// Recordings, read one after the other; plain text, one record per line
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// A rule file, or a folder that is searched for .yml and .yaml; may be given more than once
    #[arg(long, required = true, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Format of the lines: auto (each line by what it looks like), eve, zeek, sshd or json
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
    /// One JSON object per row
    #[arg(long)]
    pub json: bool,
    /// Folder of the setup, without --rules
    #[arg(long, value_name = "DIR", conflicts_with = "rules")]
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_fit_together() {
        Args::command().debug_assert();
    }
}
