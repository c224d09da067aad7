//! The blocklist: a file of addresses that other tools can read, one `ADDRESS EXPIRES KEY` per line.
//!
//! `EXPIRES` is RFC 3339 in UTC, `KEY` the idempotency key of the step that ordered it. An address
//! that two steps ordered has two lines: it is blocked until the last of them is gone.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::journal::folder::replace_file;
use crate::model::Timestamp;

/// Lines in the file, at most; one more order is refused.
pub(super) const LIMIT: usize = 65_536;

/// The file.
#[derive(Debug)]
pub(super) struct Blocklist {
    path: PathBuf,
}

/// What an order came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It is a new line.
    New,
    /// The same key had ordered it already; its expiry stays.
    Again(Timestamp),
    /// The file is full.
    Full,
}

struct Line<'a> {
    text: &'a str,
    parsed: Option<(IpAddr, Timestamp, &'a str)>,
}

fn parse(text: &str) -> Line<'_> {
    let mut words = text.split_ascii_whitespace();
    let parsed = (|| {
        let address = words.next()?.parse().ok()?;
        let expires: jiff::Timestamp = words.next()?.parse().ok()?;
        let key = words.next()?;
        words.next().is_none().then(|| (address, Timestamp(expires.as_microsecond()), key))
    })();
    Line { text, parsed }
}

impl Blocklist {
    pub(super) fn at(path: PathBuf) -> Self {
        Blocklist { path }
    }

    fn read(&self) -> io::Result<String> {
        match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            other => other,
        }
    }

    /// Writes the lines that `keep` wants and `more`. Lines that are not ours, such as comments, stay.
    fn write(
        &self,
        lines: &[Line<'_>],
        keep: impl Fn(IpAddr, Timestamp, &str) -> bool,
        more: Option<String>,
    ) -> io::Result<()> {
        let stays =
            |line: &&Line<'_>| line.parsed.is_none_or(|(address, expires, key)| keep(address, expires, key));
        let mut text: String = lines.iter().filter(stays).flat_map(|line| [line.text, "\n"]).collect();
        text.extend(more);
        replace_file(&self.path, text.as_bytes())
    }

    /// Blocks an address until `expires`, by order of `key`. Lines that have expired leave.
    pub(super) fn add(
        &self,
        address: IpAddr,
        expires: Timestamp,
        key: &str,
        now: Timestamp,
    ) -> io::Result<Added> {
        let text = self.read()?;
        let lines: Vec<_> = text.lines().map(parse).collect();
        let same = |line: &Line<'_>| match line.parsed {
            Some((a, until, k)) => (a == address && k == key && until > now).then_some(until),
            None => None,
        };
        if let Some(until) = lines.iter().find_map(same) {
            return Ok(Added::Again(until));
        }
        let live = lines.iter().filter(|line| line.parsed.is_none_or(|(_, until, _)| until > now)).count();
        if live >= LIMIT {
            return Ok(Added::Full);
        }
        let line = format!("{address} {expires} {key}\n");
        self.write(&lines, |_, until, _| until > now, Some(line))?;
        Ok(Added::New)
    }

    /// Whether an address is blocked by order of `key`.
    pub(super) fn has(&self, address: IpAddr, key: &str, now: Timestamp) -> io::Result<bool> {
        let text = self.read()?;
        let mut lines = text.lines().filter_map(|line| parse(line).parsed);
        Ok(lines.any(|(a, until, k)| a == address && k == key && until > now))
    }

    /// Takes an address away, whoever ordered it: the ledger knows who holds it. Returns how many lines
    /// that were.
    pub(super) fn remove(&self, address: IpAddr, now: Timestamp) -> io::Result<usize> {
        let text = self.read()?;
        let lines: Vec<_> = text.lines().map(parse).collect();
        let found = lines.iter().filter(|line| line.parsed.is_some_and(|(a, _, _)| a == address)).count();
        if found > 0 {
            self.write(&lines, |a, until, _| until > now && a != address, None)?;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn orders_come_and_go_and_expire() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blocklist");
        let list = Blocklist::at(path.clone());
        let shown = || std::fs::read_to_string(&path).unwrap();
        let (one, two): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        std::fs::write(&path, "# kept by hand\n").unwrap();

        assert_eq!(list.add(one, at(60), "run-1/block", at(0)).unwrap(), Added::New);
        assert_eq!(list.add(one, at(90), "run-1/block", at(1)).unwrap(), Added::Again(at(60)));
        assert_eq!(list.add(one, at(70), "run-2/block", at(2)).unwrap(), Added::New);
        assert_eq!(list.add(two, at(50), "run-3/block", at(3)).unwrap(), Added::New);
        let three = "# kept by hand\n\
                     192.0.2.1 1970-01-01T00:01:00.000000Z run-1/block\n\
                     192.0.2.1 1970-01-01T00:01:10.000000Z run-2/block\n\
                     2001:db8::2 1970-01-01T00:00:50.000000Z run-3/block\n";
        assert_eq!(shown(), three);

        assert_eq!(list.add(one, at(99), "run-4/block", at(55)).unwrap(), Added::New);
        assert!(!shown().contains("run-3/block"), "expired");
        assert_eq!(list.remove(one, at(56)).unwrap(), 3);
        assert_eq!(shown(), "# kept by hand\n");
    }
}
