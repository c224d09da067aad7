//! What must come of the flood, as the one who wrote it knows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::lines::{Kind, LOGINS, Told};

/// Counts of what was written.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Lines.
    pub lines: u64,
    /// Bytes, line feeds included.
    pub bytes: u64,
    /// Lines that repeat one before them.
    pub repeats: u64,
    /// Lines that are signals.
    pub signals: u64,
    /// Lines that are too long.
    pub too_long: u64,
    /// Other lines that are no signals, by reason.
    pub garbage: BTreeMap<&'static str, u64>,
    /// Attacks that repeat none before them, and their sources.
    pub attacks: u64,
    attackers: BTreeSet<Ipv4Addr>,
    /// Likewise ready-made threats.
    pub threats: u64,
    threateners: BTreeSet<Ipv4Addr>,
    /// Failed logins by source, repeats too: as many as there are lines.
    logins: BTreeMap<Ipv4Addr, u64>,
    /// Sources that are through: with less than it takes, and with more, and the logins of these.
    guessers: u64,
    guesses: u64,
}

/// Sources of failed logins that are looked at; older ones are through.
const GUESSING: usize = 100;

impl Tally {
    /// Counts a line of so many bytes.
    pub fn add(&mut self, told: Told, bytes: usize) {
        let fresh = u64::from(told.repeats.is_none());
        self.lines += 1;
        self.bytes += bytes as u64;
        self.repeats += 1 - fresh;
        match told.kind {
            Kind::TooLong => self.too_long += 1,
            Kind::Garbage(reason) => *self.garbage.entry(reason).or_default() += 1,
            _ => self.signals += 1,
        }
        match told.kind {
            Kind::Attack(source) => {
                self.attacks += fresh;
                self.attackers.insert(source);
            }
            Kind::Threat(source) => {
                self.threats += fresh;
                self.threateners.insert(source);
            }
            Kind::Login(source) => {
                *self.logins.entry(source).or_default() += 1;
                // Sources come in order.
                if self.logins.len() > GUESSING
                    && let Some((_, logins)) = self.logins.pop_first()
                {
                    self.through(logins);
                }
            }
            _ => {}
        }
    }

    fn through(&mut self, logins: u64) {
        if logins >= LOGINS {
            self.guessers += 1;
            self.guesses += logins;
        }
    }

    /// Nothing more is written.
    pub fn finish(&mut self) {
        for logins in std::mem::take(&mut self.logins).into_values() {
            self.through(logins);
        }
    }

    /// Lines that are dropped as no signals, but not for their length.
    pub fn undecodable(&self) -> u64 {
        self.garbage.values().sum()
    }

    /// Detections: one of each attack and of each threat, one of each source of enough failed logins.
    pub fn detections(&self) -> u64 {
        self.attacks + self.threats + self.guessers
    }

    /// Incidents: one for each source of each rule.
    pub fn incidents(&self) -> u64 {
        (self.attackers.len() + self.threateners.len()) as u64 + self.guessers
    }

    /// What incidents of each rule count in all.
    pub fn counted(&self) -> [(&'static str, u64); 3] {
        [("flood-attack", self.attacks), ("flood-threat", self.threats), ("flood-logins", self.guesses)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_is_counted_once_where_it_does_not_matter() {
        let mut tally = Tally::default();
        let source = Ipv4Addr::from_bits;
        let mut add = |kind, repeats| tally.add(Told { kind, repeats }, 10);
        for n in 0..3 {
            add(Kind::Attack(source(1)), (n > 1).then_some(1));
            add(Kind::Garbage("binary"), None);
        }
        for n in 0..300 {
            // The first of them has one more.
            (0..9 + u64::from(n == 0)).for_each(|i| add(Kind::Login(source(9 + n)), (i > 3).then_some(i)));
        }
        add(Kind::TooLong, None);
        tally.finish();
        assert_eq!((tally.attacks, tally.detections(), tally.incidents()), (2, 3, 2));
        assert_eq!(tally.counted()[2], ("flood-logins", 10));
        assert_eq!((tally.undecodable(), tally.too_long, tally.signals), (3, 1, 3 + 2701));
        assert_eq!(tally.lines, tally.signals + 4);
    }
}
