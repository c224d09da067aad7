//! The rule of order: durable before visible, durable before performed. Pure, so that the simulator
//! tests the very gate that runs.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Effect, Event, Output, Record};
use crate::model::planted::{Bug, planted};
use crate::model::{Detection, Seq};

/// Holds records and effects back until the records are durable.
#[derive(Debug, Default)]
pub struct Gate {
    /// Offered, not cut yet.
    open: Batch,
    /// Cut, not durable yet.
    cut: VecDeque<(Arc<Vec<Record>>, Vec<Effect>)>,
    failed: bool,
}

#[derive(Debug, Default)]
struct Batch {
    records: Vec<Record>,
    effects: Vec<Effect>,
}

/// What may go out now.
#[derive(Debug, Default)]
pub struct Released {
    /// For the feed, in order.
    pub batches: Vec<Arc<Vec<Record>>>,
    /// To perform, in order.
    pub effects: Vec<Effect>,
}

impl Gate {
    /// With nothing in it.
    pub fn new() -> Self {
        Gate::default()
    }

    /// Takes what the engine said. The records of one output stay in one batch.
    pub fn offer(&mut self, output: Output) {
        self.open.records.extend(output.records);
        self.open.effects.extend(output.effects);
    }

    /// Closes the batch that is open: what the caller appends to the journal as one transaction.
    /// `None` if no record was offered since the last cut.
    pub fn cut(&mut self) -> Option<Arc<Vec<Record>>> {
        if self.open.records.is_empty() || self.failed {
            return None;
        }
        // The next batch is most likely as large as this one.
        let (room, wishes) = (self.open.records.len(), self.open.effects.len());
        let next = Batch { records: Vec::with_capacity(room), effects: Vec::with_capacity(wishes) };
        let Batch { mut records, effects } = std::mem::replace(&mut self.open, next);
        // Batches are kept for long: in a journal in memory, in the queues of screens.
        records.shrink_to_fit();
        let records = Arc::new(records);
        self.cut.push_back((Arc::clone(&records), effects));
        Some(records)
    }

    /// Everything up to `seq` is on disk: releases it. Effects without records of their own go out
    /// with the batches before them.
    pub fn durable_up_to(&mut self, seq: Seq) -> Released {
        let mut released = Released::default();
        if self.failed {
            return released;
        }
        if planted(Bug::EffectBeforeDurable) {
            self.cut.iter_mut().for_each(|(_, effects)| released.effects.append(effects));
        }
        while let Some((records, _)) = self.cut.front()
            && records.last().is_none_or(|last| last.seq <= seq)
        {
            let Some((records, effects)) = self.cut.pop_front() else { break };
            released.batches.push(records);
            released.effects.extend(effects);
        }
        if self.cut.is_empty() && self.open.records.is_empty() {
            released.effects.append(&mut self.open.effects);
        }
        released
    }

    /// What was offered and is not durable.
    pub fn undurable(&self) -> impl Iterator<Item = &Record> {
        let cut = self.cut.iter().flat_map(|(records, _)| records.iter());
        cut.chain(&self.open.records)
    }

    /// Findings about incidents that are open, in records that are not durable: whoever opens the journal
    /// anew has to be told of them again.
    pub fn undurable_repeats(&self) -> impl Iterator<Item = &Detection> {
        self.undurable().filter_map(|record| match &record.event {
            Event::IncidentRepeated { detection, .. } => Some(&**detection),
            _ => None,
        })
    }

    /// An append failed: nothing more leaves this gate (C6). It is thrown away with its engine.
    pub fn failed(&mut self) {
        self.failed = true;
        self.open = Batch::default();
        self.cut.clear();
    }

    /// Whether something is held back.
    pub fn is_holding(&self) -> bool {
        !(self.cut.is_empty() && self.open.records.is_empty() && self.open.effects.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Answer, Event};
    use crate::model::{RequestId, RunId, Timestamp};

    fn output(seqs: &[Seq], effects: &[u64]) -> Output {
        let record = |seq: &Seq| Record {
            seq: *seq,
            at: Timestamp(0),
            event: Event::RunCompleted { run: RunId(*seq) },
        };
        let effect =
            |id: &u64| Effect::Answer { id: RequestId(*id), answer: Answer::Accepted(String::new()) };
        Output { records: seqs.iter().map(record).collect(), effects: effects.iter().map(effect).collect() }
    }

    fn ids(released: &Released) -> (Vec<Seq>, Vec<u64>) {
        let seqs = released.batches.iter().flat_map(|b| b.iter().map(|r| r.seq)).collect();
        let id = |effect: &Effect| match effect {
            Effect::Answer { id, .. } => id.0,
            _ => 0,
        };
        (seqs, released.effects.iter().map(id).collect())
    }

    #[test]
    fn c1_effects_wait_for_their_records() {
        let mut gate = Gate::new();
        gate.offer(output(&[1, 2], &[10]));
        assert_eq!(ids(&gate.durable_up_to(0)), (vec![], vec![]));
        assert_eq!(gate.cut().unwrap().len(), 2);
        gate.offer(output(&[3], &[11]));
        gate.offer(output(&[], &[12]));
        assert_eq!(ids(&gate.durable_up_to(1)), (vec![], vec![]), "half a transaction is none");
        assert_eq!(ids(&gate.durable_up_to(2)), (vec![1, 2], vec![10]));
        assert_eq!(gate.cut().unwrap().len(), 1);
        assert!(gate.cut().is_none());
        assert_eq!(ids(&gate.durable_up_to(3)), (vec![3], vec![11, 12]));
        gate.offer(output(&[], &[13]));
        assert_eq!(ids(&gate.durable_up_to(3)), (vec![], vec![13]));
        assert!(!gate.is_holding());
    }

    #[test]
    fn a_gate_holds_whatever_is_offered_until_it_is_durable() {
        let mut gate = Gate::new();
        assert!(!gate.is_holding());
        // A wish alone waits for the next look at the gate.
        gate.offer(output(&[], &[10]));
        assert!(gate.is_holding());
        gate.durable_up_to(0);
        assert!(!gate.is_holding());
        gate.offer(output(&[1], &[]));
        assert!(gate.is_holding(), "offered");
        gate.cut();
        assert!(gate.is_holding(), "cut");
        gate.durable_up_to(1);
        assert!(!gate.is_holding(), "durable");
    }

    #[test]
    fn c6_nothing_leaves_after_a_failure() {
        let mut gate = Gate::new();
        gate.offer(output(&[1], &[10]));
        gate.cut();
        gate.failed();
        gate.offer(output(&[2], &[11]));
        assert!(gate.cut().is_none());
        assert_eq!(ids(&gate.durable_up_to(9)), (vec![], vec![]));
    }
}
