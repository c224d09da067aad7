//! An engine in memory, driven as fast as it goes: real driver, gate, crew, journal and feed, in the
//! rounds of the real-time loop, but without its threads. Drills answer at once.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::agent::Tools;
use crate::agent::exec::Programs;
use crate::detect::LATENESS;
use crate::engine::{Actor, Answer, Effect, Input, Record, Request, Setup, State};
use crate::journal::{Journal, MemoryJournal};
use crate::model::{Detection, Map, RequestId, Timestamp};
use crate::runtime::clock::{Clock, instant, wall};
use crate::runtime::driver::Driver;
use crate::runtime::feed::{FeedItem, Subscription};
use crate::runtime::gauges::Board;
use crate::runtime::hands::Hands;
use crate::runtime::meter::{Figures, Meter};
use crate::runtime::start::{Folded, Recipe, Started, Watched};

use super::BenchError;

/// What every engine here is started with.
pub fn recipe(setup: &Arc<Setup>) -> Recipe {
    Recipe {
        setup: Arc::clone(setup),
        version: env!("CARGO_PKG_VERSION"),
        seed: 1,
        tools: Tools {
            programs: Programs::new(&std::env::temp_dir()),
            ..Tools::at(Path::new("/nonexistent"), |_| {})
        },
    }
}

/// How far signals may be out of order: as everywhere.
pub const OUT_OF_ORDER: crate::model::Span = LATENESS;

/// How the feed is used beside the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watcher {
    /// Takes batches and does nothing with them, as a headless summary does.
    Headless,
    /// Folds them, as a console does.
    Replica,
}

impl Watcher {
    /// Watches on a thread of its own. The thread gives the records it saw, and the state it folded.
    pub fn spawn(self, feed: Subscription) -> Result<JoinHandle<(u64, State)>, BenchError> {
        let work = move || {
            let (mut seen, mut state) = (0, State::new());
            loop {
                match feed.next_within(Duration::from_secs(1)) {
                    Some(FeedItem::Snapshot(snapshot)) => state = *snapshot,
                    Some(FeedItem::Records(records)) => {
                        seen += records.len() as u64;
                        if self == Watcher::Replica {
                            fold(&mut state, &records);
                        }
                    }
                    Some(FeedItem::Lost(_) | FeedItem::End) => return (seen, state),
                    None => {}
                }
            }
        };
        Ok(std::thread::Builder::new().name("watcher".to_owned()).spawn(work)?)
    }
}

fn fold(state: &mut State, records: &[Record]) {
    for record in records {
        if let Err(illegal) = state.apply(record) {
            panic!("a durable record does not fold: {illegal}");
        }
    }
}

/// The engine and what is around it.
pub struct Rig {
    driver: Driver,
    hands: Hands,
    journal: Box<dyn Journal>,
    clock: Clock,
    meter: Meter,
    now: Timestamp,
    refused: u64,
    released: Option<Instant>,
    watcher: JoinHandle<(u64, State)>,
}

impl Rig {
    /// An engine of this setup with a journal in memory, and somebody who watches.
    ///
    /// # Errors
    /// The engine does not start, or the system gives no thread.
    pub fn new(setup: &Arc<Setup>, watcher: Watcher) -> Result<Self, BenchError> {
        Rig::with(setup, watcher, Box::new(MemoryJournal::default()), |_| {})
    }

    /// The same with another journal, and with a hand in what was started.
    ///
    /// # Errors
    /// As [`Rig::new`].
    pub fn with(
        setup: &Arc<Setup>,
        watcher: Watcher,
        mut journal: Box<dyn Journal>,
        arrange: impl FnOnce(&mut Started),
    ) -> Result<Self, BenchError> {
        let now = wall();
        let folded = Folded::read(journal.as_mut(), setup, false)?;
        let mut started = folded.start(&recipe(setup), journal.as_mut(), now, Watched::ByScreen)?;
        arrange(&mut started);
        let feed = started.subscription.ok_or("nobody watches the engine")?;
        let mut rig = Rig {
            driver: started.driver,
            hands: started.hands,
            journal,
            clock: Clock::live(),
            meter: Meter::new(Board::default()),
            now,
            refused: 0,
            released: None,
            watcher: watcher.spawn(feed)?,
        };
        rig.perform(started.effects);
        Ok(rig)
    }

    /// The state of the engine.
    pub fn state(&self) -> &State {
        self.driver.state()
    }

    /// Requests that were refused.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// When the gate last released something to perform.
    pub fn released(&self) -> Option<Instant> {
        self.released
    }

    /// Tells the engine what detection found; what comes of it leaves with the next round.
    pub fn tell(&mut self, found: &mut Vec<Detection>) {
        self.now = self.now.max(self.clock.now());
        let detected = instant();
        for detection in found.drain(..) {
            let hands = &mut self.hands;
            let see = |records: &[Record]| hands.detected(records, detected);
            self.driver.handle_seen(Input::Detection(detection), self.now, see);
        }
    }

    /// One round: handles what came in and every answer that is due, commits that as one batch, and
    /// performs what may be performed now. Gives the batch, if anything became true.
    ///
    /// # Errors
    /// The journal refused.
    pub fn round(&mut self, inputs: &mut Vec<Input>) -> Result<Option<Arc<Vec<Record>>>, BenchError> {
        self.now = self.now.max(self.clock.now());
        for input in inputs.drain(..) {
            self.driver.handle(input, self.now);
        }
        self.hands.take_due(&mut self.driver, self.now);
        let batch = self.driver.cut();
        if let Some(batch) = &batch {
            self.journal.append(&[Arc::clone(batch)])?;
        }
        let effects = self.driver.release(self.journal.last());
        if effects.iter().any(|effect| matches!(effect, Effect::Perform(_))) {
            self.released = Some(instant());
        }
        self.perform(effects);
        self.driver.show();
        if self.meter.is_due(self.hands.measured.len()) {
            self.meter.refresh(Figures { now: self.now, ..Figures::default() }, &mut self.hands.measured);
        }
        Ok(batch)
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                // Drills answer at once: none of them needs a worker.
                Effect::Perform(task) => {
                    let _ = self.hands.begin(task, self.now);
                }
                Effect::Probe(probe) => {
                    let _ = self.hands.probe(probe, self.now);
                }
                Effect::Stop { run, step, attempt, undo } => {
                    self.hands.stop((run, step, attempt, undo), self.now);
                }
                Effect::Halt { by, why } => self.hands.halt(&by, &why),
                Effect::Release => self.hands.release(),
                Effect::Answer { answer, .. } => {
                    self.refused += u64::from(matches!(answer, Answer::Refused(_)))
                }
            }
        }
    }

    /// Ends it: whoever watched is done, and must have seen what there was.
    ///
    /// # Errors
    /// A replica is not in the state of the engine.
    pub fn close(self, kind: Watcher) -> Result<(), BenchError> {
        let Rig { driver, watcher, .. } = self;
        let state = (kind == Watcher::Replica).then(|| driver.state().clone());
        drop(driver);
        let (_, replica) = match watcher.join() {
            Ok(seen) => seen,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        match state {
            Some(state) if state != replica => Err("the replica is not in the state of the engine".into()),
            _ => Ok(()),
        }
    }
}

/// Asks for runs of one workflow, as people do.
pub struct Asker {
    workflow: Arc<str>,
    by: Actor,
    asked: u64,
}

impl Asker {
    /// Asks for this workflow.
    pub fn new(workflow: &str) -> Self {
        Asker { workflow: workflow.into(), by: Actor("bench".into()), asked: 0 }
    }

    /// Which workflow it asks for.
    pub fn workflow(&self) -> &str {
        &self.workflow
    }

    /// How often it asked.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// What it asks for.
    pub fn request(&self) -> Request {
        Request::Trigger { workflow: Arc::clone(&self.workflow), inputs: Map::new() }
    }

    /// Who it is.
    pub fn by(&self) -> Actor {
        self.by.clone()
    }

    /// Asks once more.
    pub fn ask(&mut self) -> Input {
        self.asked += 1;
        let request = self.request();
        Input::Request { id: RequestId(self.asked), by: self.by(), seen: None, request }
    }
}
