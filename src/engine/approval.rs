//! Approvals: a step that needs one is resolved first, and people are asked about exactly what it would
//! do. It starts when enough of them said yes to that, and does that and nothing else.
//!
//! One uid is one person, whatever they call themselves: two yes of one person are one. Of whom the
//! workflow names (`from`) each may say yes or no; without names everybody may who has the role
//! `approve`. Whoever started the run counts like everybody else: alone they are enough only where one
//! person is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::resolve::Resolved;
use super::{Actor, Engine, Event, Request, RunStatus, StepState, StepStatus};
use crate::model::planted::{Bug, planted};
use crate::model::{Action, AgentId, Digest, Failure, FailureKind, RunId, Span, StepIx, Timestamp};
use crate::workflow::{Approval, Approver, OnTimeout};

/// Hexadecimal digits of a hash that tell it from others.
pub const HASH_DIGITS: usize = 8;
/// Bytes of a reason at most.
const MAX_REASON: usize = 1_024;

/// What people are asked before a step starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct AskedApproval {
    pub run: RunId,
    pub step: StepIx,
    /// Of what would be done: an approval is for this and nothing else.
    pub hash: Digest,
    pub action: Arc<Action>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Arc<Action>>,
    /// How many different people have to say yes.
    pub count: u32,
    /// Who may; nobody named is everybody who may approve at all.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub from: Arc<[Approver]>,
    /// How long is waited.
    pub until: Timestamp,
    /// What happens then.
    pub on_timeout: OnTimeout,
    /// Why it is asked, for those who decide.
    pub why: Arc<str>,
}

/// What people were asked before a step starts, and what they said.
#[derive(Debug, Clone, PartialEq)]
pub struct Permission {
    pub(super) asked: Box<AskedApproval>,
    pub(super) asked_at: Timestamp,
    pub(super) given: Vec<(Actor, Timestamp)>,
    pub(super) denied: Option<Box<Denied>>,
}

/// Who said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Arc<str>,
}

impl Permission {
    /// What is to be decided.
    pub fn asked(&self) -> &AskedApproval {
        &self.asked
    }
    /// When it was asked.
    pub fn asked_at(&self) -> Timestamp {
        self.asked_at
    }
    /// Who said yes, and when, in order.
    pub fn given(&self) -> &[(Actor, Timestamp)] {
        &self.given
    }
    /// Who said no.
    pub fn denied(&self) -> Option<&Denied> {
        self.denied.as_deref()
    }
    /// Whether enough people said yes, or the time for objections is over.
    pub fn is_granted(&self) -> bool {
        let objected = self.denied.is_some();
        !objected && (self.given.len() >= self.asked.count as usize || self.has(&Actor::engine()))
    }
    /// Whether it is still open.
    pub fn is_open(&self) -> bool {
        self.denied.is_none() && !self.is_granted()
    }
    /// The first digits of the hash: what people read, type and compare.
    pub fn short_hash(&self) -> String {
        let mut hash = self.asked.hash.to_string();
        hash.truncate(HASH_DIGITS);
        hash
    }

    fn has(&self, by: &Actor) -> bool {
        self.given.iter().any(|(other, _)| other.person() == by.person())
    }
}

/// The hash of what would be done: SHA-256 of the JSON of the action and of its undo.
fn hash_of((action, undo): &Resolved) -> Digest {
    let mut hash = Sha256::new();
    let parts = std::iter::once(action).chain(undo);
    for part in parts {
        // An action is plain data: it always has a JSON form.
        let json = serde_json::to_vec(&**part).unwrap_or_default();
        hash.update((json.len() as u64).to_le_bytes());
        hash.update(json);
    }
    Digest(hash.finalize().into())
}

impl Actor {
    /// The person behind it: of `NAME (uid N)` and of `uid N` the uid, else all of it. One uid is one
    /// person (C23).
    pub fn person(&self) -> &str {
        let text = &*self.0;
        let inner = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")).map(|(_, inner)| inner);
        inner.filter(|inner| inner.starts_with("uid ")).unwrap_or(text)
    }

    /// Whether it is this user, by name or number.
    fn is_user(&self, user: &str) -> bool {
        let name = self.0.rsplit_once(" (uid ").map(|(name, _)| name);
        name == Some(user) || &*self.0 == user || self.person().strip_prefix("uid ") == Some(user)
    }
}

impl Request {
    /// The same, asked by somebody in these groups. Whoever takes a request from a person says so, since
    /// only the system knows.
    #[must_use]
    pub fn asked_in(mut self, mine: &[String]) -> Request {
        if let Request::Approve { groups, .. } | Request::Deny { groups, .. } = &mut self {
            *groups = mine.iter().map(|group| Arc::from(group.as_str())).collect();
        }
        self
    }
}

/// Whether somebody is one of those who may.
fn is_among(from: &[Approver], by: &Actor, groups: &[Arc<str>]) -> bool {
    let is = |who: &Approver| match who {
        Approver::User(user) => by.is_user(user),
        Approver::Group(group) => groups.contains(group),
    };
    from.is_empty() || from.iter().any(is)
}

fn not_sent(message: String) -> Failure {
    Failure { kind: FailureKind::NotSent, message }
}

impl Engine {
    /// What a step was permitted to do, if people were asked and said yes.
    pub(super) fn permitted(&self, id: RunId, ix: StepIx) -> Option<Resolved> {
        let permission = self.permission(id, ix).filter(|permission| permission.is_granted())?;
        Some((Arc::clone(&permission.asked.action), permission.asked.undo.clone()))
    }

    fn permission(&self, id: RunId, ix: StepIx) -> Option<&Permission> {
        self.state.run(id)?.steps().get(ix.index())?.permission()
    }

    /// Asks people before a step starts for the first time, if somebody has to be asked, and says whether
    /// the step waits for them.
    pub(super) fn asks_first(&mut self, id: RunId, ix: StepIx, agent: AgentId, resolved: &Resolved) -> bool {
        let Some(step) = self.state.run(id).and_then(|run| run.steps().get(ix.index())) else { return false };
        if step.attempt() > 0 {
            return false;
        }
        let awaits = step.status() == StepStatus::AwaitingApproval;
        if awaits && step.until().is_some_and(|until| self.now < until) {
            return true;
        }
        let Some((approval, why)) = self.approval_needed(id, ix, agent, resolved) else { return false };
        self.waiting.remove(id, ix);
        let until = self.now + approval.timeout;
        self.emit(Event::ApprovalAsked(Box::new(AskedApproval {
            run: id,
            step: ix,
            hash: hash_of(resolved),
            action: Arc::clone(&resolved.0),
            undo: resolved.1.clone(),
            count: approval.count,
            from: approval.from,
            until,
            on_timeout: approval.on_timeout,
            why: Arc::from(why),
        })));
        self.watch_step(id, ix);
        true
    }

    /// What has to be approved before a step starts, and why: its workflow says so, or what it would do
    /// is more than may be done without a person.
    pub(super) fn approval_needed(
        &self,
        id: RunId,
        ix: StepIx,
        agent: AgentId,
        resolved: &Resolved,
    ) -> Option<(Approval, String)> {
        let own = self.definition(id, ix).and_then(|step| step.approval.clone());
        let guarded = self.guards(id, ix, agent, resolved);
        if own.is_none() && guarded.is_empty() {
            return None;
        }
        let mut approval = own.clone().unwrap_or_default();
        if !guarded.is_empty() && approval.on_timeout == OnTimeout::Approve {
            approval.on_timeout = OnTimeout::Park;
        }
        let own =
            own.map(|own| own.reason.map_or("its workflow asks for it".to_owned(), |why| why.to_string()));
        let why: Vec<String> = own.into_iter().chain(guarded).collect();
        Some((approval, why.join("; ")))
    }

    /// Whether a person is asked and time goes on: what was to be decided until a time is then over.
    fn is_too_late(&self, id: RunId, step: &StepState) -> bool {
        let stands = self.state.run(id).and_then(|run| run.paused_at.get());
        let halted = self.state.halt().map(|halt| halt.at());
        let now = stands.into_iter().chain(halted).min().unwrap_or(self.now);
        step.until().is_some_and(|until| until <= now)
    }

    /// The approval that is asked for a step, if it can still be decided.
    fn open_approval(&self, id: RunId, name: &str) -> Result<(StepIx, &Permission), String> {
        let run = self.state.run(id).ok_or_else(|| format!("{id} is not known"))?;
        let ids = || run.plan().steps.iter().map(|step| &*step.id);
        let place = ids().position(|step| step == name);
        let Some((i, step)) = place.and_then(|i| Some((i, run.steps().get(i)?))) else {
            let known = ids().collect::<Vec<_>>().join(", ");
            return Err(format!("{id} has no step `{name}`; there are: {known}"));
        };
        let ended = || match run.changed_by() {
            Some(by) => format!("{id} is {}, by {by}", run.status()),
            None => format!("{id} is {}", run.status()),
        };
        let Some(permission) = step.permission() else {
            return Err(format!("no approval is asked for `{name}` of {id}: it is {}", step.status()));
        };
        if let Some(Denied { by, at, .. }) = permission.denied() {
            return Err(format!("`{name}` of {id} was denied already, by {by} at {at}"));
        }
        if step.status() != StepStatus::AwaitingApproval {
            let first = permission.given().last();
            let first = first.map_or(String::new(), |(by, at)| format!("approved by {by} at {at}; "));
            return Err(format!("too late: {first}`{name}` is {}, {}", step.status(), ended()));
        }
        if permission.is_open() && self.is_too_late(id, step) {
            return Err(format!(
                "too late: the approval of `{name}` of {id} has expired; `quell retry {id}` asks again"
            ));
        }
        Ok((StepIx(i as u16), permission))
    }

    pub(super) fn on_approve(
        &mut self,
        id: RunId,
        name: &str,
        hash: &str,
        groups: &[Arc<str>],
        by: &Actor,
    ) -> Result<String, String> {
        let (ix, permission) = self.open_approval(id, name)?;
        may_decide(permission, id, name, hash, groups, by)?;
        let said = permission.given().iter().find(|(other, _)| other.person() == by.person());
        if let Some((_, at)) = said.filter(|_| !planted(Bug::YesCountsTwice)) {
            let left = permission.asked.count as usize
                - permission.given().len().min(permission.asked.count as usize);
            return Ok(format!("you approved `{name}` of {id} already, at {at}{}", still(left)));
        }
        if let Some((first, at)) = permission.given().last().filter(|_| permission.is_granted()) {
            return Ok(format!("`{name}` of {id} is approved already, by {first} at {at}"));
        }
        let hash = Box::new(permission.asked.hash);
        self.emit(Event::ApprovalGiven { run: id, step: ix, hash, by: Box::new(by.clone()) });
        let left = self.permission(id, ix).map_or(0, |permission| {
            (permission.asked.count as usize).saturating_sub(permission.given().len())
        });
        if left > 0 {
            return Ok(format!("`{name}` of {id}: approved by you{}", still(left)));
        }
        self.advance(id);
        let halted = self.state.halt().is_some();
        let begins = match self.state.run(id).map(|run| run.status()) {
            _ if halted => "; it begins when the halt is over",
            Some(RunStatus::Paused | RunStatus::Parked) => "; it begins when its run goes on",
            _ => "",
        };
        Ok(format!("`{name}` of {id} is approved{begins}"))
    }

    pub(super) fn on_deny(
        &mut self,
        id: RunId,
        name: &str,
        reason: &str,
        groups: &[Arc<str>],
        by: &Actor,
    ) -> Result<String, String> {
        let reason = reason.trim();
        if reason.is_empty() {
            return Err("a reason is needed".to_owned());
        }
        if reason.len() > MAX_REASON {
            return Err(format!("the reason has {} bytes, at most {MAX_REASON} are taken", reason.len()));
        }
        let (ix, permission) = self.open_approval(id, name)?;
        if let Some((by, at)) = permission.given().last().filter(|_| permission.is_granted()) {
            return Err(format!(
                "`{name}` of {id} is approved, by {by} at {at}; `quell cancel {id}` stops the run"
            ));
        }
        may_decide(permission, id, name, "", groups, by)?;
        let hash = Box::new(permission.asked.hash);
        let reason = Arc::from(reason);
        self.emit(Event::ApprovalDenied { run: id, step: ix, hash, by: Box::new(by.clone()), reason });
        self.fail_denied(id, ix);
        Ok(format!("`{name}` of {id} is denied"))
    }

    /// A step that was denied fails.
    fn fail_denied(&mut self, id: RunId, ix: StepIx) {
        let Some(Denied { by, reason, .. }) = self.permission(id, ix).and_then(Permission::denied) else {
            return;
        };
        let message = format!("denied by {by}: {reason}");
        self.on_step_failed(id, ix, not_sent(message));
    }

    /// Nobody decided in time.
    pub(super) fn on_approval_timeout(&mut self, id: RunId, ix: StepIx) {
        let Some(permission) = self.permission(id, ix).filter(|permission| permission.is_open()) else {
            return;
        };
        let name = self.state.run(id).map_or("?", |run| run.step_id(ix)).to_owned();
        let (given, count) = (permission.given().len(), permission.asked.count);
        let waited = self.now.since(permission.asked_at);
        let waited = Span(waited.0 - waited.0 % 1_000_000);
        match permission.asked.on_timeout {
            OnTimeout::Deny if !planted(Bug::SilenceIsYes) => {
                let message = format!("nobody approved it in time: {given} of {count} in {waited}");
                self.on_step_failed(id, ix, not_sent(message));
            }
            OnTimeout::Park => {
                let why = format!("expired approval: `{name}` had {given} of {count} in {waited}");
                self.emit(Event::RunParked { run: id, why: Arc::from(why) });
            }
            OnTimeout::Deny | OnTimeout::Approve => {
                let hash = Box::new(permission.asked.hash);
                let by = Box::new(Actor::engine());
                self.emit(Event::ApprovalGiven { run: id, step: ix, hash, by });
                self.advance(id);
            }
        }
    }

    /// A parked run goes on: what nobody decided in time is asked again.
    pub(super) fn ask_expired_again(&mut self, id: RunId) {
        let Some(run) = self.state.run(id) else { return };
        let expired =
            |step: &StepState| step.awaits_approval() && step.until().is_some_and(|until| until <= self.now);
        let expired = run.steps().iter().enumerate().filter(|(_, step)| expired(step));
        for ix in expired.map(|(i, _)| StepIx(i as u16)).collect::<Vec<_>>() {
            self.start_and_go_on(id, ix);
        }
    }

    /// Steps that were denied, where the journal ends before the consequence.
    pub(super) fn settle_denied(&mut self, id: RunId) {
        let Some(run) = self.state.run(id) else { return };
        let denied = |step: &StepState| {
            step.status() == StepStatus::AwaitingApproval
                && step.permission().is_some_and(|permission| permission.denied().is_some())
        };
        let denied = run.steps().iter().enumerate().filter(|(_, step)| denied(step));
        for ix in denied.map(|(i, _)| StepIx(i as u16)).collect::<Vec<_>>() {
            self.fail_denied(id, ix);
        }
    }
}

fn still(left: usize) -> String {
    match left {
        0 => String::new(),
        1 => "; one more person has to".to_owned(),
        n => format!("; {n} more people have to"),
    }
}

/// Whether somebody may say yes or no to what they saw.
fn may_decide(
    permission: &Permission,
    id: RunId,
    name: &str,
    hash: &str,
    groups: &[Arc<str>],
    by: &Actor,
) -> Result<(), String> {
    let AskedApproval { hash: asked, from, .. } = permission.asked();
    if !hash.is_empty() && !planted(Bug::YesToAnother) {
        if hash.len() < HASH_DIGITS {
            return Err(format!("a hash has at least {HASH_DIGITS} digits"));
        }
        if !asked.to_string().starts_with(&hash.to_ascii_lowercase()) {
            let now = permission.short_hash();
            return Err(format!(
                "what `{name}` of {id} would do has changed since you looked: it is {now} now"
            ));
        }
    }
    if !is_among(from, by, groups) {
        let among: Vec<String> = from.iter().map(ToString::to_string).collect();
        return Err(format!("{by} may not decide about `{name}` of {id}: {} may", among.join(", ")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c23_one_uid_is_one_person() {
        for (actor, person, user) in [
            ("ann (uid 1000)", "uid 1000", "ann"),
            ("uid 1000", "uid 1000", "1000"),
            ("other (uid 1000)", "uid 1000", "1000"),
            ("ada", "ada", "ada"),
            ("ann (the boss)", "ann (the boss)", "ann (the boss)"),
        ] {
            let actor = Actor(Arc::from(actor));
            assert_eq!(actor.person(), person);
            assert!(actor.is_user(user), "{actor} {user}");
            assert!(!actor.is_user("uid 1000") || actor.0.starts_with("uid"), "{actor}");
        }
    }

    #[test]
    fn names_are_of_users_or_of_groups() {
        let from = [Approver::User("ann".into()), Approver::Group("soc".into())];
        let groups = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect::<Vec<_>>();
        for (by, mine, may) in [
            ("ann (uid 1)", vec![], true),
            ("bob (uid 2)", vec!["soc"], true),
            ("bob (uid 2)", vec!["ann"], false),
            ("soc (uid 3)", vec!["desk"], false),
        ] {
            assert_eq!(is_among(&from, &Actor(Arc::from(by)), &groups(&mine)), may, "{by}");
            assert!(is_among(&[], &Actor(Arc::from(by)), &groups(&mine)));
        }
    }
}
