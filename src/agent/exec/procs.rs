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
    /// They got their number after this one.
    pub after: Option<i32>,
    /// They are none of these, which are the programs of other attempts.
    pub others: BTreeSet<i32>,
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

    /// Whether its environment has each of these entries, or entries that begin so.
    pub(super) fn has(&self, entries: &[Vec<u8>]) -> bool {
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
    let all = newer(wanted).unwrap_or_else(|| all(wanted));
    let spared = ancestors(&all);
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let mut found: BTreeSet<Process> = BTreeSet::new();
    let mut pids: BTreeSet<i32> = BTreeSet::new();
    for process in all.iter().filter(|process| !spared.contains(&process.pid)) {
        let of_group = wanted.group == Some(process.group);
        let known = wanted.known.contains(&(process.pid, process.started));
        // A child of this process is the program of another attempt: what lost its parent goes to init.
        let other = wanted.after.is_some() && process.parent == own && own != 1;
        let may_be = process.started >= wanted.since && !other;
        if of_group || known || (may_be && process.has(&wanted.environment)) {
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

/// Only the processes that got their number after a certain one, looked at one by one: far fewer than
/// all. `None` if that cannot be said, since numbers have begun anew, or would not be fewer.
fn newer(wanted: &Wanted) -> Option<Vec<Process>> {
    const FEW: i32 = 512;
    let after = wanted.after?;
    // The last field is the number given last; see proc_loadavg(5).
    let last: i32 = fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next_back()?.parse().ok()?;
    let known = wanted.known.iter().all(|(pid, _)| *pid >= after);
    let few = known && last >= after && last - after <= FEW;
    let candidates = (after..=last).filter(|pid| *pid == after || !wanted.others.contains(pid));
    few.then(|| candidates.filter_map(Process::read).collect())
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

    #[cfg(target_os = "linux")]
    #[test]
    fn the_newer_ones_are_as_many_as_a_look_at_all_finds() {
        let mut child = std::process::Command::new("/bin/sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let newer = newer(&Wanted { after: Some(pid), ..Wanted::default() });
        let all = all(&Wanted::default());
        child.kill().unwrap();
        child.wait().unwrap();
        let of = |found: &[Process]| found.iter().find(|process| process.pid == pid).copied();
        assert!(of(&all).is_some());
        // Numbers may have begun anew just then; otherwise it is there, and nobody older.
        if let Some(newer) = newer {
            assert_eq!(of(&newer), of(&all));
            assert!(newer.iter().all(|process| process.pid >= pid) && newer.len() < all.len());
        }
    }
}
