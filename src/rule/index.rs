//! From a signal to the rules that can match it. Each rule stands under the marks of which it needs
//! one; one pass over the fields of a signal finds the marks that it has.

use aho_corasick::AhoCorasick;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::field::{FieldName, each};
use super::need::{Mark, Usage};
use super::pattern::fold_into;
use super::set::RuleSet;
use crate::model::{Scalar, Signal};

/// The rules of one log source, by what they need.
#[derive(Debug, Default)]
pub struct Index {
    /// Rules that need nothing.
    always: Vec<u32>,
    /// Fields that only the record's own field of that name can be, by name.
    own: HashMap<Box<str>, Marks, FixedState>,
    /// The other fields.
    others: Vec<(FieldName, Marks)>,
    /// Texts that may stand in any value.
    words: Option<Texts>,
}

/// The rules under the marks of one field.
#[derive(Debug, Default)]
struct Marks {
    present: Vec<u32>,
    exact: HashMap<Box<str>, Vec<u32>, FixedState>,
    inside: Option<Texts>,
}

/// Texts that are looked for together, each with its rules.
#[derive(Debug)]
struct Texts {
    automaton: AhoCorasick,
    rules: Vec<Box<[u32]>>,
}

/// Room for the text of a value and for its lower case.
#[derive(Debug, Default)]
struct Buffers {
    text: String,
    folded: String,
}

/// The numbers of the rules that were found, each once.
#[derive(Debug, Default)]
pub struct Candidates {
    found: Vec<u32>,
    /// By number: the round in which the rule was found last.
    seen: Vec<u32>,
    round: u32,
}

impl Candidates {
    fn begin(&mut self) {
        self.found.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.seen.fill(0);
            self.round = 1;
        }
    }

    fn add(&mut self, numbers: &[u32]) {
        for number in numbers {
            let index = *number as usize;
            if index >= self.seen.len() {
                self.seen.resize(index + 1, 0);
            }
            if let Some(seen) = self.seen.get_mut(index).filter(|seen| **seen != self.round) {
                *seen = self.round;
                self.found.push(*number);
            }
        }
    }

    /// In ascending order.
    pub fn numbers(&self) -> &[u32] {
        &self.found
    }
}

/// Texts with their rules, before they are put together.
type Listed = std::collections::BTreeMap<Box<str>, Vec<u32>>;

#[derive(Default)]
struct Listing<'r> {
    field: Option<&'r FieldName>,
    present: Vec<u32>,
    exact: Listed,
    inside: Listed,
}

impl Index {
    /// Puts the rules of these numbers together.
    pub(super) fn new(set: &RuleSet, numbers: &[u32]) -> Index {
        let rules = || numbers.iter().filter_map(|n| Some((*n, set.rules().get(*n as usize)?)));
        let mut usage = Usage::default();
        rules().for_each(|(_, rule)| usage.add(&rule.program));
        let mut index = Index::default();
        let mut fields: std::collections::BTreeMap<&str, Listing> = Default::default();
        let mut words = Listed::new();
        for (number, rule) in rules() {
            let Some(need) = usage.need(&rule.program) else {
                index.always.push(number);
                continue;
            };
            for mark in need {
                let (Mark::Exact(field, _) | Mark::Inside(field, _) | Mark::Present(field)) = &mark else {
                    if let Mark::Word(text) = &mark {
                        list(&mut words, text, number);
                    }
                    continue;
                };
                let listing = fields.entry(field.as_str()).or_default();
                listing.field = Some(field);
                match &mark {
                    Mark::Exact(_, text) => list(&mut listing.exact, text, number),
                    Mark::Inside(_, text) => list(&mut listing.inside, text, number),
                    _ => push(&mut listing.present, number),
                }
            }
        }
        for (name, Listing { field, present, exact, inside }) in fields {
            let exact = exact.into_iter().collect();
            let marks = Marks { present, exact, inside: Texts::new(inside, &mut index.always) };
            match field {
                Some(field) if !field.is_plain() => index.others.push((field.clone(), marks)),
                _ => drop(index.own.insert(name.into(), marks)),
            }
        }
        index.words = Texts::new(words, &mut index.always);
        index
    }

    /// Finds the rules that can match: no other one does.
    pub fn candidates(&self, signal: &Signal, candidates: &mut Candidates) {
        candidates.begin();
        candidates.add(&self.always);
        let mut buffers = Buffers::default();
        if !self.own.is_empty() {
            for (key, field) in signal.document.fields() {
                let Some(marks) = self.own.get(key) else { continue };
                candidates.add(&marks.present);
                if marks.by_value() {
                    each(field, &mut |value| marks.look(value, &mut buffers, candidates));
                }
            }
        }
        for (field, marks) in &self.others {
            if !marks.present.is_empty() && field.present(signal) {
                candidates.add(&marks.present);
            }
            if marks.by_value() {
                field.any(signal, |value| marks.look(value, &mut buffers, candidates));
            }
        }
        if let Some(words) = &self.words {
            let mut look = |text| words.look(fold_into(text, &mut buffers.folded), candidates);
            signal.document.texts().for_each(&mut look);
        }
        candidates.found.sort_unstable();
    }
}

fn list(listed: &mut Listed, text: &str, number: u32) {
    push(listed.entry(text.into()).or_default(), number);
}

fn push(numbers: &mut Vec<u32>, number: u32) {
    if numbers.last() != Some(&number) {
        numbers.push(number);
    }
}

impl Marks {
    fn by_value(&self) -> bool {
        self.inside.is_some() || !self.exact.is_empty()
    }

    /// Adds what stands under a value; never ends the search.
    fn look(&self, value: Scalar, buffers: &mut Buffers, candidates: &mut Candidates) -> bool {
        let text = fold_into(value.text(&mut buffers.text), &mut buffers.folded);
        if let Some(numbers) = self.exact.get(text) {
            candidates.add(numbers);
        }
        if let Some(inside) = &self.inside {
            inside.look(text, candidates);
        }
        false
    }
}

impl Texts {
    /// `None` if there are no texts. Where they do not fit into one automaton (more than 2 GiB of them),
    /// their rules are always asked.
    fn new(listed: Listed, always: &mut Vec<u32>) -> Option<Texts> {
        if listed.is_empty() {
            return None;
        }
        let (texts, rules): (Vec<_>, Vec<_>) = listed.into_iter().unzip();
        match AhoCorasick::new(texts.iter().map(|text| &**text)) {
            Ok(automaton) => {
                Some(Texts { automaton, rules: rules.into_iter().map(Vec::into_boxed_slice).collect() })
            }
            Err(_) => {
                always.extend(rules.into_iter().flatten());
                None
            }
        }
    }

    /// Adds the rules of every text that stands in this one, which is in lower case.
    fn look(&self, text: &str, candidates: &mut Candidates) {
        for found in self.automaton.find_overlapping_iter(text) {
            if let Some(numbers) = self.rules.get(found.pattern().as_usize()) {
                candidates.add(numbers);
            }
        }
    }
}
