//! Which entries of which lists a signal is on, for a rule; and lists that are read anew.

use std::sync::Arc;

use super::{Listed, Lists};
use crate::model::Signal;
use crate::rule::RuleSet;
use crate::rule::field::FieldName;
use crate::rule::search::{Search, Test};
use crate::rule::set::Program;

/// An entry that a signal is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The name of the list.
    pub list: Arc<str>,
    /// The entry.
    pub entry: Arc<str>,
    /// The field whose value it is about.
    pub field: Arc<str>,
}

impl Program {
    /// The first entry of a list that the signal is on, among those that the rule asks for.
    pub fn hit(&self, signal: &Signal) -> Option<Hit> {
        self.searches.iter().find_map(|search| hit(search, signal))
    }

    /// Whether it asks for a list.
    pub fn asks_lists(&self) -> bool {
        let mut asks = false;
        self.searches.iter().for_each(|search| each(search, &mut |_, _| asks = true));
        asks
    }
}

fn hit(search: &Search, signal: &Signal) -> Option<Hit> {
    let mut found = None;
    each(search, &mut |field, Listed { list, how }| {
        if found.is_none() {
            field.any(signal, |value| {
                let entry = list.find(value, *how);
                found = entry.map(|entry| Hit {
                    list: Arc::clone(list.name()),
                    entry: entry.into(),
                    field: Arc::clone(field.name()),
                });
                found.is_some()
            });
        }
    });
    found
}

/// Every list that a match can be about: not those behind a `neq`.
fn each<'r>(search: &'r Search, look: &mut impl FnMut(&'r FieldName, &'r Listed)) {
    match search {
        Search::All(parts) | Search::Any(parts) => parts.iter().for_each(|part| each(part, look)),
        Search::Field { field, tests, .. } => {
            for test in tests {
                if let Test::Listed(listed) = test {
                    look(field, listed);
                }
            }
        }
        Search::Not(_) | Search::Exists { .. } | Search::Keywords { .. } => {}
    }
}

impl RuleSet {
    /// The same rules with other lists in place of those of the same names.
    pub fn with_lists(&self, lists: &Lists) -> RuleSet {
        let mut set = self.clone();
        for list in lists.iter() {
            set.lists.insert(Arc::clone(list));
        }
        for rule in &mut set.rules {
            rule.program.searches.iter_mut().for_each(|search| renew(search, lists));
        }
        set
    }
}

fn renew(search: &mut Search, lists: &Lists) {
    match search {
        Search::All(parts) | Search::Any(parts) => parts.iter_mut().for_each(|part| renew(part, lists)),
        Search::Not(part) => renew(part, lists),
        Search::Field { tests, .. } | Search::Keywords { tests, .. } => {
            for test in tests {
                if let Test::Listed(listed) = test
                    && let Some(list) = lists.get(listed.list.name())
                {
                    listed.list = Arc::clone(list);
                }
            }
        }
        Search::Exists { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Common, Document, LogSource, Timestamp};
    use crate::rule::indicator::{Format, Kind, Spec, read};
    use crate::rule::load_with;

    fn list(name: &str, text: &str) -> Arc<crate::rule::indicator::Indicators> {
        let spec =
            Spec { name: name.to_owned(), file: name.to_owned(), format: Format::Plain, kind: Kind::Any };
        Arc::new(read(&spec, text).unwrap())
    }

    fn lists(text: &str) -> Lists {
        let mut lists = Lists::default();
        lists.insert(list("bad", text));
        lists
    }

    fn set(detection: &str, lists: &Lists) -> Result<RuleSet, String> {
        let text = format!("title: t\nname: t\ndetection:\n  s: {{{detection}}}\n  condition: s\n");
        load_with(&[("t.yml".to_owned(), text)], lists).map_err(|wrong| wrong[0].to_string())
    }

    fn signal(line: &str) -> Signal {
        Signal {
            at: Timestamp(0),
            weight: 1,
            origin: LogSource::default(),
            common: Common::default(),
            document: Document::parse(line.into()).unwrap(),
            threat: None,
        }
    }

    #[test]
    fn s4_rules_ask_lists() {
        let lists = lists("10.0.0.0/8\nbad.example\nc:\\temp\\\n");
        for (detection, line, expected) in [
            ("a|quell.list: bad", r#"{"a":"10.1.2.3"}"#, Some("10.0.0.0/8")),
            ("a|quell.list: bad", r#"{"a":["x","BAD.example"]}"#, Some("bad.example")),
            ("a|expand: '%bad%'", r#"{"a":"10.1.2.3"}"#, Some("10.0.0.0/8")),
            ("a|expand: '%bad%'", r#"{"a":"x.bad.example"}"#, None),
            ("a|quell.domain: bad", r#"{"a":"x.bad.example"}"#, Some("bad.example")),
            ("a|quell.list|startswith: bad", r#"{"a":"C:\\temp\\x"}"#, Some(r"c:\temp\")),
            ("a|startswith|quell.list: bad", r#"{"a":"C:\\temp\\x"}"#, Some(r"c:\temp\")),
            ("a|endswith|expand: '%bad%'", r#"{"a":"notbad.example"}"#, Some("bad.example")),
            ("a|quell.list: [bad, bad]", r#"{"b":"10.1.2.3"}"#, None),
        ] {
            let set = set(detection, &lists).unwrap_or_else(|wrong| panic!("{detection}: {wrong}"));
            let (program, signal) = (&set.rules()[0].program, signal(line));
            assert_eq!(program.matches(&signal), expected.is_some(), "{detection} {line}");
            assert_eq!(
                program.hit(&signal).map(|hit| hit.entry.to_string()).as_deref(),
                expected,
                "{detection}"
            );
            assert!(program.asks_lists());
        }
        let not = set("a|quell.list|neq: bad", &lists).unwrap();
        assert!(not.rules()[0].program.matches(&signal(r#"{"a":"1.1.1.1"}"#)));
        assert!(!not.rules()[0].program.matches(&signal(r#"{"a":"10.1.1.1"}"#)));
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        let lists = lists("10.0.0.0/8\n");
        for (detection, expected) in [
            (
                "a|quell.list: bat",
                "t.yml:4:21: there is no indicator list `bat`\n  hint: did you mean `bad`?",
            ),
            ("a|quell.list|contains: bad", "`contains` cannot follow `quell.list`"),
            ("a|contains|quell.list: bad", "`quell.list` cannot follow `contains`"),
            ("a|contains|expand: '%bad%'", "`%bad%` is an indicator list"),
            ("a|cased|expand: '%bad%'", "`%bad%` is an indicator list"),
            ("a|quell.list|cased: bad", "`cased` acts on text only"),
            ("a|quell.lst: bad", "unknown modifier `quell.lst`"),
        ] {
            let found = set(detection, &lists).err().unwrap_or_default();
            assert!(found.contains(expected), "{detection}: {found}");
        }
    }

    #[test]
    fn another_list_takes_the_place() {
        let set = set("a|quell.list: bad", &lists("10.0.0.0/8\n")).unwrap();
        let other = set.with_lists(&lists("11.0.0.0/8\n"));
        let line = signal(r#"{"a":"11.1.1.1"}"#);
        assert!(!set.rules()[0].program.matches(&line) && other.rules()[0].program.matches(&line));
        assert!(set != other, "what is on a list counts for what is at work");
        let change = other.change_from(&set);
        assert_eq!((change.new, change.changed, change.gone), (0, 0, 0), "but not for what a rule means");
    }
}
