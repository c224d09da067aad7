//! Documents → a set: references become indices, filters are added to their rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::correlation::Draft;
use super::filter;
use super::origin::Origin;
use super::set::{Correlation, Feed, Program, Rule, RuleSet};
use super::texts::shown;
use crate::flow::fault::did_you_mean;
use crate::flow::yaml::Place;
use crate::model::{Mistake, RuleHead};

/// What a document is.
pub enum Body {
    Detection(Origin, Program),
    Correlation(Draft),
    Filter(filter::Draft),
}

/// A document that was read without mistakes of its own.
pub struct Parsed<'a> {
    pub file: &'a str,
    pub at: Place,
    pub head: Arc<RuleHead>,
    pub body: Body,
}

/// What a name leads to: an index among the rules or the correlations.
#[derive(Clone, Copy)]
enum Target {
    Rule(usize),
    Correlation(usize),
    Filter,
}

struct Linker<'a, 'm> {
    set: RuleSet,
    names: BTreeMap<Arc<str>, Target>,
    broken: Vec<Arc<RuleHead>>,
    mistakes: &'m mut Vec<Mistake>,
    correlations: Vec<(&'a str, Draft)>,
}

/// Links what was read; with the number of documents that became part of the set. Documents with a
/// wrong reference are left out, and so is what refers to them in turn.
pub fn link(
    parsed: Vec<Parsed<'_>>,
    broken: Vec<Arc<RuleHead>>,
    mistakes: &mut Vec<Mistake>,
) -> (RuleSet, usize) {
    let parsed = unique(parsed, mistakes);
    let (order, cyclic) = in_order(&parsed, mistakes);
    let mut linker = Linker {
        set: RuleSet::default(),
        names: BTreeMap::new(),
        broken,
        mistakes,
        correlations: Vec::new(),
    };
    linker.broken.extend(cyclic);
    let mut places: Vec<Option<Parsed>> = parsed.into_iter().map(Some).collect();
    let mut filters = Vec::new();
    for index in order {
        let Some(Parsed { file, at: _, head, body }) = places.get_mut(index).and_then(Option::take) else {
            continue;
        };
        match body {
            Body::Detection(origin, program) => linker.rule(head, origin, program),
            Body::Correlation(draft) => linker.correlation(file, head, draft),
            Body::Filter(draft) => {
                linker.name(&head, Target::Filter);
                filters.push((file, head, draft));
            }
        }
    }
    let mut applied = 0;
    for (file, head, draft) in filters {
        applied += usize::from(linker.filter(file, &head, &draft));
    }
    linker.silence();
    let linked = linker.set.rules.len() + linker.set.correlations.len() + applied;
    (linker.set, linked)
}

/// Two documents with one name or id are a mistake; the first one keeps it.
fn unique<'a>(parsed: Vec<Parsed<'a>>, mistakes: &mut Vec<Mistake>) -> Vec<Parsed<'a>> {
    let mut taken: BTreeMap<Arc<str>, (&'a str, u32)> = BTreeMap::new();
    let mut kept: Vec<Parsed<'a>> = Vec::with_capacity(parsed.len());
    for rule in parsed {
        let mut own = vec![("name", &rule.head.name)];
        if rule.head.id != rule.head.name {
            own.push(("id", &rule.head.id));
        }
        let before = mistakes.len();
        for (what, name) in own {
            let Some((file, line)) = taken.get(name) else { continue };
            let message = format!("the {what} `{}` is taken by {file}:{line}", shown(name));
            let hint = Some("give each rule its own `name` and `id`".to_owned());
            mistakes.push(rule.at.mistake(rule.file, message, hint));
        }
        if mistakes.len() == before {
            for name in [&rule.head.name, &rule.head.id] {
                taken.insert(name.clone(), (rule.file, rule.at.line));
            }
            kept.push(rule);
        }
    }
    kept
}

/// The order in which nothing refers to what comes later: detections, then correlations after those
/// that they refer to, else as they were read. Those that refer to themselves in a circle are left out.
fn in_order(parsed: &[Parsed], mistakes: &mut Vec<Mistake>) -> (Vec<usize>, Vec<Arc<RuleHead>>) {
    let names: BTreeMap<&str, usize> = parsed
        .iter()
        .enumerate()
        .flat_map(|(index, rule)| [(&*rule.head.name, index), (&*rule.head.id, index)])
        .collect();
    let is_correlation = |rule: &Parsed| matches!(rule.body, Body::Correlation(_));
    let (correlations, mut order): (Vec<usize>, Vec<usize>) =
        (0..parsed.len()).partition(|index| parsed.get(*index).is_some_and(is_correlation));
    let mut placed = vec![true; parsed.len()];
    for index in &correlations {
        if let Some(place) = placed.get_mut(*index) {
            *place = false;
        }
    }
    let mut left = correlations;
    loop {
        let before = left.len();
        left.retain(|index| {
            let Some(Parsed { body: Body::Correlation(draft), .. }) = parsed.get(*index) else {
                return false;
            };
            let mut bases = draft.rules.iter().filter_map(|(_, name)| names.get(name.as_str()));
            let waits = bases.any(|base| !placed.get(*base).copied().unwrap_or(true));
            if !waits {
                order.push(*index);
                if let Some(place) = placed.get_mut(*index) {
                    *place = true;
                }
            }
            waits
        });
        if left.len() == before {
            break;
        }
    }
    let mut cyclic = Vec::new();
    for rule in left.iter().filter_map(|index| parsed.get(*index)) {
        let message =
            format!("the correlation `{}` refers to itself through its rules", shown(&rule.head.name));
        mistakes.push(rule.at.mistake(rule.file, message, Some("break the circle".to_owned())));
        cyclic.push(rule.head.clone());
    }
    (order, cyclic)
}

impl<'a> Linker<'a, '_> {
    fn name(&mut self, head: &RuleHead, target: Target) {
        self.names.insert(head.name.clone(), target);
        self.names.insert(head.id.clone(), target);
    }

    fn rule(&mut self, head: Arc<RuleHead>, origin: Origin, program: Program) {
        self.name(&head, Target::Rule(self.set.rules.len()));
        self.set.rules.push(Rule {
            head,
            origin,
            program,
            filters: Vec::new(),
            emits: true,
            feeds: Vec::new(),
        });
    }

    /// What a name leads to. A rule with mistakes of its own is no further mistake.
    fn find(&mut self, file: &str, at: Place, name: &str) -> Option<Target> {
        let found = self.names.get(name).copied();
        if found.is_none() && !self.broken.iter().any(|head| *head.name == *name || *head.id == *name) {
            let message = format!("there is no rule `{}`", shown(name));
            let hint = did_you_mean(name, self.names.keys().map(|name| &**name))
                .unwrap_or_else(|| "refer to a rule by its `name` or `id`".to_owned());
            self.mistakes.push(at.mistake(file, message, Some(hint)));
        }
        found
    }

    fn correlation(&mut self, file: &'a str, head: Arc<RuleHead>, draft: Draft) {
        let before = self.mistakes.len();
        let mut bases = Vec::with_capacity(draft.rules.len());
        for (at, name) in &draft.rules {
            match self.find(file, *at, name) {
                Some(Target::Filter) => {
                    let message = format!("`{}` is a filter; it finds nothing", shown(name));
                    self.mistakes.push(at.mistake(file, message, None));
                }
                other => bases.push(other),
            }
        }
        draft.check_aliases(|at, fault| self.mistakes.push(at.mistake(file, fault.message, fault.hint)));
        let bases: Option<Vec<Target>> = bases.into_iter().collect();
        let Some(bases) = bases.filter(|_| self.mistakes.len() == before) else {
            self.broken.push(head);
            return;
        };
        let number = self.set.correlations.len();
        let is_correlation = |base: &Target| matches!(base, Target::Correlation(_));
        let positions = bases.iter().enumerate().filter(|(_, base)| is_correlation(base));
        let chained = positions.map(|(position, _)| position).collect();
        for (position, base) in bases.into_iter().enumerate() {
            let feeds = match base {
                Target::Rule(base) => self.set.rules.get_mut(base).map(|rule| &mut rule.feeds),
                Target::Correlation(base) => self.set.correlations.get_mut(base).map(|rule| &mut rule.feeds),
                Target::Filter => None,
            };
            feeds.into_iter().for_each(|feeds| feeds.push(Feed { correlation: number, position }));
        }
        self.name(&head, Target::Correlation(number));
        self.set.correlations.push(Correlation {
            head,
            keys: draft.keys(),
            counted: draft.counted.clone(),
            group_by: draft.group_by.clone(),
            timespan: draft.timespan,
            bounds: draft.bounds.clone(),
            emits: true,
            feeds: Vec::new(),
            chained,
        });
        self.correlations.push((file, draft));
    }

    /// Adds a filter to its rules; says whether it is part of the set.
    fn filter(&mut self, file: &str, head: &Arc<RuleHead>, draft: &filter::Draft) -> bool {
        let Some(named) = &draft.rules else {
            self.set
                .rules
                .iter_mut()
                .filter(|rule| draft.fits(rule))
                .for_each(|rule| draft.apply(head, rule));
            return true;
        };
        let before = self.mistakes.len();
        let mut whole = true;
        for (at, name) in named {
            let message = match self.find(file, *at, name) {
                None => {
                    whole = false;
                    continue;
                }
                Some(Target::Rule(index)) => match self.set.rules.get_mut(index) {
                    Some(rule) if draft.fits(rule) => {
                        draft.apply(head, rule);
                        continue;
                    }
                    _ => format!("`{}` is for another log source than this filter", shown(name)),
                },
                Some(Target::Correlation(_) | Target::Filter) => {
                    format!("`{}` is no detection; a filter acts on detections", shown(name))
                }
            };
            self.mistakes.push(at.mistake(file, message, None));
        }
        whole && self.mistakes.len() == before
    }

    /// What feeds correlations finds nothing by itself, unless one of them says `generate`.
    fn silence(&mut self) {
        let generates: Vec<bool> = self.correlations.iter().map(|(_, draft)| draft.generate).collect();
        let emits = |feeds: &[Feed]| {
            let mut generating = feeds.iter().map(|feed| generates.get(feed.correlation).copied());
            feeds.is_empty() || generating.any(|generate| generate == Some(true))
        };
        self.set.rules.iter_mut().for_each(|rule| rule.emits = emits(&rule.feeds));
        self.set.correlations.iter_mut().for_each(|rule| rule.emits = emits(&rule.feeds));
    }
}
