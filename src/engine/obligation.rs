//! One effect on the world that has to end some day: an entry of the ledger (S3.5).

use std::sync::{Arc, LazyLock};

use super::{Actor, Event};
use crate::flow::machine::{Chart, Machine, Place, Source, Superstate, Transition};
use crate::model::planted::{Bug, planted};
use crate::model::{
    Action, AgentId, IncidentId, Map, Moment, ObligationId, Presence, RunId, Seq, Span, StepIx, Timestamp,
};
use crate::states;

states!(
    /// Where an effect stands (S1.6).
    ObligationStatus {
        /// Its action is under way, or waits for its next attempt.
        Owed = "owed",
        /// It is there.
        InForce = "in_force",
        /// Its undo is under way, or waits for its next attempt.
        Lifting = "lifting",
        /// Undone.
        Lifted = "lifted",
        /// Its undo was given up: a person is needed.
        LiftFailed = "lift_failed",
        /// Its time is over, and it ended by itself.
        Expired = "expired",
        /// It should be there, and was not found.
        Drifted = "drifted",
        /// It may be there or not: an intent without an outcome.
        InDoubt = "in_doubt",
        /// It never happened, or was there before.
        Void = "void",
        /// A person gave it up, with a reason.
        Waived = "waived",
    }
);

impl ObligationStatus {
    /// Whether nothing is owed any more.
    pub fn is_ended(self) -> bool {
        use ObligationStatus::*;
        matches!(self, Lifted | Expired | Void | Waived)
    }

    /// Whether its undo may be begun.
    pub fn can_be_lifted(self) -> bool {
        use ObligationStatus::*;
        matches!(self, InForce | InDoubt | Drifted | LiftFailed)
    }
}

/// The lifecycle of obligations.
pub static OBLIGATION: LazyLock<Machine<ObligationStatus, Obligation, Event>> = LazyLock::new(|| {
    use ObligationStatus::*;
    const fn go(
        from: &'static [ObligationStatus],
        to: ObligationStatus,
        on: &'static str,
    ) -> Transition<ObligationStatus, Obligation, Event> {
        Transition { from: Source::States(from), to, on, guard: None, callback: None }
    }
    Machine::new(Chart {
        name: "obligation",
        initial: Owed,
        superstates: &[
            Superstate { name: "Standing", of: &[Owed, InForce, InDoubt, Lifting, LiftFailed, Drifted] },
            Superstate { name: "Ended", of: &[Lifted, Expired, Void, Waived] },
        ],
        transitions: const {
            &[
                go(&[Owed], InForce, "its action succeeded"),
                go(&[Owed, InDoubt], Void, "it never happened"),
                go(&[InForce], Void, "it was there before"),
                go(&[Owed], InDoubt, "nobody knows whether its action was done"),
                go(&[Lifting], InDoubt, "nobody knows whether its undo was done"),
                go(&[InDoubt, Drifted, LiftFailed], InForce, "found, done again, or settled by a person"),
                go(&[InForce, InDoubt, Drifted, LiftFailed], Lifting, "its undo starts"),
                go(&[Lifting], Lifted, "undone"),
                go(&[InForce, InDoubt, Drifted, LiftFailed], Lifted, "undone by hand, says a person"),
                go(&[Lifting], InForce, "its lift was cancelled before it was done"),
                go(&[Lifting], LiftFailed, "its undo is given up"),
                go(&[InForce, InDoubt, Drifted], LiftFailed, "its undo cannot be begun"),
                go(&[InForce, InDoubt, Drifted, LiftFailed], Expired, "its time is over"),
                go(&[InForce, InDoubt, LiftFailed], Drifted, "it was looked for and is not there"),
                go(&[InForce, InDoubt, Lifting, Drifted, LiftFailed], Waived, "given up by a person"),
                go(&[Waived], LiftFailed, "to be tried again, says a person"),
            ]
        },
    })
});

/// Those who want one effect to last that are kept, beside those whose run may still let go.
pub(super) const HOLDERS: usize = 64;

/// Who wants an effect to last.
#[derive(Debug, Clone, PartialEq)]
pub struct Holder {
    pub(super) run: RunId,
    pub(super) step: StepIx,
    pub(super) step_id: Arc<str>,
    pub(super) by: Actor,
    pub(super) incident: Option<IncidentId>,
    /// The workflow of its run, and the id of the rule that began it: the run may leave the state first.
    pub(super) workflow: Arc<str>,
    pub(super) rule: Option<Arc<str>>,
    pub(super) until: Moment,
    /// Its own attempt was done, or may have been: until then nothing is left to it.
    pub(super) acted: bool,
    /// Until when it has to be confirmed, and until when it wants the effect then (C29).
    pub(super) unconfirmed: Moment,
    pub(super) lasts: Moment,
    pub(super) confirmed: Option<Box<(Actor, Timestamp)>>,
}

impl Holder {
    /// The run that ordered it; it may have left the state.
    pub fn run(&self) -> RunId {
        self.run
    }
    /// The step of that run, by its place in the plan.
    pub fn step(&self) -> StepIx {
        self.step
    }
    /// The step of that run, by its id.
    pub fn step_id(&self) -> &str {
        &self.step_id
    }
    /// Who ordered the run.
    pub fn by(&self) -> &Actor {
        &self.by
    }
    /// The incident that the run answers.
    pub fn incident(&self) -> Option<IncidentId> {
        self.incident
    }
    /// Until when it wants the effect; `None` is until it lets go.
    pub fn until(&self) -> Option<Timestamp> {
        self.until.get()
    }
    /// Until when a person has to confirm the effect, if one has to.
    pub fn unconfirmed_until(&self) -> Option<Timestamp> {
        self.unconfirmed.get()
    }
    /// Who confirmed it, and when.
    pub fn confirmed(&self) -> Option<(&Actor, Timestamp)> {
        self.confirmed.as_deref().map(|(by, at)| (by, *at))
    }
    /// Whether it has the effect and still wants it.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.acted && self.until().is_none_or(|until| until > now)
    }
}

/// What is known of one effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Obligation {
    pub(super) id: ObligationId,
    pub(super) place: Place<ObligationStatus, 0>,
    pub(super) action: Arc<Action>,
    pub(super) undo: Option<Arc<Action>>,
    pub(super) agent: AgentId,
    /// The run that performed it first, and the step; the key of its undo is made of them.
    pub(super) run: RunId,
    pub(super) step_id: Arc<str>,
    pub(super) incident: Option<IncidentId>,
    /// How long an attempt to undo it may take.
    pub(super) timeout: Span,
    pub(super) holders: Vec<Holder>,
    pub(super) done_at: Moment,
    pub(super) done_seq: Seq,
    pub(super) until: Moment,
    pub(super) self_until: Moment,
    pub(super) output: Option<Arc<Map>>,
    pub(super) why: Option<Arc<str>>,
    pub(super) lifted_by: Option<RunId>,
    pub(super) probed: Option<Box<(Presence, Timestamp)>>,
    pub(super) changed: Seq,
    pub(super) changed_by: Option<Actor>,
}

/// What ends an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndsBy {
    /// It ends by itself, whether quell lives or not.
    Itself,
    /// quell undoes it when its time is over: a living engine is needed.
    Quell,
    /// Nobody, until it is lifted.
    Nobody,
}

impl EndsBy {
    /// Its word in JSON and on screens.
    pub fn name(self) -> &'static str {
        match self {
            EndsBy::Itself => "by itself",
            EndsBy::Quell => "by quell",
            EndsBy::Nobody => "when lifted",
        }
    }
}

impl Obligation {
    /// Its id.
    pub fn id(&self) -> ObligationId {
        self.id
    }
    /// What was done.
    pub fn action(&self) -> &Arc<Action> {
        &self.action
    }
    /// What reverses it, as it was worked out before it was done; `None`: nothing does, it ends by itself.
    pub fn undo(&self) -> Option<&Arc<Action>> {
        self.undo.as_ref()
    }
    /// What it acts on. An effect without a target is never shared.
    pub fn target(&self) -> Option<&Arc<str>> {
        self.action.target.as_ref()
    }
    /// Where it stands.
    pub fn status(&self) -> ObligationStatus {
        self.place.now()
    }
    /// Since when it stands there.
    pub fn since(&self) -> Timestamp {
        self.place.since()
    }
    /// Since when it is in force, if it ever was.
    pub fn in_force_since(&self) -> Option<Timestamp> {
        self.done_at.get()
    }
    /// The record that put it in force: what came last is lifted first.
    pub fn done_seq(&self) -> Seq {
        self.done_seq
    }
    /// When it ends; `None` is not before it is lifted.
    pub fn until(&self) -> Option<Timestamp> {
        self.until.get()
    }
    /// When it ends by itself, whether quell lives or not.
    pub fn ends_itself_at(&self) -> Option<Timestamp> {
        self.self_until.get()
    }
    /// What ends it.
    pub fn ends_by(&self) -> EndsBy {
        match (self.until(), self.ends_itself_at()) {
            (_, Some(itself)) if self.until().is_none_or(|until| itself <= until) => EndsBy::Itself,
            (Some(_), _) => EndsBy::Quell,
            (None, _) => EndsBy::Nobody,
        }
    }
    /// Who wants it to last, in the order in which they came; those whose time is over too.
    pub fn holders(&self) -> &[Holder] {
        &self.holders
    }
    /// Those who still want it to last, a step of a run left out.
    pub fn other_holders(&self, run: RunId, step: StepIx, now: Timestamp) -> impl Iterator<Item = &Holder> {
        self.holders.iter().filter(move |h| (h.run, h.step) != (run, step) && h.holds_at(now))
    }
    /// The agent that performed it.
    pub fn agent(&self) -> AgentId {
        self.agent
    }
    /// The run and the step that performed it first.
    pub fn origin(&self) -> (RunId, &str) {
        (self.run, &self.step_id)
    }
    /// The incident that it was done for first.
    pub fn incident(&self) -> Option<IncidentId> {
        self.incident
    }
    /// What the action answered.
    pub fn output(&self) -> Option<&Arc<Map>> {
        self.output.as_ref()
    }
    /// Why it stands where it stands, where there is something to say.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }
    /// The run that lifts it, or lifted it: a lift or a rollback.
    pub fn lifted_by(&self) -> Option<RunId> {
        self.lifted_by
    }
    /// What was found when it was asked for last, and when. Never, where its action has no probe.
    pub fn probed(&self) -> Option<&(Presence, Timestamp)> {
        self.probed.as_deref()
    }
    /// The record that changed its status or its holders last (C23).
    pub fn changed(&self) -> Seq {
        self.changed
    }
    /// The person who changed it last; `None` is quell itself.
    pub fn changed_by(&self) -> Option<&Actor> {
        self.changed_by.as_ref()
    }

    /// Takes in one who wants it to last; it takes the place of the same step of the run that it tries again.
    pub(super) fn add_holder(&mut self, holder: Holder, earlier: Option<RunId>) {
        self.holders.retain(|other| {
            other.step != holder.step || (other.run != holder.run && Some(other.run) != earlier)
        });
        if planted(Bug::HolderTwice) {
            self.holders.push(holder.clone());
        }
        self.holders.push(holder);
    }

    /// Over the limit, forgets the oldest of those whose run is over and who make no difference to when it
    /// ends: their time has passed, or another one wants it as long.
    pub(super) fn forget_holders(&mut self, now: Timestamp, is_over: impl Fn(RunId) -> bool) {
        let ends = |holder: &Holder| holder.until().unwrap_or(Timestamp(i64::MAX));
        let acted = self.holders.iter().rev().filter(|holder| holder.acted);
        // The newest of those who want it longest stays.
        let last = acted.max_by_key(|holder| (ends(holder), holder.run)).map(|h| (h.run, h.step, ends(h)));
        let Some((run, step, latest)) = last else { return };
        let mut over = self.holders.len().saturating_sub(HOLDERS);
        self.holders.retain(|holder| {
            let makes_none = ends(holder) <= now || ends(holder) == latest;
            let goes = over > 0
                && (holder.run, holder.step) != (run, step)
                && holder.acted
                && makes_none
                && holder.unconfirmed_until().is_none()
                && is_over(holder.run);
            over -= usize::from(goes);
            !goes
        });
    }

    /// The line of those who wait until another run has lifted it. It is not the line of its target: who
    /// lifts it may stand there, and must not wait for those who wait for him.
    pub(super) fn lift_key(&self) -> Arc<str> {
        Arc::from(format!("\0{}", self.id))
    }

    /// Works out anew when it ends: when the last holder wants it to, or by itself before that.
    pub(super) fn settle_until(&mut self) {
        let each = self.holders.iter().filter(|holder| holder.acted).map(Holder::until);
        let longest = each.reduce(|a, b| Some(a?.max(b?))).flatten();
        let ends = longest.into_iter().chain(self.ends_itself_at()).min();
        let ends = if planted(Bug::ExpiryEarly) { ends.map(|at| at - Span::from_secs(5)) } else { ends };
        self.until = ends.into();
    }
}
