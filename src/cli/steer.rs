//! `quell pause | resume | cancel | retry | abandon | acknowledge | close | reload`.

use std::path::Path;
use std::sync::mpsc::channel;

use super::args::{Abandon, Close, OfIncident, OfRun, ReloadArgs, Steer};
use super::engine::{self, Job};
use super::error::Error;
use super::output::tell;
use super::place::Place;
use super::speed::Speed;
use super::{Verdict, ask, headless, identity, logging, setup};
use crate::control::message::{Asked, Given};
use crate::engine::{Answer, Request, State};
use crate::model::{RequestId, RunId};
use crate::runtime::inbox::{Inbox, Message};
use crate::runtime::start::Watched;

/// A verb about a run.
///
/// # Errors
/// What [`Error`] says; also if it was refused.
pub fn run(args: &OfRun, request: fn(RunId) -> Request) -> Result<Verdict, Error> {
    steer(&args.steer, request(args.run))
}

/// `quell abandon`.
///
/// # Errors
/// As [`run`]; also without the word of a person.
pub fn abandon(args: &Abandon) -> Result<Verdict, Error> {
    let given = args.yes_abandon.map(|run| run.to_string());
    ask::typed(&args.run.to_string(), "--yes-abandon", given.as_deref())?;
    steer(&args.steer, Request::Abandon { run: args.run })
}

/// `quell acknowledge`.
///
/// # Errors
/// As [`run`].
pub fn acknowledge(args: &OfIncident) -> Result<Verdict, Error> {
    steer(&args.steer, Request::Acknowledge { incident: args.incident })
}

/// `quell close`.
///
/// # Errors
/// As [`run`].
pub fn close(args: &Close) -> Result<Verdict, Error> {
    let (incident, reason) = (args.incident, args.reason.clone());
    let request = match args.dismiss {
        true => Request::Dismiss { incident, reason },
        false => Request::Resolve { incident, reason },
    };
    steer(&args.steer, request)
}

/// `quell reload`.
///
/// # Errors
/// Every mistake of the setup, or no engine is at work.
pub fn reload(args: &ReloadArgs) -> Result<Verdict, Error> {
    let folder = ask::folder(args.state.as_deref())?;
    let asked = ask::asked(args.id.as_deref(), None, Request::Reload)?;
    let given = ask::ask(&folder, &asked)?.ok_or_else(|| ask::nobody(&folder))?;
    ask::report(&given, args.json)
}

/// Has the engine of a folder do something, or opens the folder for it.
///
/// # Errors
/// It was refused, or there is neither an engine nor a journal.
pub fn steer(args: &Steer, request: Request) -> Result<Verdict, Error> {
    let folder = ask::folder(args.state.as_deref())?;
    let asked = ask::asked(args.id.as_deref(), args.seen, request)?;
    match ask::ask(&folder, &asked)? {
        Some(given) => ask::report(&given, args.json),
        None => alone(args, &folder, asked),
    }
}

/// No engine owns the folder.
fn alone(args: &Steer, folder: &Path, asked: Asked) -> Result<Verdict, Error> {
    let run = asked.request.run();
    let (given, state) = by_itself(args, folder, asked)?;
    ask::report(&given, args.json)?;
    let stands = run.and_then(|run| state.run(run)).map(|run| run.status());
    let needs_person = stands.is_some_and(|status| {
        use crate::engine::RunStatus::{Parked, Stuck};
        matches!(status, Parked | Stuck)
    });
    Ok(if needs_person { Verdict::Person } else { Verdict::Fine })
}

/// Opens a folder that no engine owns, acts, and waits until nothing happens by itself any more: the
/// answer, and the state then.
///
/// # Errors
/// The folder or the setup cannot be used.
pub fn by_itself(args: &Steer, folder: &Path, asked: Asked) -> Result<(Given, State), Error> {
    ask::has_journal(folder)?;
    logging::to_stderr();
    let loaded = setup::load(args.config.as_deref())?;
    let place = Place::open(Some(folder), false)?;
    let inbox = Inbox::new(loaded.settings.queue.signals);
    let (reply, answers) = channel();
    let Asked { id, seen, request } = asked;
    let request = identity::asked(request);
    inbox.send(Message::Request { id: RequestId(1), by: identity::actor(), seen, request, reply });
    let job = Job {
        title: "a request".to_owned(),
        recording: None,
        live: None,
        speed: Speed::Times(1.0),
        stay: false,
        watched: Watched::ByReport,
        seed: None,
        say: tell,
        config: args.config.clone(),
    };
    let mut running = engine::start(&loaded, &place, inbox, job)?;
    headless::drain_on_signals(&mut running)?;
    let (state, _) = running.wait()?;
    let answered = answers.try_recv().map_err(|_| Error::failed("the engine ended before it answered"))?;
    let (accepted, text) = match answered.answer {
        Answer::Accepted(text) => (true, text),
        Answer::Refused(text) => (false, text),
    };
    Ok((Given { id, accepted, text, seq: answered.seq }, state))
}
