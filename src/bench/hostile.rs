//! Programs that do not want to end: some ignore TERM, some leave their group and session, wipe their
//! environment and lose their parent, some fork on, some close what they say things on, some say a
//! gibibyte. Whatever they do, nothing of them outlives its step (C33), and nobody is left to be reaped.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use super::BenchError;
use super::live::{self, Store};
use super::result::Work;
use super::rig::recipe;
use super::setup::{hands, setup};
use crate::engine::{ActionSpec, AgentKind, ExecSpec, JournalKind, Limits, Means, Request, Setup};
use crate::model::{Argument, CommandLine, Map, Span, Word};

/// Programs at scale 1, and programs at once.
pub const PROGRAMS: u64 = 100;
/// Programs at once: of ten agents.
pub const AT_ONCE: u64 = 20;
/// Programs that say a gibibyte, at most.
const FLOODS: u64 = 20;
const GIBIBYTE: u64 = 1 << 30;

/// What they do. `MARK` is what nobody else on this machine sleeps for.
const SCRIPT: &str = r#"#!/bin/sh
case "$1" in
stubborn)
  trap '' TERM
  while :; do /bin/sleep MARK; done ;;
daemon)
  ( setsid env -i /bin/sleep MARK </dev/null >/dev/null 2>&1 & ) ;;
chain)
  ( setsid env -i /bin/sh -c '
      trap "" TERM HUP
      ( ( setsid /bin/sleep MARK & ) ; /bin/true & )
      ( /bin/sh -c "/bin/sleep MARK & exit 0" & ) ' & ) ;;
closed)
  exec >&- 2>&- <&-
  trap '' TERM
  ( /bin/sleep MARK & )
  /bin/sleep 0.01 ;;
flood)
  exec head -c BYTES /dev/zero ;;
esac
exit 0
"#;
/// Those that end by themselves, in turn; one of ten is stubborn and has to be stopped.
const KINDS: [&str; 10] =
    ["daemon", "chain", "closed", "daemon", "chain", "closed", "daemon", "chain", "daemon", "stubborn"];
const FLOOD: &str = "flood";

/// What the programs of one run sleep for, in seconds.
fn mark() -> String {
    format!("86399.{}", std::process::id())
}

fn write_program(folder: &Path) -> Result<String, BenchError> {
    let path = folder.join("program");
    fs::write(&path, SCRIPT.replace("MARK", &mark()).replace("BYTES", &GIBIBYTE.to_string()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    path.into_os_string().into_string().map_err(|_| "the name of the temporary folder is no UTF-8".into())
}

/// One workflow of one step for each kind. A real setup, so that programs run; what they do ends with
/// them.
fn programs(program: &str) -> Result<Arc<Setup>, BenchError> {
    let kinds: Vec<&str> = ["daemon", "chain", "closed", "stubborn", FLOOD].to_vec();
    let action = |kind: &&str| {
        let word = Word::parse(kind, &[]).map_err(|_| BenchError::from("a kind is no word"))?;
        let command = CommandLine { program: program.into(), arguments: vec![Argument::One(word)] };
        let exec = ExecSpec { command, grace: Span::from_millis(100), exits: vec![0] };
        let spec = ActionSpec {
            takes: vec![],
            optional: vec![],
            target: None,
            idempotent: true,
            lifts: None,
            undo: None,
            probe: None,
            means: Means::Exec(exec),
        };
        Ok((Arc::from(*kind), spec))
    };
    let actions: BTreeMap<Arc<str>, ActionSpec> =
        kinds.iter().map(action).collect::<Result<_, BenchError>>()?;
    let mut agents = hands(10, (AT_ONCE / 10) as u32);
    for agent in &mut agents {
        (agent.kind, agent.actions) = (AgentKind::Exec, actions.clone());
    }
    let workflow = |kind: &&str| {
        let timeout = if *kind == "stubborn" { "300ms" } else { "2m" };
        format!(
            "workflow: {kind}\nsteps:\n  - {{ id: s1, role: HAND, action: {kind}, timeout: {timeout}, undo: 'none: it ends' }}\n"
        )
    };
    let texts: Vec<String> = kinds.iter().map(workflow).collect();
    let drills = setup(agents, &texts)?;
    // Those that have to be stopped put their agents in error: no time for that here.
    let limits = Limits { agent_recovery: Span::from_millis(1), ..Limits::default() };
    Ok(Arc::new(Setup { kind: JournalKind::Real, limits, ..(*drills).clone() }))
}

/// Runs so many programs, and looks whether anything is left of them.
///
/// # Errors
/// Something is left, or the engine does not work.
pub fn run(count: u64) -> Result<Work, BenchError> {
    let folder = tempfile::tempdir()?;
    let setup = programs(&write_program(folder.path())?)?;
    let recipe = recipe(&setup);
    recipe.tools.programs.adopt_orphans()?;
    let every = (count / FLOODS).max(50);
    let kind = |n: u64| if n % every == 1 { FLOOD } else { KINDS[(n % KINDS.len() as u64) as usize] };
    let mut request = |n| Request::Trigger { workflow: kind(n).into(), inputs: Map::new() };
    let (book, usage, _) = live::run_with(recipe, count, AT_ONCE, Store::Memory, &mut request)?;
    let stubborn = (1..=count).filter(|n| kind(*n) == "stubborn").count() as u64;
    let (survivors, zombies) = (survivors(), zombies());
    if survivors + zombies > 0 {
        return Err(format!("{survivors} processes outlived their step, {zombies} were not reaped").into());
    }
    // Stopping those that would not end is what they are for.
    let succeeded = book.completed + book.lost.min(stubborn);
    Ok(Work {
        operations: count,
        succeeded,
        samples: book.samples,
        records: book.records,
        usage,
        ..Work::default()
    })
}

fn processes() -> impl Iterator<Item = std::path::PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.join("stat").exists())
}

fn survivors() -> u64 {
    let mark = mark();
    let is = |path: &std::path::PathBuf| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).split('\0').any(|word| word.contains(&mark))
    };
    processes().filter(is).count() as u64
}

fn zombies() -> u64 {
    let own = std::process::id().to_string();
    let is = |path: &std::path::PathBuf| {
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace();
        fields.next() == Some("Z") && fields.next() == Some(&own)
    };
    processes().filter(is).count() as u64
}
