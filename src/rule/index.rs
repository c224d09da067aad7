//! From a signal to the rules that can match it. Each rule stands under the marks of which it needs
//! one; one pass over the fields of a signal finds the marks that it has. One index holds all rules; a
//! [`Scope`] says which of them a log source leads to.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};

use super::field::{FieldName, each};
use super::literals::Literals;
use super::need::{Mark, Usage};
use super::pattern::fold_into;
use super::set::RuleSet;
use crate::model::{Scalar, Signal, key_hash};

/// The rules, by what they need.
#[derive(Debug, Default)]
pub struct Index {
    /// Rules that need nothing.
    always: Vec<u32>,
    /// Fields that only the record's own field of that name can be, by name.
    own: HashTable<(Box<str>, usize)>,
    /// What stands under them.
    marks: Vec<Marks>,
    /// The other fields.
    others: Vec<(FieldName, Marks)>,
    /// Texts of which one must stand in some value, with the rules that need them.
    words: Vec<(Box<str>, Vec<u32>)>,
}

/// The rules of a log source.
#[derive(Debug)]
pub struct Scope {
    /// A bit for each rule.
    rules: Box<[u64]>,
    /// Those that need nothing.
    always: Box<[u32]>,
    /// What they ask of the record's own fields, by number.
    own: Box<[Asked]>,
    /// Which of the other fields they ask for, by number.
    others: Box<[(usize, Asked)]>,
    /// Texts that may stand in any value.
    words: Words,
}

/// What the rules of a scope ask of a field. A field of which they ask nothing is not looked at,
/// however many others do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Asked {
    present: bool,
    exact: bool,
    last: bool,
    inside: bool,
}

#[derive(Debug, Default)]
struct Words {
    /// Those that stand in the line as they stand in a value.
    line: Option<Literals>,
    /// The others.
    values: Option<Literals>,
}

/// The rules under the marks of one field.
#[derive(Debug, Default)]
struct Marks {
    present: Vec<u32>,
    exact: Ends,
    /// By what the value has from its last separator on.
    last: Ends,
    inside: Option<Literals>,
}

/// Whole texts.
#[derive(Debug, Default)]
struct Ends {
    rules: HashMap<Box<str>, Vec<u32>, FixedState>,
    /// Bytes of the longest.
    longest: usize,
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
    /// A bit for each rule that can still be found.
    open: Vec<u64>,
    buffers: Buffers,
}

impl Candidates {
    /// In ascending order.
    pub fn numbers(&self) -> &[u32] {
        &self.found
    }
}

/// What is found now.
struct Hits<'c> {
    found: &'c mut Vec<u32>,
    open: &'c mut [u64],
}

impl Hits<'_> {
    fn add(&mut self, numbers: &[u32]) {
        for number in numbers {
            let bit = 1 << (number & 63);
            if let Some(word) = self.open.get_mut((number >> 6) as usize).filter(|word| **word & bit != 0) {
                *word &= !bit;
                self.found.push(*number);
            }
        }
    }
}

/// Texts with their rules, before they are put together.
type Listed = std::collections::BTreeMap<Box<str>, Vec<u32>>;

#[derive(Default)]
struct Listing<'r> {
    field: Option<&'r FieldName>,
    present: Vec<u32>,
    exact: Listed,
    last: Listed,
    inside: Listed,
}

impl Index {
    /// Puts all rules together.
    pub(super) fn new(set: &RuleSet) -> Index {
        let rules = || set.rules().iter().zip(0..).map(|(rule, number)| (number, rule));
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
                let (Mark::Exact(field, _)
                | Mark::Last(field, _)
                | Mark::Inside(field, _)
                | Mark::Present(field)) = &mark
                else {
                    if let Mark::Word(text) = &mark {
                        list(&mut words, text, number);
                    }
                    continue;
                };
                let listing = fields.entry(field.as_str()).or_default();
                listing.field = Some(field);
                match &mark {
                    Mark::Exact(_, text) => list(&mut listing.exact, text, number),
                    Mark::Last(_, text) => list(&mut listing.last, text, number),
                    Mark::Inside(_, text) => list(&mut listing.inside, text, number),
                    _ => push(&mut listing.present, number),
                }
            }
        }
        for (name, Listing { field, present, exact, last, inside }) in fields {
            let (exact, last) = (Ends::new(exact), Ends::new(last));
            let marks = Marks { present, exact, last, inside: Literals::new(inside) };
            match field {
                Some(field) if !field.is_plain() => index.others.push((field.clone(), marks)),
                _ => {
                    let of = |(name, _): &(Box<str>, usize)| spread(key_hash(name));
                    index.own.insert_unique(spread(key_hash(name)), (name.into(), index.marks.len()), of);
                    index.marks.push(marks);
                }
            }
        }
        index.words = words.into_iter().collect();
        index
    }

    /// The rules of these numbers, which are in ascending order.
    pub fn scope(&self, numbers: &[u32]) -> Scope {
        let within = |number: &u32| numbers.binary_search(number).is_ok();
        let (mut line, mut values) = (Listed::new(), Listed::new());
        for (text, wanting) in &self.words {
            for number in wanting.iter().filter(|number| within(number)) {
                match in_line(text) {
                    Some(piece) => list(&mut line, piece, *number),
                    None => list(&mut values, text, *number),
                }
            }
        }
        let words = Words { line: Literals::new(line), values: Literals::new(values) };
        Scope { words, ..self.plain_scope(numbers, false) }
    }

    /// The same, quickly made: every rule that needs a text anywhere (if `words`) is always asked.
    pub fn plain_scope(&self, numbers: &[u32], words: bool) -> Scope {
        let wanting = self.words.iter().filter(|_| words).flat_map(|(_, wanting)| wanting);
        let within = |number: &u32| numbers.binary_search(number).is_ok();
        let own = self.marks.iter().map(|marks| marks.asked(within)).collect();
        let others = self.others.iter().map(|(_, marks)| marks.asked(within)).enumerate();
        let others = others.filter(|(_, asked)| *asked != Asked::default()).collect();
        let always = self.always.iter().chain(wanting).copied().filter(within).collect();
        let words = numbers.last().map_or(0, |last| *last as usize / 64 + 1);
        let mut rules = vec![0u64; words].into_boxed_slice();
        for number in numbers {
            if let Some(word) = rules.get_mut((number >> 6) as usize) {
                *word |= 1 << (number & 63);
            }
        }
        Scope { rules, always, own, others, words: Words::default() }
    }

    /// Finds the rules of that scope that can match: no other one does.
    pub fn candidates(&self, scope: &Scope, signal: &Signal, candidates: &mut Candidates) {
        let Candidates { found, open, buffers } = candidates;
        found.clear();
        open.clear();
        open.extend_from_slice(&scope.rules);
        let mut hits = Hits { found, open };
        hits.add(&scope.always);
        if !self.own.is_empty() {
            for (hash, field) in signal.document.hashed_fields() {
                let Some((_, number)) = self.own.find(spread(hash), |(name, _)| field.is_named(name)) else {
                    continue;
                };
                let (Some(asked), Some(marks)) = (scope.own.get(*number), self.marks.get(*number)) else {
                    continue;
                };
                if asked.present {
                    hits.add(&marks.present);
                }
                if asked.of_values() {
                    each(field, &mut |value| marks.look(*asked, value, buffers, &mut hits));
                }
            }
        }
        for (number, asked) in &scope.others {
            let Some((field, marks)) = self.others.get(*number) else { continue };
            if asked.present && field.present(signal) {
                hits.add(&marks.present);
            }
            if asked.of_values() {
                field.any(signal, |value| marks.look(*asked, value, buffers, &mut hits));
            }
        }
        scope.words.look(signal, &mut buffers.folded, &mut hits);
        hits.found.sort_unstable();
    }
}

/// A hash of 32 bits, for a table that looks at both ends of one of 64.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// The longest piece of a text that stands in every line of JSON in which the text stands in a value:
/// unless that line has escapes for what needs none.
fn in_line(text: &str) -> Option<&str> {
    let escaped = |c: char| c.is_control() || matches!(c, '"' | '\\' | '/');
    text.split(escaped).max_by_key(|piece| piece.len()).filter(|piece| piece.len() >= 3)
}

fn list(listed: &mut Listed, text: &str, number: u32) {
    push(listed.entry(text.into()).or_default(), number);
}

fn push(numbers: &mut Vec<u32>, number: u32) {
    if numbers.last() != Some(&number) {
        numbers.push(number);
    }
}

impl Words {
    fn look(&self, signal: &Signal, folded: &mut String, hits: &mut Hits<'_>) {
        let document = &signal.document;
        let mut add = |rules: &[u32]| hits.add(rules);
        match &self.line {
            Some(words) if document.is_verbatim() => words.look(document.text(), folded, &mut add),
            Some(words) => document.texts().for_each(|text| words.look(text, folded, &mut add)),
            None => {}
        }
        if let Some(words) = &self.values {
            document.texts().for_each(|text| words.look(text, folded, &mut add));
        }
    }
}

impl Ends {
    fn new(listed: Listed) -> Ends {
        let longest = listed.keys().map(|text| text.len()).max().unwrap_or_default();
        Ends { rules: listed.into_iter().collect(), longest }
    }

    fn look(&self, text: &str, folded: &mut String, hits: &mut Hits<'_>) {
        // No character has a lower case of less than a third of its bytes.
        if text.len() / 3 <= self.longest
            && let Some(numbers) = self.rules.get(fold_into(text, folded))
        {
            hits.add(numbers);
        }
    }
}

impl Asked {
    fn of_values(self) -> bool {
        self.exact || self.last || self.inside
    }
}

impl Marks {
    /// What the rules that are within ask.
    fn asked(&self, within: impl Fn(&u32) -> bool + Copy) -> Asked {
        Asked {
            present: self.present.iter().any(within),
            exact: self.exact.rules.values().flatten().any(within),
            last: self.last.rules.values().flatten().any(within),
            inside: self.inside.iter().flat_map(Literals::rules).any(within),
        }
    }

    /// Adds what stands under a value; never ends the search.
    fn look(&self, asked: Asked, value: Scalar, buffers: &mut Buffers, hits: &mut Hits<'_>) -> bool {
        let Buffers { text, folded } = buffers;
        let text = value.text(text);
        if asked.exact {
            self.exact.look(text, folded, hits);
        }
        if asked.last {
            for separator in ['\\', '/'] {
                if let Some(at) = text.rfind(separator) {
                    self.last.look(text.get(at..).unwrap_or_default(), folded, hits);
                }
            }
        }
        if let Some(inside) = self.inside.as_ref().filter(|_| asked.inside) {
            inside.look(text, folded, &mut |rules| hits.add(rules));
        }
        false
    }
}
