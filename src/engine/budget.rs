//! Blast radius (C28): how many targets an action, or a workflow, may act on before people are asked.
//!
//! Targets are counted as addresses: a /24 is 256 of them, of a list each counts, and what is no
//! address is one. What was acted on is counted from the records, so that it survives a restart.

use std::collections::VecDeque;
use std::sync::Arc;

use super::protect::Prefix;
use super::resolve::Resolved;
use super::{Engine, Obligation, State};
use crate::model::planted::{Bug, planted};
use crate::model::{Action, AgentId, RunId, StepIx, Timestamp};

const MINUTE: i64 = 60_000_000;
/// Minutes that an hour touches.
const HOUR: i64 = 60;

/// How much of an action is done without asking a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budget {
    /// The action.
    pub action: Arc<str>,
    /// Targets in any hour.
    pub per_hour: Option<u64>,
    /// Targets in force at once.
    pub total: Option<u64>,
    /// The largest prefix of IPv4 addresses: the number of its bits.
    pub prefix4: Option<u8>,
    /// The largest prefix of IPv6 addresses: the number of its bits.
    pub prefix6: Option<u8>,
}

/// What was acted on by an action, or by a workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Targets by minute, oldest first: those of the last hour.
    pub(super) minutes: VecDeque<(i64, u64)>,
}

impl Account {
    /// Targets in the last hour. Counted by minutes: one counts for an hour, and at most a minute longer.
    pub fn last_hour(&self, now: Timestamp) -> u64 {
        let since = now.0.div_euclid(MINUTE) - HOUR;
        let recent = self
            .minutes
            .iter()
            .rev()
            .take_while(|(minute, _)| *minute >= since || planted(Bug::BudgetNeverReset));
        recent.fold(0, |sum, (_, targets)| sum.saturating_add(*targets))
    }

    pub(super) fn spend(&mut self, targets: u64, at: Timestamp) {
        let minute = at.0.div_euclid(MINUTE);
        match self.minutes.back_mut() {
            Some((last, sum)) if *last >= minute => *sum = sum.saturating_add(targets),
            _ => self.minutes.push_back((minute, targets)),
        }
        let over = |first: i64| first < minute - HOUR && !planted(Bug::BudgetNeverReset);
        while self.minutes.front().is_some_and(|(first, _)| over(*first)) {
            self.minutes.pop_front();
        }
    }
}

/// How many addresses a target is.
pub(super) fn size(target: &str) -> u64 {
    let words =
        target.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|word| !word.is_empty());
    words
        .fold(0, |sum: u64, word| sum.saturating_add(word.parse::<Prefix>().map_or(1, Prefix::addresses)))
        .max(1)
}

impl Engine {
    /// What keeps a step from starting without a person beside its own workflow, in words.
    pub(super) fn guards(&self, id: RunId, ix: StepIx, agent: AgentId, resolved: &Resolved) -> Vec<String> {
        let lifts = self.library.spec(agent).and_then(|spec| spec.actions.get(&resolved.0.name)?.lifts);
        if lifts == Some(true) {
            return Vec::new();
        }
        let mut found = self.over_budget(id, &resolved.0);
        found.extend(self.unproven(id, ix, agent, resolved));
        found
    }

    fn over_budget(&self, id: RunId, action: &Action) -> Vec<String> {
        let Some(target) = &action.target else { return Vec::new() };
        let (name, more) = (&action.name, size(target));
        let mut found = Vec::new();
        let mut check = |what: String, used: u64, limit: Option<u64>| {
            let sum = used.saturating_add(more);
            if let Some(limit) = limit.filter(|limit| sum > *limit) {
                let over = sum - limit;
                found.push(format!("over budget by {over}: {what} {sum}, at most {limit} without asking"));
            }
        };
        let account = self.state.account(name);
        for budget in self.setup.limits.budgets.iter().filter(|budget| budget.action == *name) {
            let hour = account.map_or(0, |account| account.last_hour(self.now));
            check(format!("`{name}` per hour:"), hour, budget.per_hour);
            if budget.total.is_some() {
                check(
                    format!("`{name}` in force:"),
                    self.state.targets_in_force(name, self.now),
                    budget.total,
                );
            }
        }
        if let Some((workflow, limit)) = self.workflow_limit(id) {
            let used =
                self.state.workflow_account(&workflow).map_or(0, |account| account.last_hour(self.now));
            check(format!("targets of `{workflow}` per hour:"), used, Some(limit));
        }
        for budget in self.setup.limits.budgets.iter().filter(|budget| budget.action == *name) {
            found.extend(too_large(budget, target));
        }
        found
    }

    fn workflow_limit(&self, id: RunId) -> Option<(Arc<str>, u64)> {
        let workflow = &self.library.get(self.state.run(id)?.hash())?.workflow;
        Some((Arc::clone(&workflow.name), workflow.targets?))
    }
}

/// Whether a target is a larger prefix than may be acted on without asking.
fn too_large(budget: &Budget, target: &str) -> Option<String> {
    let words = target.split(|c: char| c.is_whitespace() || c == ',' || c == ';');
    let prefixes = words.filter_map(|word| word.parse::<Prefix>().ok());
    let mut large = prefixes.filter_map(|prefix| {
        let (len, v4) = prefix.bits();
        let least = if v4 { budget.prefix4 } else { budget.prefix6 }?;
        (len < least).then(|| format!("{prefix} is a larger prefix than /{least}"))
    });
    large.next()
}

impl State {
    /// What was acted on by an action.
    pub fn account(&self, action: &str) -> Option<&Account> {
        self.accounts.get(action)
    }
    /// What was acted on by the runs of a workflow.
    pub fn workflow_account(&self, workflow: &str) -> Option<&Account> {
        self.workflow_accounts.get(workflow)
    }
    /// Targets on which an action is in force, or may be.
    pub fn targets_in_force(&self, action: &str, now: Timestamp) -> u64 {
        let lasts =
            |o: &&Obligation| *o.action().name == *action && o.until().is_none_or(|until| now < until);
        let targets = self.ledger().standing().filter(lasts).filter_map(|o| o.action().target.as_deref());
        targets.fold(0, |sum, target| sum.saturating_add(size(target)))
    }
    /// What was acted on, by action.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, &Account)> {
        self.accounts.iter().map(|(name, account)| (&**name, account))
    }
    /// What was acted on, by workflow.
    pub fn workflow_accounts(&self) -> impl Iterator<Item = (&str, &Account)> {
        self.workflow_accounts.iter().map(|(name, account)| (&**name, account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_counted_as_addresses() {
        for (target, count) in [
            ("192.0.2.7", 1),
            ("192.0.2.0/24", 256),
            ("10.0.0.0/8", 1 << 24),
            ("2001:db8::/64", u64::MAX),
            ("2001:db8::/120", 256),
            ("192.0.2.7, 192.0.2.8 198.51.100.0/30", 6),
            ("192.0.2.0/24,198.51.100.0/24", 512),
            ("192.0.2.0/24;198.51.100.0/24", 512),
            ("192.0.2.0/24 198.51.100.0/24", 512),
            ("alice", 1),
            ("", 1),
        ] {
            assert_eq!(size(target), count, "{target}");
        }
    }

    #[test]
    fn c28_an_hour_slides_by_minutes_and_never_forgets_too_early() {
        let at = |secs: i64| Timestamp::from_secs(1_800_000_000 + secs);
        let mut account = Account::default();
        for (secs, targets) in [(0, 5), (30, 1), (59, 1), (120, 10)] {
            account.spend(targets, at(secs));
        }
        assert_eq!(account.minutes.len(), 2, "one entry for a minute");
        for (secs, sum) in [(120, 17), (3_599, 17), (3_659, 17), (3_660, 10), (3_720, 10), (3_780, 0)] {
            assert_eq!(account.last_hour(at(secs)), sum, "after {secs} s");
        }
        account.spend(1, at(7_200));
        assert_eq!(account.minutes.len(), 1, "what is older is not kept");
        account.spend(1, at(7_200 + 3_600));
        assert_eq!(account.minutes.len(), 2, "the minute that an hour touches last is kept");
    }
}
