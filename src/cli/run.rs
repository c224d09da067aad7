//! `quell run SOURCE…`: live signals, in real time.

use std::sync::PoisonError;

use super::args::Run;
use super::engine::{self, Job};
use super::error::Error;
use super::headless::{self, Format};
use super::output::totals::needs_person;
use super::output::{Sink, tell};
use super::place::Place;
use super::play::{Shown, shown};
use super::speed::Speed;
use super::{Verdict, logging, screen, setup, sources};
use crate::runtime::inbox::Inbox;
use crate::runtime::start::Watched;

/// Runs the verb.
///
/// # Errors
/// What [`Error`] says.
pub fn run(args: &Run) -> Result<Verdict, Error> {
    let loaded = setup::load(args.place.config.as_deref())?;
    let watched = sources::of(&args.watched, &loaded)?;
    if watched.is_empty() {
        let what = "no source is named, and the setup has none";
        return Err(Error::usage(what).hint("for example: quell run --follow /var/log/auth.log"));
    }
    let place = Place::of(loaded.setup.kind, args.place.state.as_deref())?;
    let title = format!("run {}", sources::names(&watched));
    let live = sources::open(watched, &args.watched, &place, args.out.as_deref())?;
    let sink = Sink::open(args.out.as_deref())?;
    let shown = shown(args.json, args.headless || args.out.is_some());
    let console = matches!(shown, Shown::Console);
    match console {
        true => screen::prepare(),
        false => logging::to_stderr(),
    }
    if place.is_kept() && live.sources.iter().any(|source| source.path().is_none()) {
        let why = "a pipe or a socket cannot be read again: after a crash, what it said last is lost";
        if console { tracing::warn!(target: "source", "{why}") } else { tell(&format!("quell: {why}")) }
    }
    let watched = match shown {
        // A report of every record is complete; whoever reads it must not stop.
        Shown::Headless(Format::Json) => Watched::ByReport,
        _ => Watched::ByScreen,
    };
    let job = Job {
        title,
        recording: None,
        live: Some(live),
        speed: Speed::Times(1.0),
        stay: console,
        watched,
        seed: args.place.seed,
        say: if console { |line| tracing::info!(target: "notify", "{line}") } else { tell },
        config: args.place.config.clone(),
    };
    let inbox = Inbox::new(loaded.settings.queue.signals);
    let running = engine::start(&loaded, &place, inbox, job)?;
    let Shown::Headless(format) = shown else {
        let findings = running.findings.clone();
        screen::run(running, &loaded)?;
        let why = findings.and_then(|all| all.lock().unwrap_or_else(PoisonError::into_inner).failure.take());
        return why.map_or(Ok(Verdict::Fine), |why| Err(Error::failed(why)));
    };
    let result = headless::run(running, format, sink)?;
    if let Some(why) = result.findings.failure {
        return Err(Error::failed(why));
    }
    Ok(if needs_person(&result.state.counts()) { Verdict::Person } else { Verdict::Fine })
}
