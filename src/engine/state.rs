//! The hard state: a fold of the journal, nothing else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::lease::Leases;
use super::{
    Account, AgentKind, AgentState, AgentStatus, Arming, Halt, Incident, JournalKind, Ledger, Run, RunStatus,
};
use crate::flow::slots::Slots;
use crate::model::{AgentId, DetectionId, Digest, IncidentId, RunId, Seq, StepIx, Timestamp};

/// How many detection ids are remembered, so that a source that is read again changes nothing (C5).
pub(super) const DETECTIONS_REMEMBERED: usize = 100_000;

/// Values by two names. Only looked up, never gone through; hashed with the journal's seed, since
/// attackers choose keys.
pub(super) type ByNames<V> = HashMap<(Arc<str>, Arc<str>), V, FixedState>;

/// None yet.
pub(super) fn by_names<V>(seed: u64) -> ByNames<V> {
    HashMap::with_hasher(FixedState::with_seed(seed))
}

/// Everything that is true, as far as it is kept in memory. Its fields are private to `engine`, and
/// only [`State::apply`] changes them.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub(super) seq: Seq,
    pub(super) now: Timestamp,
    pub(super) kind: Option<JournalKind>,
    pub(super) seed: u64,
    pub(super) agents: Vec<AgentState>,
    pub(super) runs: Slots<Box<Run>>,
    pub(super) incidents: Slots<Incident>,
    /// Who acts on each target.
    pub(super) leases: Leases,
    /// What is in force.
    pub(super) ledger: Ledger,
    /// Texts of workflows by hash.
    pub(super) workflows: BTreeMap<Digest, Arc<str>>,
    /// Everything is halted, and by whom.
    pub(super) halt: Option<Halt>,
    /// Which workflows are armed, or were.
    pub(super) arming: BTreeMap<Arc<str>, Arming>,
    /// The latest incident of each (rule id, key), open or closed.
    pub(super) by_key: ByNames<IncidentId>,
    /// The live run of each (workflow, dedup key).
    pub(super) by_dedup: ByNames<RunId>,
    /// Counts of known detections, and their ids in order of arrival.
    pub(super) detections: BTreeMap<DetectionId, u64>,
    pub(super) detections_order: VecDeque<DetectionId>,
    /// Terminal runs and closed incidents in order of their end.
    pub(super) finished: VecDeque<(Timestamp, RunId)>,
    pub(super) closed: VecDeque<(Timestamp, IncidentId)>,
    pub(super) counts: Counts,
    /// What people have to decide before it starts.
    pub(super) approvals: BTreeSet<(RunId, StepIx)>,
    /// Whose effects people have to confirm.
    pub(super) unconfirmed: BTreeSet<(RunId, StepIx)>,
    /// What was acted on, by action and by workflow.
    pub(super) accounts: BTreeMap<Arc<str>, Account>,
    pub(super) workflow_accounts: BTreeMap<Arc<str>, Account>,
}

/// Figures that follow from the records, retired runs and incidents included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    /// Runs that are not terminal.
    pub live_runs: usize,
    pub paused: usize,
    pub parked: usize,
    pub stuck: usize,
    pub rolling_back: usize,
    pub completed: u64,
    pub failed: u64,
    pub rolled_back: u64,
    pub cancelled: u64,
    pub abandoned: u64,
    /// Incidents ever opened.
    pub incidents: u64,
    /// Incidents that are neither resolved nor dismissed.
    pub open_incidents: usize,
    /// Detections folded, updates of a window not counted.
    pub detections: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Runs, kept or retired, that only observed.
    pub observed: u64,
}

impl Counts {
    /// The counter of runs in a state, if there is one of its own.
    pub(super) fn add(&mut self, status: RunStatus, by: i64) {
        let small = |n: &mut usize| *n = n.saturating_add_signed(by as isize);
        let large = |n: &mut u64| *n = n.saturating_add_signed(by);
        match status {
            RunStatus::Paused => small(&mut self.paused),
            RunStatus::Parked => small(&mut self.parked),
            RunStatus::Stuck => small(&mut self.stuck),
            RunStatus::RollingBack => small(&mut self.rolling_back),
            RunStatus::Completed => large(&mut self.completed),
            RunStatus::Failed => large(&mut self.failed),
            RunStatus::RolledBack => large(&mut self.rolled_back),
            RunStatus::Cancelled => large(&mut self.cancelled),
            RunStatus::Abandoned => large(&mut self.abandoned),
            RunStatus::Created | RunStatus::Queued | RunStatus::Running => {}
        }
    }

    /// Runs that ended, however they ended.
    pub fn ended(&self) -> u64 {
        self.completed + self.failed + self.rolled_back + self.cancelled + self.abandoned
    }
}

impl Default for State {
    fn default() -> Self {
        State::new()
    }
}

impl State {
    /// The state before the first record.
    pub fn new() -> Self {
        State {
            seq: 0,
            now: Timestamp::MIN,
            kind: None,
            seed: 0,
            agents: Vec::new(),
            runs: Slots::starting_at(1),
            incidents: Slots::starting_at(1),
            leases: Leases::with_hasher(FixedState::with_seed(0)),
            ledger: Ledger::new(0),
            workflows: BTreeMap::new(),
            halt: None,
            arming: BTreeMap::new(),
            by_key: by_names(0),
            by_dedup: by_names(0),
            detections: BTreeMap::new(),
            detections_order: VecDeque::new(),
            finished: VecDeque::new(),
            closed: VecDeque::new(),
            counts: Counts::default(),
            approvals: BTreeSet::new(),
            unconfirmed: BTreeSet::new(),
            accounts: BTreeMap::new(),
            workflow_accounts: BTreeMap::new(),
        }
    }

    /// Whether everything is halted, by whom and why (C30).
    pub fn halt(&self) -> Option<&Halt> {
        self.halt.as_ref()
    }
    /// Number of the last record.
    pub fn seq(&self) -> Seq {
        self.seq
    }
    /// Time of the last record.
    pub fn now(&self) -> Timestamp {
        self.now
    }
    /// What the journal is for; `None` before its first record.
    pub fn kind(&self) -> Option<JournalKind> {
        self.kind
    }
    /// The journal's seed: drills and jitter depend on it.
    pub fn seed(&self) -> u64 {
        self.seed
    }
    /// Agents, in order of joining.
    pub fn agents(&self) -> &[AgentState] {
        &self.agents
    }
    /// One agent.
    pub fn agent(&self, id: AgentId) -> Option<&AgentState> {
        self.agents.get(id.index())
    }
    /// Agents that have not left.
    pub fn agents_present(&self) -> impl Iterator<Item = &AgentState> {
        self.agents.iter().filter(|a| a.status() != AgentStatus::ShuttingDown)
    }
    /// Runs that are kept, by id; from either end.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.runs.iter().map(|run| &**run)
    }
    /// One run.
    pub fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.get(id.0).map(|run| &**run)
    }
    /// Incidents that are kept, by id; from either end.
    pub fn incidents(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.incidents.iter()
    }
    /// One incident.
    pub fn incident(&self, id: IncidentId) -> Option<&Incident> {
        self.incidents.get(id.0)
    }
    /// Runs that are kept, and incidents that are kept.
    pub fn kept(&self) -> (usize, usize) {
        (self.runs.len(), self.incidents.len())
    }
    /// Figures.
    pub fn counts(&self) -> Counts {
        self.counts
    }
    /// Whether a workflow is armed, since when and by whom; `None` if it never was.
    pub fn arming(&self, workflow: &str) -> Option<&Arming> {
        self.arming.get(workflow)
    }
    /// Whether runs of a workflow with this text act.
    pub fn is_armed(&self, workflow: &str, hash: Digest) -> bool {
        self.arming(workflow).is_some_and(|arming| arming.is_armed() && arming.hash() == hash)
    }
    /// Whether nothing will happen by itself any more, however long one waits short of a deadline: no
    /// run is live, or those that are wait for a person.
    pub fn waits_for_people(&self) -> bool {
        let counts = &self.counts;
        let held = counts.paused + counts.parked + counts.stuck;
        let manual = self.agents.iter().filter(|agent| agent.kind() == AgentKind::Manual);
        let asked: u32 = manual.map(|agent| agent.in_flight()).sum();
        // Every other run that waits for a person has a question or an approval of its own.
        counts.live_runs == held
            || (counts.live_runs <= held + asked as usize + self.approvals.len()
                && self.runs().all(|run| run.status().is_terminal() || run.waits_for_person()))
    }
    /// The steps about which people have to decide before they start, by run.
    pub fn approvals(&self) -> impl ExactSizeIterator<Item = (RunId, StepIx)> + '_ {
        self.approvals.iter().copied()
    }
    /// The text of a workflow that a run began with.
    pub fn workflow_text(&self, hash: Digest) -> Option<&Arc<str>> {
        self.workflows.get(&hash)
    }
}
