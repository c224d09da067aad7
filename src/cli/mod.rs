//! Arguments as typed → resolved options → one file per verb. The only place that prints.

mod args;
mod arm;
mod ask;
mod answer;
mod check;
mod completions;
mod engine;
mod environment;
mod error;
mod guard;
mod halt;
mod headless;
mod help;
mod identity;
mod journal;
mod logging;
mod output;
mod outputs;
mod place;
mod play;
mod protected;
mod screen;
mod setup;
mod speed;
mod states;
mod trigger;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Journal, Verb};
use error::Error;

/// How a verb ended that did what it was asked (S12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything is over.
    Fine,
    /// Something waits for a person.
    Person,
    /// A setup has mistakes.
    Mistakes,
}

/// Runs the program: reads its arguments, does what they say, and gives the exit code.
pub fn run() -> ExitCode {
    match obey(Args::parse()) {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Mistakes) => ExitCode::from(2),
        Ok(Verdict::Person) => ExitCode::from(3),
        Err(error) => error.report(),
    }
}

fn obey(args: Args) -> Result<Verdict, Error> {
    match args.verb {
        None => play::exercise(&args.play),
        Some(Verb::Replay(args)) => play::replay(&args),
        Some(Verb::Trigger(args)) => trigger::run(&args),
        Some(Verb::Arm(args)) => arm::run(&args, true).map(|()| Verdict::Fine),
        Some(Verb::Disarm(args)) => arm::run(&args, false).map(|()| Verdict::Fine),
        Some(Verb::Answer(args)) => answer::run(&args),
        Some(Verb::Halt(args)) => halt::halt(&args),
        Some(Verb::Release(args)) => halt::release(&args).map(|()| Verdict::Fine),
        Some(Verb::Protected(args)) => protected::run(&args).map(|()| Verdict::Fine),
        Some(Verb::Check(args)) => Ok(if check::run(&args)? { Verdict::Fine } else { Verdict::Mistakes }),
        Some(Verb::States(args)) => states::run(&args).map(|()| Verdict::Fine),
        Some(Verb::Journal(Journal::Show(args))) => journal::show(&args).map(|()| Verdict::Fine),
        Some(Verb::Completions(args)) => completions::run(&args).map(|()| Verdict::Fine),
    }
}
