//! What a rule cannot match without: a few marks of which one must be in the signal. An index finds
//! the rule by them.

use std::borrow::Cow;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::condition::Condition;
use super::field::FieldName;
use super::pattern::Pattern;
use super::rarity;
use super::search::{Search, Test};
use super::set::Program;

/// Programs that start often on any machine, and that many rules are about.
const USUAL_PROGRAMS: &[&str] = &[
    "\\powershell.exe",
    "\\pwsh.exe",
    "\\cmd.exe",
    "\\svchost.exe",
    "\\rundll32.exe",
    "\\explorer.exe",
    "\\msiexec.exe",
    "\\wmiprvse.exe",
    "\\reg.exe",
    "\\net.exe",
    "\\net1.exe",
    "\\schtasks.exe",
    "\\services.exe",
    "\\lsass.exe",
    "\\conhost.exe",
    "\\chrome.exe",
    "\\python.exe",
    "/bash",
    "/sh",
    "/python",
];

/// A mark of a signal. Texts are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark<'r> {
    /// A field has exactly this value.
    Exact(&'r FieldName, Cow<'r, str>),
    /// A value of a field ends with this, its last separator of paths first.
    Last(&'r FieldName, Cow<'r, str>),
    /// This text stands in a value of a field.
    Inside(&'r FieldName, Cow<'r, str>),
    /// A field is there.
    Present(&'r FieldName),
    /// This text stands in some text value.
    Word(Cow<'r, str>),
}

/// How often each mark is asked for by the rules of one log source: what many rules name is common,
/// and tells them badly apart.
#[derive(Debug, Default)]
pub struct Usage<'r> {
    marks: HashMap<(&'r str, Cow<'r, str>), u32, FixedState>,
    rules: u32,
}

impl<'r> Usage<'r> {
    /// Takes the marks of one more rule in.
    pub fn add(&mut self, program: &'r Program) {
        self.rules += 1;
        for search in &program.searches {
            self.search(search);
        }
    }

    fn search(&mut self, search: &'r Search) {
        match search {
            Search::All(parts) | Search::Any(parts) => parts.iter().for_each(|part| self.search(part)),
            Search::Not(part) => self.search(part),
            Search::Field { field, tests, .. } => {
                self.count(Mark::Present(field));
                tests.iter().for_each(|test| self.test(field, test));
            }
            Search::Exists { field, .. } => self.count(Mark::Present(field)),
            Search::Keywords { .. } => {}
        }
    }

    fn test(&mut self, field: &'r FieldName, test: &'r Test) {
        match test {
            Test::Text(pattern) => {
                self.count(of_pattern(field, pattern));
            }
            Test::Texts(set) => {
                set.patterns().iter().for_each(|pattern| self.count(of_pattern(field, pattern)));
            }
            Test::Either(tests) => tests.iter().for_each(|test| self.test(field, test)),
            Test::Expression(expression) => {
                let texts = expression.required().into_iter().flatten();
                texts.for_each(|text| self.count(Mark::Inside(field, Cow::Borrowed(text))));
            }
            _ => {}
        }
    }

    fn count(&mut self, mark: Mark<'r>) {
        *self.marks.entry(key(mark)).or_default() += 1;
    }

    /// The share of rules that name the mark, among those that name its field.
    fn share(&self, mark: &Mark<'r>) -> f64 {
        let uses = |key| self.marks.get(&key).copied().unwrap_or_default();
        let all = match mark {
            Mark::Exact(field, _) | Mark::Last(field, _) | Mark::Inside(field, _) => {
                uses((field.as_str(), Cow::Borrowed("")))
            }
            Mark::Present(_) | Mark::Word(_) => self.rules,
        };
        (f64::from(uses(key(mark.clone()))) / f64::from(all.max(1))).min(1.0)
    }

    /// A guess at how often a signal has the mark, from 0 to 1: long texts and texts that few rules
    /// name are rare. It decides about cost only, never about what is found.
    fn guess(&self, mark: &Mark<'r>) -> f64 {
        let by_length = |text: &str| 0.7_f64.powi(text.len().min(40) as i32);
        match mark {
            Mark::Exact(_, text) => 0.02 + 0.3 * self.share(mark) + 0.1 * by_length(text),
            Mark::Last(_, text) if USUAL_PROGRAMS.contains(&&**text) => 0.3,
            Mark::Last(_, text) => 0.005 + 0.3 * self.share(mark) + 0.1 * by_length(text),
            Mark::Inside(_, text) => 0.001 + 0.5 * self.share(mark) + rarity::share(text),
            Mark::Present(_) => 0.3 + 0.6 * self.share(mark),
            Mark::Word(text) => 0.001 + by_length(text),
        }
    }

    /// Marks of which one must be there for a match; those that the fewest signals are likely to have.
    /// `None` if the rule can match without any.
    pub fn need(&self, program: &'r Program) -> Option<Vec<Mark<'r>>> {
        self.of_condition(&program.condition, &program.searches)
    }

    fn of_condition(&self, condition: &'r Condition, searches: &'r [Search]) -> Option<Vec<Mark<'r>>> {
        let of = |part: &'r Condition| self.of_condition(part, searches);
        match condition {
            Condition::All(parts) => self.rarest(parts.iter().map(of)),
            Condition::Any(parts) => every(parts.iter().map(of)),
            Condition::Not(_) => None,
            Condition::Search(index) => self.of_search(searches.get(*index)?),
        }
    }

    fn of_search(&self, search: &'r Search) -> Option<Vec<Mark<'r>>> {
        match search {
            Search::All(parts) => self.rarest(parts.iter().map(|part| self.of_search(part))),
            Search::Any(parts) => every(parts.iter().map(|part| self.of_search(part))),
            Search::Not(_) | Search::Exists { wanted: false, .. } => None,
            Search::Exists { field, wanted: true } => Some(vec![Mark::Present(field)]),
            Search::Field { field, tests, all } => {
                let needs = tests.iter().map(|test| of_test(field, test));
                if *all { self.rarest(needs) } else { every(needs) }
            }
            Search::Keywords { tests, all } => {
                let needs = tests.iter().map(of_keyword);
                if *all { self.rarest(needs) } else { every(needs) }
            }
        }
    }

    fn rarest(&self, needs: impl Iterator<Item = Option<Vec<Mark<'r>>>>) -> Option<Vec<Mark<'r>>> {
        let costs = needs.flatten().map(|need| {
            let cost: f64 = need.iter().map(|mark| self.guess(mark)).sum();
            (cost, need)
        });
        costs.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, need)| need)
    }
}

fn key<'r>(mark: Mark<'r>) -> (&'r str, Cow<'r, str>) {
    match mark {
        Mark::Exact(field, text) | Mark::Last(field, text) | Mark::Inside(field, text) => {
            (field.as_str(), text)
        }
        // No text that is looked for inside another is empty.
        Mark::Present(field) => (field.as_str(), Cow::Borrowed("")),
        Mark::Word(text) => ("", text),
    }
}

/// All marks of all alternatives; `None` if one of them needs nothing.
fn every<'r>(needs: impl Iterator<Item = Option<Vec<Mark<'r>>>>) -> Option<Vec<Mark<'r>>> {
    let needs: Option<Vec<_>> = needs.collect();
    needs.map(|needs| needs.into_iter().flatten().collect())
}

fn of_test<'r>(field: &'r FieldName, test: &'r Test) -> Option<Vec<Mark<'r>>> {
    match test {
        Test::Null => None,
        Test::Either(tests) => every(tests.iter().map(|test| of_test(field, test))),
        Test::Text(pattern) => Some(vec![of_pattern(field, pattern)]),
        Test::Texts(set) => Some(set.patterns().iter().map(|pattern| of_pattern(field, pattern)).collect()),
        Test::Expression(expression) => Some(match expression.required() {
            Some(texts) => texts.iter().map(|text| Mark::Inside(field, Cow::Borrowed(text))).collect(),
            None => vec![Mark::Present(field)],
        }),
        Test::Compare(..) | Test::Part(..) | Test::Within(_) | Test::Listed(_) | Test::Other { .. } => {
            Some(vec![Mark::Present(field)])
        }
    }
}

fn of_pattern<'r>(field: &'r FieldName, pattern: &'r Pattern) -> Mark<'r> {
    if let Some(text) = pattern.exact() {
        return Mark::Exact(field, Cow::Borrowed(text));
    }
    match (pattern.last_component(), pattern.literal()) {
        (Some(text), _) => Mark::Last(field, text),
        (None, Some(text)) => Mark::Inside(field, text),
        (None, None) => Mark::Present(field),
    }
}

fn of_keyword(test: &Test) -> Option<Vec<Mark<'_>>> {
    match test {
        Test::Either(tests) => every(tests.iter().map(of_keyword)),
        Test::Text(pattern) => pattern.literal().map(|text| vec![Mark::Word(text)]),
        Test::Texts(set) => set.patterns().iter().map(|pattern| pattern.literal().map(Mark::Word)).collect(),
        _ => None,
    }
}
