//! A journal without a disk: for exercises and measurements. A ring, so that it cannot grow for ever.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Journal, JournalError, follows};
use crate::engine::Record;
use crate::model::Seq;

/// Records that an exercise keeps: the oldest leave first.
pub const RING_RECORDS: usize = 65_536;

/// Keeps the last records, in whole batches.
#[derive(Debug)]
pub struct MemoryJournal {
    batches: VecDeque<Arc<Vec<Record>>>,
    kept: usize,
    limit: usize,
    last: Seq,
    commits: u64,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        MemoryJournal::new(RING_RECORDS)
    }
}

impl MemoryJournal {
    /// Empty; keeps at least the last `limit` records.
    pub fn new(limit: usize) -> Self {
        MemoryJournal { batches: VecDeque::new(), kept: 0, limit, last: 0, commits: 0 }
    }

    /// The oldest record that is still there; one past the last if there is none.
    pub fn first(&self) -> Seq {
        self.last + 1 - self.kept as Seq
    }

    fn forget(&mut self) {
        while let Some(oldest) = self.batches.front()
            && self.kept - oldest.len() >= self.limit
        {
            self.kept -= oldest.len();
            self.batches.pop_front();
        }
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, batches: &[Arc<Vec<Record>>]) -> Result<Seq, JournalError> {
        self.last = follows(self.last, batches)?;
        for batch in batches {
            self.kept += batch.len();
            self.batches.push_back(Arc::clone(batch));
        }
        self.forget();
        self.commits += 1;
        Ok(self.last)
    }

    fn read(&mut self, from: Seq, limit: usize) -> Result<Vec<Record>, JournalError> {
        if from < self.first() && self.first() > 1 {
            let why = format!("it left the memory; the oldest there is {}", self.first());
            return Err(JournalError::Damaged { seq: from, why });
        }
        let holds = |batch: &Arc<Vec<Record>>| batch.last().is_none_or(|record| record.seq < from);
        let start = self.batches.partition_point(holds);
        let rest = self.batches.range(start..).flat_map(|batch| batch.iter());
        Ok(rest.filter(|record| record.seq >= from).take(limit).cloned().collect())
    }

    fn last(&self) -> Seq {
        self.last
    }

    fn commits(&self) -> u64 {
        self.commits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{keeps_what_it_is_given, records};

    #[test]
    fn it_is_a_journal() {
        keeps_what_it_is_given(&mut MemoryJournal::new(10));
    }

    #[test]
    fn the_oldest_batches_leave() {
        let mut journal = MemoryJournal::new(3);
        for seq in 1..=10 {
            journal.append(&[records(seq, seq)]).unwrap();
        }
        assert_eq!((journal.first(), journal.last()), (8, 10));
        assert_eq!(journal.read(9, 9).unwrap(), *records(9, 10));
        let gone = journal.read(2, 1).unwrap_err().to_string();
        assert!(gone.contains("record 2: it left the memory; the oldest there is 8"), "{gone}");
    }

    #[test]
    fn a_gap_is_refused_and_nothing_is_kept() {
        let mut journal = MemoryJournal::new(10);
        journal.append(&[records(1, 2)]).unwrap();
        let error = journal.append(&[records(3, 3), records(5, 5)]).unwrap_err();
        assert_eq!(error, JournalError::OutOfOrder { expected: 4, found: 5 });
        assert_eq!(journal.last(), 2);
        assert_eq!(journal.read(1, 9).unwrap().len(), 2);
    }
}
