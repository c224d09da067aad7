//! `quell settle`: a person says what comes of a step in doubt, or of an undo that failed.

use super::args::{Settle, SettleWord};
use super::error::Error;
use super::{Verdict, steer};
use crate::engine::{Request, Settled};

/// Settles a step.
///
/// # Errors
/// It was refused, or there is neither an engine nor a journal.
pub fn run(args: &Settle) -> Result<Verdict, Error> {
    let as_ = match args.word {
        SettleWord::Again => Settled::Again,
        SettleWord::Undo => Settled::Undo,
        SettleWord::Done => Settled::Done,
        SettleWord::Failed => Settled::Failed,
        SettleWord::Skip => Settled::Skip,
    };
    let (run, step, reason) = (args.run, args.step.as_str().into(), args.reason.clone());
    steer::steer(&args.steer, Request::Settle { run, step, as_, reason })
}
