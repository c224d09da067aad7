//! The compiled rules, and the way from a signal to those that can match it.

use std::sync::Arc;

use super::bounds::Bounds;
use super::condition::Condition;
use super::correlation::Counted;
use super::field::FieldName;
use super::index::Index;
use super::indicator::Lists;
use super::origin::Origin;
use super::search::Search;
use crate::model::{LogSource, RuleHead, Signal, Span};

/// A compiled detection: pure, and all that it needs to look at a signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    pub(super) searches: Vec<Search>,
    pub(super) condition: Condition,
}

impl Program {
    /// Whether the signal matches.
    pub fn matches(&self, signal: &Signal) -> bool {
        self.condition.matches(&self.searches, signal)
    }
}

/// A detection rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its head.
    pub head: Arc<RuleHead>,
    /// Which signals it is for.
    pub origin: Origin,
    /// Its compiled detection, its filters in it.
    pub program: Program,
    /// The filters that were added to it.
    pub filters: Vec<Arc<RuleHead>>,
    /// Whether a match is a detection by itself; not so if it only feeds correlations.
    pub emits: bool,
    /// The correlations that it feeds.
    pub feeds: Vec<Feed>,
}

/// A place among the rules of a correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Feed {
    /// The correlation, by index.
    pub correlation: usize,
    /// Which of its rules this is.
    pub position: usize,
}

/// A correlation rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlation {
    /// Its head.
    pub head: Arc<RuleHead>,
    /// What it counts.
    pub counted: Counted,
    /// The names of the fields by which signals are grouped; a signal that lacks one does not count.
    pub group_by: Vec<Box<str>>,
    /// What these names are in the signals of each of its rules.
    pub keys: Vec<Vec<FieldName>>,
    /// The length of the window, ends included.
    pub timespan: Span,
    /// For which measures of its window it fires.
    pub bounds: Bounds,
    /// Whether it sends detections; not so if it only feeds other correlations.
    pub emits: bool,
    /// The correlations that it feeds in turn; they come after it.
    pub feeds: Vec<Feed>,
    /// Which of its rules are correlations, by position.
    pub chained: Vec<usize>,
}

impl Correlation {
    /// How long a group without signals is kept beyond its lateness.
    pub fn retention(&self) -> Span {
        match &self.counted {
            Counted::Anomaly(anomaly) => anomaly.keep.max(self.timespan),
            _ => self.timespan,
        }
    }

    /// Whether it matters which of its rules a signal matched.
    pub fn counts_rules(&self) -> bool {
        matches!(self.counted, Counted::Rules(_) | Counted::Sequence)
    }
}

/// Every rule of a setup.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleSet {
    pub(super) rules: Vec<Rule>,
    pub(super) correlations: Vec<Correlation>,
    pub(super) lists: Lists,
}

impl RuleSet {
    /// The detection rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The correlation rules.
    pub fn correlations(&self) -> &[Correlation] {
        &self.correlations
    }

    /// The indicator lists that its rules may ask.
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// The heads of the rules that can send detections: those that triggers can name.
    pub fn heads(&self) -> impl Iterator<Item = &Arc<RuleHead>> {
        let singles = self.rules.iter().filter(|rule| rule.emits).map(|rule| &rule.head);
        let correlations = self.correlations.iter().filter(|correlation| correlation.emits);
        singles.chain(correlations.map(|correlation| &correlation.head))
    }

    /// The numbers of the rules for signals from there.
    pub fn covering(&self, source: &LogSource) -> Vec<u32> {
        let rules = self.rules.iter().enumerate();
        rules.filter(|(_, rule)| rule.origin.covers(source)).map(|(number, _)| number as u32).collect()
    }

    /// The numbers of all rules.
    pub fn all(&self) -> Vec<u32> {
        (0..self.rules.len() as u32).collect()
    }

    /// An index over all rules.
    pub fn index(&self) -> Index {
        Index::new(self)
    }
}
