//! The head of a rule: what it is called, how bad a match is, who wrote it.

use std::sync::Arc;

use super::report::Report;
use super::yaml::{Entry, Kind, Place};
use crate::model::{RuleHead, Severity};

/// Keys that stand in the head of every kind of document. Those without a meaning here are
/// accepted, since they only inform people.
pub const HEAD_KEYS: &[&str] = &[
    "title",
    "id",
    "name",
    "level",
    "tags",
    "author",
    "status",
    "description",
    "references",
    "date",
    "modified",
    "fields",
    "falsepositives",
    "license",
    "related",
    "scope",
    "regression_tests_path",
    "simulation",
];

/// The level of a rule that states none.
const DEFAULT_LEVEL: Severity = Severity::Medium;

/// A head as read: the name may still be missing.
pub struct Head {
    pub at: Place,
    pub id: Option<String>,
    pub name: Option<String>,
    pub title: Option<String>,
    pub level: Severity,
    pub tags: Vec<Arc<str>>,
    pub author: Option<Arc<str>>,
}

impl Head {
    /// Reads the head's keys; the others are the caller's.
    pub fn read(at: Place, entries: &[Entry], report: &mut Report) -> Head {
        let mut head = Head {
            at,
            id: None,
            name: None,
            title: None,
            level: DEFAULT_LEVEL,
            tags: Vec::new(),
            author: None,
        };
        for entry in entries {
            match entry.key.as_str() {
                "title" => head.title = report.text(&entry.value, "a title"),
                "id" => head.id = report.text(&entry.value, "an id"),
                "name" => head.name = report.text(&entry.value, "a name"),
                "level" => head.level = level(entry, report),
                "tags" => {
                    let tags = report.texts(&entry.value, "a tag such as attack.discovery");
                    head.tags = tags.into_iter().map(|(_, tag)| tag.into()).collect();
                }
                "author" if entry.value.kind != Kind::Null => {
                    head.author = report.text(&entry.value, "an author").map(Into::into);
                }
                _ => {}
            }
        }
        if !entries.iter().any(|entry| entry.key == "title") {
            report.mistake(at, "expected a `title`: one line for people");
        }
        head
    }

    /// The head with the name that triggers use: its own, else the file's (unless taken), else the id.
    pub fn named(self, stem: Option<&str>) -> Option<Arc<RuleHead>> {
        let name: Arc<str> = self.name.as_deref().or(stem).or(self.id.as_deref())?.into();
        Some(Arc::new(RuleHead {
            id: self.id.map_or_else(|| name.clone(), Into::into),
            title: self.title.map_or_else(|| name.clone(), Into::into),
            name,
            level: self.level,
            tags: self.tags,
            author: self.author,
        }))
    }
}

fn level(entry: &Entry, report: &mut Report) -> Severity {
    let Some(text) = report.text(&entry.value, "a level") else { return DEFAULT_LEVEL };
    text.parse().unwrap_or_else(|expected: String| {
        report.mistake(entry.value.at, format!("{expected}; found `{text}`"));
        DEFAULT_LEVEL
    })
}
