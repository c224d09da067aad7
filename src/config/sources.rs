//! `sources` in `settings.yaml`: what a service watches.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::blindness;
use super::settings::zone;
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Entry as Pair, Node};
use crate::model::Value;
use crate::runtime::live::SOURCES;
use crate::runtime::live::blindness::Thresholds;
use crate::source::Format;
use crate::source::socket::{Address, address};

const KEYS: [&str; 12] = [
    "follow",
    "pipe",
    "udp",
    "tcp",
    "datagram",
    "format",
    "from",
    "year",
    "tz",
    "silent_after",
    "undecodable_above",
    "queue_age",
];
const KINDS: [&str; 5] = ["follow", "pipe", "udp", "tcp", "datagram"];

/// What is read. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A file that grows.
    File(PathBuf),
    /// A named pipe.
    Pipe(PathBuf),
    /// A socket.
    Socket(Address),
}

impl Named {
    fn path(&self) -> Option<&Path> {
        match self {
            Named::File(path) | Named::Pipe(path) | Named::Socket(Address::Datagram(path)) => Some(path),
            Named::Socket(_) => None,
        }
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Named::File(path) | Named::Pipe(path) => write!(f, "{}", path.display()),
            Named::Socket(address) => write!(f, "{address}"),
        }
    }
}

/// A live source, as a file names it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSpec {
    /// What is read.
    pub what: Named,
    /// How its lines are read.
    pub format: Format,
    /// Whether to begin with what it has already, if it was not followed before.
    pub from_start: bool,
    /// Year of lines without one; `None`: by the clock.
    pub year: Option<i16>,
    /// Zone of times without one; `None`: that of the settings.
    pub tz: Option<TimeZone>,
    /// When it counts as blind.
    pub blindness: Thresholds,
}

/// Reads the list. `blindness` counts for those that say nothing of it.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node, blindness: Thresholds) -> Vec<SourceSpec> {
    let items = reader.items(node, "sources");
    if items.len() > SOURCES {
        reader.wrong(node.at, Fault::new(format!("{} sources; at most {SOURCES} are read", items.len())));
        return Vec::new();
    }
    let mut found: Vec<SourceSpec> = Vec::new();
    for item in items {
        let Some(source) = one(reader, item, blindness) else { continue };
        let same = |other: &SourceSpec| match (other.what.path(), source.what.path()) {
            (Some(one), Some(other)) => one == other,
            _ => other.what == source.what,
        };
        if found.iter().any(same) {
            let named = crate::model::SafeText(&source.what.to_string()).to_string();
            reader.wrong(item.at, Fault::new(format!("{named} is named twice")));
        }
        found.push(source);
    }
    found
}

fn one(reader: &mut Reader<'_>, node: &Node, blindness: Thresholds) -> Option<SourceSpec> {
    let pairs = reader.mapping(node, "a source", &KEYS, &[])?;
    let what: Vec<&Pair> = pairs.iter().filter(|pair| KINDS.contains(&pair.key.as_str())).collect();
    let [pair] = what[..] else {
        let fault =
            Fault::new("a source is one of: a file to `follow`, a `pipe`, `udp`, `tcp`, a `datagram` socket");
        reader.wrong(node.at, fault.hint("for example `{ follow: /var/log/auth.log, format: sshd }`"));
        return None;
    };
    let what = named(reader, pair);
    let format = match node.get("format") {
        None => Some(Format::default()),
        Some(node) => {
            let words: Vec<&str> = Format::ALL.iter().map(|(_, word)| *word).collect();
            reader.choice(node, "a format", &words).map(|choice| Format::ALL[choice].0)
        }
    };
    let from = node.get("from").and_then(|node| {
        if pair.key != "follow" {
            let fault = match pair.key.as_str() {
                "pipe" => Fault::new("a pipe is read from what is in it"),
                _ => Fault::new("a socket has what is sent from now on"),
            };
            reader.wrong(node.at, fault.hint("remove `from`"));
        }
        reader.choice(node, "where to begin", &["end", "start"])
    });
    let year = node.get("year").and_then(|node| reader.whole(node, "year", 1970, 9999));
    let year = year.and_then(|year| i16::try_from(year).ok());
    let tz = node.get("tz").and_then(|node| zone(reader, node));
    let blindness = blindness::override_with(reader, node, blindness);
    Some(SourceSpec { what: what?, format: format?, from_start: from == Some(1), year, tz, blindness })
}

fn named(reader: &mut Reader<'_>, pair: &Pair) -> Option<Named> {
    match pair.key.as_str() {
        "follow" => path(reader, &pair.value).map(Named::File),
        "pipe" => path(reader, &pair.value).map(Named::Pipe),
        "udp" => socket(reader, &pair.value).map(|at| Named::Socket(Address::Udp(at))),
        "tcp" => socket(reader, &pair.value).map(|at| Named::Socket(Address::Tcp(at))),
        _ => {
            let text = reader.line(&pair.value, "a path")?;
            match address::datagram(Path::new(text)) {
                Ok(address) => Some(Named::Socket(address)),
                Err(why) => {
                    reader.wrong(pair.value.at, Fault::new(why).hint("for example `/run/quell/log`"));
                    None
                }
            }
        }
    }
}

/// A port alone may be a number.
fn socket(reader: &mut Reader<'_>, node: &Node) -> Option<SocketAddr> {
    let text = match &node.data {
        Data::Scalar(Value::Number(port)) => port.to_string(),
        _ => reader.line(node, "an address and a port")?.to_owned(),
    };
    match address::socket(&text) {
        Ok(at) => Some(at),
        Err(why) => {
            reader.wrong(node.at, Fault::new(why));
            None
        }
    }
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
