//! Orphans that this process has adopted (C33): whoever starts a program is given what that leaves
//! behind, however well it hides (`PR_SET_CHILD_SUBREAPER`, see prctl(2)). So nothing escapes by leaving
//! its group, wiping its environment and losing its parent; and what has died is reaped here.
//!
//! A process that adopts has no children but the programs that are noted here, and orphans.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, WaitOptions, getpid, waitpid};

use super::procs::Process;

/// The programs at work, each with the number of its process.
pub(super) type Programs = BTreeMap<i32, Marks>;

/// What a program is known by.
#[derive(Debug)]
pub(super) struct Marks {
    /// Its number among all that were started here: numbers of processes are given again.
    pub number: u64,
    /// The entries of its environment that tell it from others.
    pub environment: Vec<Vec<u8>>,
}

/// What is known of the children of this process.
#[derive(Debug, Default)]
pub(super) struct Children {
    adopts: AtomicBool,
    programs: Mutex<Programs>,
}

impl Children {
    /// From now on orphans come to this process.
    ///
    /// # Errors
    /// The system cannot do that, or does not show the children of a process.
    pub(super) fn adopt(&self) -> io::Result<()> {
        of_main_thread()?;
        become_reaper()?;
        self.adopts.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Whether orphans come to this process.
    pub(super) fn are_adopted(&self) -> bool {
        self.adopts.load(Ordering::SeqCst)
    }

    /// The programs. To be held while one is started: a child that is not noted counts as an orphan.
    pub(super) fn programs(&self) -> MutexGuard<'_, Programs> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A program has ended, and everything that it left.
    pub(super) fn forget(&self, program: i32, number: u64) {
        let mut programs = self.programs();
        if programs.get(&program).is_some_and(|marks| marks.number == number) {
            programs.remove(&program);
        }
    }

    /// Whether there may be orphans: one look at one file.
    pub(super) fn may_be_there(&self) -> bool {
        !of_main_thread().is_ok_and(|pids| pids.is_empty())
    }

    /// Reaps the orphans that have died.
    pub(super) fn reap(&self) {
        if self.are_adopted() {
            self.orphans(&self.programs());
        }
    }

    /// A program that is still there, the orphans that are its own or nobody's, and what descends from
    /// them. Orphans that another program at work has marked as its own are left to that.
    pub(super) fn of(&self, program: i32) -> BTreeSet<Process> {
        let programs = self.programs();
        let is_others = |orphan: &Process| {
            let mut others = programs.iter().filter(|(leader, _)| **leader != program);
            others.any(|(leader, marks)| orphan.group == *leader || orphan.has(&marks.environment))
        };
        let mut roots = self.orphans(&programs);
        roots.retain(|orphan| !is_others(orphan));
        // Its number may be a stranger's by now.
        roots.extend(Process::read(program).filter(|process| process.parent == own()));
        drop(programs);
        with_descendants(roots)
    }

    /// Every orphan, and what descends from it.
    pub(super) fn all(&self) -> BTreeSet<Process> {
        let orphans = self.orphans(&self.programs());
        with_descendants(orphans)
    }

    /// The orphans that are alive; the dead ones are reaped. What one that has just died leaves behind
    /// comes to this process before it can be reaped: then they are looked at again.
    fn orphans(&self, programs: &Programs) -> Vec<Process> {
        loop {
            let (mut found, mut reaped) = (Vec::new(), false);
            for pid in of(own()).into_iter().filter(|pid| !programs.contains_key(pid)) {
                match Process::read(pid) {
                    Some(process) => found.push(process),
                    None => reaped |= reap(pid),
                }
            }
            if !reaped {
                return found;
            }
        }
    }
}

/// Whether there was something to reap.
fn reap(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(Some(_))))
}

/// The children of the thread that began this process: the kernel gives orphans to the first thread that
/// is alive (`find_new_reaper` in its `exit.c`).
fn of_main_thread() -> io::Result<Vec<i32>> {
    Ok(numbers(&fs::read_to_string(format!("/proc/self/task/{}/children", own()))?))
}

fn own() -> i32 {
    getpid().as_raw_nonzero().get()
}

/// The children of a process, of all its threads; see proc_tid_children(5).
fn of(pid: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let texts =
        threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    texts.flat_map(|text| numbers(&text)).collect()
}

fn numbers(text: &str) -> Vec<i32> {
    text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect()
}

fn with_descendants(mut roots: Vec<Process>) -> BTreeSet<Process> {
    let mut found = BTreeSet::new();
    while let Some(process) = roots.pop() {
        if found.insert(process) {
            roots.extend(of(process.pid).into_iter().filter_map(Process::read));
        }
    }
    found
}

#[cfg(target_os = "linux")]
fn become_reaper() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(getpid()))?)
}

#[cfg(not(target_os = "linux"))]
fn become_reaper() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
