//! Ten agents, each with a hundred steps of its own, ten of them at once. A latency reaches from the
//! moment at which an intent is durable to the moment at which its outcome is.

use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::BenchError;
use super::result::{Part, Work};
use super::rig::{Asker, Rig, Watcher};
use super::samples::Samples;
use super::setup::{hands, setup};
use super::usage::{Stopwatch, Usage};
use crate::engine::{Event, Record, Setup};
use crate::model::{AgentId, RunId, StepIx};
use crate::runtime::clock::instant;

/// Agents.
pub const AGENTS: u32 = 10;
/// Steps of each agent at scale 1.
pub const STEPS: u32 = 100;
/// Steps of one agent at once.
pub const AT_ONCE: u32 = 10;

/// The setup: the agents, and for each of them a workflow of steps that only it may do.
///
/// # Errors
/// Never: it is fixed.
pub fn lanes() -> Result<Arc<Setup>, BenchError> {
    let lane = |agent: u32| {
        let mut text = format!("workflow: lane-{agent}\nsteps:\n");
        for i in 0..STEPS {
            let needs = if i >= AT_ONCE { format!(", needs: [s{}]", i - AT_ONCE) } else { String::new() };
            text.push_str(&format!("  - {{ id: s{i}, agent: hand-{agent}, action: act{needs} }}\n"));
        }
        text
    };
    setup(hands(AGENTS, AT_ONCE), &(1..=AGENTS).map(lane).collect::<Vec<_>>())
}

/// Has each agent do its steps so many times.
///
/// # Errors
/// The engine does not start, or the journal refuses.
pub fn run(setup: &Arc<Setup>, times: u64, watcher: Watcher) -> Result<Work, BenchError> {
    let mut rig = Rig::new(setup, watcher)?;
    let mut lanes: Vec<Lane> = (1..=AGENTS).map(|agent| Lane::new(agent, times)).collect();
    let mut samples = Samples::with_room(times * u64::from(STEPS * AGENTS));
    let mut book = Book::default();
    let mut inputs = Vec::new();
    let watch = Stopwatch::start();
    loop {
        for lane in &mut lanes {
            if !lane.busy && lane.asker.asked() < times {
                lane.busy = true;
                inputs.push(lane.asker.ask());
            }
        }
        let Some(batch) = rig.round(&mut inputs)? else { break };
        book.read(&batch, &mut lanes, &mut samples, instant());
    }
    let usage = watch.stop();
    rig.close(watcher)?;
    let operations = times * u64::from(STEPS);
    Ok(Work {
        operations: operations * u64::from(AGENTS),
        succeeded: lanes.iter().map(|lane| lane.done).sum(),
        records: book.records,
        parts: lanes.iter().map(|lane| lane.part(operations, usage)).collect(),
        samples,
        usage,
        ..Work::default()
    })
}

/// One agent and its work.
struct Lane {
    name: Arc<str>,
    asker: Asker,
    busy: bool,
    done: u64,
    samples: Samples,
}

impl Lane {
    fn new(agent: u32, times: u64) -> Self {
        let asker = Asker::new(&format!("lane-{agent}"));
        let samples = Samples::with_room((times * u64::from(STEPS)).min(10_000));
        Lane { name: format!("hand-{agent}").into(), asker, busy: false, done: 0, samples }
    }

    fn part(&self, operations: u64, usage: Usage) -> Part {
        Part {
            name: Arc::clone(&self.name),
            operations,
            succeeded: self.done,
            operations_per_second: self.done as f64 / usage.took.as_secs_f64().max(1e-9),
            latency_ms: self.samples.latency(),
        }
    }
}

/// Steps in flight.
#[derive(Default)]
struct Book {
    begun: HashMap<(RunId, StepIx), (AgentId, Instant), FixedState>,
    runs: HashMap<RunId, Arc<str>, FixedState>,
    records: u64,
}

impl Book {
    fn read(&mut self, records: &[Record], lanes: &mut [Lane], samples: &mut Samples, now: Instant) {
        self.records += records.len() as u64;
        for record in records {
            match &record.event {
                Event::RunCreated(new) => drop(self.runs.insert(new.run, Arc::clone(&new.workflow))),
                Event::StepStarted { run, step, agent, .. } => {
                    self.begun.insert((*run, *step), (*agent, now));
                }
                Event::StepSucceeded { run, step, .. } => {
                    let Some((agent, begun)) = self.begun.remove(&(*run, *step)) else { continue };
                    // Agents join in the order of the setup.
                    if let Some(lane) = lanes.get_mut(agent.index()) {
                        lane.done += 1;
                        lane.samples.add(now.duration_since(begun));
                        samples.add(now.duration_since(begun));
                    }
                }
                Event::RunCompleted { run } => {
                    let name = self.runs.remove(run).unwrap_or_default();
                    if let Some(lane) = lanes.iter_mut().find(|lane| lane.asker.workflow() == &*name) {
                        lane.busy = false;
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_agent_does_its_own_steps() {
        let work = run(&lanes().unwrap(), 2, Watcher::Replica).unwrap();
        assert_eq!((work.operations, work.succeeded, work.samples.count()), (2_000, 2_000, 2_000));
        let parts: Vec<_> = work.parts.iter().map(|part| (part.operations, part.succeeded)).collect();
        assert_eq!(parts, [(200, 200); 10]);
    }
}
