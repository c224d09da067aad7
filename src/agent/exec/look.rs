//! A program that says whether an effect is there: exit code 0 is present, 1 absent, anything else says
//! nothing. It is contained as those are that act.

use std::time::Duration;

use tokio::time::timeout;

use super::streams::Streams;
use super::{ExecAgent, REAP, context};
use crate::engine::Probe;
use crate::model::{Presence, SafeText};

impl ExecAgent {
    pub(super) async fn look(&self, probe: &Probe, left: Duration) -> Result<Presence, String> {
        let (command, patience) =
            self.probes.get(&probe.action.name).ok_or_else(|| super::super::NO_PROBE.to_owned())?;
        let arguments = command.render(&probe.action.args)?;
        let program = &*command.program;
        let (mut child, running) = self
            .programs
            .start(program, &arguments, &probe.key)
            .await
            .map_err(|error| format!("{program}: cannot be started: {}", SafeText(&error.to_string())))?;
        let streams = Streams::of(&mut child, context::json(&probe.as_task()));
        let patience = left.min(*patience);
        let ended = timeout(patience, child.wait()).await;
        running.clear(matches!(ended, Ok(Ok(_)))).await;
        let _ = timeout(REAP, child.wait()).await;
        running.ended();
        let (_, stderr) = streams.end().await;
        let status = match ended {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => return Err(format!("{program}: {error}")),
            Err(_) => return Err(format!("{program}: no answer within {patience:?}")),
        };
        let words = stderr.last_words().map_or_else(String::new, |words| format!(": {words}"));
        match status.code() {
            Some(0) => Ok(Presence::Present),
            Some(1) => Ok(Presence::Absent),
            Some(code) => Err(format!("{program}: exit code {code}{words}")),
            None => Err(format!("{program}: killed by a signal{words}")),
        }
    }
}
