//! What many worlds came to.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use quell::sim::{Fault, Happened, Report};

/// Sums over worlds.
#[derive(Debug, Default)]
pub struct Summary {
    seeds: u64,
    worlds: u64,
    records: u64,
    crashes: u64,
    approved: u64,
    faults: Happened,
    runs: BTreeMap<String, u64>,
    settled: BTreeMap<String, u64>,
}

impl Summary {
    /// One more seed.
    pub fn add(&mut self, report: Report) {
        self.seeds += 1;
        self.worlds += report.worlds;
        self.records += report.records;
        self.crashes += u64::from(report.crashes);
        self.approved += report.approved;
        self.faults.add(&report.faults);
        report.runs.into_iter().for_each(|(status, n)| *self.runs.entry(status).or_default() += n);
        report.settled.into_iter().for_each(|(word, n)| *self.settled.entry(word).or_default() += n);
    }

    /// Those of another thread on top.
    pub fn merge(&mut self, other: Summary) {
        self.seeds += other.seeds;
        self.worlds += other.worlds;
        self.records += other.records;
        self.crashes += other.crashes;
        self.approved += other.approved;
        self.faults.add(&other.faults);
        other.runs.into_iter().for_each(|(status, n)| *self.runs.entry(status).or_default() += n);
        other.settled.into_iter().for_each(|(word, n)| *self.settled.entry(word).or_default() += n);
    }

    /// For people.
    pub fn text(&self, took: Duration) -> String {
        let Summary { seeds, worlds, records, crashes, approved, runs, settled, .. } = self;
        let rate = *worlds as f64 / took.as_secs_f64();
        let mut text = format!(
            "{seeds} seeds, {worlds} worlds, {records} records, {crashes} crashes, {rate:.0} worlds a second\n\
             last states {runs:?}\nsettled {settled:?}, approved {approved}\nfaults"
        );
        for fault in Fault::ALL {
            let _ = write!(text, " {}:{}", fault.name(), self.faults.of(*fault));
        }
        text
    }

    /// A simulation that never gets anywhere would find nothing either.
    ///
    /// # Errors
    /// What never happened, in many worlds.
    pub fn is_lively(&self) -> Result<(), String> {
        if self.seeds < 300 {
            return Ok(());
        }
        let statuses = ["completed", "failed", "rolled_back", "cancelled", "abandoned", "parked", "observed"];
        let words: &[&str] = match self.seeds >= 3_000 {
            true => &["again", "undo", "done", "failed", "undo again", "undo done", "undo skip"],
            false => &["undo done", "undo skip"],
        };
        let mut never = Vec::new();
        let none = |map: &BTreeMap<String, u64>, word: &str| map.get(word).is_none_or(|n| *n == 0);
        never.extend(statuses.iter().filter(|s| none(&self.runs, s)).map(|s| format!("no run ended as {s}")));
        never.extend(words.iter().filter(|w| none(&self.settled, w)).map(|w| format!("nobody settled {w}")));
        let calm = Fault::ALL.iter().filter(|fault| self.faults.of(**fault) == 0);
        never.extend(calm.map(|fault| format!("{} never happened", fault.name())));
        never.extend((self.approved <= 100).then(|| format!("only {} steps were approved", self.approved)));
        never.extend((self.crashes <= 100).then(|| format!("only {} crashes", self.crashes)));
        match never.is_empty() {
            true => Ok(()),
            false => Err(never.join("\n")),
        }
    }
}
