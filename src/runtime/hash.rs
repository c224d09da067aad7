//! The hash of a stream of records: what two replays of the same signals have in common.
//!
//! SHA-256 over the canonical JSON of `seq`, `at` and `event` of each record, one per line. Left out
//! is what differs between machines and people: the version of the program, starts after a stop, and
//! who asked for something (every person counts as `person`).

use std::io::{self, Write};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::engine::{Actor, Event, Record};
use crate::model::Digest;

/// A running hash.
#[derive(Clone, Default)]
pub struct RecordsHash {
    sha: Sha256,
    line: Vec<u8>,
}

impl RecordsHash {
    /// Adds the next record.
    pub fn add(&mut self, record: &Record) {
        let normal = match normalised(&record.event) {
            Normal::AsIs => serialise(record, &mut self.line),
            Normal::Skip => return,
            Normal::Other(event) => {
                serialise(&Record { seq: record.seq, at: record.at, event: *event }, &mut self.line)
            }
        };
        // Writing JSON to memory cannot fail for records; if it did, the hash says so by differing.
        if normal.is_err() {
            self.line.clear();
        }
        self.line.push(b'\n');
        self.sha.update(&self.line);
    }

    /// The hash so far.
    pub fn digest(&self) -> Digest {
        Digest(self.sha.clone().finalize().into())
    }
}

fn serialise(record: &Record, line: &mut Vec<u8>) -> io::Result<()> {
    line.clear();
    serde_json::to_writer(&mut *line, record)?;
    line.flush()
}

enum Normal {
    AsIs,
    Skip,
    Other(Box<Event>),
}

fn normalised(event: &Event) -> Normal {
    match event {
        Event::Recovered { .. } => return Normal::Skip,
        Event::JournalOpened { kind, seed, .. } => {
            let event = Event::JournalOpened { kind: *kind, version: Arc::from(""), seed: *seed };
            return Normal::Other(Box::new(event));
        }
        _ => {}
    }
    if by(event).is_none_or(|by| *by == Actor::engine()) {
        return Normal::AsIs;
    }
    let mut event = event.clone();
    if let Some(by) = by_mut(&mut event) {
        *by = Actor(Arc::from("person"));
    }
    Normal::Other(Box::new(event))
}

/// Both ways to look at who ordered an event, from one list of events.
macro_rules! ordered_by {
    ($($name:ident: $ty:ty => $some:ty, ($($borrow:tt)+));+ $(;)?) => { $(
        fn $name(event: $ty) -> Option<$some> {
            match event {
                Event::IncidentChanged { by, .. }
                | Event::RunPaused { by, .. }
                | Event::RunResumed { by, .. }
                | Event::RunUnparked { by, .. }
                | Event::RollbackStarted { by, .. }
                | Event::RunAbandoned { by, .. }
                | Event::RequestRefused { by, .. } => Some(by),
                Event::RunCreated(new) => Some($($borrow)+ new.by),
                _ => None,
            }
        }
    )+ };
}

ordered_by!(
    by: &Event => &Actor, (&);
    by_mut: &mut Event => &mut Actor, (&mut);
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::JournalKind;
    use crate::model::{RunId, Timestamp};

    fn hash(events: &[Event]) -> Digest {
        let mut hash = RecordsHash::default();
        for (i, event) in events.iter().enumerate() {
            hash.add(&Record { seq: i as u64 + 1, at: Timestamp(5), event: event.clone() });
        }
        hash.digest()
    }

    fn opened(version: &str, seed: u64) -> Event {
        Event::JournalOpened { kind: JournalKind::Exercise, version: version.into(), seed }
    }

    fn paused(by: &str) -> Event {
        Event::RunPaused { run: RunId(1), by: Actor(by.into()) }
    }

    #[test]
    fn versions_starts_and_names_make_no_difference() {
        assert_eq!(hash(&[opened("1", 7)]), hash(&[opened("2", 7)]));
        assert_ne!(hash(&[opened("1", 7)]), hash(&[opened("1", 8)]));
        assert_eq!(
            hash(&[opened("1", 7)]),
            hash(&[opened("1", 7), Event::Recovered { version: "1".into() }])
        );
        assert_eq!(hash(&[paused("ann (uid 1)")]), hash(&[paused("bob (uid 2)")]));
        assert_ne!(hash(&[paused("ann (uid 1)")]), hash(&[paused("quell")]));
    }

    /// Fixed for ever: published hashes must stay comparable.
    #[test]
    fn the_hash_is_over_lines_of_json() {
        let line =
            br#"{"seq":1,"at":5,"event":{"journal_opened":{"kind":"exercise","version":"","seed":7}}}"#;
        let expected = Sha256::new().chain_update(line).chain_update(b"\n").finalize();
        assert_eq!(hash(&[opened("1", 7)]), Digest(expected.into()));
    }
}
