//! Agents that run programs: no shell, an argument list, and nothing of a program outlives its step.

mod adopted;
mod context;
mod look;
mod output;
mod procs;
mod programs;
mod streams;
mod tree;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::slow::{Attempt, Look, Performance, SlowAgent};
use crate::engine::{AgentSpec, ExecSpec, Means, Probe, ProbeMeans, ProbeSpec};
use crate::model::{CommandLine, Failure, FailureKind, Outcome, Presence, SafeText};
use output::Kept;
use streams::Streams;

pub use output::KEPT;
pub use programs::{ORPHANS_GRACE, Programs};

/// How long the system may take to hand over a program that was killed.
const REAP: Duration = Duration::from_secs(2);

/// An agent whose actions are programs.
pub struct ExecAgent {
    name: Arc<str>,
    actions: BTreeMap<Arc<str>, ExecSpec>,
    probes: BTreeMap<Arc<str>, (CommandLine, Duration)>,
    programs: Programs,
}

impl ExecAgent {
    /// The programs of an agent's file.
    pub fn new(spec: &AgentSpec, programs: Programs) -> Self {
        let actions = spec.actions.iter().filter_map(|(name, action)| match &action.means {
            Means::Exec(exec) => Some((Arc::clone(name), exec.clone())),
            _ => None,
        });
        let probes = spec.actions.iter().filter_map(|(name, action)| match action.probe.as_ref() {
            Some(ProbeSpec { means: ProbeMeans::Exec(command), timeout }) => {
                Some((Arc::clone(name), (command.clone(), Duration::from_micros(timeout.0))))
            }
            _ => None,
        });
        let (actions, probes) = (actions.collect(), probes.collect());
        ExecAgent { name: Arc::clone(&spec.name), actions, probes, programs }
    }

    async fn run(&self, mut attempt: Attempt) -> Outcome {
        let task = Arc::clone(&attempt.task);
        let Some(spec) = self.actions.get(&task.action.name) else {
            let message = format!("{} has no program for {}", self.name, task.action.name);
            return failed(FailureKind::NotSent, message);
        };
        let program = &*spec.command.program;
        let arguments = match spec.command.render(&task.action.args) {
            Ok(arguments) => arguments,
            Err(why) => return failed(FailureKind::NotSent, why),
        };
        let (mut child, running) = match self.programs.start(program, &arguments, &task.key).await {
            Ok(started) => started,
            Err(error) => return not_started(program, &error),
        };
        let streams = Streams::of(&mut child, context::json(&task));
        let ended = tokio::select! {
            biased;
            status = child.wait() => Ok(status),
            cut = attempt.cut() => Err(cut),
            never = self.programs.reap() => match never {},
        };
        if ended.is_err() {
            let leader = async {
                let _ = child.wait().await;
            };
            running.tree.terminate(Duration::from_micros(spec.grace.0), leader, attempt.quit()).await;
        }
        running.clear(matches!(ended, Ok(Ok(_)))).await;
        let _ = timeout(REAP, child.wait()).await;
        running.ended();
        let (stdout, stderr) = streams.end().await;
        match ended {
            Err(cut) => cut.outcome(),
            Ok(Ok(status)) => answered(spec, status, stdout, &stderr),
            Ok(Err(error)) => failed(FailureKind::NoAnswer, format!("{program}: {error}")),
        }
    }
}

impl SlowAgent for ExecAgent {
    fn probe(self: Arc<Self>, probe: Arc<Probe>, left: Duration) -> Look {
        Box::pin(async move { self.look(&probe, left).await.unwrap_or_else(Presence::Unknown) })
    }

    fn perform(self: Arc<Self>, attempt: Attempt) -> Performance {
        Box::pin(async move { self.run(attempt).await })
    }
}

fn failed(kind: FailureKind, message: String) -> Outcome {
    Outcome::Failed(Failure { kind, message })
}

fn answered(spec: &ExecSpec, status: ExitStatus, stdout: Kept, stderr: &Kept) -> Outcome {
    let program = &*spec.command.program;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    if let Some(code) = code.filter(|code| spec.exits.contains(code)) {
        let mut output = stdout.into_output();
        if spec.exits.len() > 1 {
            output.insert("exit".to_owned(), code.into());
        }
        return Outcome::Succeeded(output);
    }
    // One that was killed did not answer: how far it came is not known.
    let (kind, how) = match (status.code(), status.signal()) {
        (Some(code), _) => (FailureKind::Answered, format!("exit code {code}")),
        (None, Some(signal)) => (FailureKind::NoAnswer, format!("killed by signal {signal}")),
        (None, None) => (FailureKind::NoAnswer, "it ended in an unknown way".to_owned()),
    };
    let words = stderr.last_words().map_or_else(String::new, |words| format!(": {words}"));
    failed(kind, format!("{program}: {how}{words}"))
}

fn not_started(program: &str, error: &io::Error) -> Outcome {
    use io::ErrorKind::{
        ArgumentListTooLong, ExecutableFileBusy, Interrupted, IsADirectory, NotADirectory, NotFound,
        PermissionDenied,
    };
    /// `ENOEXEC` and `ELOOP` have no stable kind; see errno(3).
    const OTHERS: [i32; 2] =
        [rustix::io::Errno::NOEXEC.raw_os_error(), rustix::io::Errno::LOOP.raw_os_error()];
    let other = error.raw_os_error().is_some_and(|code| OTHERS.contains(&code));
    let kind = match error.kind() {
        ArgumentListTooLong | Interrupted => FailureKind::NotSent,
        NotFound | PermissionDenied | NotADirectory | IsADirectory | ExecutableFileBusy => {
            FailureKind::Unreachable
        }
        _ if other => FailureKind::Unreachable,
        _ => FailureKind::NoAnswer,
    };
    failed(kind, format!("{program}: cannot be started: {}", SafeText(&error.to_string())))
}

#[cfg(test)]
mod tests;
