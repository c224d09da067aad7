//! Bugs that are planted to see that the simulator notices them: each is a line in the engine that asks
//! whether it is alive.
//!
//! In an ordinary build the answer is a constant, and nothing of it is left. A build with
//! `RUSTFLAGS='--cfg planted'` holds them all; which one is alive is chosen for a thread while it runs.

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $name:ident: $promise:literal,)*) => {
        /// What can be planted: one doc line says what is wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[doc = $doc])* $name,)*
        }

        impl Bug {
            /// Every one.
            pub const ALL: &[Bug] = &[$(Bug::$name,)*];

            /// Its name, as it is asked for.
            pub fn name(self) -> &'static str {
                match self { $(Bug::$name => stringify!($name),)* }
            }

            /// The promise that it breaks.
            pub fn promise(self) -> &'static str {
                match self { $(Bug::$name => $promise,)* }
            }

            /// What is wrong.
            pub fn what(self) -> &'static str {
                match self { $(Bug::$name => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

bugs! {
    // Order and durability.
    /// Effects leave the gate before their records are durable.
    EffectBeforeDurable: "C1",
    /// A step counts as done when it is handed over, not when it was answered.
    DoneWhenHandedOver: "C2",
    /// A step starts when one of its needs is done, not all.
    NeedsNotAwaited: "C2",
    /// The key is another one for each attempt.
    KeyOfAttempt: "C4",
    /// An answer to an attempt that is over counts for the one that runs.
    StaleAnswerTaken: "C4",
    /// Of a step that was in doubt, an answer to an attempt before the restart counts.
    LateAnswerTaken: "C4",
    /// An attempt is handed to its agent twice.
    PerformedTwice: "C4",

    // Doubt.
    /// What may not be done twice is done again after a crash.
    DoubtRepeated: "C3",
    /// An undo that may not be done twice is done again after a crash.
    UndoDoubtRepeated: "C3",
    /// What was looked for and is absent counts as there.
    AbsentIsPresent: "C3",
    /// What a verification found is not looked at.
    VerifyIgnored: "C3",
    /// An attempt without an outcome is forgotten by the rollback.
    DoubtForgotten: "C9",

    // Recovery.
    /// Timers are not armed again after a restart.
    TimersLost: "C8",
    /// The live runs of each key are forgotten at a restart.
    DedupLost: "C15",
    /// What ends is not watched after a restart.
    ExpiryLost: "C28",
    /// The epoch of a lease begins anew after a restart.
    EpochBeginsAnew: "C16",

    // Rollback.
    /// Undone in the order of completion, not against it.
    UndoForward: "C9",
    /// An undo that was done is done once more.
    UndoneTwice: "C11",
    /// What completes while its run turns round is not undone.
    ParallelForgotten: "C9",
    /// A rollback is over though an undo was given up.
    OwedForgotten: "C11",
    /// An undo that failed is tried again without any delay.
    UndoBackoffIgnored: "C11",
    /// A step whose condition does not hold counts as done.
    SkippedIsDone: "C9",
    /// The failure of a step that is not critical ends the run.
    NonCriticalStops: "C14",
    /// A rollback does not stop what runs.
    CancelStopsNothing: "C12",

    // Pause and time.
    /// The delay before the next attempt is not waited for.
    BackoffIgnored: "C13",
    /// A resumed run waits for the whole delay once more.
    BackoffRestarted: "C13",
    /// The delay goes on in a pause.
    PauseEatsBackoff: "C13",
    /// A pause does not hold steps that become ready.
    PauseIgnored: "C13",
    /// The deadline of a run is not looked at.
    DeadlineIgnored: "C14",

    // The kill switch.
    /// The kill switch is asked when a step becomes ready, not when it starts.
    HaltAskedEarly: "C30",
    /// The kill switch does not hold undos.
    HaltLetsUndo: "C30",
    /// The kill switch does not hold what quell lifts because its time is over.
    HaltLetsExpiry: "C30",
    /// What is in flight is not stopped by the kill switch.
    HaltStopsNothing: "C30",

    // The ledger.
    /// An effect ends before its time.
    ExpiryEarly: "C28",
    /// A step holds an effect twice.
    HolderTwice: "S3.5",
    /// Who lets go holds on.
    HolderStays: "S3.5",
    /// Undone although others hold it.
    LiftedWhileHeld: "S3.5",
    /// An effect leaves the ledger with the run that caused it.
    EffectRetired: "S3.5",
    /// What has to be confirmed lasts although nobody confirms it.
    ConfirmNeverEnds: "C29",

    // Leases.
    /// No turn is taken at a target.
    LeaseNotTaken: "C16",
    /// The turn is given back when its run turns round, not when its step answered.
    LeaseBackEarly: "C16",

    // Agents.
    /// What an agent answered still counts against it.
    SlotKept: "C21",
    /// What an agent answered is counted off twice.
    SlotFreedTwice: "C21",

    // People.
    /// Two yes of one person are two.
    YesCountsTwice: "C23",
    /// A yes to something else counts.
    YesToAnother: "C23",
    /// Nobody objected, so it is approved.
    SilenceIsYes: "C28",
    /// A change that the asker did not see does not matter.
    SeenIgnored: "C23",

    // Blast radius and arming.
    /// What was acted on is not counted.
    BudgetNotCounted: "C28",
    /// An hour never ends.
    BudgetNeverReset: "C28",
    /// A run that observes acts.
    ObserverActs: "C31",
    /// A workflow that is not armed acts.
    ArmingIgnored: "C31",

    // Incidents.
    /// A repeat counts for one more.
    OneRepeatMore: "C19",
    /// The same finding, told again, counts again.
    RepeatNotKnown: "C5",
    /// Two runs of one key live at once.
    TwoLiveRuns: "C15",
}

#[cfg(planted)]
mod alive {
    use std::cell::Cell;

    use super::Bug;
    use crate::model::Seq;

    thread_local! {
        static ALIVE: Cell<Option<Bug>> = const { Cell::new(None) };
        static RESTARTED: Cell<Seq> = const { Cell::new(0) };
    }

    /// Lets a bug live in this thread, or none.
    pub fn plant(bug: Option<Bug>) {
        ALIVE.set(bug);
        RESTARTED.set(0);
    }

    /// Whether a bug is alive in this thread.
    pub fn planted(bug: Bug) -> bool {
        ALIVE.get() == Some(bug)
    }

    /// Notes the last record before a restart, for what counts from there.
    pub fn restarted(seq: Seq) {
        RESTARTED.set(seq);
    }

    /// A record as it is counted from the last restart.
    pub fn since_restart(seq: Seq) -> Seq {
        seq.checked_sub(RESTARTED.get()).unwrap_or(seq)
    }
}

#[cfg(not(planted))]
mod alive {
    use super::Bug;
    use crate::model::Seq;

    /// Whether a bug is alive in this thread: never, in a build without them.
    #[inline(always)]
    pub const fn planted(_: Bug) -> bool {
        false
    }

    /// Nothing counts from a restart.
    #[inline(always)]
    pub const fn restarted(_: Seq) {}

    /// A record as it is.
    #[inline(always)]
    pub const fn since_restart(seq: Seq) -> Seq {
        seq
    }
}

#[cfg(planted)]
pub use alive::plant;
pub use alive::{planted, restarted, since_restart};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plant_is_off_unless_it_is_asked_for() {
        assert!(Bug::ALL.len() >= 30);
        for bug in Bug::ALL {
            assert!(!planted(*bug), "{bug:?}");
        }
    }

    #[cfg(not(planted))]
    #[test]
    fn an_ordinary_build_knows_it_when_it_is_compiled() {
        const { assert!(!planted(Bug::UndoForward)) }
    }
}
