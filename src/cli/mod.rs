//! Arguments as typed → resolved options → one file per verb. The only place that prints.

mod args;
mod alone;
mod approve;
mod archive;
mod arm;
mod ask;
mod attach;
mod answer;
mod bench;
mod check;
mod completions;
mod control;
mod detect;
#[cfg(test)]
mod drive;
mod engine;
mod environment;
mod error;
mod events;
mod explain;
mod guard;
mod halt;
mod headless;
mod help;
mod identity;
mod journal;
mod ledger;
mod lift;
mod live_rules;
mod logging;
mod metrics;
mod next;
mod output;
mod one_run;
mod outputs;
mod place;
mod play;
mod protected;
mod rules;
mod records;
mod report;
mod run;
mod screen;
mod serve;
mod settle;
mod setup;
mod sources;
mod speed;
mod states;
mod steer;
mod systemd;
mod trigger;
mod views;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Journal, Verb};
use error::Error;

use crate::control::message::Table;
use crate::engine::Request;
use crate::runtime::shutdown::Stop;

/// How a verb ended that did what it was asked (S12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything is over.
    Fine,
    /// Something waits for a person.
    Person,
    /// A setup has mistakes.
    Mistakes,
    /// A signal ended it.
    Stopped(Stop),
}

/// Runs the program: reads its arguments, does what they say, and gives the exit code.
pub fn run() -> ExitCode {
    let obeyed = obey(Args::parse());
    // A second signal says how the process ends (C18), not what came of the programs that it ended.
    crate::runtime::shutdown::stand_aside();
    match obeyed {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Mistakes) => ExitCode::from(2),
        Ok(Verdict::Person) => ExitCode::from(3),
        Ok(Verdict::Stopped(stop)) => ExitCode::from(stop.code() as u8),
        Err(error) => error.report(),
    }
}

fn obey(args: Args) -> Result<Verdict, Error> {
    match args.verb {
        None => play::exercise(&args.play),
        Some(Verb::Replay(args)) => play::replay(&args),
        Some(Verb::Run(args)) => run::run(&args),
        Some(Verb::Trigger(args)) => trigger::run(&args),
        Some(Verb::Serve(args)) => serve::run(&args),
        Some(Verb::Pause(args)) => steer::run(&args, |run| Request::Pause { run }),
        Some(Verb::Resume(args)) => steer::run(&args, |run| Request::Resume { run }),
        Some(Verb::Cancel(args)) => steer::run(&args, |run| Request::Cancel { run }),
        Some(Verb::Retry(args)) => steer::run(&args, |run| Request::Retry { run }),
        Some(Verb::Settle(args)) => settle::run(&args),
        Some(Verb::Abandon(args)) => steer::abandon(&args),
        Some(Verb::Acknowledge(args)) => steer::acknowledge(&args),
        Some(Verb::Close(args)) => steer::close(&args),
        Some(Verb::Reload(args)) => steer::reload(&args),
        Some(Verb::Runs(args)) => fine(match args.run {
            Some(run) => one_run::show(run, &args.view),
            None => views::show(&args.view, Table::Runs),
        }),
        Some(Verb::Incidents(args)) => fine(views::show(&args, Table::Incidents)),
        Some(Verb::Agents(args)) => fine(views::show(&args, Table::Agents)),
        Some(Verb::Ledger(args)) => fine(ledger::run(&args)),
        Some(Verb::Approvals(args)) => fine(approve::list(&args)),
        Some(Verb::Approve(args)) => approve::approve(&args),
        Some(Verb::Confirm(args)) => approve::confirm(&args),
        Some(Verb::Deny(args)) => approve::deny(&args),
        Some(Verb::Lift(args)) => lift::run(&args),
        Some(Verb::Attach(args)) => attach::run(&args),
        Some(Verb::Metrics(args)) => fine(metrics::show(&args)),
        Some(Verb::Events(args)) => fine(events::run(&args)),
        Some(Verb::Explain(args)) => fine(explain::run(&args)),
        Some(Verb::Report(args)) => fine(report::run(&args)),
        Some(Verb::Arm(args)) => fine(arm::run(&args, true)),
        Some(Verb::Disarm(args)) => fine(arm::run(&args, false)),
        Some(Verb::Answer(args)) => answer::run(&args),
        Some(Verb::Halt(args)) => halt::halt(&args),
        Some(Verb::Release(args)) => halt::release(&args).map(|()| Verdict::Fine),
        Some(Verb::Protected(args)) => protected::run(&args).map(|()| Verdict::Fine),
        Some(Verb::Detect(args)) => fine(detect::run(&args)),
        Some(Verb::Rules(args)) => Ok(if rules::run(&args)? { Verdict::Fine } else { Verdict::Mistakes }),
        Some(Verb::Check(args)) => Ok(if check::run(&args)? { Verdict::Fine } else { Verdict::Mistakes }),
        Some(Verb::States(args)) => fine(states::run(&args)),
        Some(Verb::Journal(Journal::Show(args))) => fine(journal::show(&args)),
        Some(Verb::Journal(Journal::Verify(args))) => fine(journal::verify(&args)),
        Some(Verb::Journal(Journal::Archive(args))) => fine(archive::archive(&args)),
        Some(Verb::Journal(Journal::Restore(args))) => fine(archive::restore(&args)),
        Some(Verb::Completions(args)) => fine(completions::run(&args)),
        Some(Verb::Bench(args)) => fine(bench::run(&args)),
    }
}

fn fine(done: Result<(), Error>) -> Result<Verdict, Error> {
    done.map(|()| Verdict::Fine)
}
