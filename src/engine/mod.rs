//! The orchestration engine: a deterministic state machine without I/O.
//!
//! [`Engine::handle`] decides and says what became true (records) and what should be done (effects);
//! [`State::apply`] folds one record and decides nothing. The [`Gate`] holds both back until the
//! records are durable.

mod agents;
mod apply;
mod event;
mod incident;
mod input;
mod run;
mod setup;
mod state;
mod step;

pub use agents::{AGENT, AgentState, AgentStatus};
pub use event::{Actor, Event, IllegalEvent, JournalKind, Record, RollbackCause, StepWait};
pub use incident::{INCIDENT, Incident, IncidentStatus};
pub use input::{Answer, Effect, Input, Output, Request, Task};
pub use run::{RUN, Rollback, Run, RunStatus};
pub use setup::{ActionSpec, AgentKind, AgentSpec, BuiltinKind, DrillSpec, Limits, Setup};
pub use state::{Counts, State};
pub use step::{STEP, StepState, StepStatus};
