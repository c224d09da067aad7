//! Indicator lists: addresses and networks, domains, hashes, any text; from files of others, up to millions
//! of them. A rule asks whether the value of a field is on a list.
//!
//! Letter case does not matter. What spells an address or a network is compared as such, anything else as
//! text; a text is compared as a whole, never by its hash alone.

mod asked;
mod networks;
mod read;
mod stix;
mod texts;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

pub use asked::Hit;
pub use read::{Column, Format, Spec, read};

use self::networks::Networks;
use self::texts::Texts;
use super::pattern::{Anchor, fold};
use crate::model::{Digest, Scalar};

/// The most entries of one list.
pub const ENTRIES: usize = 5_000_000;
/// The longest entry, in bytes; also of a longer value no more than this much is compared as a beginning
/// or an end.
pub const ENTRY_BYTES: usize = 1_024;
/// Patterns that are not understood, of which the ids are kept.
pub const NAMED: usize = 100;

/// What the entries of a list are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// Addresses and networks where they look like it, else texts.
    #[default]
    Any,
    /// Addresses and networks.
    Address,
    /// Domains.
    Domain,
    /// Hashes in hexadecimal.
    Hash,
    /// Texts, whatever they look like.
    Text,
}

impl Kind {
    /// Every kind with its word.
    pub const ALL: [(Kind, &str); 5] = [
        (Kind::Any, "any"),
        (Kind::Address, "address"),
        (Kind::Domain, "domain"),
        (Kind::Hash, "hash"),
        (Kind::Text, "text"),
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        Kind::ALL.iter().find(|(kind, _)| *kind == self).map_or("any", |(_, name)| name)
    }
}

/// A list.
#[derive(Debug)]
pub struct Indicators {
    name: Arc<str>,
    file: String,
    kind: Kind,
    digest: Digest,
    networks: Networks,
    texts: Texts,
    /// Patterns that are not understood: how many, and the ids of the first ones.
    not_understood: (usize, Vec<String>),
}

/// How a value has to stand to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is the entry, or an address within it.
    Is,
    /// It begins with the entry.
    Begins,
    /// It ends with the entry.
    Ends,
    /// It is the entry, or a name below this domain.
    Below,
}

impl How {
    /// How a text anchored so stands to an entry; `None` for anywhere.
    pub fn of(anchor: Anchor) -> Option<How> {
        match anchor {
            Anchor::Whole => Some(How::Is),
            Anchor::Start => Some(How::Begins),
            Anchor::End => Some(How::Ends),
            Anchor::Anywhere => None,
        }
    }
}

impl Indicators {
    /// What rules call it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The file that it was read from, as people know it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What its entries are.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// SHA-256 over what it was read from, and how.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.networks.len() + self.texts.len()
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What its entries take in memory, in bytes.
    pub fn memory(&self) -> usize {
        self.networks.memory() + self.texts.memory()
    }

    /// How many patterns were not understood, and the ids of the first [`NAMED`] of them.
    pub fn not_understood(&self) -> (usize, &[String]) {
        (self.not_understood.0, &self.not_understood.1)
    }

    /// The entry that the value stands so to; of several the narrowest, or the longest.
    pub fn find(&self, value: Scalar, how: How) -> Option<String> {
        let mut buffer = String::new();
        let address: Option<IpAddr> = match value {
            Scalar::Address(address) => Some(address),
            Scalar::Text(text) if text.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') => {
                text.parse().ok()
            }
            _ => None,
        };
        let within = address.and_then(|address| self.networks.find(address));
        if within.is_some() || value == Scalar::Null || self.texts.len() == 0 {
            return within;
        }
        let value = fold(value.text(&mut buffer), false, false);
        let (texts, mut key) = (&self.texts, Vec::new());
        let mut is = |text: &&str| texts.has(text, &mut key);
        let lengths = texts.lengths().rev().filter(|length| *length <= value.len());
        let found = match how {
            How::Is => Some(&*value).filter(|text| is(text)),
            How::Begins => lengths.filter_map(|length| value.get(..length)).find(is),
            How::Ends => lengths.filter_map(|length| value.get(value.len() - length..)).find(is),
            How::Below => domains(&value).find(is),
        };
        found.map(str::to_owned)
    }
}

/// A domain and those that it lies in, without the dot at the end. Of a name that is too long to be one,
/// only those that are not.
fn domains(name: &str) -> impl Iterator<Item = &str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let after = name.match_indices('.').filter_map(|(at, _)| name.get(at + 1..));
    std::iter::once(name).chain(after).filter(|name| name.len() <= ENTRY_BYTES)
}

/// A list as a test of a rule has it. It is the same test as long as the list has the same name.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The list.
    pub list: Arc<Indicators>,
    /// How the value has to stand to an entry.
    pub how: How,
}

impl PartialEq for Listed {
    fn eq(&self, other: &Self) -> bool {
        (&self.list.name, self.how) == (&other.list.name, other.how)
    }
}

/// The lists of a setup by name.
#[derive(Debug, Clone, Default)]
pub struct Lists(BTreeMap<Arc<str>, Arc<Indicators>>);

impl PartialEq for Lists {
    fn eq(&self, other: &Self) -> bool {
        self.iter().map(|list| list.digest).eq(other.iter().map(|list| list.digest))
            && self.0.keys().eq(other.0.keys())
    }
}

impl Lists {
    /// Takes a list in, in place of the one of its name.
    pub fn insert(&mut self, list: Arc<Indicators>) {
        self.0.insert(Arc::clone(&list.name), list);
    }

    /// The list of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<Indicators>> {
        self.0.get(name)
    }

    /// All of them, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Indicators>> {
        self.0.values()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests;
