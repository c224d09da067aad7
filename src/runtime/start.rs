//! Starting is recovering (C8): one path from a journal, empty or not, to an engine that may go on.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::channel;

use super::driver::Driver;
use super::feed::{Feed, Subscription};
use super::hands::Hands;
use super::hash::RecordsHash;
use super::inbox::Message;
use crate::agent::halt::{KillSwitch, Note};
use crate::agent::{Crew, Tools};
use crate::engine::{
    Actor, Answer, Effect, Engine, Event, IllegalEvent, Record, ReplayError, Request, Setup, State,
};
use crate::journal::{Journal, JournalError, check_kind, for_each_after};
use crate::model::{RequestId, Timestamp};

/// What an engine is started with.
#[derive(Clone)]
pub struct Recipe {
    /// The checked setup.
    pub setup: Arc<Setup>,
    /// Version of the program, for the record.
    pub version: &'static str,
    /// Seed of a new journal; an old one keeps its own.
    pub seed: u64,
    /// What its agents work with.
    pub tools: Tools,
}

/// Why an engine does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartError {
    /// The journal.
    Journal(JournalError),
    /// Its records.
    Replay(ReplayError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Journal(error) => error.fmt(f),
            StartError::Replay(error) => write!(f, "the journal cannot be taken up: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<JournalError> for StartError {
    fn from(error: JournalError) -> Self {
        StartError::Journal(error)
    }
}

impl From<ReplayError> for StartError {
    fn from(error: ReplayError) -> Self {
        StartError::Replay(error)
    }
}

impl From<IllegalEvent> for StartError {
    fn from(error: IllegalEvent) -> Self {
        StartError::Replay(error.into())
    }
}

/// Who watches an engine from its first record on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// Nobody.
    Not,
    /// A screen; see [`super::feed::Feed::subscribe`].
    ByScreen,
    /// A report; see [`super::feed::Feed::subscribe_complete`].
    ByReport,
}

/// A journal folded: what an engine can be made from, before its time is known.
pub struct Folded {
    state: State,
    hash: Option<RecordsHash>,
}

impl Folded {
    /// Reads a journal through, from its newest snapshot on; with `hashed`, a hash of its records is kept
    /// from here on.
    ///
    /// # Errors
    /// It is damaged, or of the other kind than the setup.
    pub fn read(journal: &mut dyn Journal, setup: &Setup, hashed: bool) -> Result<Self, StartError> {
        check_kind(journal, setup.kind)?;
        // A hash is of every record: then each is read, if each is here.
        let hashed = hashed && journal.first() == 1;
        let state = if hashed { State::new() } else { journal.resume()? };
        let (after, mut folded) = (state.seq(), Folded { state, hash: hashed.then(RecordsHash::default) });
        for_each_after(journal, after, |record| {
            if let Some(hash) = &mut folded.hash {
                hash.add(&record);
            }
            folded.state.apply(&record).map_err(StartError::from)
        })?;
        Ok(folded)
    }

    /// The time of the last record; `None` if there is none.
    pub fn last_at(&self) -> Option<Timestamp> {
        (self.state.seq() > 0).then(|| self.state.now())
    }

    /// Puts one request that sets nothing off to a journal that no engine works on, and commits what
    /// comes of it: no agent joins, and no run goes on.
    ///
    /// # Errors
    /// The records cannot be of this program, or the journal refuses.
    pub fn ask(
        self,
        recipe: &Recipe,
        journal: &mut dyn Journal,
        now: Timestamp,
        by: Actor,
        request: Request,
    ) -> Result<Answer, StartError> {
        let setup = Arc::clone(&recipe.setup);
        let (engine, output) = if self.state.seq() == 0 {
            Engine::new(setup, recipe.version, recipe.seed, now)
        } else {
            Engine::attend(self.state, setup, now)?
        };
        let mut driver = Driver::new(engine, output, self.hash);
        let (reply, answers) = channel();
        driver.ask(Message::Request { id: RequestId(1), by, seen: None, request, reply }, now);
        for effect in driver.commit(journal)? {
            if let Effect::Answer { id, answer } = effect {
                driver.answer(id, answer);
            }
        }
        let unanswered = || Answer::Refused("nobody answered".to_owned());
        Ok(answers.try_recv().map_or_else(|_| unanswered(), |answered| answered.answer))
    }

    /// What is halted by the journal is halted at the performer; what is halted by the file is halted in
    /// the journal, before a run goes on.
    fn agree_on_halt(
        &mut self,
        switch: &KillSwitch,
        journal: &mut dyn Journal,
        now: Timestamp,
    ) -> Result<(), StartError> {
        if let Some(halt) = self.state.halt() {
            if let Err(error) = switch.keep_thrown(halt.by(), halt.why()) {
                tracing::error!(target: "engine", "halted, but the file HALT cannot be written: {error}");
            }
        } else if switch.is_thrown() && self.state.seq() > 0 {
            let Note { by, why } = switch.thrown_by();
            let at = now.max(self.state.now());
            let record = Record { seq: self.state.seq() + 1, at, event: Event::Halted { by, why } };
            journal.append(&[Arc::new(vec![record.clone()])])?;
            if let Some(hash) = &mut self.hash {
                hash.add(&record);
            }
            self.state.apply(&record)?;
        }
        Ok(())
    }

    /// Makes the engine, and commits what it says at its start.
    ///
    /// # Errors
    /// The records cannot be of this program, or the journal refuses.
    pub fn start(
        mut self,
        recipe: &Recipe,
        journal: &mut dyn Journal,
        now: Timestamp,
        watched: Watched,
    ) -> Result<Started, StartError> {
        self.agree_on_halt(&recipe.tools.guard.switch, journal, now)?;
        let mut feed = Feed::default();
        let subscription = match watched {
            Watched::Not => None,
            Watched::ByScreen => Some(feed.subscribe(&self.state)),
            Watched::ByReport => Some(feed.subscribe_complete(&self.state)),
        };
        let setup = Arc::clone(&recipe.setup);
        let (engine, output) = if self.state.seq() == 0 {
            Engine::new(setup, recipe.version, recipe.seed, now)
        } else {
            Engine::resume(self.state, setup, recipe.version, now)?
        };
        let (seed, joined) = (engine.state().seed(), engine.state().agents_present());
        let joined = joined.map(|agent| (agent.id(), agent.name()));
        let crew = Crew::assemble(&recipe.setup, joined, seed, &recipe.tools);
        let mut driver = Driver::new(engine, output, self.hash).with_feed(feed);
        if recipe.tools.guard.switch.is_thrown() && driver.state().halt().is_none() {
            let Note { by, why } = recipe.tools.guard.switch.thrown_by();
            driver.order(by, Request::Halt { reason: why.to_string() }, now);
        }
        let effects = driver.commit(journal)?;
        Ok(Started { driver, hands: Hands::new(crew), effects, subscription })
    }
}

/// An engine that may go on.
pub struct Started {
    /// The engine behind its gate; everything that it said is durable.
    pub driver: Driver,
    /// Its crew.
    pub hands: Hands,
    /// What is to be performed first.
    pub effects: Vec<Effect>,
    /// What the journal's state was before, and everything since; `None` if nobody watches.
    pub subscription: Option<Subscription>,
}
