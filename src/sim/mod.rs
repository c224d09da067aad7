//! The same engine and the same gate in a seeded world with faults. No tokio, no clock: a seed is a
//! bug report.

mod checks;
mod consent;
mod dice;
mod ledger;
pub mod long;
mod long_setup;
mod setup;
mod world;

pub use checks::Violation;
pub use world::{Report, World};

/// Runs one seed to its end.
///
/// # Errors
/// What was violated, with the trace that led to it.
pub fn run(seed: u64) -> Result<Report, Violation> {
    World::new(seed).run()
}
