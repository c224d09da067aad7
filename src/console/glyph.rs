//! The glyph and the tone of each status. The word is always printed beside them.

use super::theme::Tone;
use crate::engine::{AgentStatus, IncidentStatus, ObligationStatus, Run, RunStatus, StepState, StepStatus};
use crate::model::Severity;

/// Of an agent.
pub fn agent(status: AgentStatus) -> (&'static str, Tone) {
    match status {
        AgentStatus::Initializing => ("◌", Tone::Dim),
        AgentStatus::Idle => ("○", Tone::Plain),
        AgentStatus::Executing => ("●", Tone::Busy),
        AgentStatus::Error => ("✗", Tone::Bad),
        AgentStatus::Degraded => ("▲", Tone::Wait),
        AgentStatus::ShuttingDown => ("-", Tone::Dim),
    }
}

/// Of a run.
pub fn run(status: RunStatus) -> (&'static str, Tone) {
    match status {
        RunStatus::Created | RunStatus::Queued => ("◌", Tone::Dim),
        RunStatus::Running => ("●", Tone::Busy),
        RunStatus::Paused => ("❚", Tone::Wait),
        RunStatus::Parked => ("▲", Tone::Wait),
        RunStatus::RollingBack => ("◀", Tone::Wait),
        RunStatus::Stuck => ("✗", Tone::Critical),
        RunStatus::Completed => ("✓", Tone::Good),
        RunStatus::Failed => ("✗", Tone::Bad),
        RunStatus::RolledBack => ("↶", Tone::Wait),
        RunStatus::Cancelled => ("↶", Tone::Dim),
        RunStatus::Abandoned => ("×", Tone::Bad),
    }
}

/// Of a step.
pub fn step(status: StepStatus) -> (&'static str, Tone) {
    match status {
        StepStatus::Pending => ("○", Tone::Dim),
        StepStatus::Waiting | StepStatus::AwaitingApproval => ("◌", Tone::Wait),
        StepStatus::Running | StepStatus::Verifying => ("◐", Tone::Busy),
        StepStatus::Succeeded => ("✓", Tone::Good),
        StepStatus::Failed => ("✗", Tone::Bad),
        StepStatus::Cancelled => ("×", Tone::Dim),
        StepStatus::Skipped => ("-", Tone::Dim),
        StepStatus::InDoubt | StepStatus::UndoInDoubt => ("?", Tone::Wait),
        StepStatus::Undoing => ("◀", Tone::Wait),
        StepStatus::Undone => ("↶", Tone::Wait),
        StepStatus::UndoFailed => ("✗", Tone::Critical),
    }
}

/// What was not done, only assumed.
pub const ASSUMED: (&str, Tone) = ("◇", Tone::Dim);

/// Of a run as it is: one that only observed did nothing.
pub fn of_run(run: &Run) -> (&'static str, Tone) {
    if run.mode().is_live() || run.status() != RunStatus::Completed {
        self::run(run.status())
    } else {
        ASSUMED
    }
}

/// Of a step as it is: assumed, or with a person.
pub fn of_step(step: &StepState) -> (&'static str, Tone) {
    match step.status() {
        _ if step.is_assumed() => ASSUMED,
        status if step.is_asked() => (self::step(status).0, Tone::Wait),
        status => self::step(status),
    }
}

/// Of an incident.
pub fn incident(status: IncidentStatus) -> (&'static str, Tone) {
    match status {
        IncidentStatus::Open => ("●", Tone::Bad),
        IncidentStatus::Acknowledged => ("◐", Tone::Wait),
        IncidentStatus::Contained => ("✓", Tone::Busy),
        IncidentStatus::Resolved => ("✓", Tone::Good),
        IncidentStatus::Dismissed => ("×", Tone::Dim),
    }
}

/// Of what is in force, or owed.
pub fn obligation(status: ObligationStatus) -> (&'static str, Tone) {
    match status {
        ObligationStatus::Owed => ("◌", Tone::Wait),
        ObligationStatus::InForce => ("●", Tone::Busy),
        ObligationStatus::Lifting => ("◀", Tone::Wait),
        ObligationStatus::Lifted => ("↶", Tone::Dim),
        ObligationStatus::LiftFailed => ("✗", Tone::Critical),
        ObligationStatus::Expired => ("✓", Tone::Dim),
        ObligationStatus::Drifted => ("▲", Tone::Wait),
        ObligationStatus::InDoubt => ("?", Tone::Wait),
        ObligationStatus::Void => ("-", Tone::Dim),
        ObligationStatus::Waived => ("×", Tone::Dim),
    }
}

/// Of a severity: glyph with word, five columns.
pub fn severity(severity: Severity) -> (&'static str, Tone) {
    match severity {
        Severity::Critical => ("!CRIT", Tone::Critical),
        Severity::High => ("▲HIGH", Tone::Bad),
        Severity::Medium => ("■MED", Tone::Wait),
        Severity::Low => ("·LOW", Tone::Plain),
        Severity::Informational => (" INFO", Tone::Dim),
    }
}

/// A status word as rows show it: what needs a person stands in capitals.
pub fn word(name: &str, loud: bool) -> String {
    let spaced = name.replace('_', " ");
    if loud { spaced.to_uppercase() } else { spaced }
}
