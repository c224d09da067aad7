//! Bugs are planted in the engine, one at a time, and lived with until a promise breaks: what the
//! simulation would notice, and how soon.

/// Without the plants there is nothing to find.
#[cfg(not(planted))]
pub fn plants(_: &crate::args::Args) -> Result<String, String> {
    Err("this build has no planted bugs: build with RUSTFLAGS='--cfg planted'".to_owned())
}

#[cfg(planted)]
pub use hunt::plants;

#[cfg(planted)]
mod hunt {
    use std::fmt::Write;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, PoisonError};
    use std::thread;

    use quell::model::planted::{Bug, plant};
    use quell::sim;

    use crate::args::Args;

    /// The world that showed a bug, how many were lived before it, and the promise that broke.
    struct Found {
        seed: u64,
        worlds: u64,
        what: String,
    }

    /// Lets each bug live in world after world until it is found. Fails if one is not.
    pub fn plants(args: &Args) -> Result<String, String> {
        let asked = |bug: &&Bug| args.bugs.is_empty() || args.bugs.iter().any(|name| name == bug.name());
        let bugs: Vec<Bug> = Bug::ALL.iter().filter(asked).copied().collect();
        if let Some(name) = args.bugs.iter().find(|name| Bug::ALL.iter().all(|bug| bug.name() != *name)) {
            let known: Vec<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
            return Err(format!("no bug is called `{name}`; there are {}", known.join(", ")));
        }
        // A panic of the engine is a violation like any other; its message is in the table.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let table = hunt(args, &bugs);
        std::panic::set_hook(hook);
        report(&bugs, &table, args.upto)
    }

    fn hunt(args: &Args, bugs: &[Bug]) -> Vec<Option<Found>> {
        let next = AtomicUsize::new(0);
        let found: Mutex<Vec<Option<Found>>> = Mutex::new(bugs.iter().map(|_| None).collect());
        let worker = || {
            while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let place = bugs.iter().position(|other| other == bug);
                let seen = live_with(args, *bug);
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(slot) = place.and_then(|i| found.get_mut(i)) {
                    *slot = seen;
                }
            }
        };
        thread::scope(|scope| (0..args.threads()).for_each(|_| drop(scope.spawn(worker))));
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// World after world, until one breaks a promise.
    fn live_with(args: &Args, bug: Bug) -> Option<Found> {
        for (worlds, seed) in args.seeds(args.upto).enumerate() {
            plant(Some(bug));
            let lived = sim::run(&args.case(seed));
            plant(None);
            if let Err(violation) = lived {
                return Some(Found { seed, worlds: worlds as u64 + 1, what: violation.what });
            }
        }
        None
    }

    fn report(bugs: &[Bug], found: &[Option<Found>], upto: u64) -> Result<String, String> {
        let mut text = format!("{:19} {:5} {:>6} {:>6}  violation\n", "bug", "", "seed", "worlds");
        let mut missed = Vec::new();
        for (bug, found) in bugs.iter().zip(found) {
            let (name, promise) = (bug.name(), bug.promise());
            let _ = match found {
                Some(Found { seed, worlds, what }) => {
                    let line: String = what.lines().next().unwrap_or_default().chars().take(110).collect();
                    writeln!(text, "{name:19} {promise:5} {seed:>6} {worlds:>6}  {line}")
                }
                None => {
                    missed.push(name);
                    writeln!(text, "{name:19} {promise:5}      -      -  not found: {}", bug.what())
                }
            };
        }
        let _ = write!(text, "{} of {} planted bugs were found", bugs.len() - missed.len(), bugs.len());
        match missed.is_empty() {
            true => Ok(text),
            false => Err(format!("{text}; not within {upto} worlds: {}", missed.join(", "))),
        }
    }
}
