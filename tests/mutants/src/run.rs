//! Runs the tests that reach a mutant, until one of them fails.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::build::Built;

/// CPU seconds that the tests of one mutant may take: many times what all of them take. A limit in CPU
/// time means the same on a busy machine.
const CPU: u32 = 6;
/// KiB of memory.
const MEMORY: u32 = 3 << 20;

/// What became of a mutant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// By this test.
    Caught(String),
    /// The tests did not end.
    Timeout,
    /// So many tests reach it, and none fails.
    Missed(usize),
    /// It does not compile.
    Unviable(String),
    /// It cannot be planted together with the others: to be tried alone.
    NotWoven(String),
}

impl Fate {
    /// Whether the compiler did not take it.
    pub fn is_refused(&self) -> bool {
        matches!(self, Fate::Unviable(_) | Fate::NotWoven(_))
    }
}

/// Which tests come by which mutant, the cheapest first.
///
/// # Errors
/// If a test fails without any mutant.
pub fn reach(built: &Built, work: &Path) -> Result<BTreeMap<u32, Vec<String>>, String> {
    let path = work.join("reached");
    // Writing down takes its time.
    let status = command(built, 0, 20 * CPU)
        .arg("--quiet")
        // With one thread alone a test would not run in a thread of its own name.
        .arg("--test-threads=2")
        .env("MUTANTS_REACHED", &path)
        .status()
        .map_err(|e| format!("{}: {e}", built.program.display()))?;
    if !status.success() {
        return Err("the tests fail without any mutant".to_owned());
    }
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut reached = BTreeMap::<u32, Vec<String>>::new();
    let mut load = BTreeMap::<&str, usize>::new();
    for (number, test) in text.lines().filter_map(|line| line.split_once(' ')) {
        reached.entry(number.parse().unwrap_or(0)).or_default().push(test.to_owned());
        *load.entry(test).or_default() += 1;
    }
    // What comes by few mutants is small and says most about them.
    for tests in reached.values_mut() {
        tests.sort_by_key(|test| (test.starts_with("tests::"), load[test.as_str()]));
    }
    Ok(reached)
}

/// Tries one mutant.
///
/// # Errors
/// If the tests cannot be started.
pub fn attempt(built: &Built, number: u32, tests: &[String]) -> Result<Fate, String> {
    // The simulator comes last, and only when nothing else notices.
    let (long, short): (Vec<&String>, Vec<&String>) =
        tests.iter().partition(|test| test.starts_with("tests::"));
    for tests in [short, long] {
        if tests.is_empty() {
            continue;
        }
        let told = |e: std::io::Error| format!("{}: {e}", built.program.display());
        let mut child = command(built, number, CPU)
            .args(["--exact", "--test-threads=1"])
            .args(tests)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(told)?;
        let mut last = String::new();
        for line in BufReader::new(child.stdout.take().expect("it is piped")).split(b'\n') {
            let line = String::from_utf8_lossy(&line.map_err(told)?).into_owned();
            if let Some(test) = line.strip_prefix("test ").and_then(|line| line.split(" ... ").next()) {
                last = test.to_owned();
            }
            if line.ends_with("... FAILED") || line == "FAILED" {
                let _ = child.kill();
                let _ = child.wait();
                return Ok(Fate::Caught(last));
            }
        }
        let status = child.wait().map_err(told)?;
        if status.signal().is_some_and(|signal| [SIGKILL, SIGXCPU].contains(&signal)) {
            return Ok(Fate::Timeout);
        }
        if !status.success() {
            return Ok(Fate::Caught(format!("{last} ({status})")));
        }
    }
    Ok(Fate::Missed(tests.len()))
}

/// What a process gets that used more CPU time than it may, and more than it must (Linux).
const SIGXCPU: i32 = 24;
const SIGKILL: i32 = 9;

fn command(built: &Built, number: u32, cpu: u32) -> Command {
    let mut command = Command::new("sh");
    let limits = format!("ulimit -t {cpu}; ulimit -v {MEMORY}; exec \"$@\"");
    command.args(["-c", &limits, "sh"]).arg(&built.program).current_dir(&built.folder);
    command.env("MUTANT", number.to_string()).env("INSTA_UPDATE", "no").env("INSTA_FORCE_PASS", "0");
    // Otherwise every test asks cargo for it.
    command
        .env("INSTA_WORKSPACE_ROOT", &built.folder)
        .env("RUST_BACKTRACE", "0")
        .env("PROPTEST_RNG_SEED", "7");
    command
}
