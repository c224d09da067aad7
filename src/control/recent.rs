//! The requests of late with their answers, so that one that is sent again is not done again (C23).

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;

use super::message::Asked;
use crate::runtime::link::Answered;

/// Answers that are remembered.
pub const REMEMBERED: usize = 4096;

/// A user and the id that they gave a request.
type Key = (u32, String);

/// The memory. It lives as long as the engine: after a restart an id is new again.
#[derive(Debug, Default)]
pub struct Recent {
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<Key, (Asked, Arc<Slot>), foldhash::fast::RandomState>,
    order: VecDeque<Key>,
}

/// Where the answer to one request arrives, for everybody who sent it.
#[derive(Debug)]
pub struct Slot(Mutex<Place>);

#[derive(Debug)]
enum Place {
    Waiting(Receiver<Answered>),
    There(Answered),
    Lost,
}

/// What a request is to those who came before it.
pub enum Claim {
    /// Nobody sent it before: the caller has it done.
    New(Arc<Slot>),
    /// It is being done, or done.
    Known(Arc<Slot>),
    /// The id is that of another request.
    Other,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Came {
    /// Its answer.
    Answer(Answered),
    /// Nothing in time; it may come yet.
    Late,
    /// Nothing, for ever: the engine has stopped.
    Lost,
}

impl Recent {
    /// Takes note of a request whose answer will come out of `answers`.
    pub fn claim(&self, uid: u32, asked: &Asked, answers: Receiver<Answered>) -> Claim {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (uid, asked.id.clone());
        match entries.by_key.get(&key) {
            Some((known, slot)) if known == asked => return Claim::Known(Arc::clone(slot)),
            Some(_) => return Claim::Other,
            None => {}
        }
        let slot = Arc::new(Slot(Mutex::new(Place::Waiting(answers))));
        entries.by_key.insert(key.clone(), (asked.clone(), Arc::clone(&slot)));
        entries.order.push_back(key);
        if entries.order.len() > REMEMBERED
            && let Some(oldest) = entries.order.pop_front()
        {
            entries.by_key.remove(&oldest);
        }
        Claim::New(slot)
    }
}

impl Slot {
    /// Waits for the answer.
    pub fn wait(&self, patience: Duration) -> Came {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Place::Waiting(answers) = &*place {
            match answers.recv_timeout(patience) {
                Ok(answered) => *place = Place::There(answered),
                Err(RecvTimeoutError::Timeout) => return Came::Late,
                Err(RecvTimeoutError::Disconnected) => *place = Place::Lost,
            }
        }
        match &*place {
            Place::There(answered) => Came::Answer(answered.clone()),
            Place::Waiting(_) | Place::Lost => Came::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Answer, Request};
    use crate::model::{RequestId, RunId};
    use std::sync::mpsc::channel;

    fn asked(id: &str, run: u64) -> Asked {
        Asked { id: id.to_owned(), seen: None, request: Request::Pause { run: RunId(run) } }
    }

    fn name(claim: &Claim) -> &'static str {
        match claim {
            Claim::New(_) => "new",
            Claim::Known(_) => "known",
            Claim::Other => "other",
        }
    }

    #[test]
    fn c23_the_same_id_is_the_same_request() {
        let recent = Recent::default();
        let (reply, answers) = channel();
        let Claim::New(first) = recent.claim(7, &asked("a", 1), answers) else { panic!() };
        for (uid, asked, expected) in
            [(7, asked("a", 1), "known"), (7, asked("a", 2), "other"), (8, asked("a", 1), "new")]
        {
            assert_eq!(name(&recent.claim(uid, &asked, channel().1)), expected);
        }
        assert_eq!(first.wait(Duration::ZERO), Came::Late);
        let answer = Answered { id: RequestId(1), seq: 5, answer: Answer::Accepted("yes".into()) };
        reply.send(answer.clone()).unwrap();
        let Claim::Known(again) = recent.claim(7, &asked("a", 1), channel().1) else { panic!() };
        assert_eq!(again.wait(Duration::ZERO), Came::Answer(answer.clone()));
        assert_eq!(first.wait(Duration::ZERO), Came::Answer(answer));
    }

    #[test]
    fn the_memory_is_bounded() {
        let recent = Recent::default();
        for n in 0..=REMEMBERED {
            recent.claim(7, &asked(&n.to_string(), 1), channel().1);
        }
        assert_eq!(name(&recent.claim(7, &asked("1", 1), channel().1)), "known");
        assert_eq!(name(&recent.claim(7, &asked("0", 1), channel().1)), "new");
        assert_eq!(recent.entries.lock().unwrap().by_key.len(), REMEMBERED);
    }

    #[test]
    fn an_engine_that_stopped_answers_nothing() {
        let recent = Recent::default();
        let Claim::New(slot) = recent.claim(7, &asked("a", 1), channel().1) else { panic!() };
        assert_eq!(slot.wait(Duration::from_secs(9)), Came::Lost);
    }
}
