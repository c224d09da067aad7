//! `sources` in `settings.yaml`: what a service watches.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::settings::zone;
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Entry as Pair, Node};
use crate::runtime::live::SOURCES;
use crate::source::Format;

const KEYS: [&str; 6] = ["follow", "pipe", "format", "from", "year", "tz"];

/// A live source, as a file names it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSpec {
    /// Absolute.
    pub path: PathBuf,
    /// Whether it is a named pipe, instead of a file that grows.
    pub pipe: bool,
    /// How its lines are read.
    pub format: Format,
    /// Whether to begin with what it has already, if it was not followed before.
    pub from_start: bool,
    /// Year of lines without one; `None`: by the clock.
    pub year: Option<i16>,
    /// Zone of times without one; `None`: that of the settings.
    pub tz: Option<TimeZone>,
}

/// Reads the list.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Vec<SourceSpec> {
    let items = reader.items(node, "sources");
    if items.len() > SOURCES {
        reader.wrong(node.at, Fault::new(format!("{} sources; at most {SOURCES} are read", items.len())));
        return Vec::new();
    }
    let mut found: Vec<SourceSpec> = Vec::new();
    for item in items {
        let Some(source) = one(reader, item) else { continue };
        if found.iter().any(|other| other.path == source.path) {
            let named = crate::model::SafeText(&source.path.display().to_string()).to_string();
            reader.wrong(item.at, Fault::new(format!("{named} is named twice")));
        }
        found.push(source);
    }
    found
}

fn one(reader: &mut Reader<'_>, node: &Node) -> Option<SourceSpec> {
    let pairs = reader.mapping(node, "a source", &KEYS, &[])?;
    let what: Vec<&Pair> =
        pairs.iter().filter(|pair| ["follow", "pipe"].contains(&pair.key.as_str())).collect();
    let [pair] = what[..] else {
        let fault = Fault::new("a source is either a file to `follow` or a `pipe`");
        reader.wrong(node.at, fault.hint("for example `{ follow: /var/log/auth.log, format: sshd }`"));
        return None;
    };
    let path = path(reader, &pair.value);
    let pipe = pair.key == "pipe";
    let format = match node.get("format") {
        None => Some(Format::default()),
        Some(node) => {
            let words: Vec<&str> = Format::ALL.iter().map(|(_, word)| *word).collect();
            reader.choice(node, "a format", &words).map(|choice| Format::ALL[choice].0)
        }
    };
    let from = node.get("from").and_then(|node| {
        if pipe {
            let fault = Fault::new("a pipe is read from what is in it");
            reader.wrong(node.at, fault.hint("remove `from`"));
        }
        reader.choice(node, "where to begin", &["end", "start"])
    });
    let year = node.get("year").and_then(|node| reader.whole(node, "year", 1970, 9999));
    let year = year.and_then(|year| i16::try_from(year).ok());
    let tz = node.get("tz").and_then(|node| zone(reader, node));
    Some(SourceSpec { path: path?, pipe, format: format?, from_start: from == Some(1), year, tz })
}

/// A service has no folder of its own to begin at.
fn path(reader: &mut Reader<'_>, node: &Node) -> Option<PathBuf> {
    let text = reader.line(node, "a path")?;
    let path = Path::new(text);
    if path.is_absolute() && path.file_name().is_some() {
        return Some(path.to_owned());
    }
    let fault = Fault::new("expected an absolute path, of a file or a pipe");
    reader.wrong(node.at, fault.hint("for example `/var/log/auth.log`"));
    None
}
