//! The kill switch with 10,000 live runs (C30): from the request until the last effect has begun. Half of
//! the effects begin on the engine's own thread, half on another one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::BenchError;
use super::live::{Store, Threads};
use super::result::{Part, Work};
use super::rig::{Asker, recipe};
use super::samples::Samples;
use super::setup::{chain, hands, setup};
use super::usage::Stopwatch;
use crate::agent::{Agent, Reply};
use crate::engine::{Answer, Event, Request, Setup, Task};
use crate::model::{AgentId, Map, Outcome, RequestId, Span, Timestamp};
use crate::runtime::clock::instant;
use crate::runtime::inbox::Message;
use crate::runtime::link::Answered;
use crate::runtime::start::Started;

/// Halts at scale 1.
pub const HALTS: u64 = 10;
/// Runs that are live all the time.
const RUNS: u64 = 10_000;
/// Agents, and steps of each at once: room for a step of every run.
const AGENTS: u32 = 10;
/// Steps of a run: more than it gets to.
const STEPS: u32 = 200;
/// How long a step takes.
const LATENCY: Span = Span::from_millis(500);
/// How long effects flow before they are halted, and how long none may begin afterwards.
const FLOW: Duration = Duration::from_millis(200);
const NAME: &str = "endless";
const PATIENCE: Duration = Duration::from_secs(60);

/// The setup: ten agents with a thousand steps at once, and a workflow that takes its time.
///
/// # Errors
/// Never: it is fixed.
pub fn endless() -> Result<Arc<Setup>, BenchError> {
    setup(hands(AGENTS, 2 * RUNS as u32 / AGENTS), &[chain(NAME, STEPS, "act")])
}

/// Notes when an effect begins, instead of having one.
struct Noting {
    instant: bool,
    noted: Arc<Noted>,
}

#[derive(Default)]
struct Noted {
    count: AtomicU64,
    last: Mutex<Option<Instant>>,
}

impl Agent for Noting {
    fn perform(&self, _: &Task, _: Timestamp) -> Reply {
        self.noted.count.fetch_add(1, Ordering::SeqCst);
        *self.noted.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(instant());
        Reply::Due { after: LATENCY, outcome: Outcome::Succeeded(Map::new()) }
    }

    fn is_instant(&self) -> bool {
        self.instant
    }
}

impl Noted {
    fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    fn last(&self) -> Option<Instant> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An engine with its runs.
struct Plant {
    engine: Threads,
    asker: Asker,
    asked: u64,
    reply: Sender<Answered>,
    answers: Receiver<Answered>,
    noted: Arc<Noted>,
    records: u64,
}

/// Halts so often.
///
/// # Errors
/// An effect begins although everything is halted, or the engine does not work.
pub fn run(setup: &Arc<Setup>, halts: u64) -> Result<Work, BenchError> {
    let mut plant = Plant::start(setup)?;
    let (mut samples, mut answered) = (Samples::with_room(halts), Samples::with_room(halts));
    let watch = Stopwatch::start();
    for _ in 0..halts {
        plant.flow()?;
        let asked = instant();
        plant.ask(Request::Halt { reason: "bench".to_owned() })?;
        answered.add(instant().duration_since(asked));
        let before = plant.noted.count();
        let last = plant.noted.last().ok_or("nothing was begun")?;
        std::thread::sleep(FLOW);
        if plant.noted.count() != before {
            return Err(format!("{} effects began after the halt", plant.noted.count() - before).into());
        }
        samples.add(last.saturating_duration_since(asked));
        plant.ask(Request::Release)?;
    }
    let usage = watch.stop();
    let part = Part {
        name: "answered".into(),
        operations: halts,
        succeeded: halts,
        operations_per_second: halts as f64 / usage.took.as_secs_f64().max(1e-9),
        latency_ms: answered.latency(),
    };
    let (records, parts) = (plant.records, vec![part]);
    plant.engine.quit();
    Ok(Work { operations: halts, succeeded: halts, samples, records, parts, usage, ..Work::default() })
}

impl Plant {
    fn start(setup: &Arc<Setup>) -> Result<Self, BenchError> {
        let noted = Arc::<Noted>::default();
        let arrange = |started: &mut Started| {
            let mut crew = started.hands.crew().clone();
            for agent in 0..AGENTS {
                let noting = Noting { instant: agent % 2 == 0, noted: Arc::clone(&noted) };
                crew.man(AgentId(agent), Arc::new(noting));
            }
            started.hands.recrew(crew);
        };
        let engine = Threads::start(recipe(setup), Store::Memory, arrange)?;
        let (reply, answers) = channel();
        let asker = Asker::new(NAME);
        let mut plant = Plant { engine, asker, asked: 0, reply, answers, noted, records: 0 };
        for _ in 0..RUNS {
            let request = plant.asker.request();
            plant.send(request);
        }
        let mut live = 0;
        while live < RUNS {
            let records = plant.engine.records()?;
            plant.records += records.len() as u64;
            live +=
                records.iter().filter(|record| matches!(record.event, Event::RunCreated(_))).count() as u64;
            plant.answers.try_iter().for_each(drop);
        }
        Ok(plant)
    }

    fn send(&mut self, request: Request) {
        self.asked += 1;
        let (id, by, reply) = (RequestId(self.asked), self.asker.by(), self.reply.clone());
        self.engine.inbox.send(Message::Request { id, by, seen: None, request, reply });
    }

    /// Asks, and waits for the answer.
    fn ask(&mut self, request: Request) -> Result<(), BenchError> {
        self.send(request);
        let until = instant() + PATIENCE;
        while instant() < until {
            // Whoever watches must not hold the engine up.
            self.drain();
            match self.answers.try_recv() {
                Ok(Answered { id, answer: Answer::Refused(why), .. }) if id.0 == self.asked => {
                    return Err(why.into());
                }
                Ok(Answered { id, .. }) if id.0 == self.asked => return Ok(()),
                _ => {}
            }
        }
        Err("nobody answered".into())
    }

    fn drain(&mut self) {
        self.records +=
            self.engine.records_within(Duration::from_micros(100)).map_or(0, |all| all.len() as u64);
    }

    /// Lets effects begin for a while.
    fn flow(&mut self) -> Result<(), BenchError> {
        let (before, begun) = (self.noted.count(), instant());
        while instant().duration_since(begun) < FLOW || self.noted.count() < before + RUNS / 10 {
            self.drain();
            if instant().duration_since(begun) > PATIENCE {
                return Err("nothing begins any more".into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c30_no_effect_begins_after_a_halt_of_many_runs() {
        let work = run(&endless().unwrap(), 2).unwrap();
        assert_eq!((work.operations, work.succeeded, work.samples.count()), (2, 2, 2));
    }
}
