//! What is in force because of quell, as every view outside of the console shows it.

use serde::{Deserialize, Serialize};

use crate::engine::{Actor, Holder, Obligation, State, Tally};
use crate::flow::machine::Status;
use crate::model::{Args, IncidentId, ObligationId, RunId, Seq, Timestamp};

/// Rows at once, over the socket.
pub const ROWS: usize = 5_000;

/// Which obligations, and how many of them. What is left out does not matter; what is given counts
/// together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Those that have ended too.
    #[serde(default)]
    pub ended: bool,
    /// Only this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one: Option<ObligationId>,
    /// Only those that act on this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Only those that this run did or holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Only those that were done or are held for this incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// Only those that have been in force since this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// At most so many rows: those that end first.
    pub limit: usize,
}

/// What is listed, and the figures of all that was wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// What ends first comes first, then what has no end, then what has ended.
    pub rows: Vec<ObligationRow>,
    /// How many there are in all.
    pub of: usize,
    /// How they stand.
    pub totals: Totals,
}

/// An obligation. Times are RFC 3339, in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ObligationRow {
    pub id: String,
    pub action: String,
    #[serde(default)]
    pub args: Args,
    pub target: Option<String>,
    pub status: String,
    /// Whether nothing is owed any more.
    pub ended: bool,
    pub since: String,
    /// Since when it is in force; nothing if it never was.
    pub in_force_since: Option<String>,
    pub until: Option<String>,
    /// `by itself`, `by quell` (a living engine is needed), or `when lifted`.
    pub ends: String,
    /// What reverses it.
    pub undo: Option<String>,
    /// Who wants it to last.
    pub holders: Vec<HolderRow>,
    /// The run that did it, and who ordered that.
    pub run: String,
    pub step: String,
    pub by: String,
    pub incident: Option<String>,
    pub agent: Option<String>,
    pub why: Option<String>,
    /// The run that lifts it, or lifted it.
    pub lifted_by: Option<String>,
    /// The record that changed it last.
    pub changed: Seq,
    /// Who changed it.
    pub changed_by: String,
}

/// Who wants an effect to last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct HolderRow {
    pub run: String,
    pub step: String,
    pub by: String,
    pub incident: Option<String>,
    pub until: Option<String>,
}

/// How many obligations stand where.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Totals {
    pub in_force: usize,
    pub owed: usize,
    pub lifting: usize,
    pub in_doubt: usize,
    pub drifted: usize,
    /// Their undo was given up: a person is needed.
    pub stuck: usize,
    pub ended: usize,
    /// Which ends next by its time, and when.
    pub next: Option<String>,
    pub next_until: Option<String>,
    /// Ends that everything being halted holds up.
    pub held: usize,
}

impl Wanted {
    fn picks(&self, obligation: &Obligation) -> bool {
        let (run, _) = obligation.origin();
        let is_of = |wanted: RunId| run == wanted || obligation.holders().iter().any(|h| h.run() == wanted);
        let is_for = |wanted: IncidentId| {
            let held = obligation.holders().iter().any(|holder| holder.incident() == Some(wanted));
            held || obligation.incident() == Some(wanted)
        };
        let on = |wanted: &str| obligation.target().is_some_and(|target| **target == *wanted);
        (self.ended || !obligation.status().is_ended())
            && self.one.is_none_or(|one| obligation.id() == one)
            && self.target.as_deref().is_none_or(on)
            && self.run.is_none_or(is_of)
            && self.incident.is_none_or(is_for)
            && self.since.is_none_or(|since| obligation.in_force_since().is_some_and(|at| at >= since))
    }

    /// What is wanted of a state.
    pub fn of(&self, state: &State) -> Listed {
        let mut found: Vec<&Obligation> = state.ledger().iter().filter(|o| self.picks(o)).collect();
        found.sort_by_key(|obligation| order(obligation));
        let tally = Tally::of(found.iter().copied());
        let rows = found.iter().take(self.limit).map(|obligation| row(state, obligation)).collect();
        Listed { rows, of: found.len(), totals: totals(state, &tally) }
    }
}

/// What ends first comes first, then what has no end; of what has ended, the latest first.
pub fn order(obligation: &Obligation) -> (bool, bool, i64, ObligationId) {
    match obligation.status().is_ended() {
        true => (true, false, -obligation.since().0, obligation.id()),
        false => {
            let until = obligation.until();
            (false, until.is_none(), until.map_or(0, |until| until.0), obligation.id())
        }
    }
}

fn by(actor: Option<&Actor>) -> String {
    actor.map_or_else(|| "quell".to_owned(), |actor| actor.0.to_string())
}

/// One row.
pub fn row(state: &State, obligation: &Obligation) -> ObligationRow {
    let (run, step) = obligation.origin();
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let first = obligation.holders().first().map(Holder::by);
    ObligationRow {
        id: obligation.id().to_string(),
        action: obligation.action().name.to_string(),
        args: obligation.action().args.clone(),
        target: obligation.target().map(ToString::to_string),
        status: obligation.status().name().to_owned(),
        ended: obligation.status().is_ended(),
        since: obligation.since().to_string(),
        in_force_since: time(obligation.in_force_since()),
        until: time(obligation.until()),
        ends: obligation.ends_by().name().to_owned(),
        undo: obligation.undo().map(|undo| undo.name.to_string()),
        holders: obligation.holders().iter().map(holder).collect(),
        run: run.to_string(),
        step: step.to_owned(),
        by: by(state.run(run).map(|run| run.by()).or(first)),
        incident: obligation.incident().map(|id| id.to_string()),
        agent: state.agent(obligation.agent()).map(|agent| agent.name().to_owned()),
        why: obligation.why().map(str::to_owned),
        lifted_by: obligation.lifted_by().map(|run| run.to_string()),
        changed: obligation.changed(),
        changed_by: by(obligation.changed_by()),
    }
}

fn holder(holder: &Holder) -> HolderRow {
    HolderRow {
        run: holder.run().to_string(),
        step: holder.step_id().to_owned(),
        by: holder.by().0.to_string(),
        incident: holder.incident().map(|id| id.to_string()),
        until: holder.until().map(|at| at.to_string()),
    }
}

fn totals(state: &State, tally: &Tally) -> Totals {
    Totals {
        in_force: tally.in_force,
        owed: tally.owed,
        lifting: tally.lifting,
        in_doubt: tally.in_doubt,
        drifted: tally.drifted,
        stuck: tally.lift_failed,
        ended: tally.ended,
        next: tally.next.map(|(_, id)| id.to_string()),
        next_until: tally.next.map(|(until, _)| until.to_string()),
        held: if state.halt().is_some() { tally.by_quell } else { 0 },
    }
}
