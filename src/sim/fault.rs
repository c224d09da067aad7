//! What can go wrong in the simulated world, by name, and how often it did.

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fault {
    /// The process is gone before a batch is appended.
    CrashBefore,
    /// The process is gone once a batch is on disk, before its effects are performed.
    CrashAfter,
    /// The process is gone once the effects of a batch are under way.
    CrashLater,
    /// The process is gone again while it starts.
    CrashRecovery,
    /// An agent says no.
    Refused,
    /// An agent says that it lost sight of what it did.
    NoAnswer,
    /// An agent never answers.
    Silent,
    /// An agent answers when the engine has given up on it, or nearly.
    Late,
    /// An agent answers twice.
    Twice,
    /// An agent says that it is done, and did nothing.
    Lie,
    /// An agent does not stop when it is told to.
    Unstoppable,
    /// Nobody says whether an effect is there.
    ProbeSilent,
    /// It cannot be said whether an effect is there.
    ProbeUnknown,
    /// A line is in the file twice.
    LineTwice,
    /// The process is gone while it reads the journal.
    CrashReading,
    /// A write that nobody was told of is there after a crash.
    Unreported,
    /// The disk takes its time: the engine goes on meanwhile.
    SlowDisk,
    /// The disk is full: a write is not there.
    NoSpace,
    /// A sync fails; what it was about is there or not.
    SyncFailed,
    /// The journal cannot be read.
    ReadError,
    /// An agent panics.
    Panic,
    /// An agent cannot be asked.
    NotSent,
    /// Somebody answers what nobody asked, or not any more.
    StrayAnswer,
    /// A signal is older than those before it.
    OutOfOrder,
    /// A signal is too old for the windows.
    LateSignal,
    /// The setup is read anew.
    Reload,
    /// The setup was edited while nobody ran.
    EditedDown,
    /// It is stopped in good order, and started again.
    Restart,
    /// The clock was set back while nobody ran.
    ClockBack,
    /// The machine slept.
    Slept,
}

impl Fault {
    /// All of them, as numbered.
    pub const ALL: &[Fault] = &[
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::CrashLater,
        Fault::CrashRecovery,
        Fault::Refused,
        Fault::NoAnswer,
        Fault::Silent,
        Fault::Late,
        Fault::Twice,
        Fault::Lie,
        Fault::Unstoppable,
        Fault::ProbeSilent,
        Fault::ProbeUnknown,
        Fault::LineTwice,
        Fault::CrashReading,
        Fault::Unreported,
        Fault::SlowDisk,
        Fault::NoSpace,
        Fault::SyncFailed,
        Fault::ReadError,
        Fault::Panic,
        Fault::NotSent,
        Fault::StrayAnswer,
        Fault::OutOfOrder,
        Fault::LateSignal,
        Fault::Reload,
        Fault::EditedDown,
        Fault::Restart,
        Fault::ClockBack,
        Fault::Slept,
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Fault::CrashBefore => "crash-before",
            Fault::CrashAfter => "crash-after",
            Fault::CrashLater => "crash-later",
            Fault::CrashRecovery => "crash-recovery",
            Fault::Refused => "refused",
            Fault::NoAnswer => "no-answer",
            Fault::Silent => "silent",
            Fault::Late => "late",
            Fault::Twice => "twice",
            Fault::Lie => "lie",
            Fault::Unstoppable => "unstoppable",
            Fault::ProbeSilent => "probe-silent",
            Fault::ProbeUnknown => "probe-unknown",
            Fault::LineTwice => "line-twice",
            Fault::CrashReading => "crash-reading",
            Fault::Unreported => "unreported",
            Fault::SlowDisk => "slow-disk",
            Fault::NoSpace => "no-space",
            Fault::SyncFailed => "sync-failed",
            Fault::ReadError => "read-error",
            Fault::Panic => "panic",
            Fault::NotSent => "not-sent",
            Fault::StrayAnswer => "stray-answer",
            Fault::OutOfOrder => "out-of-order",
            Fault::LateSignal => "late-signal",
            Fault::Reload => "reload",
            Fault::EditedDown => "edited-down",
            Fault::Restart => "restart",
            Fault::ClockBack => "clock-back",
            Fault::Slept => "slept",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Fault> {
        Fault::ALL.iter().copied().find(|fault| fault.name() == name)
    }

    fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// A set of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults(u64);

impl Faults {
    /// Everything that can go wrong.
    pub const ALL: Faults = Faults(u64::MAX);
    /// Nothing goes wrong.
    pub const NONE: Faults = Faults(0);

    /// Whether it may happen.
    pub fn has(self, fault: Fault) -> bool {
        self.0 & fault.bit() != 0
    }

    /// With one more.
    pub fn with(self, fault: Fault) -> Faults {
        Faults(self.0 | fault.bit())
    }

    /// What is in one of them.
    pub fn union(self, other: Faults) -> Faults {
        Faults(self.0 | other.0)
    }
}

/// How often each fault happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Happened([u64; 64]);

impl Default for Happened {
    fn default() -> Self {
        Happened([0; 64])
    }
}

impl Happened {
    /// Once more.
    pub fn note(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// How often so far.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Those of another world on top.
    pub fn add(&mut self, other: &Happened) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, n)| *sum += n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_number_and_its_word() {
        for (i, fault) in Fault::ALL.iter().enumerate() {
            assert_eq!(*fault as usize, i);
            assert_eq!(Fault::named(fault.name()), Some(*fault));
        }
        assert!(Fault::ALL.len() <= 64);
    }

    #[test]
    fn a_set_has_what_was_put_in() {
        let set = Faults::NONE.with(Fault::Late);
        assert!(set.has(Fault::Late) && !set.has(Fault::Lie));
        assert_eq!(set.union(Faults::ALL), Faults::ALL);
    }
}
