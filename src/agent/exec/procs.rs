//! The processes of this machine, as Linux shows them under `/proc`. Elsewhere there are none to see.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Pid, Signal};

/// One process. Its number and its start together name it for ever: numbers are given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Process {
    pub pid: i32,
    /// When it started, in clock ticks since boot.
    pub started: u64,
    pub parent: i32,
    pub group: i32,
}

/// Which processes are meant: those that one of these says, and what descends from them.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// Their environment has each of these entries, or entries that begin so.
    pub environment: Vec<Vec<u8>>,
    /// They are in this group.
    pub group: Option<i32>,
    /// They were seen before.
    pub known: BTreeSet<(i32, u64)>,
    /// They did not start before this.
    pub since: u64,
    /// They belong to this user.
    pub user: Option<u32>,
}

impl Process {
    /// The process of this number, unless it is dead.
    pub(super) fn read(pid: i32) -> Option<Process> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        parse(pid, &String::from_utf8_lossy(&stat))
    }

    /// Sends it a signal, unless its number has been given to another one.
    pub(super) fn signal(&self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        #[cfg(target_os = "linux")]
        {
            use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
            if let Ok(handle) = pidfd_open(pid, PidfdFlags::empty())
                && Process::read(self.pid).is_some_and(|found| found.started == self.started)
            {
                let _ = pidfd_send_signal(handle, signal);
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = rustix::process::kill_process(pid, signal);
    }

    fn has(&self, entries: &[Vec<u8>]) -> bool {
        let Ok(environment) = fs::read(format!("/proc/{}/environ", self.pid)) else { return false };
        let has = |entry: &Vec<u8>| {
            let is = |found: &[u8]| match entry.last() {
                Some(b'=') => found.starts_with(entry),
                _ => found == entry.as_slice(),
            };
            environment.split(|byte| *byte == 0).any(is)
        };
        !entries.is_empty() && entries.iter().all(has)
    }
}

/// Reads `/proc/PID/stat`, see proc_pid_stat(5). The name, field 2, may contain anything.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    // A zombie and a dead one have nothing left to end.
    if matches!(fields.next()?, "Z" | "X" | "x") {
        return None;
    }
    let (parent, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Process { pid, parent, group, started: fields.nth(16)?.parse().ok()? })
}

/// The entry of an environment.
pub(super) fn entry(name: &str, value: &OsStr) -> Vec<u8> {
    [name.as_bytes(), b"=", value.as_bytes()].concat()
}

/// Every process that is wanted, except this one and those that it descends from.
pub(super) fn find(wanted: &Wanted) -> BTreeSet<Process> {
    let all = all(wanted);
    let spared = ancestors(&all);
    let mut found: BTreeSet<Process> = BTreeSet::new();
    let mut pids: BTreeSet<i32> = BTreeSet::new();
    for process in all.iter().filter(|process| !spared.contains(&process.pid)) {
        let of_group = wanted.group == Some(process.group);
        let known = wanted.known.contains(&(process.pid, process.started));
        if of_group || known || (process.started >= wanted.since && process.has(&wanted.environment)) {
            found.insert(*process);
            pids.insert(process.pid);
        }
    }
    loop {
        let before = found.len();
        for process in all.iter().filter(|process| !spared.contains(&process.pid)) {
            if pids.contains(&process.parent) && found.insert(*process) {
                pids.insert(process.pid);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

fn all(wanted: &Wanted) -> Vec<Process> {
    let Ok(entries) = fs::read_dir(Path::new("/proc")) else { return Vec::new() };
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        let pid = entry.file_name().to_str()?.parse().ok()?;
        if let Some(user) = wanted.user
            && entry.metadata().ok()?.uid() != user
        {
            return None;
        }
        Process::read(pid)
    };
    entries.filter_map(read).collect()
}

/// This process, and those above it.
fn ancestors(all: &[Process]) -> BTreeSet<i32> {
    let mut pid = rustix::process::getpid().as_raw_nonzero().get();
    let mut found = BTreeSet::new();
    while found.insert(pid) {
        match all.iter().find(|process| process.pid == pid) {
            Some(process) => pid = process.parent,
            None => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name_is() {
        let line = |name: &str, state: &str| {
            format!("77 ({name}) {state} 12 34 34 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2 3")
        };
        let want = Process { pid: 77, started: 98_765, parent: 12, group: 34 };
        for name in ["sh", "a b", "a) R 1 1 1", "((", ""] {
            assert_eq!(parse(77, &line(name, "S")), Some(want), "{name}");
        }
        assert_eq!(parse(77, &line("sh", "Z")), None);
        assert_eq!(parse(77, "77 (sh) S 12"), None);
        assert_eq!(parse(77, ""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_there_and_spared() {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let me = Process::read(pid).unwrap();
        assert_eq!(me.pid, pid);
        let wanted = Wanted { known: BTreeSet::from([(me.pid, me.started)]), ..Wanted::default() };
        assert!(!find(&wanted).contains(&me));
    }
}
