//! Five steps one after the other, a hundred workflows at once, and each step is a program that does
//! nothing: what it costs to run programs. Nothing on this machine is changed.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::BenchError;
use super::live::{self, Store};
use super::result::Work;
use super::rig::{Asker, recipe};
use super::samples::Samples;
use super::setup::{chain, hands, setup};
use super::usage::Stopwatch;
use super::workflow::{NAME, STEPS, work};
use crate::engine::{ActionSpec, AgentKind, ExecSpec, JournalKind, Means, Setup};
use crate::model::{CommandLine, Span};
use crate::runtime::clock::instant;

/// Workflows at scale 1, and workflows at once.
pub const AT_ONCE: u64 = 100;
/// Programs at once: of ten agents.
pub const PROGRAMS_AT_ONCE: u64 = 20;
/// Where a program that does nothing may be.
const NOTHING: [&str; 2] = ["/bin/true", "/usr/bin/true"];
/// Bytes that each program is given to read, as the agent gives it its context.
const CONTEXT: usize = 256;
/// What [`floor`] does.
pub const SPAWNS: &str = "programs with the same pipes and environment, 20 at once, on one thread of tokio";

fn nothing() -> Result<&'static str, BenchError> {
    let found = NOTHING.into_iter().find(|path| Path::new(path).exists());
    found
        .ok_or_else(|| BenchError(format!("no program that does nothing: looked for {}", NOTHING.join(", "))))
}

/// The setup: ten agents with two programs at once. Its journal is one for real, since programs run;
/// they do nothing, so that nobody has to arm the workflow.
///
/// # Errors
/// This machine has no program that does nothing.
pub fn programs() -> Result<Arc<Setup>, BenchError> {
    let command = CommandLine { program: nothing()?.into(), arguments: vec![] };
    let run = |undo: Option<&str>| ActionSpec {
        takes: vec![],
        optional: vec![],
        target: None,
        idempotent: true,
        lifts: None,
        undo: undo.map(Arc::from),
        means: Means::Exec(ExecSpec { command: command.clone(), grace: Span::from_secs(1), exits: vec![0] }),
        probe: None,
    };
    let mut agents = hands(10, (PROGRAMS_AT_ONCE / 10) as u32);
    for agent in &mut agents {
        agent.kind = AgentKind::Exec;
        agent.actions =
            [("act", run(Some("unact"))), ("unact", run(None))].map(|(n, a)| (Arc::from(n), a)).into();
    }
    let drills = setup(agents, &[chain(NAME, STEPS, "act")])?;
    Ok(Arc::new(Setup { kind: JournalKind::Real, ..(*drills).clone() }))
}

/// Runs so many workflows whose steps are programs; orphans are adopted, as in every real setup.
///
/// # Errors
/// As [`live::run_with`].
pub fn run(setup: &Arc<Setup>, workflows: u64) -> Result<Work, BenchError> {
    let recipe = recipe(setup);
    // Where the system cannot do it, a real setup goes without, too.
    let _ = recipe.tools.programs.adopt_orphans();
    let asker = Asker::new(NAME);
    let mut request = |_| asker.request();
    let (book, usage, _) = live::run_with(recipe, workflows, AT_ONCE, Store::Memory, &mut request)?;
    Ok(work(&book, workflows, usage))
}

/// Starts as many programs without quell: each gets as much to read, what it says is read, and it is
/// waited for.
///
/// # Errors
/// The runtime does not start.
pub fn floor(programs: u64) -> Result<Work, BenchError> {
    let program = nothing()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let watch = Stopwatch::start();
    let samples = runtime.block_on(async {
        let starter = |i| {
            let share = programs / PROGRAMS_AT_ONCE + u64::from(i < programs % PROGRAMS_AT_ONCE);
            tokio::spawn(start(program, share))
        };
        let starters: Vec<_> = (0..PROGRAMS_AT_ONCE).map(starter).collect();
        let mut samples = Samples::with_room(programs);
        for starter in starters {
            if let Ok(theirs) = starter.await {
                samples.take_all(&theirs);
            }
        }
        samples
    });
    let usage = watch.stop();
    Ok(Work { operations: programs, succeeded: samples.count(), samples, usage, ..Work::default() })
}

async fn start(program: &str, times: u64) -> Samples {
    let mut samples = Samples::with_room(times);
    for _ in 0..times {
        let begun = instant();
        if once(program).await.is_ok_and(|fine| fine) {
            samples.add(instant().duration_since(begun));
        }
    }
    samples
}

async fn once(program: &str) -> std::io::Result<bool> {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8").process_group(0);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that reads nothing may have closed it already.
        let _ = stdin.write_all(&[b' '; CONTEXT]).await;
    }
    let (mut out, mut err) = (Vec::new(), Vec::new());
    if let (Some(mut stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) {
        tokio::try_join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut err))?;
    }
    Ok(child.wait().await?.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_run_and_counted() {
        let work = live::run(&programs().unwrap(), 3, AT_ONCE, Store::Memory).unwrap();
        assert_eq!((work.operations, work.succeeded, work.workflows), (15, 15, Some(3)));
        let work = floor(23).unwrap();
        assert_eq!((work.operations, work.succeeded), (23, 23));
    }
}
