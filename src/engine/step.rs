//! One step of one run: lifecycle and what is known of it.

use std::sync::{Arc, LazyLock};

use super::{Actor, Event, Permission, Settlement, StepWait};
use crate::flow::machine::{Chart, Machine, Place, Source, Superstate, Transition};
use crate::model::{Action, AgentId, Failure, Map, Moment, ObligationId, Presence, Timestamp};
use crate::states;

states!(
    /// Where a step stands (S1.4).
    StepStatus {
        /// Its needs are not done yet.
        Pending = "pending",
        /// For the next attempt, or for an agent.
        Waiting = "waiting",
        /// For a person.
        AwaitingApproval = "awaiting_approval",
        /// An attempt is in flight.
        Running = "running",
        /// Its effect is being verified.
        Verifying = "verifying",
        /// Done.
        Succeeded = "succeeded",
        /// Not done, and given up.
        Failed = "failed",
        /// Stopped, or not to be started any more.
        Cancelled = "cancelled",
        /// Its condition did not hold.
        Skipped = "skipped",
        /// An intent without an outcome.
        InDoubt = "in_doubt",
        /// Its undo is in flight, or waits for its next attempt.
        Undoing = "undoing",
        /// Reversed.
        Undone = "undone",
        /// An undo's intent without an outcome.
        UndoInDoubt = "undo_in_doubt",
        /// Its undo was given up: a person is needed.
        UndoFailed = "undo_failed",
    }
);

/// The lifecycle of steps.
pub static STEP: LazyLock<Machine<StepStatus, StepState, Event>> = LazyLock::new(|| {
    use StepStatus::*;
    const fn go(
        from: &'static [StepStatus],
        to: StepStatus,
        on: &'static str,
    ) -> Transition<StepStatus, StepState, Event> {
        Transition { from: Source::States(from), to, on, guard: None, callback: None }
    }
    Machine::new(Chart {
        name: "step",
        initial: Pending,
        superstates: &[
            Superstate { name: "Ahead", of: &[Pending, Waiting, AwaitingApproval] },
            Superstate { name: "Done", of: &[Succeeded, Skipped, Failed, Cancelled] },
            Superstate { name: "Rollback", of: &[Undoing, Undone, UndoInDoubt, UndoFailed] },
        ],
        transitions: const {
            &[
                go(
                    &[Pending, AwaitingApproval, InDoubt],
                    Waiting,
                    "no agent is selectable, or another run acts on its target",
                ),
                go(&[Pending, Waiting], AwaitingApproval, "its approval is asked for"),
                go(&[Pending, Waiting, AwaitingApproval, InDoubt], Running, "an attempt starts"),
                go(&[Running, Verifying], Waiting, "an attempt failed, another will follow"),
                go(&[Running, InDoubt], Verifying, "the action answered"),
                go(&[Running, Verifying, InDoubt], Succeeded, "done"),
                go(
                    &[Pending, Waiting, AwaitingApproval],
                    Succeeded,
                    "taken over, assumed, or in force already",
                ),
                go(&[Failed, InDoubt], Pending, "a lift is tried again"),
                go(
                    &[Pending, Waiting, AwaitingApproval, Running, Verifying, InDoubt],
                    Failed,
                    "given up, or never sent",
                ),
                go(&[Running, Verifying], InDoubt, "a crash took the outcome, or no answer came"),
                go(&[Pending], Skipped, "its condition does not hold"),
                go(&[Waiting, InDoubt], Skipped, "what it was to lift has ended"),
                go(
                    &[Pending, Waiting, AwaitingApproval, Running, Verifying, InDoubt],
                    Cancelled,
                    "the run is cancelled or rolled back",
                ),
                go(
                    &[Succeeded, Failed, Cancelled, InDoubt, UndoInDoubt, UndoFailed],
                    Undoing,
                    "its undo starts",
                ),
                go(
                    &[Undoing, UndoInDoubt, UndoFailed, Succeeded, Failed, Cancelled, InDoubt],
                    Undone,
                    "reversed, undone by hand, or let go",
                ),
                go(&[Undoing], UndoInDoubt, "a crash took the undo's outcome, or no answer came"),
                go(
                    &[Undoing, UndoInDoubt, Succeeded, Failed, Cancelled, InDoubt],
                    UndoFailed,
                    "its undo is given up or skipped",
                ),
            ]
        },
    })
});

/// What is known of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepState {
    pub(super) place: Place<StepStatus, 0>,
    pub(super) attempt: u32,
    pub(super) undo_attempt: u32,
    pub(super) agent: Option<AgentId>,
    pub(super) started_at: Moment,
    pub(super) ended_at: Moment,
    pub(super) until: Moment,
    pub(super) action: Option<Arc<Action>>,
    pub(super) undo: Option<Arc<Action>>,
    pub(super) output: Option<Arc<Map>>,
    pub(super) failure: Option<Arc<Failure>>,
    pub(super) in_doubt: bool,
    pub(super) waits: Option<StepWait>,
    /// It acts on its target: its run has the lease.
    pub(super) leased: bool,
    pub(super) undo_in_flight: bool,
    /// Its undo was given up in this round of the rollback; a person's retry begins another round.
    pub(super) undo_given_up: bool,
    pub(super) undo_started_at: Moment,
    /// The number of its obligation; 0 is none.
    pub(super) obligation: u64,
    /// It was not performed: its run observes.
    pub(super) assumed: bool,
    /// The condition on which it depends whether it would be performed, if nobody can say.
    pub(super) undecided: Option<Arc<str>>,
    pub(super) protected: Option<Arc<str>>,
    pub(super) answered: Option<Arc<Answered>>,
    /// What people were asked before it starts, and what they said.
    pub(super) permission: Option<Box<Permission>>,
    pub(super) settled: Option<Arc<Settlement>>,
    pub(super) undo_settled: Option<Arc<Settlement>>,
    /// An attempt once ended without an answer, whatever was found out about it later.
    pub(super) doubted: bool,
    /// It is in doubt since no answer came, rather than since a crash took it.
    pub(super) lost: bool,
    /// It is asked whether its effect is there; until `until`.
    pub(super) probing: bool,
    /// What was found last.
    pub(super) found: Option<Arc<Presence>>,
    /// Its effect was there before: nothing was performed.
    pub(super) was_found: bool,
    /// Its undo answered, and is being verified.
    pub(super) undo_performed: bool,
    /// How long it is asked again whether it is verified.
    pub(super) verify_until: Moment,
}

/// What a person said of a step, or of its undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Whether of the undo.
    pub undo: bool,
    /// Whether it is done.
    pub done: bool,
    /// In what words.
    pub text: Arc<str>,
}

impl StepState {
    pub(super) fn new(at: Timestamp) -> Self {
        StepState {
            place: Place::new(StepStatus::Pending, at),
            attempt: 0,
            undo_attempt: 0,
            agent: None,
            started_at: Moment::NONE,
            ended_at: Moment::NONE,
            until: Moment::NONE,
            action: None,
            undo: None,
            output: None,
            failure: None,
            in_doubt: false,
            waits: None,
            leased: false,
            undo_in_flight: false,
            undo_given_up: false,
            undo_started_at: Moment::NONE,
            obligation: 0,
            assumed: false,
            undecided: None,
            protected: None,
            answered: None,
            permission: None,
            settled: None,
            undo_settled: None,
            doubted: false,
            lost: false,
            probing: false,
            found: None,
            was_found: false,
            undo_performed: false,
            verify_until: Moment::NONE,
        }
    }

    /// Where it stands.
    pub fn status(&self) -> StepStatus {
        self.place.now()
    }
    /// Since when it stands there.
    pub fn since(&self) -> Timestamp {
        self.place.since()
    }
    /// Forward attempts so far.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
    /// Undo attempts so far.
    pub fn undo_attempt(&self) -> u32 {
        self.undo_attempt
    }
    /// The agent of the last attempt, forward or undo.
    pub fn agent(&self) -> Option<AgentId> {
        self.agent
    }
    /// When the last forward attempt started.
    pub fn started_at(&self) -> Option<Timestamp> {
        self.started_at.get()
    }
    /// When the last attempt to undo it started.
    pub fn undo_started_at(&self) -> Option<Timestamp> {
        self.undo_started_at.get()
    }
    /// When it was done forward.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at.get()
    }
    /// The deadline of what runs, or the end of what it waits for.
    pub fn until(&self) -> Option<Timestamp> {
        self.until.get()
    }
    /// What it does, once it was resolved.
    pub fn action(&self) -> Option<&Action> {
        self.action.as_deref()
    }
    /// What will reverse it.
    pub fn undo(&self) -> Option<&Action> {
        self.undo.as_deref()
    }
    /// What it put on the ledger, or joined there; it may have left the state.
    pub fn obligation(&self) -> Option<ObligationId> {
        (self.obligation > 0).then_some(ObligationId(self.obligation))
    }
    /// What it answered.
    pub fn output(&self) -> Option<&Map> {
        self.output.as_deref()
    }
    /// Why its last attempt, or its last undo attempt, failed.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_deref()
    }
    /// Whether an attempt ended without an answer, so that its effect may exist.
    pub fn in_doubt(&self) -> bool {
        self.in_doubt
    }
    /// Whether it was not performed but assumed to succeed, since its run observes.
    pub fn is_assumed(&self) -> bool {
        self.assumed
    }
    /// The condition on which it depends whether it would be performed, if nobody can say.
    pub fn undecided(&self) -> Option<&str> {
        self.undecided.as_deref()
    }
    /// The entry of the settings that protects the target of an assumed step: a live run would be refused.
    pub fn protected(&self) -> Option<&str> {
        self.protected.as_deref()
    }
    /// What a person said of it last.
    pub fn answered(&self) -> Option<&Answered> {
        self.answered.as_deref()
    }
    /// What people were asked before it starts, and what they said.
    pub fn permission(&self) -> Option<&Permission> {
        self.permission.as_deref()
    }
    /// Whether people have to decide whether it starts.
    pub fn awaits_approval(&self) -> bool {
        self.status() == StepStatus::AwaitingApproval && self.permission().is_some_and(Permission::is_open)
    }
    /// Whether it may start, since enough people said yes.
    pub fn is_approved(&self) -> bool {
        self.status() == StepStatus::AwaitingApproval && self.permission().is_some_and(Permission::is_granted)
    }
    /// What a person is asked to do now.
    pub fn question(&self) -> Option<&str> {
        let action = match (self.status(), self.undo_in_flight) {
            (StepStatus::Running, _) => self.action.as_deref(),
            (StepStatus::Undoing, true) => self.undo.as_deref(),
            _ => None,
        };
        action?.question.as_deref()
    }
    /// Whether a person is asked to do it, or to undo it, now.
    pub fn is_asked(&self) -> bool {
        self.question().is_some()
    }
    /// Whether an agent is being asked if its effect is there.
    pub fn is_probing(&self) -> bool {
        self.probing
    }
    /// What was found when its effect was asked for last, in doubt or to verify it.
    pub fn found(&self) -> Option<&Presence> {
        self.found.as_deref()
    }
    /// Whether its effect was there before, so that nothing was performed and nothing is owed.
    pub fn was_found(&self) -> bool {
        self.was_found
    }
    /// What is asked or was found about its effect, for people: what explains where it stands now.
    pub fn note(&self) -> Option<String> {
        if self.was_found {
            return Some("found present: nothing was done, and nothing is owed".to_owned());
        }
        let found = || self.found().map(|found| format!("its effect is {found}"));
        match (self.status(), self.probing) {
            (StepStatus::Verifying, true) => Some("performed; its effect is asked for".to_owned()),
            (StepStatus::Verifying, false) => {
                let found = found().unwrap_or_else(|| "its effect is still to be asked for".to_owned());
                Some(format!("performed; {found}"))
            }
            (StepStatus::InDoubt | StepStatus::UndoInDoubt, true) => {
                Some("in doubt: its effect is asked for".to_owned())
            }
            (StepStatus::InDoubt | StepStatus::UndoInDoubt, false) => found(),
            (StepStatus::Undoing, true) => Some("undone; its effect is asked for".to_owned()),
            _ => None,
        }
    }
    /// Whether its undo answered "done", and that is being verified.
    pub fn undo_is_verified(&self) -> bool {
        self.undo_performed
    }
    /// Whether an attempt to undo it is in flight.
    pub fn undo_in_flight(&self) -> bool {
        self.undo_in_flight
    }
    /// Whether it waits for an agent, rather than for its next attempt.
    pub fn waits_for_agent(&self) -> bool {
        self.waits_for() == Some(StepWait::Agent)
    }
    /// What it waits for.
    pub fn waits_for(&self) -> Option<StepWait> {
        self.waits.filter(|_| self.status() == StepStatus::Waiting)
    }
    /// Whether it counts as done for the steps that need it.
    pub fn is_done(&self) -> bool {
        matches!(self.status(), StepStatus::Succeeded | StepStatus::Skipped | StepStatus::Failed)
    }
}
