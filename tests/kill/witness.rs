//! The program of every action here: this test program, started again by the quell under test. What it
//! does is one line, in a file of its target; whether an effect is there is what the last line says.
//!
//! It kills the quell that started it, if an order says so.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, kill_process, prlimit};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One effect, or one that came where another was at work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// Nanoseconds since the boot.
    pub at: u64,
    /// Microseconds since 1970.
    pub wall: i64,
    pub key: String,
    pub run: String,
    pub step: String,
    pub attempt: u64,
    pub undo: bool,
    pub action: String,
    pub target: String,
    pub pid: u32,
    /// Another program was at work on the target.
    pub overlap: bool,
}

/// What an attempt does beside its effect, once: the first one of this action on this target that finds
/// the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Kills before it acts, and does not act.
    KillBefore,
    /// Kills, and acts a while later, as if nothing had happened.
    KillAndActLate,
    /// Acts, and kills before it answers.
    KillAfter,
    /// Acts, kills, and stays.
    KillAndStay,
    /// Acts and answers; quell dies of the next byte that it writes into a file.
    NoMoreBytes,
    /// Acts, kills, stays, and kills whoever takes the state folder next.
    KillTheNext,
    /// Acts, tells, and answers when it may.
    Wait,
}

/// Where a target's lines are.
pub fn book(world: &Path, target: &str) -> PathBuf {
    world.join(format!("{target}.book"))
}

fn order_path(world: &Path, action: &str, target: &str) -> PathBuf {
    world.join(format!("{action}.{target}.order"))
}

/// Gives an order for an action on a target.
pub fn order(world: &Path, action: &str, target: &str, order: Order) {
    let path = order_path(world, action, target);
    fs::write(&path, serde_json::to_vec(&order).unwrap()).unwrap();
}

/// Whether the order was taken.
pub fn is_taken(world: &Path, action: &str, target: &str) -> bool {
    !order_path(world, action, target).exists()
}

/// The file whose coming ends [`Order::Wait`].
pub fn leave(world: &Path, target: &str) -> PathBuf {
    world.join(format!("{target}.leave"))
}

/// Every line, in the order in which they were written.
pub fn lines(world: &Path) -> Vec<Line> {
    let mut found = Vec::new();
    for entry in fs::read_dir(world).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "book") {
            let text = fs::read_to_string(path).unwrap();
            found.extend(text.lines().map(|line| serde_json::from_str::<Line>(line).unwrap()));
        }
    }
    found.sort_by_key(|line| line.at);
    found
}

/// Whether an action puts its effect there, or takes it away.
pub fn puts(action: &str) -> bool {
    !action.starts_with("un")
}

struct Task {
    text: Value,
    world: PathBuf,
}

impl Task {
    /// What quell says; `None` if no quell started this program.
    #[expect(clippy::disallowed_methods, reason = "how a program of quell hears of its key and folder")]
    fn read() -> Option<Task> {
        let (_, state) = (std::env::var_os("QUELL_KEY")?, std::env::var_os("QUELL_STATE")?);
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).unwrap();
        let world = Path::new(&state).parent().unwrap().join("world");
        Some(Task { text: serde_json::from_str(&text).unwrap(), world })
    }

    fn str(&self, name: &str) -> &str {
        self.text[name].as_str().unwrap_or_default()
    }

    fn take_order(&self) -> Option<Order> {
        let path = order_path(&self.world, self.str("action"), self.str("target"));
        let mine = path.with_extension(format!("taken-{}", std::process::id()));
        fs::rename(&path, &mine).ok()?;
        Some(serde_json::from_slice(&fs::read(mine).unwrap()).unwrap())
    }

    fn write(&self, overlap: bool) {
        let (since, wall) = (clock_gettime(ClockId::Boottime), clock_gettime(ClockId::Realtime));
        let line = Line {
            at: since.tv_sec.unsigned_abs() * 1_000_000_000 + since.tv_nsec.unsigned_abs(),
            wall: wall.tv_sec * 1_000_000 + wall.tv_nsec / 1_000,
            key: self.str("key").to_owned(),
            run: self.str("run").to_owned(),
            step: self.str("step").to_owned(),
            attempt: self.text["attempt"].as_u64().unwrap(),
            undo: self.text["undo"].as_bool().unwrap(),
            action: self.str("action").to_owned(),
            target: self.str("target").to_owned(),
            pid: std::process::id(),
            overlap,
        };
        let mut bytes = serde_json::to_vec(&line).unwrap();
        bytes.push(b'\n');
        let path = book(&self.world, self.str("target"));
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
    }

    /// Its exit code.
    fn act(&self) -> i32 {
        let (action, target) = (self.str("action"), self.str("target"));
        let turn = File::create(self.world.join(format!("{target}.turn"))).unwrap();
        let overlap = matches!(turn.try_lock(), Err(TryLockError::WouldBlock));
        let order = self.take_order();
        match order {
            Some(Order::KillBefore) => {
                kill_parent();
                return 0;
            }
            Some(Order::KillAndActLate) => {
                kill_parent();
                thread::sleep(Duration::from_millis(300));
            }
            _ => {}
        }
        if overlap {
            self.write(true);
        }
        if action == "fail" {
            eprintln!("as it should");
            return 1;
        }
        self.write(false);
        match order {
            Some(Order::KillAfter) => kill_parent(),
            Some(Order::KillAndStay) => {
                kill_parent();
                stay();
            }
            Some(Order::NoMoreBytes) => {
                let none = Rlimit { current: Some(0), maximum: Some(0) };
                prlimit(getppid(), Resource::Fsize, none).unwrap();
            }
            Some(Order::KillTheNext) => self.kill_the_next(),
            Some(Order::Wait) => {
                while !leave(&self.world, target).exists() {
                    thread::sleep(Duration::from_millis(2));
                }
            }
            _ => {}
        }
        match action {
            "hang" => stay(),
            "talk" => println!("{}", "talk ".repeat(12_000)),
            "late" | "unlate" => thread::sleep(Duration::from_millis(40)),
            _ => {}
        }
        0
    }

    fn kill_the_next(&self) -> ! {
        let lock = self.world.parent().unwrap().join("state/lock");
        let before = fs::read(&lock).unwrap();
        kill_parent();
        loop {
            let now = fs::read(&lock).unwrap_or_default();
            let pid = String::from_utf8_lossy(&now).trim().parse().ok().and_then(Pid::from_raw);
            if let Some(pid) = pid.filter(|_| now != before) {
                let _ = kill_process(pid, Signal::KILL);
                stay();
            }
            thread::yield_now();
        }
    }

    /// 0 is present, 1 absent.
    fn look(&self) -> i32 {
        let text = fs::read_to_string(book(&self.world, self.str("target"))).unwrap_or_default();
        let last = text.lines().last().map(|line| serde_json::from_str::<Line>(line).unwrap());
        i32::from(!last.is_some_and(|line| puts(&line.action)))
    }
}

fn kill_parent() {
    // 1 is who adopts the orphans: then it is dead already.
    if let Some(parent) = getppid().filter(|parent| !parent.is_init()) {
        let _ = kill_process(parent, Signal::KILL);
    }
}

fn stay() -> ! {
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn acts() {
    if let Some(task) = Task::read() {
        std::process::exit(task.act());
    }
}

#[test]
fn looks() {
    if let Some(task) = Task::read() {
        std::process::exit(task.look());
    }
}
