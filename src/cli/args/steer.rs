//! Of the verbs that steer.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::Place;
use crate::model::{IncidentId, ObligationId, RunId, Span};

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
