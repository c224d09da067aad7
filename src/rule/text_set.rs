//! Long lists of texts of which one must fit: looked up, not compared one by one.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::ends::Ends;
use super::literals::Literals;
use super::pattern::Pattern;
use super::search::Test;

/// A list that is shorter is compared text by text; keywords have many values to be compared with.
const LEAST: usize = 6;
const LEAST_KEYWORDS: usize = 1;

/// Texts of which one must fit.
#[derive(Debug, Clone)]
pub struct TextSet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    patterns: Vec<Pattern>,
    exact: Ends<()>,
    /// By the last component of a path: those that end with it, by index.
    last: Ends<Vec<u32>>,
    /// By a piece that stands in the values, by index.
    inside: Option<Literals>,
    /// The others, by index.
    others: Vec<u32>,
}

impl PartialEq for TextSet {
    fn eq(&self, other: &Self) -> bool {
        self.0.patterns == other.0.patterns
    }
}

impl TextSet {
    /// Puts the texts of a list of tests, of which one must pass, into a set.
    pub fn condense(tests: Vec<Test>, keywords: bool) -> Vec<Test> {
        let is_text = |test: &Test| matches!(test, Test::Text(_));
        if tests.iter().filter(|test| is_text(test)).count() < if keywords { LEAST_KEYWORDS } else { LEAST } {
            return tests;
        }
        let mut patterns = Vec::with_capacity(tests.len());
        let mut others = Vec::new();
        for test in tests {
            match test {
                Test::Text(pattern) => patterns.push(pattern),
                other => others.push(other),
            }
        }
        others.push(Test::Texts(TextSet::new(patterns)));
        others
    }

    fn new(patterns: Vec<Pattern>) -> TextSet {
        let mut exact = Vec::new();
        let mut last: HashMap<Box<str>, Vec<u32>, FixedState> = HashMap::default();
        let (mut inside, mut others) = (Vec::new(), Vec::new());
        for (pattern, at) in patterns.iter().zip(0..) {
            if let Some(text) = pattern.exact() {
                exact.push((text.into(), ()));
            } else if let Some(component) = pattern.last_component() {
                last.entry(component.as_ref().into()).or_default().push(at);
            } else if let Some(text) = pattern.literal() {
                inside.push((text.into(), vec![at]));
            } else {
                others.push(at);
            }
        }
        let (exact, last, inside) = (Ends::new(exact), Ends::new(last), Literals::new(inside));
        TextSet(Arc::new(Inner { patterns, exact, last, inside, others }))
    }

    /// The texts.
    pub fn patterns(&self) -> &[Pattern] {
        &self.0.patterns
    }

    /// Whether one of them fits the value.
    pub fn matches(&self, value: &str) -> bool {
        let set = &*self.0;
        let fits = |at: &u32| set.patterns.get(*at as usize).is_some_and(|pattern| pattern.matches(value));
        let mut folded = String::new();
        if set.exact.get(value, &mut folded).is_some() {
            return true;
        }
        for at in ['\\', '/'].into_iter().filter_map(|separator| value.rfind(separator)) {
            let component = value.get(at..).unwrap_or_default();
            if set.last.get(component, &mut folded).is_some_and(|those| those.iter().any(fits)) {
                return true;
            }
        }
        let (mut found, mut tried) = (false, Vec::new());
        if let Some(inside) = &set.inside {
            inside.look(value, &mut folded, &mut |those| {
                for at in those {
                    if found {
                        return;
                    }
                    if set.patterns.get(*at as usize).is_some_and(|pattern| pattern.anywhere().is_some()) {
                        found = true;
                    } else if !tried.contains(at) {
                        tried.push(*at);
                        found = fits(at);
                    }
                }
            });
        }
        found || set.others.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::pattern::Anchor;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
        #[test]
        fn a_set_is_what_its_texts_are(
            texts in proptest::collection::vec(("[abké\\\\/*?]{0,6}", 0usize..4, any::<bool>()), 6..20),
            value in "[aAbBkKé\u{212a}\\\\/]{0,12}",
        ) {
            let anchors = [Anchor::Whole, Anchor::Start, Anchor::End, Anchor::Anywhere];
            let patterns: Vec<Pattern> =
                texts.iter().map(|(text, anchor, cased)| Pattern::new(text, anchors[*anchor], *cased && *anchor > 1)).collect();
            let one = patterns.iter().any(|pattern| pattern.matches(&value));
            prop_assert_eq!(TextSet::new(patterns).matches(&value), one, "{:?} {}", texts, value);
        }
    }
}
