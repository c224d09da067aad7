//! One case: lifecycle and what is known of it.

use std::sync::{Arc, LazyLock};

use super::{Actor, Event};
use crate::flow::machine::{Chart, Machine, Place, Source, Superstate, Transition};
use crate::model::{Detection, IncidentId, RunId, Seq, Severity, Span, Timestamp};
use crate::states;

states!(
    /// Where an incident stands (S1.7).
    IncidentStatus {
        /// Nobody is on it.
        Open = "open",
        /// Somebody is on it.
        Acknowledged = "acknowledged",
        /// A run against it completed.
        Contained = "contained",
        /// It is over.
        Resolved = "resolved",
        /// It was nothing.
        Dismissed = "dismissed",
    }
);

impl IncidentStatus {
    /// Whether it still needs attention.
    pub fn is_open(self) -> bool {
        !matches!(self, IncidentStatus::Resolved | IncidentStatus::Dismissed)
    }
}

/// The lifecycle of incidents.
pub static INCIDENT: LazyLock<Machine<IncidentStatus, Incident, Event>> = LazyLock::new(|| {
    use IncidentStatus::*;
    const fn go(
        from: Source<IncidentStatus>,
        to: IncidentStatus,
        on: &'static str,
    ) -> Transition<IncidentStatus, Incident, Event> {
        Transition { from, to, on, guard: None, callback: None }
    }
    Machine::new(Chart {
        name: "incident",
        initial: Open,
        superstates: &[
            Superstate { name: "Active", of: &[Open, Acknowledged, Contained] },
            Superstate { name: "Closed", of: &[Resolved, Dismissed] },
        ],
        transitions: const {
            &[
                go(Source::States(&[Open]), Acknowledged, "acknowledge"),
                go(Source::States(&[Open, Acknowledged]), Contained, "a run against it completed"),
                go(Source::Within("Active"), Resolved, "close as over"),
                go(Source::Within("Active"), Dismissed, "close as nothing"),
                go(Source::States(&[Resolved]), Dismissed, "close as nothing"),
                go(Source::Within("Closed"), Open, "it happens again within the reopen window"),
            ]
        },
    })
});

/// What is known of one incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    pub(super) id: IncidentId,
    pub(super) first: Arc<Detection>,
    pub(super) latest: Arc<Detection>,
    pub(super) count: u64,
    pub(super) place: Place<IncidentStatus, 4>,
    pub(super) changed: Seq,
    pub(super) changed_by: Option<Actor>,
    pub(super) opened_at: Timestamp,
    pub(super) repeated_at: Timestamp,
    pub(super) acknowledged_at: Option<Timestamp>,
    pub(super) responded_at: Option<Timestamp>,
    pub(super) contained_at: Option<Timestamp>,
    pub(super) closed_at: Option<Timestamp>,
    pub(super) owner: Option<Actor>,
    pub(super) reason: Option<Arc<str>>,
    pub(super) runs: Vec<RunId>,
    pub(super) echoes: u64,
    pub(super) held_back: Vec<Arc<str>>,
}

impl Incident {
    /// Its id.
    pub fn id(&self) -> IncidentId {
        self.id
    }
    /// The detection that opened it.
    pub fn first(&self) -> &Detection {
        &self.first
    }
    /// The latest detection.
    pub fn latest(&self) -> &Detection {
        &self.latest
    }
    /// What it is about: the key of its detections.
    pub fn key(&self) -> &str {
        &self.first.key
    }
    /// From the rule.
    pub fn severity(&self) -> Severity {
        self.first.rule.level
    }
    /// Signals (or distinct values) counted so far, repeats included.
    pub fn count(&self) -> u64 {
        self.count
    }
    /// Where it stands.
    pub fn status(&self) -> IncidentStatus {
        self.place.now()
    }
    /// Since when it stands there.
    pub fn since(&self) -> Timestamp {
        self.place.since()
    }
    /// The states before, with the time at which each was entered, oldest first; at most four.
    pub fn history(&self) -> impl Iterator<Item = (IncidentStatus, Timestamp)> + '_ {
        self.place.history()
    }
    /// The record that changed its status last (C23).
    pub fn changed(&self) -> Seq {
        self.changed
    }
    /// Who changed its status last; `None` is quell itself.
    pub fn changed_by(&self) -> Option<&Actor> {
        self.changed_by.as_ref()
    }
    /// When it was opened.
    pub fn opened_at(&self) -> Timestamp {
        self.opened_at
    }
    /// When it was closed last.
    pub fn closed_at(&self) -> Option<Timestamp> {
        self.closed_at
    }
    /// Who acknowledged it.
    pub fn owner(&self) -> Option<&Actor> {
        self.owner.as_ref()
    }
    /// Why it was closed.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
    /// The runs that answer it, oldest first; at most 32 are kept.
    pub fn runs(&self) -> &[RunId] {
        &self.runs
    }
    /// How often its detections came from quell itself, and started nothing (C36).
    pub fn echoes(&self) -> u64 {
        self.echoes
    }
    /// The workflows that were not started for that reason, and would be if the reason went away.
    pub fn held_back(&self) -> &[Arc<str>] {
        &self.held_back
    }
    /// From the first signal in the window to the incident (S3.4).
    pub fn time_to_detect(&self) -> Span {
        self.opened_at.since(self.first.since)
    }
    /// From the incident to the first intent to act.
    pub fn time_to_respond(&self) -> Option<Span> {
        self.responded_at.map(|at| at.since(self.opened_at))
    }
    /// From the incident to the first completed run.
    pub fn time_to_contain(&self) -> Option<Span> {
        self.contained_at.map(|at| at.since(self.opened_at))
    }
}
