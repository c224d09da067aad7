//! What verbs do that find a state folder in which no engine is at work: they open it themselves.

use std::path::PathBuf;
use std::sync::mpsc::channel;

use super::args;
use super::engine::{self, Job};
use super::error::Error;
use super::headless::{self, Format};
use super::identity;
use super::output::Sink;
use super::place::Place;
use super::speed::Speed;
use super::{Verdict, logging};
use crate::config::Loaded;
use crate::engine::{Answer, Request, RunStatus, State};
use crate::model::{RequestId, RunId};
use crate::runtime::inbox::{Inbox, Message};
use crate::runtime::start::Watched;

/// How work that was asked for goes on, and where it is shown.
pub struct Work<'a> {
    /// What a progress line calls it.
    pub title: String,
    /// Pace of drills.
    pub speed: Speed,
    /// In place of the setup's.
    pub seed: Option<u64>,
    /// Which setup was asked for.
    pub config: Option<PathBuf>,
    /// What to print, and where.
    pub shown: &'a args::Shown,
}

/// Asks an engine of its own, lets it work until it settles, and gives what it accepted and its state.
///
/// # Errors
/// It was refused, or the engine could not go on.
pub fn work(
    loaded: &Loaded,
    place: &Place,
    request: Request,
    asked: Work<'_>,
) -> Result<(String, State), Error> {
    logging::to_stderr();
    let sink = Sink::open(asked.shown.out.as_deref())?;
    let inbox = Inbox::new(loaded.settings.queue.signals);
    let (reply, answers) = channel();
    let (by, request) = (identity::actor(), identity::asked(request));
    inbox.send(Message::Request { id: RequestId(1), by, seen: None, request, reply });
    let job = Job {
        title: asked.title,
        recording: None,
        live: None,
        speed: asked.speed,
        stay: false,
        watched: Watched::ByReport,
        seed: asked.seed,
        say: super::output::tell,
        config: asked.config,
    };
    let running = engine::start(loaded, place, inbox, job)?;
    let format = if asked.shown.json { Format::Json } else { Format::Summary };
    let result = headless::run(running, format, sink)?;
    match answers.try_recv().map(|answered| answered.answer) {
        Ok(Answer::Accepted(text)) => Ok((text, result.state)),
        Ok(Answer::Refused(why)) => Err(Error::failed(format!("refused: {why}"))),
        Err(_) => Err(Error::failed("the engine ended before it answered")),
    }
}

/// How a verb about one run ends: fine only if the run completed.
///
/// # Errors
/// The run ended otherwise, or is not known.
pub fn verdict(run: Option<RunId>, state: &State) -> Result<Verdict, Error> {
    let status = run.and_then(|id| state.run(id)).map(|run| (run.id(), run.status()));
    match status {
        Some((_, RunStatus::Completed)) => Ok(Verdict::Fine),
        Some((_, status)) if !status.is_terminal() => Ok(Verdict::Person),
        Some((id, status)) => {
            let status = status.to_string().replace('_', " ");
            Err(Error::failed(format!("{id} did not complete: it is {status}")))
        }
        None => Err(Error::failed("the run is not known any more")),
    }
}
