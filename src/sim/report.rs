//! What a world came to.

use std::collections::BTreeMap;

use super::fault::Happened;

/// What a seed came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Worlds that this is about.
    pub worlds: u64,
    /// Records that became durable.
    pub records: u64,
    /// Crashes survived.
    pub crashes: u32,
    /// Runs, by the word of their last status; those that observe once more as `observed`.
    pub runs: BTreeMap<String, u64>,
    /// What people settled, by its word; of undos with `undo ` before it.
    pub settled: BTreeMap<String, u64>,
    /// Steps that were begun after people approved them.
    pub approved: u64,
    /// How often each fault happened.
    pub faults: Happened,
    /// Writes of the journal.
    pub writes: u64,
    /// A fingerprint of everything that happened, if it was traced.
    pub fingerprint: u64,
    /// What happened, oldest first, if it was traced.
    pub trace: Vec<String>,
}

impl Report {
    /// That of another world on top. The fingerprint and the trace stay as they are.
    pub fn add(&mut self, other: Report) {
        self.worlds += other.worlds;
        self.records += other.records;
        self.crashes += other.crashes;
        self.approved += other.approved;
        self.writes += other.writes;
        self.faults.add(&other.faults);
        other.runs.into_iter().for_each(|(status, n)| *self.runs.entry(status).or_default() += n);
        other.settled.into_iter().for_each(|(word, n)| *self.settled.entry(word).or_default() += n);
    }
}
