//! From a signal to the rules that match it: by log source, then by index, then by asking.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::bound::is_memorable;
use super::figures::{Nanos, Timing};
use crate::model::{LogSource, Signal};
use crate::rule::{Candidates, Index, RuleSet};

/// Whether a rule sees only signals from the log source that it names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Routing {
    /// It does.
    #[default]
    Auto,
    /// Every rule sees every signal.
    Off,
}

/// The rules that a log source leads to.
#[derive(Debug, Clone)]
enum Route {
    Indexed(Arc<Index>),
    /// Every one of them is asked: for log sources beyond the limit.
    Plain(Arc<[u32]>),
}

/// Single rules at work. Without memory of signals: any number of them may share the work.
#[derive(Debug)]
pub struct Matcher {
    rules: Arc<RuleSet>,
    routing: Routing,
    /// The most log sources, and the most indexes, that are kept.
    limit: usize,
    routes: HashMap<LogSource, Route, FixedState>,
    /// Log sources that lead to the same rules share one index.
    indexes: HashMap<Vec<u32>, Arc<Index>, FixedState>,
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
            routes: HashMap::with_hasher(FixedState::with_seed(seed)),
            indexes: HashMap::with_hasher(FixedState::with_seed(seed)),
            candidates: Candidates::default(),
            asked: 0,
            timing: None,
        }
    }

    /// How many rules were asked so far: the cost that routing and index leave over.
    pub fn asked(&self) -> u64 {
        self.asked
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
        let route = match self.routes.get(&signal.origin) {
            Some(route) => route.clone(),
            None => self.route(&signal.origin),
        };
        let candidates = match &route {
            Route::Indexed(index) => {
                index.candidates(signal, &mut self.candidates);
                self.candidates.numbers()
            }
            Route::Plain(numbers) => numbers,
        };
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

    fn route(&mut self, origin: &LogSource) -> Route {
        let numbers = match self.routing {
            Routing::Auto => self.rules.covering(origin),
            Routing::Off => self.rules.all(),
        };
        let route = match self.indexes.get(&numbers) {
            Some(index) => Route::Indexed(index.clone()),
            None if self.indexes.len() < self.limit => {
                let index = Arc::new(self.rules.index(&numbers));
                self.indexes.insert(numbers, index.clone());
                Route::Indexed(index)
            }
            None => Route::Plain(numbers.into()),
        };
        if self.routes.len() < self.limit && is_memorable(origin) {
            self.routes.insert(origin.clone(), route.clone());
        }
        route
    }
}
