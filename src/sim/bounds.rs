//! Everything that can grow has a limit, and stays within it (C21); time never goes back (C22).

use super::setup::{IN_FORCE, LIVE_RUNS};
use crate::engine::{Event, Limits, Record, State};
use crate::model::{Seq, Timestamp};

/// What was last, in the journal.
#[derive(Debug)]
pub struct Bounds {
    seq: Seq,
    at: Timestamp,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { seq: 0, at: Timestamp::MIN }
    }
}

impl Bounds {
    /// A record became durable; `before` is the state that it is folded into.
    pub fn record(&mut self, record: &Record, before: &State) -> Result<(), String> {
        if record.seq != self.seq + 1 || record.at < self.at {
            return Err(format!(
                "C22: record {} at {} after {} at {}",
                record.seq, record.at, self.seq, self.at
            ));
        }
        (self.seq, self.at) = (record.seq, record.at);
        match &record.event {
            // What lifts is never refused for want of room.
            Event::RunCreated(new) if new.lifts.is_empty() && before.counts().live_runs >= LIVE_RUNS => {
                Err(format!("C21: {} is created beside {} live runs", new.run, before.counts().live_runs))
            }
            _ => Ok(()),
        }
    }

    /// What must hold of a state at any moment.
    pub fn state(state: &State, limits: &Limits) -> Result<(), String> {
        let standing = state.ledger().standing_count();
        if standing > IN_FORCE {
            return Err(format!("C21: {standing} effects stand, and the limit is {IN_FORCE}"));
        }
        // Several may end in one turn, and leave at its end.
        let over = |n: usize| n > limits.finished + (limits.finished / 10).clamp(1, 100) + 8;
        let finished = state.runs().filter(|run| run.status().is_terminal()).count();
        let closed = state.incidents().filter(|incident| !incident.status().is_open()).count();
        match over(finished) || over(closed) {
            true => Err(format!("C21: {finished} finished runs and {closed} closed incidents are kept")),
            false => Ok(()),
        }
    }
}
