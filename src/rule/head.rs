//! The head of a rule: what it is called, how bad a match is, who wrote it.

use std::sync::Arc;

use super::texts::{text, texts};
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Entry, Place};
use crate::model::{RuleHead, Severity, Value};

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
    "taxonomy",
    "sigma-version",
];

/// The level of a rule that states none.
const DEFAULT_LEVEL: Severity = Severity::Medium;

/// A head as read: the name may still be missing.
pub struct Head {
    pub id: Option<String>,
    pub name: Option<String>,
    pub title: Option<String>,
    pub level: Severity,
    pub tags: Vec<Arc<str>>,
    pub author: Option<Arc<str>>,
}

impl Head {
    /// Reads the head's keys; the others are the caller's.
    pub fn read(at: Place, entries: &[Entry], reader: &mut Reader<'_>) -> Head {
        let mut head =
            Head { id: None, name: None, title: None, level: DEFAULT_LEVEL, tags: Vec::new(), author: None };
        for entry in entries {
            match entry.key.as_str() {
                "title" => head.title = text(reader, &entry.value, "a title"),
                "id" => head.id = text(reader, &entry.value, "an id"),
                "name" => head.name = text(reader, &entry.value, "a name"),
                "level" => {
                    head.level = reader.severity(&entry.value, "a level").unwrap_or(DEFAULT_LEVEL);
                }
                "tags" => {
                    let tags = texts(reader, &entry.value, "a tag such as attack.discovery");
                    head.tags = tags.into_iter().map(|(_, tag)| tag.into()).collect();
                }
                "author" if entry.value.data != Data::Scalar(Value::Null) => {
                    head.author = text(reader, &entry.value, "an author").map(Into::into);
                }
                _ => {}
            }
        }
        if !entries.iter().any(|entry| entry.key == "title") {
            reader.wrong(at, "expected a `title`: one line for people");
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
