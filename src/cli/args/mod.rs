//! Arguments as they are typed.

mod look;
mod play;
mod setup;
mod steer;

use clap::{Parser, Subcommand};

pub use self::look::*;
pub use self::play::*;
pub use self::setup::*;
pub use self::steer::*;
use super::help;

/// A terminal control console for automated incident response.
#[derive(Debug, Parser)]
#[command(name = "quell", version, max_term_width = 110, args_conflicts_with_subcommands = true)]
#[command(after_help = help::EXERCISE)]
pub struct Args {
    /// What to do; without one, the exercise.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// How to play the exercise.
    #[command(flatten)]
    pub play: Play,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Play recorded signals: detect, open incidents, run workflows on drills
    #[command(after_help = help::REPLAY)]
    Replay(Replay),
    /// Watch live signals and respond: files that grow, pipes
    #[command(after_help = help::RUN)]
    Run(Run),
    /// Start a workflow by hand, and wait for its end
    #[command(after_help = help::TRIGGER)]
    Trigger(Trigger),
    /// Run an engine without a console until it is told to stop: for systemd
    #[command(after_help = help::SERVE)]
    Serve(Serve),
    /// Show the console of an engine at work elsewhere, such as `quell serve`
    #[command(after_help = help::ATTACH)]
    Attach(Attach),
    /// Hold a run at the next step
    #[command(after_help = help::STEER)]
    Pause(OfRun),
    /// Let a paused run go on
    #[command(after_help = help::STEER)]
    Resume(OfRun),
    /// Stop a run and roll it back
    #[command(after_help = help::STEER)]
    Cancel(OfRun),
    /// Go on with a parked or stuck run, or try an ended one again
    #[command(after_help = help::STEER)]
    Retry(OfRun),
    /// Settle a step in doubt, or an undo that failed or waits
    #[command(after_help = help::SETTLE)]
    Settle(Settle),
    /// Give a run up: nothing of it is undone
    #[command(after_help = help::STEER)]
    Abandon(Abandon),
    /// Say that you are on an incident
    #[command(after_help = help::STEER)]
    Acknowledge(OfIncident),
    /// Close an incident, with a reason
    #[command(after_help = help::STEER)]
    Close(Close),
    /// Have a running engine read its setup anew: all of it, or nothing
    #[command(after_help = help::RELOAD)]
    Reload(ReloadArgs),
    /// List runs, or show one with its steps
    #[command(after_help = help::VIEWS)]
    Runs(Runs),
    /// List incidents
    #[command(after_help = help::VIEWS)]
    Incidents(View),
    /// List agents
    #[command(after_help = help::VIEWS)]
    Agents(View),
    /// List what is in force because of quell, and what is owed
    #[command(after_help = help::LEDGER)]
    Ledger(Ledger),
    /// List what people have to approve, and what was acted on without asking
    #[command(after_help = help::APPROVALS)]
    Approvals(View),
    /// Say yes to what a step would do
    #[command(after_help = help::APPROVE)]
    Approve(Approve),
    /// Say no to it: the step fails
    #[command(after_help = help::DENY)]
    Deny(Deny),
    /// Undo what is in force, and wait until it is undone
    #[command(after_help = help::LIFT)]
    Lift(Lift),
    /// Keep an effect that would be taken back otherwise
    #[command(after_help = help::CONFIRM)]
    Confirm(Confirm),
    /// Print the figures of an engine at work: books, queue, latencies
    #[command(after_help = help::METRICS)]
    Metrics(Metrics),
    /// Print what happened, or what happens
    #[command(after_help = help::EVENTS)]
    Events(Events),
    /// Say why each thing of a run was done, or was not
    #[command(after_help = help::EXPLAIN)]
    Explain(Explain),
    /// Print what the next one on duty has to know
    #[command(after_help = help::REPORT)]
    Report(Report),
    /// Let the runs of a workflow act, as its file is now; until then they only observe
    #[command(after_help = help::ARM)]
    Arm(Arm),
    /// Let the runs of a workflow only observe
    #[command(after_help = help::DISARM)]
    Disarm(Arm),
    /// Answer for a step that a person does
    #[command(after_help = help::ANSWER)]
    Answer(Answer),
    /// Throw the kill switch: begin nothing any more, stop what is in flight
    #[command(after_help = help::HALT)]
    Halt(Halt),
    /// Release the kill switch: work goes on
    #[command(after_help = help::RELEASE)]
    Release(Release),
    /// Print what quell never acts against, as it is now on this machine
    #[command(after_help = help::PROTECTED)]
    Protected(Protected),
    /// Match recorded signals against Sigma rules, and nothing else
    #[command(after_help = help::DETECT)]
    Detect(Detect),
    /// List Sigma rules, their mistakes, or what of ATT&CK they cover
    #[command(after_help = help::RULES)]
    Rules(Rules),
    /// Look for mistakes in a setup
    #[command(after_help = help::CHECK)]
    Check(Check),
    /// Print the lifecycles of agents, runs, steps and incidents
    #[command(after_help = help::STATES)]
    States(States),
    /// Look into a journal
    #[command(subcommand)]
    Journal(Journal),
    /// Measure how fast the engine is
    #[command(after_help = help::BENCH)]
    Bench(Bench),
    /// Print completions for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions(Completions),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_fit_together() {
        Args::command().debug_assert();
    }
}
