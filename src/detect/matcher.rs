//! From a signal to the rules that match it: by log source, then by index, then by asking.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::bound::is_memorable;
use super::figures::{Nanos, Timing};
use crate::model::{LogSource, Signal};
use crate::rule::{Candidates, Index, RuleSet, Scope};

/// Whether a rule sees only signals from the log source that it names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Routing {
    /// It does.
    #[default]
    Auto,
    /// Every rule sees every signal.
    Off,
}

/// Single rules at work. Without memory of signals: any number of them may share the work.
#[derive(Debug)]
pub struct Matcher {
    rules: Arc<RuleSet>,
    routing: Routing,
    /// The most log sources that are kept.
    limit: usize,
    /// All rules, from the first signal on.
    index: Option<Arc<Index>>,
    routes: HashMap<LogSource, Arc<Scope>, FixedState>,
    /// Log sources that lead to the same rules share what leads there.
    scopes: HashMap<Vec<u32>, Arc<Scope>, FixedState>,
    candidates: Candidates,
    asked: u64,
    timing: Option<Timing>,
}

impl Matcher {
    /// A matcher that keeps at most `limit` log sources. `seed` keys its tables.
    pub fn new(rules: Arc<RuleSet>, routing: Routing, limit: usize, seed: u64) -> Self {
        Matcher {
            rules,
            routing,
            limit,
            index: None,
            routes: HashMap::with_hasher(FixedState::with_seed(seed)),
            scopes: HashMap::with_hasher(FixedState::with_seed(seed)),
            candidates: Candidates::default(),
            asked: 0,
            timing: None,
        }
    }

    /// How many rules were asked so far: the cost that routing and index leave over.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// Another matcher that shares the index with this one.
    pub fn another(&mut self) -> Matcher {
        Matcher {
            rules: self.rules.clone(),
            index: Some(self.index()),
            routes: self.routes.clone(),
            scopes: self.scopes.clone(),
            candidates: Candidates::default(),
            asked: 0,
            timing: None,
            ..*self
        }
    }

    fn index(&mut self) -> Arc<Index> {
        self.index.get_or_insert_with(|| Arc::new(self.rules.index())).clone()
    }

    /// Times what rules cost, by this clock.
    pub fn time_by(&mut self, clock: Nanos) {
        self.timing = Some(Timing::new(clock, self.rules.rules().len()));
    }

    /// What was timed.
    pub fn timing(&self) -> Option<&Timing> {
        self.timing.as_ref()
    }

    /// Fills `found` with the numbers of the rules that match, in ascending order.
    pub fn find(&mut self, signal: &Signal, found: &mut Vec<u32>) {
        found.clear();
        let index = self.index();
        let scope = match self.routes.get(&signal.origin) {
            Some(scope) => scope.clone(),
            None => self.route(&index, &signal.origin),
        };
        index.candidates(&scope, signal, &mut self.candidates);
        let candidates = self.candidates.numbers();
        self.asked += candidates.len() as u64;
        let rules = self.rules.rules();
        if let Some(timing) = &mut self.timing
            && timing.is_due()
        {
            let ask = |number: &&u32| {
                let rule = rules.get(**number as usize);
                timing.time(**number, || rule.is_some_and(|rule| rule.program.matches(signal)))
            };
            found.extend(candidates.iter().filter(ask));
            return;
        }
        let matches =
            |number: &&u32| rules.get(**number as usize).is_some_and(|rule| rule.program.matches(signal));
        found.extend(candidates.iter().filter(matches));
    }

    fn route(&mut self, index: &Index, origin: &LogSource) -> Arc<Scope> {
        let numbers = match self.routing {
            Routing::Auto => self.rules.covering(origin),
            Routing::Off => self.rules.all(),
        };
        let scope = match self.scopes.get(&numbers) {
            Some(scope) => scope.clone(),
            None if self.scopes.len() < self.limit => {
                let scope = Arc::new(index.scope(&numbers));
                self.scopes.insert(numbers, scope.clone());
                scope
            }
            None => Arc::new(index.plain_scope(&numbers, true)),
        };
        if self.routes.len() < self.limit && is_memorable(origin) {
            self.routes.insert(origin.clone(), scope.clone());
        }
        scope
    }
}
