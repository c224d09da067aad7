//! The thread that writes: everything that queued while the last commit ran becomes one transaction.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::{Journal, JournalError};
use crate::engine::Record;
use crate::model::Seq;

/// Records in one transaction, at most; a batch is never split.
const COMMIT_RECORDS: usize = 16_384;

/// What the writer reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Everything up to this record is durable, after so many commits in all.
    Durable {
        /// The last durable record.
        seq: Seq,
        /// Commits through this writer.
        commits: u64,
    },
    /// An append failed. Nothing of it is durable, and the writer has ended (C6).
    Failed(JournalError),
}

/// A journal and the thread that appends to it. The driver bounds the queue in front of it: it takes
/// no more signals while too many records wait for the disk.
#[derive(Debug)]
pub struct Writer {
    queue: Option<Sender<Arc<Vec<Record>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `report` is called on it, after each commit.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(
        journal: Box<dyn Journal>,
        report: impl FnMut(Written) + Send + 'static,
    ) -> std::io::Result<Writer> {
        let (queue, batches) = channel();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || run(journal, &batches, report))?;
        Ok(Writer { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues a batch. After a failure it is dropped: nothing after the failure may become durable.
    pub fn write(&self, batch: Arc<Vec<Record>>) {
        if let Some(queue) = &self.queue {
            let _ = queue.send(batch);
        }
    }

    /// Writes what is queued, and closes the journal.
    pub fn close(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

fn run(mut journal: Box<dyn Journal>, batches: &Receiver<Arc<Vec<Record>>>, mut report: impl FnMut(Written)) {
    let mut queued = Vec::new();
    while let Ok(first) = batches.recv() {
        let mut records = first.len();
        queued.push(first);
        while records < COMMIT_RECORDS {
            let Ok(next) = batches.try_recv() else { break };
            records += next.len();
            queued.push(next);
        }
        match journal.append(&queued) {
            Ok(seq) => report(Written::Durable { seq, commits: journal.commits() }),
            Err(error) => {
                drop(journal);
                return report(Written::Failed(error));
            }
        }
        queued.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::MemoryJournal;
    use crate::journal::tests::records;

    /// A journal whose first commit takes until it is told, and which fails at a given record.
    struct Slow {
        inner: MemoryJournal,
        go: Receiver<()>,
        fails_at: Seq,
    }

    impl Journal for Slow {
        fn append(&mut self, batches: &[Arc<Vec<Record>>]) -> Result<Seq, JournalError> {
            if self.inner.commits() == 0 {
                self.go.recv().unwrap();
            }
            if batches.iter().flat_map(|b| b.iter()).any(|r| r.seq >= self.fails_at) {
                return Err(JournalError::Disk { doing: "write to", why: "no".to_owned() });
            }
            self.inner.append(batches)
        }
        fn read(&mut self, from: Seq, limit: usize) -> Result<Vec<Record>, JournalError> {
            self.inner.read(from, limit)
        }
        fn last(&self) -> Seq {
            self.inner.last()
        }
        fn commits(&self) -> u64 {
            self.inner.commits()
        }
    }

    fn written(fails_at: Seq) -> Vec<Written> {
        let (go, wait) = channel();
        let (told, reports) = channel();
        let journal = Slow { inner: MemoryJournal::default(), go: wait, fails_at };
        let writer = Writer::spawn(Box::new(journal), move |written| told.send(written).unwrap()).unwrap();
        (1..=50).for_each(|seq| writer.write(records(seq, seq)));
        go.send(()).unwrap();
        writer.close();
        reports.iter().collect()
    }

    #[test]
    fn what_queues_during_a_commit_shares_the_next() {
        let reports = written(99);
        assert_eq!(reports.last(), Some(&Written::Durable { seq: 50, commits: reports.len() as u64 }));
        assert!(reports.len() <= 2, "{reports:?}");
    }

    #[test]
    fn c6_nothing_is_written_after_a_failure() {
        let reports = written(1);
        assert!(matches!(&reports[..], [Written::Failed(_)]), "{reports:?}");
    }
}
