//! What another rule set changes: rules that mean what they meant keep their windows.

use std::fmt;

use super::set::{Correlation, RuleSet};

/// A rule set beside the one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Rules that were not there.
    pub new: usize,
    /// Rules that say something else, or refer to one that does.
    pub changed: usize,
    /// Rules that are no longer there.
    pub gone: usize,
    /// For each correlation of the new set: which one of the old set it is, if it means the same.
    pub same: Vec<Option<usize>>,
}

/// What stands at a position of a correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Rule(usize),
    Correlation(usize),
}

impl RuleSet {
    /// Compares this set to the one that it follows. A correlation is the same if it has the same id, counts
    /// the same in the same way, and so do the rules that it refers to, with their filters and the values of
    /// their placeholders. What is in an indicator list does not count.
    pub fn change_from(&self, old: &RuleSet) -> Change {
        let (bases, old_bases) = (self.bases(), old.bases());
        let mut change = Change::default();
        for (number, rule) in self.correlations.iter().enumerate() {
            let before = old.correlations.iter().position(|other| other.head.id == rule.head.id);
            let same = before.filter(|before| {
                let were = old.correlations.get(*before);
                let alike = were.is_some_and(|were| rule.counts_as(were));
                let (now, then) = (bases.get(number), old_bases.get(*before));
                let (Some(now), Some(then)) = (now, then) else { return false };
                alike
                    && now.len() == then.len()
                    && now.iter().zip(then).all(|(now, then)| match (now, then) {
                        (Base::Rule(now), Base::Rule(then)) => self.finds_as(*now, old, *then),
                        // A correlation comes after those that it refers to.
                        (Base::Correlation(now), Base::Correlation(then)) => {
                            change.same.get(*now) == Some(&Some(*then))
                        }
                        _ => false,
                    })
            });
            let told = before.and_then(|before| old.correlations.get(before));
            let told = told.is_some_and(|were| were.head == rule.head && were.emits == rule.emits);
            change.count(before, same.is_some() && told);
            change.same.push(same);
        }
        for (number, rule) in self.rules.iter().enumerate() {
            let before = old.rules.iter().position(|other| other.head.id == rule.head.id);
            let told = before.and_then(|before| old.rules.get(before));
            let told = told.is_some_and(|were| were.head == rule.head && were.emits == rule.emits);
            change.count(before, told && before.is_some_and(|before| self.finds_as(number, old, before)));
        }
        let known = |id: &str| {
            let mut rules = self.rules.iter().map(|rule| &rule.head.id);
            let mut correlations = self.correlations.iter().map(|rule| &rule.head.id);
            rules.any(|known| **known == *id) || correlations.any(|known| **known == *id)
        };
        let rules = old.rules.iter().map(|rule| &rule.head.id);
        let correlations = old.correlations.iter().map(|rule| &rule.head.id);
        change.gone = rules.chain(correlations).filter(|id| !known(id)).count();
        change
    }

    fn finds_as(&self, number: usize, old: &RuleSet, before: usize) -> bool {
        let (now, then) = (self.rules.get(number), old.rules.get(before));
        now.zip(then).is_some_and(|(now, then)| now.origin == then.origin && now.program == then.program)
    }

    /// The rules of each correlation, by position.
    fn bases(&self) -> Vec<Vec<Base>> {
        let mut bases: Vec<Vec<(usize, Base)>> = vec![Vec::new(); self.correlations.len()];
        let rules = self.rules.iter().enumerate().map(|(number, rule)| (Base::Rule(number), &rule.feeds));
        let correlations = self.correlations.iter().enumerate();
        let correlations = correlations.map(|(number, rule)| (Base::Correlation(number), &rule.feeds));
        for (base, feeds) in rules.chain(correlations) {
            for feed in feeds {
                if let Some(bases) = bases.get_mut(feed.correlation) {
                    bases.push((feed.position, base));
                }
            }
        }
        let sorted = bases.into_iter().map(|mut bases| {
            bases.sort_by_key(|(position, _)| *position);
            bases.into_iter().map(|(_, base)| base).collect()
        });
        sorted.collect()
    }
}

impl Correlation {
    /// Whether it counts the same in the same way, whatever its rules are.
    fn counts_as(&self, other: &Correlation) -> bool {
        let Correlation { counted, group_by, keys, timespan, bounds, chained, .. } = self;
        (counted, group_by, keys, timespan, bounds, chained)
            == (&other.counted, &other.group_by, &other.keys, &other.timespan, &other.bounds, &other.chained)
    }
}

impl Change {
    fn count(&mut self, before: Option<usize>, same: bool) {
        self.new += usize::from(before.is_none());
        self.changed += usize::from(before.is_some() && !same);
    }

    /// Correlations whose windows begin anew, and those whose windows go on.
    fn windows(&self) -> (usize, usize) {
        let kept = self.same.iter().flatten().count();
        (self.same.len() - kept, kept)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { new, changed, gone, .. } = self;
        write!(f, "rules {new} new, {changed} changed, {gone} gone")?;
        match self.windows() {
            (0, 0) => Ok(()),
            (0, _) => f.write_str(": all windows go on"),
            (anew, 0) => write!(f, ": the windows of {anew} begin empty"),
            (anew, kept) => write!(f, ": the windows of {anew} begin empty, those of {kept} go on"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "title: Failed\nname: failed\ndetection: {s: {outcome: failure}, condition: s}\n---
title: Many\nname: many\ncorrelation: {type: event_count, rules: failed, group-by: [source_ip], timespan: 30s, condition: {gte: 4}}\n---
title: Waves\nname: waves\ncorrelation: {type: event_count, rules: many, group-by: [source_ip], timespan: 5m, condition: {gte: 3}}\n---
title: Alone\nname: alone\ndetection: {s: {a: b}, condition: s}\n";

    fn set(text: &str) -> RuleSet {
        crate::rule::load(&[("r.yml".to_owned(), text.to_owned())])
            .unwrap_or_else(|wrong| panic!("{wrong:?}"))
    }

    #[test]
    fn c17_rules_that_mean_the_same_are_known_again() {
        let other = "---\ntitle: Other\nname: other\ndetection: {s: {c: d}, condition: s}\n";
        let first = format!("{}{BASE}", other.replacen("---\n", "", 1) + "---\n");
        let filter = "---\ntitle: f\nname: f\nfilter: {rules: [failed], s: {user: x}, condition: not s}\n";
        for (text, said, same) in [
            (BASE.to_owned(), "rules 0 new, 0 changed, 0 gone: all windows go on", [true, true]),
            (format!("{BASE}{other}"), "rules 1 new, 0 changed, 0 gone: all windows go on", [true, true]),
            (first, "rules 1 new, 0 changed, 0 gone: all windows go on", [true, true]),
            (
                BASE.replace("title: Many", "title: Very many"),
                "rules 0 new, 1 changed, 0 gone: all windows go on",
                [true, true],
            ),
            (
                BASE.replace("gte: 3", "gte: 4"),
                "rules 0 new, 1 changed, 0 gone: the windows of 1 begin empty, those of 1 go on",
                [true, false],
            ),
            (
                BASE.replace("30s", "31s"),
                "rules 0 new, 2 changed, 0 gone: the windows of 2 begin empty",
                [false, false],
            ),
            (
                BASE.replace("outcome: failure", "outcome: failed"),
                "rules 0 new, 3 changed, 0 gone: the windows of 2 begin empty",
                [false, false],
            ),
            (
                format!("{BASE}{filter}"),
                "rules 0 new, 3 changed, 0 gone: the windows of 2 begin empty",
                [false, false],
            ),
            (
                BASE.replace("name: alone", "name: lonely"),
                "rules 1 new, 0 changed, 1 gone: all windows go on",
                [true, true],
            ),
        ] {
            let change = set(&text).change_from(&set(BASE));
            assert_eq!(change.to_string(), said, "{text}");
            assert_eq!(change.same.iter().map(Option::is_some).collect::<Vec<_>>(), same, "{text}");
        }
    }
}
