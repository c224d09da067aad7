//! The protected set: what, why, from where, and until when.

use std::fmt;
use std::sync::Arc;

use super::{Prefix, Target};
use crate::model::Timestamp;

/// Whether names of users differ by case: they do not on macOS.
const USERS_BY_CASE: bool = cfg!(not(target_os = "macos"));

/// What is protected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarded {
    /// Every address of a prefix.
    Net(Prefix),
    /// A user by name.
    User(Arc<str>),
    /// A user by number.
    Uid(u32),
    /// A host by name.
    Host(Arc<str>),
    /// A network interface, by its exact name.
    Interface(Arc<str>),
}

/// Who says that it is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Quell, everywhere.
    Always,
    /// This machine, as it is now.
    Machine,
    /// `protected` in the settings.
    Settings,
}

impl Origin {
    /// Its word in tables and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Always => "always",
            Origin::Machine => "machine",
            Origin::Settings => "settings",
        }
    }
}

/// One thing that is protected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// What.
    pub what: Guarded,
    /// Who says so.
    pub origin: Origin,
    /// Why, for people.
    pub reason: Arc<str>,
    /// From when on it is not protected any more.
    pub until: Option<Timestamp>,
}

/// Everything that is protected. [`Protected::default`] has what always is.
#[derive(Debug, Clone, PartialEq)]
pub struct Protected {
    /// The refusal of all addresses at once: it protects no address of its own.
    whole: Entry,
    entries: Vec<Entry>,
}

impl Guarded {
    /// A host; one that is written as an address is that address.
    pub fn host(text: &str) -> Self {
        match super::target::literal(text) {
            Some(prefix) => Guarded::Net(prefix),
            None => Guarded::Host(Arc::from(host_name(text))),
        }
    }

    /// A user; one that is written in digits is that number.
    pub fn user(text: &str) -> Self {
        match uid(text) {
            Some(uid) => Guarded::Uid(uid),
            None => Guarded::User(Arc::from(text)),
        }
    }

    /// What kind of thing it is, as settings call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Guarded::Net(_) => "address",
            Guarded::User(_) | Guarded::Uid(_) => "user",
            Guarded::Host(_) => "host",
            Guarded::Interface(_) => "interface",
        }
    }

    fn is_met_by(&self, target: &Target<'_>) -> bool {
        match (self, target) {
            (Guarded::Net(own), Target::Net(prefix)) => {
                own.forms().any(|own| prefix.forms().any(|prefix| own.meets(prefix)))
            }
            (Guarded::User(own), Target::User(name)) if USERS_BY_CASE => **own == **name,
            (Guarded::User(own), Target::User(name)) => own.to_lowercase() == name.to_lowercase(),
            (Guarded::Uid(own), Target::User(name)) => uid(name) == Some(*own),
            (Guarded::Host(own), Target::Host(name)) => **own == *host_name(name),
            (Guarded::Interface(own), Target::Interface(name)) => **own == **name,
            _ => false,
        }
    }
}

/// A host's name as names of hosts are compared: without case, and without the dot of the root.
fn host_name(text: &str) -> String {
    text.trim_end_matches('.').to_lowercase()
}

/// The number that a user is written as. Programs that keep numbers of users in 32 bits cut longer
/// ones, so those count as what is left.
fn uid(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| {
        text.bytes().fold(0_u32, |uid, byte| uid.wrapping_mul(10).wrapping_add(u32::from(byte - b'0')))
    })
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Guarded::Net(prefix) => prefix.fmt(f),
            Guarded::Uid(uid) => uid.fmt(f),
            Guarded::User(name) | Guarded::Host(name) | Guarded::Interface(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Entry {
    /// `10.0.0.1 (default gateway)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            Guarded::Net(_) => write!(f, "{} ({})", self.what, self.reason),
            _ => write!(f, "{} {} ({})", self.what.kind(), self.what, self.reason),
        }
    }
}

impl Default for Protected {
    fn default() -> Self {
        Protected::new([])
    }
}

impl Protected {
    /// The set of these, and of what always is protected: `0.0.0.0/0` and `::/0` as targets, and the
    /// addresses `0.0.0.0` and `::`, which many programs take for all addresses.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let always = |prefix: Prefix, reason: &str| Entry {
            what: Guarded::Net(prefix),
            origin: Origin::Always,
            reason: Arc::from(reason),
            until: None,
        };
        let none = [std::net::Ipv4Addr::UNSPECIFIED.into(), std::net::Ipv6Addr::UNSPECIFIED.into()];
        let mut all: Vec<Entry> =
            none.map(|ip: std::net::IpAddr| always(ip.into(), "stands for every address")).into();
        all.extend(entries);
        all.sort_by(|a, b| (a.origin, &a.what, &a.reason).cmp(&(b.origin, &b.what, &b.reason)));
        all.dedup();
        Protected { whole: always(Prefix::IPV4, "every address"), entries: all }
    }

    /// Everything that is protected at a time.
    pub fn entries(&self, now: Timestamp) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.until.is_none_or(|until| now < until))
    }

    /// Why a target must not be acted against, if it must not.
    pub fn refuses(&self, target: &Target<'_>, now: Timestamp) -> Option<&Entry> {
        if let Target::Net(prefix) = target
            && prefix.forms().any(Prefix::is_whole)
        {
            return Some(&self.whole);
        }
        self.entries(now).find(|entry| entry.what.is_met_by(target))
    }

    /// As [`Protected::refuses`], for the first of several targets.
    pub fn refuses_any(&self, targets: &[Target<'_>], now: Timestamp) -> Option<&Entry> {
        targets.iter().find_map(|target| self.refuses(target, now))
    }
}
