//! Runs of ten steps whose last step fails: everything before it is undone, last step first. What the
//! drills did to a small world of their own is checked: a rollback that does not restore it exactly
//! does not count.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::BenchError;
use super::result::{Part, Work};
use super::rig::{Asker, Rig, Watcher};
use super::samples::Samples;
use super::setup::{chain, hands, setup};
use super::usage::{Stopwatch, Usage};
use crate::agent::drill::DrillAgent;
use crate::agent::{Agent, Crew, Reply};
use crate::engine::{Event, Record, RunStatus, Setup, Task};
use crate::journal::MemoryJournal;
use crate::model::{Outcome, RunId, StepIx, Timestamp};
use crate::runtime::clock::instant;
use crate::runtime::hands::Hands;
use crate::runtime::start::Started;

/// Runs at scale 1.
pub const RUNS: u64 = 100;
/// Runs that are rolled back at the same time, at most.
pub const AT_ONCE: u64 = 100;
const STEPS: u32 = 10;
const UNDOS: u64 = STEPS as u64 - 1;
const NAME: &str = "ten";

/// What the drills did and did not undo yet, by run, in the order in which it was done.
#[derive(Debug, Default)]
pub struct World {
    done: HashMap<RunId, Vec<StepIx>, FixedState>,
    /// Undos of something that was not done last.
    wrong: u64,
}

impl World {
    /// An action succeeded.
    pub fn change(&mut self, task: &Task) {
        let done = self.done.entry(task.run).or_default();
        if !task.undo {
            done.push(task.step);
        } else if done.last() == Some(&task.step) {
            done.pop();
        } else {
            self.wrong += 1;
        }
    }

    /// Whether a run left it as it was.
    pub fn is_restored(&self, run: RunId) -> bool {
        self.done.get(&run).is_some_and(Vec::is_empty)
    }
}

/// A drill that acts on the world.
struct WorldAgent {
    drill: DrillAgent,
    world: Arc<Mutex<World>>,
}

impl Agent for WorldAgent {
    fn perform(&self, task: &Task, now: Timestamp) -> Reply {
        let reply = self.drill.perform(task, now);
        if let Reply::Due { outcome: Outcome::Succeeded(_), .. } = reply {
            self.world.lock().unwrap_or_else(PoisonError::into_inner).change(task);
        }
        reply
    }

    fn is_instant(&self) -> bool {
        true
    }
}

/// The setup: ten agents, and the workflow.
///
/// # Errors
/// Never: it is fixed.
pub fn ten() -> Result<Arc<Setup>, BenchError> {
    setup(hands(10, 200), &[chain(NAME, STEPS, "fail")])
}

/// Rolls back so many runs.
///
/// # Errors
/// The engine does not start, or the journal refuses.
pub fn run(setup: &Arc<Setup>, runs: u64, watcher: Watcher) -> Result<Work, BenchError> {
    let world = Arc::new(Mutex::new(World::default()));
    let man = |started: &mut Started| {
        let mut crew = Crew::default();
        for agent in started.driver.state().agents_present() {
            if let Some(spec) = setup.agents.iter().find(|spec| *spec.name == *agent.name()) {
                let drill = DrillAgent::new(spec, 1);
                crew.man(agent.id(), Arc::new(WorldAgent { drill, world: Arc::clone(&world) }));
            }
        }
        started.hands = Hands::new(crew);
    };
    let mut rig = Rig::with(setup, watcher, Box::new(MemoryJournal::default()), man)?;
    let mut asker = Asker::new(NAME);
    let mut undos = Undos { samples: Samples::with_room(runs * UNDOS), ..Undos::default() };
    let mut usage = Usage::default();
    let mut restored = 0;
    while asker.asked() < runs {
        let wave = AT_ONCE.min(runs - asker.asked());
        let mut inputs = (0..wave).map(|_| asker.ask()).collect();
        let mut begun = Vec::new();
        while begun.len() < wave as usize {
            let batch = rig.round(&mut inputs)?.ok_or("nothing is left to happen to the runs")?;
            begun.extend(batch.iter().filter_map(last_step));
        }
        // Every run waits for the answer of its last step, which will be a failure.
        let watch = Stopwatch::start();
        let until = undos.completed + wave;
        while undos.completed < until {
            let from = instant();
            let batch = rig.round(&mut inputs)?.ok_or("nothing is left to happen to the rollbacks")?;
            undos.read(&batch, from, instant());
        }
        usage = usage.and(watch.stop());
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        for run in begun {
            let rolled_back = rig.state().run(run).is_some_and(|run| run.status() == RunStatus::RolledBack);
            restored += u64::from(rolled_back && world.is_restored(run));
            world.done.remove(&run);
        }
    }
    let wrong = world.lock().unwrap_or_else(PoisonError::into_inner).wrong;
    rig.close(watcher)?;
    Ok(undos.work(runs, restored, wrong, usage))
}

/// The run whose last step was begun by this record.
fn last_step(record: &Record) -> Option<RunId> {
    match &record.event {
        Event::StepStarted { run, step, .. } if step.0 + 1 == STEPS as u16 => Some(*run),
        _ => None,
    }
}

/// Rollbacks under way.
#[derive(Default)]
struct Undos {
    /// When the intent of each undo was durable.
    begun: HashMap<RunId, Instant, FixedState>,
    /// When each rollback began.
    since: HashMap<RunId, Instant, FixedState>,
    samples: Samples,
    whole: Samples,
    completed: u64,
    done: u64,
    records: u64,
}

impl Undos {
    fn read(&mut self, records: &[Record], from: Instant, now: Instant) {
        self.records += records.len() as u64;
        for record in records {
            match &record.event {
                // The failure was handled in this round.
                Event::RollbackStarted { run, .. } => drop(self.since.insert(*run, from)),
                Event::UndoStarted { run, .. } => drop(self.begun.insert(*run, now)),
                Event::UndoSucceeded { run, .. } => {
                    self.done += 1;
                    // The intent of the next undo is behind this record, in the same batch.
                    if let Some(begun) = self.begun.remove(run) {
                        self.samples.add(now.duration_since(begun));
                    }
                }
                Event::RollbackCompleted { run } | Event::RunStuck { run, .. } => {
                    self.completed += 1;
                    if let Some(since) = self.since.remove(run) {
                        self.whole.add(now.duration_since(since));
                    }
                }
                _ => {}
            }
        }
    }

    fn work(self, runs: u64, restored: u64, wrong: u64, usage: Usage) -> Work {
        let part = Part {
            name: "whole rollback".into(),
            operations: runs,
            succeeded: restored,
            operations_per_second: runs as f64 / usage.took.as_secs_f64().max(1e-9),
            latency_ms: self.whole.latency(),
        };
        Work {
            operations: runs * UNDOS,
            succeeded: self.done.min(restored * UNDOS).saturating_sub(wrong),
            records: self.records,
            samples: self.samples,
            parts: vec![part],
            usage,
            ..Work::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::task;
    use crate::engine::AgentKind;

    fn world(steps: &[(u16, bool)]) -> World {
        let mut world = World::default();
        for (step, undo) in steps {
            let task = task(AgentKind::Drill, "act", &[]);
            world.change(&Task { step: StepIx(*step), undo: *undo, ..task });
        }
        world
    }

    #[test]
    fn c9_only_the_reverse_order_restores_the_world() {
        for (steps, restored, wrong) in [
            (&[(0, false), (1, false), (1, true), (0, true)][..], true, 0),
            (&[(0, false), (1, false), (0, true), (1, true)], false, 1),
            (&[(0, false), (1, false), (1, true)], false, 0),
            (&[(0, false), (0, true), (0, true)], true, 1),
        ] {
            let world = world(steps);
            assert_eq!((world.is_restored(RunId(1)), world.wrong), (restored, wrong), "{steps:?}");
        }
    }

    #[test]
    fn every_rollback_is_counted() {
        let work = run(&ten().unwrap(), 7, Watcher::Replica).unwrap();
        assert_eq!((work.operations, work.succeeded, work.samples.count()), (63, 63, 63));
        assert_eq!((work.parts[0].operations, work.parts[0].succeeded), (7, 7));
    }
}
