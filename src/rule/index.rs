//! From a signal to the rules that can match it. Each rule stands under the marks of which it needs
//! one; one pass over the fields of a signal finds the marks that it has. One index holds all rules; a
//! [`Scope`] says which of them a log source leads to.

use hashbrown::HashTable;

use super::ends::Ends;
use super::field::{FieldName, each};
use super::literals::Literals;
use super::need::{Mark, Usage};
use super::set::RuleSet;
use crate::model::{Scalar, Signal, key_hash};

/// The rules, by what they need.
#[derive(Debug, Default)]
pub struct Index {
    /// Rules that need nothing.
    always: Vec<u32>,
    /// What the names of the record's own fields lead to.
    names: HashTable<(Box<str>, Named)>,
    /// What stands under fields that only the record's own field of that name can be.
    marks: Vec<Marks>,
    /// The other fields.
    others: Vec<(FieldName, Marks)>,
    /// Texts of which one must stand in some value, with the rules that need them.
    words: Vec<(Box<str>, Vec<u32>)>,
}

/// What the name of a field of the record leads to.
#[derive(Debug, Default)]
struct Named {
    /// What stands under this field.
    own: Option<usize>,
    /// Other fields that may be found by it.
    others: Vec<usize>,
}

/// Bits that tell names apart.
const NAMES: usize = 2_048;

/// The rules of a log source.
#[derive(Debug)]
pub struct Scope {
    /// A bit for each name that leads to something.
    names: Box<[u64; NAMES / 64]>,
    /// A bit for each rule.
    rules: Box<[u64]>,
    /// Those that need nothing.
    always: Box<[u32]>,
    /// What they ask of the record's own fields, by number.
    own: Box<[Asked]>,
    /// What they ask of the other fields, by number.
    others: Box<[Asked]>,
    /// Those of them that can be common fields.
    common: Box<[usize]>,
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
#[derive(Debug)]
struct Marks {
    present: Vec<u32>,
    exact: Ends<Vec<u32>>,
    /// By what the value has from its last separator on.
    last: Ends<Vec<u32>>,
    inside: Option<Literals>,
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
    /// The other fields that may be there.
    others: Vec<usize>,
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
                Some(field) if !field.is_plain() => {
                    let number = index.others.len();
                    for top in field.tops().filter(|_| !field.is_common()) {
                        index.named(top).others.push(number);
                    }
                    index.others.push((field.clone(), marks));
                }
                _ => {
                    index.named(name).own = Some(index.marks.len());
                    index.marks.push(marks);
                }
            }
        }
        index.words = words.into_iter().collect();
        index
    }

    /// What this name leads to.
    fn named(&mut self, name: &str) -> &mut Named {
        let of = |(name, _): &(Box<str>, Named)| spread(key_hash(name));
        let entry = self.names.entry(spread(key_hash(name)), |(known, _)| **known == *name, of);
        &mut entry.or_insert_with(|| (name.into(), Named::default())).into_mut().1
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
        let own: Box<[Asked]> = self.marks.iter().map(|marks| marks.asked(within)).collect();
        let others: Box<[Asked]> = self.others.iter().map(|(_, marks)| marks.asked(within)).collect();
        let is_asked = |asked: Option<&Asked>| asked.is_some_and(|asked| *asked != Asked::default());
        let common = self.others.iter().enumerate().filter(|(_, (field, _))| field.is_common());
        let common =
            common.map(|(number, _)| number).filter(|number| is_asked(others.get(*number))).collect();
        let mut names = Box::new([0; NAMES / 64]);
        for (name, named) in &self.names {
            let mut leads = named.others.iter().filter(|number| is_asked(others.get(**number)));
            if named.own.is_some_and(|number| is_asked(own.get(number))) || leads.next().is_some() {
                let (word, bit) = name_bit(key_hash(name));
                if let Some(word) = names.get_mut(word) {
                    *word |= bit;
                }
            }
        }
        let always = self.always.iter().chain(wanting).copied().filter(within).collect();
        let words = numbers.last().map_or(0, |last| *last as usize / 64 + 1);
        let mut rules = vec![0u64; words].into_boxed_slice();
        for number in numbers {
            if let Some(word) = rules.get_mut((number >> 6) as usize) {
                *word |= 1 << (number & 63);
            }
        }
        Scope { names, rules, always, own, others, common, words: Words::default() }
    }

    /// Finds the rules of that scope that can match: no other one does.
    pub fn candidates(&self, scope: &Scope, signal: &Signal, candidates: &mut Candidates) {
        let Candidates { found, open, others, buffers } = candidates;
        found.clear();
        open.clear();
        open.extend_from_slice(&scope.rules);
        others.clear();
        others.extend_from_slice(&scope.common);
        let mut hits = Hits { found, open };
        hits.add(&scope.always);
        for (hash, field) in signal.document.hashed_fields() {
            let (word, bit) = name_bit(hash);
            if scope.names.get(word).is_none_or(|word| word & bit == 0) {
                continue;
            }
            let Some((_, named)) = self.names.find(spread(hash), |(name, _)| field.is_named(name)) else {
                continue;
            };
            others.extend_from_slice(&named.others);
            let asked = named.own.and_then(|number| scope.own.get(number).zip(self.marks.get(number)));
            let Some((asked, marks)) = asked else { continue };
            if asked.present {
                hits.add(&marks.present);
            }
            if asked.of_values() {
                each(field, &mut |value| marks.look(*asked, value, buffers, &mut hits));
            }
        }
        others.sort_unstable();
        others.dedup();
        for number in others {
            let (Some((field, marks)), Some(asked)) = (self.others.get(*number), scope.others.get(*number))
            else {
                continue;
            };
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

/// The place of a name among the bits of a scope.
#[inline(always)]
fn name_bit(hash: u32) -> (usize, u64) {
    ((hash >> 6) as usize % (NAMES / 64), 1 << (hash & 63))
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
            exact: self.exact.values().flatten().any(within),
            last: self.last.values().flatten().any(within),
            inside: self.inside.iter().flat_map(Literals::rules).any(within),
        }
    }

    /// Adds what stands under a value; never ends the search.
    fn look(&self, asked: Asked, value: Scalar, buffers: &mut Buffers, hits: &mut Hits<'_>) -> bool {
        let Buffers { text, folded } = buffers;
        let text = value.text(text);
        if asked.exact
            && let Some(rules) = self.exact.get(text, folded)
        {
            hits.add(rules);
        }
        if asked.last {
            for separator in [b'\\', b'/'] {
                if let Some(at) = memchr::memrchr(separator, text.as_bytes())
                    && let Some(rules) = self.last.get(text.get(at..).unwrap_or_default(), folded)
                {
                    hits.add(rules);
                }
            }
        }
        if let Some(inside) = self.inside.as_ref().filter(|_| asked.inside) {
            inside.look(text, folded, &mut |rules| hits.add(rules));
        }
        false
    }
}
