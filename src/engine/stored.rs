//! The state as a text, and back: what a snapshot of it is made of.
//!
//! JSON, in which the structs of the engine are the lists of their fields: nothing is left out, so
//! nothing is taken for granted. What is looked up by hash is stored in order of name, so that equal
//! states are equal texts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::approval::{Denied, Permission};
use super::arming::Arming;
use super::budget::Account;
use super::lease::{Lease, Leases};
use super::obligation::Holder;
use super::run::Rollback;
use super::settle::Settlement;
use super::state::{ByNames, Counts, by_names};
use super::step::Answered;
use super::{AgentState, Halt, Incident, JournalKind, Ledger, Obligation, Run, State, StepState};
use crate::flow::slots::Slots;
use crate::model::stored::stored;
use crate::model::{Action, DetectionId, Digest, IncidentId, ObligationId, RunId, Seq, StepIx, Timestamp};
use crate::workflow::Plan;

stored!(Account { minutes });
stored!(Answered { by, at, undo, done, text });
stored!(Arming { armed, hash, by, at, why });
stored!(Denied { by, at, reason });
stored!(Halt { by, why, at });
stored!(Lease { run, epoch, acting });
stored!(Permission { asked, asked_at, given, denied });
stored!(Rollback { cause, why, done, total, since });
stored!(Settlement { settled, by, at, attempt, reason });
stored!(AgentState {
    id,
    name,
    role,
    kind,
    concurrency,
    place,
    in_flight,
    outcomes,
    recent_successes,
    recent_response,
    succeeded,
    failed,
    last_run,
});
stored!(Counts {
    live_runs,
    paused,
    parked,
    stuck,
    rolling_back,
    completed,
    failed,
    rolled_back,
    cancelled,
    abandoned,
    incidents,
    open_incidents,
    detections,
    refused,
    observed,
});
stored!(Holder {
    run,
    step,
    step_id,
    by,
    incident,
    workflow,
    rule,
    until,
    acted,
    unconfirmed,
    lasts,
    confirmed
});
stored!(Incident {
    id,
    first,
    latest,
    count,
    place,
    changed,
    changed_by,
    opened_at,
    repeated_at,
    acknowledged_at,
    responded_at,
    contained_at,
    closed_at,
    owner,
    reason,
    runs,
    echoes,
    held_back,
});
stored!(Obligation {
    id,
    place,
    action,
    undo,
    agent,
    run,
    step_id,
    incident,
    timeout,
    holders,
    done_at,
    done_seq,
    until,
    self_until,
    output,
    why,
    lifted_by,
    probed,
    changed,
    changed_by,
});
stored!(Run {
    id,
    workflow,
    hash,
    plan,
    place,
    changed,
    changed_by,
    created_at,
    ended_at,
    by,
    incident,
    detection,
    dedup,
    severity,
    inputs,
    deadline,
    retry_of,
    mode,
    lifts,
    steps,
    done,
    completed,
    rollback,
    paused_at,
    why,
});
stored!(StepState {
    place,
    attempt,
    undo_attempt,
    agent,
    started_at,
    ended_at,
    until,
    action,
    undo,
    output,
    failure,
    in_doubt,
    waits,
    leased,
    undo_in_flight,
    undo_given_up,
    undo_started_at,
    obligation,
    assumed,
    undecided,
    protected,
    answered,
    permission,
    settled,
    undo_settled,
    doubted,
    lost,
    probing,
    found,
    was_found,
    undo_performed,
    verify_until,
});

type Names = (Arc<str>, Arc<str>);

/// The ledger as it is stored.
struct StoredLedger {
    obligations: Slots<Box<Obligation>>,
    by_effect: Vec<(Names, ObligationId)>,
    ended: VecDeque<(Timestamp, ObligationId)>,
}

stored!(StoredLedger { obligations, by_effect, ended });

/// The state as it is stored.
struct Stored {
    seq: Seq,
    now: Timestamp,
    kind: Option<JournalKind>,
    seed: u64,
    agents: Vec<AgentState>,
    runs: Slots<Box<Run>>,
    incidents: Slots<Incident>,
    leases: Vec<(Arc<str>, Lease)>,
    ledger: StoredLedger,
    workflows: BTreeMap<Digest, Arc<str>>,
    halt: Option<Halt>,
    arming: BTreeMap<Arc<str>, Arming>,
    by_key: Vec<(Names, IncidentId)>,
    by_dedup: Vec<(Names, RunId)>,
    detections: BTreeMap<DetectionId, u64>,
    detections_order: VecDeque<DetectionId>,
    finished: VecDeque<(Timestamp, RunId)>,
    closed: VecDeque<(Timestamp, IncidentId)>,
    counts: Counts,
    approvals: BTreeSet<(RunId, StepIx)>,
    unconfirmed: BTreeSet<(RunId, StepIx)>,
    accounts: BTreeMap<Arc<str>, Account>,
    workflow_accounts: BTreeMap<Arc<str>, Account>,
}

stored!(Stored {
    seq,
    now,
    kind,
    seed,
    agents,
    runs,
    incidents,
    leases,
    ledger,
    workflows,
    halt,
    arming,
    by_key,
    by_dedup,
    detections,
    detections_order,
    finished,
    closed,
    counts,
    approvals,
    unconfirmed,
    accounts,
    workflow_accounts,
});

fn in_order<K: Ord, V>(map: HashMap<K, V, FixedState>) -> Vec<(K, V)> {
    let mut entries: Vec<(K, V)> = map.into_iter().collect();
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    entries
}

fn by_hash<V>(entries: Vec<(Names, V)>, seed: u64) -> ByNames<V> {
    let mut map = by_names(seed);
    map.extend(entries);
    map
}

impl From<State> for Stored {
    fn from(state: State) -> Self {
        let Ledger { obligations, by_effect, ended } = state.ledger;
        Stored {
            seq: state.seq,
            now: state.now,
            kind: state.kind,
            seed: state.seed,
            agents: state.agents,
            runs: state.runs,
            incidents: state.incidents,
            leases: in_order(state.leases),
            ledger: StoredLedger { obligations, by_effect: in_order(by_effect), ended },
            workflows: state.workflows,
            halt: state.halt,
            arming: state.arming,
            by_key: in_order(state.by_key),
            by_dedup: in_order(state.by_dedup),
            detections: state.detections,
            detections_order: state.detections_order,
            finished: state.finished,
            closed: state.closed,
            counts: state.counts,
            approvals: state.approvals,
            unconfirmed: state.unconfirmed,
            accounts: state.accounts,
            workflow_accounts: state.workflow_accounts,
        }
    }
}

impl From<Stored> for State {
    fn from(stored: Stored) -> Self {
        let (seed, StoredLedger { obligations, by_effect, ended }) = (stored.seed, stored.ledger);
        let mut leases = Leases::with_hasher(FixedState::with_seed(seed));
        leases.extend(stored.leases);
        State {
            seq: stored.seq,
            now: stored.now,
            kind: stored.kind,
            seed,
            agents: stored.agents,
            runs: stored.runs,
            incidents: stored.incidents,
            leases,
            ledger: Ledger { obligations, by_effect: by_hash(by_effect, seed), ended },
            workflows: stored.workflows,
            halt: stored.halt,
            arming: stored.arming,
            by_key: by_hash(stored.by_key, seed),
            by_dedup: by_hash(stored.by_dedup, seed),
            detections: stored.detections,
            detections_order: stored.detections_order,
            finished: stored.finished,
            closed: stored.closed,
            counts: stored.counts,
            approvals: stored.approvals,
            unconfirmed: stored.unconfirmed,
            accounts: stored.accounts,
            workflow_accounts: stored.workflow_accounts,
        }
    }
}

impl State {
    /// The state as a text: see [`State::from_text`].
    ///
    /// # Errors
    /// Never for a state of this program; a value that has no JSON form would be named.
    pub fn into_text(self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Stored::from(self))
    }

    /// The state that a text was made from, exactly.
    ///
    /// # Errors
    /// It is another text, or one of a release whose state has other parts.
    pub fn from_text(text: &[u8]) -> serde_json::Result<State> {
        let mut state = State::from(serde_json::from_slice::<Stored>(text)?);
        state.share();
        Ok(state)
    }

    /// Lets equal parts be one in memory, as they are in an engine that made them: a run's steps and the
    /// ledger have the same actions, the runs of a workflow the same plan.
    fn share(&mut self) {
        let mut plans: BTreeMap<Digest, (Arc<str>, Arc<Plan>)> = BTreeMap::new();
        let ids: Vec<u64> = self.runs.iter().map(|run| run.id.0).collect();
        for id in ids {
            let Some(run) = self.runs.get_mut(id) else { continue };
            let known = || (Arc::clone(&run.workflow), Arc::clone(&run.plan));
            let (workflow, plan) = plans.entry(run.hash).or_insert_with(known);
            same(&mut run.workflow, workflow);
            same(&mut run.plan, plan);
            for step in &mut run.steps {
                let Some(owed) = self.ledger.obligations.get(step.obligation) else { continue };
                same_action(&mut step.action, Some(&owed.action));
                same_action(&mut step.undo, owed.undo.as_ref());
            }
        }
    }
}

fn same<T: PartialEq + ?Sized>(mine: &mut Arc<T>, other: &Arc<T>) {
    if *mine == *other {
        *mine = Arc::clone(other);
    }
}

fn same_action(mine: &mut Option<Arc<Action>>, other: Option<&Arc<Action>>) {
    if let (Some(mine), Some(other)) = (mine, other) {
        same(mine, other);
    }
}
