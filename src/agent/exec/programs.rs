//! The programs that run for one state folder: started here, so that all of them can be ended.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Signal, geteuid};
use tokio::process::{Child, Command};

use super::adopted::{Children, Marks};
use super::procs::{Wanted, entry, find};
use super::tree::Tree;
use crate::model::SafeText;

/// What every program finds in its environment, beside `QUELL_KEY` and `QUELL_STATE`.
const ENVIRONMENT: [(&str, &str); 2] = [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LANG", "C.UTF-8")];
const KEY: &str = "QUELL_KEY";
const STATE: &str = "QUELL_STATE";
/// How long programs that outlived quell have between TERM and KILL.
pub const ORPHANS_GRACE: Duration = Duration::from_secs(5);
/// How often a program that is being written just now is tried, and the pause in between.
const BUSY: (u32, Duration) = (10, Duration::from_millis(10));
/// Orphans that have died meanwhile are reaped this often while a program runs.
const REAPED: Duration = Duration::from_secs(1);
/// Rounds of killing orphans.
const ROUNDS: u32 = 100;

/// All programs of one state folder; clones are the same.
#[derive(Debug, Clone)]
pub struct Programs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: PathBuf,
    live: Mutex<Live>,
    children: Arc<Children>,
    /// Whose turn it is to reap.
    reaper: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Live {
    /// Nothing is started any more.
    closed: bool,
    next: u64,
    trees: BTreeMap<u64, Arc<Tree>>,
}

/// A program at work. Dropping it ends the whole tree.
#[derive(Debug)]
pub(super) struct Running {
    pub tree: Arc<Tree>,
    programs: Programs,
    number: u64,
    ended: bool,
}

impl Programs {
    /// None yet, for this state folder.
    pub fn new(state: &Path) -> Self {
        // The same folder has one name, however it was reached.
        let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
        let (live, children, reaper) = (Mutex::default(), Arc::default(), tokio::sync::Mutex::default());
        Programs(Arc::new(Shared { state, live, children, reaper }))
    }

    /// Has every orphan of a program come to this process, so that none can hide. From then on nothing
    /// else may start programs in this process: they would be taken for orphans.
    ///
    /// # Errors
    /// The system cannot do that. Then programs are known by their marks only.
    pub fn adopt_orphans(&self) -> io::Result<()> {
        self.0.children.adopt()
    }

    /// Reaps orphans that have died, as long as it is driven. Only one does.
    pub(super) async fn reap(&self) -> std::convert::Infallible {
        let _turn = self.0.reaper.lock().await;
        loop {
            tokio::time::sleep(REAPED).await;
            let children = Arc::clone(&self.0.children);
            let _ = tokio::task::spawn_blocking(move || children.reap()).await;
        }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a program: no shell, a process group of its own, nothing of this environment.
    pub(super) async fn start(
        &self,
        program: &str,
        arguments: &[String],
        key: &str,
    ) -> io::Result<(Child, Running)> {
        let mut left = BUSY.0;
        loop {
            match self.start_once(program, arguments, key) {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && left > 0 => left -= 1,
                other => return other,
            }
            tokio::time::sleep(BUSY.1).await;
        }
    }

    fn start_once(&self, program: &str, arguments: &[String], key: &str) -> io::Result<(Child, Running)> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(ENVIRONMENT)
            .env(KEY, key)
            .env(STATE, &self.0.state)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Under the lock: one who ends all of them sees this one, or it is not started.
        let mut live = self.live();
        if live.closed {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "quell is leaving"));
        }
        let environment = vec![entry(KEY, key.as_ref()), entry(STATE, self.0.state.as_os_str())];
        let children = &self.0.children;
        let mut noted = children.programs();
        let child = command.spawn()?;
        let pid = child.id().unwrap_or(0);
        let number = live.next;
        noted.insert(pid.cast_signed(), Marks { number, environment: environment.clone() });
        drop(noted);
        let tree = Arc::new(Tree::of(pid, environment, Arc::clone(children)));
        live.next += 1;
        live.trees.insert(number, Arc::clone(&tree));
        Ok((child, Running { tree, programs: self.clone(), number, ended: false }))
    }

    /// Ends everything that runs, as trees, and starts nothing any more. For a process that has to leave
    /// at once: it waits for nothing else.
    pub fn kill_all(&self) {
        let trees: Vec<Arc<Tree>> = {
            let mut live = self.live();
            live.closed = true;
            live.trees.values().cloned().collect()
        };
        for tree in &trees {
            tree.signal(Signal::KILL);
        }
        for tree in &trees {
            tree.kill_now();
        }
        if !self.0.children.are_adopted() {
            return;
        }
        // Those that are marked as of one another, or not at all.
        for _ in 0..ROUNDS {
            let orphans = self.0.children.all();
            if orphans.is_empty() {
                break;
            }
            orphans.iter().for_each(|process| process.signal(Signal::KILL));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends what an earlier quell left behind in this state folder when it was killed: nothing is
    /// performed while such a program is still at work. Blocks for `grace` at most, then kills. Returns
    /// how many processes that were.
    ///
    /// The caller holds the lock of the state folder, so that no other quell is at work there.
    pub fn end_orphans(&self, grace: Duration) -> usize {
        let wanted = Wanted {
            environment: vec![entry(STATE, self.0.state.as_os_str()), entry(KEY, "".as_ref())],
            // Programs of root may have become somebody else; nobody else can look at those of others.
            user: (!geteuid().is_root()).then(|| geteuid().as_raw()),
            ..Wanted::default()
        };
        let orphans = find(&wanted);
        if orphans.is_empty() {
            return 0;
        }
        for process in &orphans {
            tracing::warn!(target: "agent", "process {} outlived the quell that started it: it is ended", process.pid);
            process.signal(Signal::TERM);
            process.signal(Signal::CONT);
        }
        let mut wanted = wanted;
        wanted.known.extend(orphans.iter().map(|process| (process.pid, process.started)));
        let pause = Duration::from_millis(20);
        let mut left = grace;
        while !left.is_zero() && !find(&wanted).is_empty() {
            std::thread::sleep(pause.min(left));
            left = left.saturating_sub(pause);
        }
        let mut rounds = 100;
        loop {
            let found = find(&wanted);
            if found.is_empty() {
                break;
            }
            if rounds == 0 {
                let state = self.0.state.display().to_string();
                tracing::error!(target: "agent", "{} processes of {} cannot be ended", found.len(), SafeText(&state));
                break;
            }
            rounds -= 1;
            wanted.known.extend(found.iter().map(|process| (process.pid, process.started)));
            found.iter().for_each(|process| process.signal(Signal::KILL));
            std::thread::sleep(Duration::from_millis(10));
        }
        orphans.len()
    }
}

impl Running {
    /// Ends what is left of it; all of it, unless its program has `ended` by itself.
    pub(super) async fn clear(&self, ended: bool) {
        if ended && self.tree.is_gone() {
            return;
        }
        // Those that run now are of other attempts; a new one is looked at, and left alone for its key.
        let others = {
            let live = self.programs.live();
            let others = live.trees.iter().filter(|(number, _)| **number != self.number);
            others.filter_map(|(_, tree)| tree.leader()).collect()
        };
        self.tree.spare(others);
        self.tree.kill().await;
    }

    /// Nothing of it is left.
    pub(super) fn ended(mut self) {
        self.ended = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.programs.live().trees.remove(&self.number);
        if !self.ended {
            self.tree.kill_now();
        }
        if let Some(leader) = self.tree.leader() {
            self.programs.0.children.forget(leader, self.number);
        }
    }
}
