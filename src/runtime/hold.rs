//! What the driver needs to go on after a failed append (C6): a way to open the journal anew, and the
//! findings that were not durable yet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::clock::instant;
use crate::journal::{Journal, JournalError};
use crate::model::{Detection, Seq};

/// How long to wait before the disk is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Findings that are kept until they are durable, at most; a commit of them is far smaller.
const KEPT: usize = 65_536;

/// Opens a journal: at the start, and again after a failure.
pub type OpenJournal = Box<dyn FnMut() -> Result<Box<dyn Journal>, JournalError> + Send>;

/// Findings that the engine was told of and that are not durable.
#[derive(Debug, Default)]
pub struct Unacknowledged {
    findings: VecDeque<(Seq, Detection)>,
}

impl Unacknowledged {
    /// Keeps a finding until record `seq` is durable.
    pub fn keep(&mut self, seq: Seq, detection: Detection) {
        if self.findings.len() < KEPT {
            self.findings.push_back((seq, detection));
        }
    }

    /// Everything up to `seq` is durable.
    pub fn acknowledge(&mut self, seq: Seq) {
        while self.findings.front().is_some_and(|(needs, _)| *needs <= seq) {
            self.findings.pop_front();
        }
    }

    /// What has to be told again.
    pub fn take(&mut self) -> impl Iterator<Item = Detection> + use<> {
        std::mem::take(&mut self.findings).into_iter().map(|(_, detection)| detection)
    }
}

/// On hold: why, and when to try again.
#[derive(Debug)]
pub struct Hold {
    /// For people.
    pub why: String,
    next: Instant,
}

impl Hold {
    /// From now on.
    pub fn new(why: String) -> Self {
        Hold { why, next: instant() + RETRY }
    }

    /// Real time until the next try; zero if it is due.
    pub fn wait(&self) -> Duration {
        self.next.saturating_duration_since(instant())
    }

    /// It failed again.
    pub fn again(&mut self, why: String) {
        *self = Hold::new(why);
    }
}
