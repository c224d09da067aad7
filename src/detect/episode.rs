//! One detection of a correlation as it grows: from the moment its group goes over the threshold
//! until it falls below again.

use sha2::{Digest as _, Sha256};

use super::baseline::Usual;
use super::bound;
use crate::model::{Common, DetectionId, Signal, Timestamp};

/// What was found in one group, and what of it was sent.
#[derive(Debug, Clone)]
pub struct Episode {
    pub id: DetectionId,
    /// The first signal of the window that went over the threshold.
    pub since: Timestamp,
    /// The newest signal that belongs to it.
    pub until: Timestamp,
    /// Events since then, or the most distinct values that one window had.
    pub count: u64,
    /// Of a correlation over values: what its window amounted to last.
    pub value: Option<f64>,
    /// Of an anomaly: what was seen, and what is usual.
    pub usual: Option<Usual>,
    /// The event time and common fields of the signal that grew it last.
    pub at: Timestamp,
    pub common: Common,
    /// Whether a signal from its source proved that the source is not forged; `None` if none said.
    pub proven: Option<bool>,
    /// The count that was sent last.
    pub sent: u64,
    /// Whether a look at it is due within a second.
    pub scheduled: bool,
}

impl Episode {
    pub fn new(id: DetectionId, since: Timestamp, until: Timestamp, count: u64, signal: &Signal) -> Self {
        let common = bound::common(&signal.common);
        let proven = common.proven;
        Episode {
            id,
            since,
            until,
            count,
            value: None,
            usual: None,
            at: signal.at,
            common,
            proven,
            sent: 0,
            scheduled: false,
        }
    }

    /// Whether an instant lies in it.
    pub fn spans(&self, at: Timestamp) -> bool {
        (self.since..=self.until).contains(&at)
    }

    /// Takes another signal in.
    pub fn grow(&mut self, count: u64, signal: &Signal) {
        self.until = self.until.max(signal.at);
        let same = self.common.source_ip == signal.common.source_ip;
        self.proven = if same { self.proven.max(signal.common.proven) } else { self.proven };
        if count > self.count {
            self.proven = if same { self.proven } else { signal.common.proven };
            self.count = count;
            self.at = signal.at;
            self.common.clone_from(&signal.common);
            bound::shorten(&mut self.common);
        }
    }

    /// Whether it grew since it was sent.
    pub fn grew(&self) -> bool {
        self.count > self.sent
    }
}

/// The identity of a finding: the same after a restart, when the same signals are read again.
pub fn identity(parts: &[&[u8]]) -> DetectionId {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut id = [0; 8];
    for (byte, hashed) in id.iter_mut().zip(hash.finalize()) {
        *byte = hashed;
    }
    DetectionId(id)
}
