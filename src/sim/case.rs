//! Which world is lived, and how.

use std::fmt;

use super::fault::Faults;

/// One world to live through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What all chance comes from.
    pub seed: u64,
    /// What may go wrong.
    pub faults: Faults,
    /// When the process is gone.
    pub crashes: Crashes,
    /// Whether what happens is kept line by line, with a hash over it. It costs most of the time.
    pub traced: bool,
}

/// When the process is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crashes {
    /// By chance.
    ByChance,
    /// At one write of the journal.
    At {
        /// Which write, from 1.
        write: u64,
        /// Before it or after it.
        moment: Moment,
        /// Whether it is gone once more at the first write after it.
        again: bool,
    },
    /// Never.
    Never,
}

/// Where in a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing of it is on disk.
    Before,
    /// It is on disk; none of its effects was performed.
    After,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--seed {}", self.seed)?;
        match self.crashes {
            Crashes::ByChance => Ok(()),
            Crashes::Never => f.write_str(" --crash-at never"),
            Crashes::At { write, moment, again } => {
                let moment = if moment == Moment::Before { "before" } else { "after" };
                write!(f, " --crash-at {moment}:{write}{}", if again { " --crash-recovery" } else { "" })
            }
        }
    }
}

impl Case {
    /// A seed with everything that can go wrong.
    pub fn new(seed: u64) -> Self {
        Case { seed, faults: Faults::ALL, crashes: Crashes::ByChance, traced: false }
    }

    /// The same, with what happens kept.
    pub fn traced(self) -> Self {
        Case { traced: true, ..self }
    }
}
