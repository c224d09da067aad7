//! The same engine and the same gate in a seeded world with faults. No tokio, no clock: a seed is a
//! bug report.

mod auditor;
mod books;
mod bounds;
mod case;
mod checks;
mod confirmed;
mod consent;
mod dice;
mod fault;
mod findings;
mod ledger;
mod promises;
mod report;
pub mod long;
mod long_setup;
mod setup;
mod texts;
mod trace;
mod waits;
mod world;

pub use case::{Case, Crashes, Moment};
pub use checks::Violation;
pub use fault::{Fault, Faults, Happened};
pub use report::Report;
pub use world::World;

/// Runs one world to its end.
///
/// # Errors
/// What was violated, with the trace that led to it.
pub fn run(case: &Case) -> Result<Report, Violation> {
    match World::new(case.clone()).run() {
        // The world is the same with its trace: it happens again.
        Err(violation) if !case.traced => {
            Err(World::new(case.clone().traced()).run().err().unwrap_or(violation))
        }
        result => result,
    }
}
