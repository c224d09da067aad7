//! The orchestration engine: a deterministic state machine without I/O.
//!
//! [`Engine::handle`] decides and says what became true (records) and what should be done (effects);
//! [`State::apply`] folds one record and decides nothing. The [`Gate`] holds both back until the
//! records are durable.

mod advance;
mod approval;
mod answer;
mod arming;
mod agents;
mod apply;
mod bound;
mod budget;
mod choose;
mod confirm;
mod core;
mod doubt;
mod event;
mod feedback;
mod gate;
mod expiry;
mod halt;
mod incident;
mod input;
mod join;
mod launch;
mod lease;
mod ledger;
mod lift;
mod mailbox;
mod obligation;
mod observe;
mod probe;
pub mod protect;
mod question;
mod recover;
mod reload;
mod request;
mod resolve;
mod rollback;
mod run;
mod settle;
mod setup;
mod sizes;
mod spare;
mod state;
mod step;
mod stored;
mod tally;
mod timers;
mod unproven;
mod verify;
mod waiting;

pub use self::core::Engine;
pub use agents::{AGENT, AgentState, AgentStatus};
pub use approval::{AskedApproval, Denied, HASH_DIGITS, Permission};
pub use arming::Arming;
pub use budget::{Account, Budget};
pub use choose::Fitness;
pub use event::{Actor, Event, IllegalEvent, JournalKind, NewRun, Record, RollbackCause, RunMode, StepWait};
pub use feedback::Echo;
pub use gate::{Gate, Released};
pub use halt::Halt;
pub use incident::{INCIDENT, Incident, IncidentStatus};
pub use input::{Answer, Context, Effect, Input, Lifts, Output, Request, Task};
pub use lease::Lease;
pub use ledger::Ledger;
pub use lift::{LIFT, Lift};
pub use obligation::{EndsBy, Holder, OBLIGATION, Obligation, ObligationStatus};
pub use probe::{DrillProbe, HttpProbe, PROBE_TIMEOUT, Probe, ProbeMeans, ProbeOf, ProbeSpec};
pub use question::Question;
pub use recover::ReplayError;
pub use run::{RUN, Rollback, Run, RunStatus};
pub use settle::{Settled, Settlement};
pub use setup::{
    ActionSpec, Acts, AgentKind, AgentSpec, BuiltinKind, DrillSpec, ExecSpec, HttpSpec, Limits, Means, Setup,
};
pub use sizes::Size;
pub use state::{Counts, State};
pub use step::{Answered, STEP, StepState, StepStatus};
pub use tally::Tally;

#[cfg(test)]
mod tests;
