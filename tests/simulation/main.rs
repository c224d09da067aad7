//! The simulated world, seed by seed. `cargo test --test simulation -- --help` says how to ask it.

use std::process::ExitCode;

mod args;
mod fleet;
mod planted;
mod summary;

use args::Args;
use quell::sim::{self, Case, Crashes};

/// One thing that is proven, under the name by which test runners know it.
struct Trial {
    name: &'static str,
    run: fn(&Args) -> Result<String, String>,
}

const TRIALS: &[Trial] = &[
    Trial { name: "seeds_hold_every_promise", run: seeds },
    Trial { name: "seeds_that_broke_one_hold_it_now", run: once_broken },
    Trial { name: "the_same_seed_is_the_same_world", run: twice },
    Trial { name: "a_crash_at_every_write_is_survived", run: everywhere },
    Trial { name: "planted_bugs_are_found", run: planted::plants },
];

fn main() -> ExitCode {
    let args = Args::read();
    let chosen = TRIALS.iter().filter(|trial| args.wants(trial.name));
    if args.list {
        let shown = chosen.filter(|_| !args.ignored);
        shown.for_each(|trial| println!("{}: test", trial.name));
        return ExitCode::SUCCESS;
    }
    let mut ok = true;
    for trial in chosen.filter(|_| !args.ignored) {
        match (trial.run)(&args) {
            Ok(said) => println!("test {} ... ok\n{said}", trial.name),
            Err(why) => {
                ok = false;
                println!("test {} ... FAILED\n{why}", trial.name);
            }
        }
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Many seeds with everything that can go wrong, or one of them with all that happens in it.
fn seeds(args: &Args) -> Result<String, String> {
    let Some(seed) = args.seed else {
        return fleet::sail(args.seeds(300), args, |seed| sim::run(&args.case(seed)));
    };
    let lived = sim::run(&args.case(seed).traced());
    let trace = lived.as_ref().map_or_else(|violation| &violation.trace, |report| &report.trace);
    trace.iter().for_each(|line| println!("  {line}"));
    let report = lived.map_err(|sim::Violation { case, what, .. }| format!("{case}: {what}"))?;
    Ok(format!("seed {seed}: trace {:016x}, {} records", report.fingerprint, report.records))
}

/// Each of these once found a bug.
const ONCE_BROKEN: &[u64] = &[
    593, 1_364, 2_107, 2_941, 3_392, 3_980, 5_839, 6_973, 7_397, 8_785, 8_821, 10_342, 11_052, 14_841,
    17_380, 17_741, 20_163, 24_919, 31_591, 36_859, 42_437, 47_463, 47_755, 48_999, 51_371, 55_465, 62_458,
    64_890, 65_459, 71_278, 82_932, 83_114, 133_811, 84_644, 85_101, 97_799, 197_656, 227_913, 269_146,
    303_634, 229_603, 429_989, 487_605, 658_287, 660_006, 675_381,
];

fn once_broken(args: &Args) -> Result<String, String> {
    for seed in ONCE_BROKEN {
        sim::run(&args.case(*seed)).map_err(|violation| violation.to_string())?;
    }
    Ok(format!("{} seeds", ONCE_BROKEN.len()))
}

/// Each seed twice: whatever depends on more than the seed shows.
fn twice(args: &Args) -> Result<String, String> {
    fleet::sail(args.seeds(20), args, |seed| {
        let case = args.case(seed).traced();
        let (first, second) = (sim::run(&case)?, sim::run(&case)?);
        let parted = first.trace.iter().zip(&second.trace).position(|(a, b)| a != b);
        match parted {
            None if first == second => Ok(first),
            _ => Err(sim::Violation {
                case,
                what: "the same seed was another world when it was lived again".to_owned(),
                trace: second.trace.into_iter().take(parted.unwrap_or(0) + 1).collect(),
            }),
        }
    })
}

/// Each seed is lived once to count its writes; then once for each write and moment with a crash there.
fn everywhere(args: &Args) -> Result<String, String> {
    fleet::sail(args.seeds(2), args, |seed| {
        let plain = Case { crashes: Crashes::Never, ..args.case(seed) };
        let mut sum = sim::run(&plain)?;
        for write in 1..=sum.writes {
            for moment in [sim::Moment::Before, sim::Moment::After] {
                let crashes = Crashes::At { write, moment, again: args.crash_recovery };
                sum.add(sim::run(&Case { crashes, ..plain.clone() })?);
            }
        }
        Ok(sum)
    })
}
