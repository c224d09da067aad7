//! `quell serve`: an engine without a console, until it is told to stop (C18).

use super::args::Serve;
use super::engine::{self, Job, Running};
use super::error::Error;
use super::output::tell;
use super::output::words::counted;
use super::place::Place;
use super::speed::Speed;
use super::{Verdict, ask, logging, setup, sources, systemd};
use crate::control::people;
use crate::control::server::Reloader;
use crate::engine::{Actor, Answer, JournalKind};
use crate::runtime::inbox::{Inbox, Message};
use crate::runtime::live::reader::Kind;
use crate::runtime::shutdown::{self, Stop};
use crate::runtime::start::Watched;

/// Runs the verb.
///
/// # Errors
/// What [`Error`] says.
pub fn run(args: &Serve) -> Result<Verdict, Error> {
    logging::to_stderr();
    let loaded = setup::load(args.place.config.as_deref())?;
    let kind = loaded.setup.kind;
    if kind == JournalKind::Exercise && args.place.state.is_none() {
        let what = "the setup is an exercise: its journal does not belong into the folder for real work";
        return Err(Error::usage(what).hint("name a folder of its own with --state"));
    }
    let mut watched = sources::of(&args.watched, &loaded)?;
    sources::keep_open(&mut watched);
    if watched.iter().any(|source| source.kind == Kind::Stdin) {
        let what = "a service has no stdin to watch";
        return Err(Error::usage(what).hint("name a pipe: mkfifo signals; quell serve signals"));
    }
    let place = Place::of(kind, args.place.state.as_deref())?;
    let reads = if watched.is_empty() { "requests".to_owned() } else { sources::names(&watched) };
    let live = match watched.is_empty() {
        true => None,
        false => Some(sources::open(watched, &args.watched, &place, None)?),
    };
    let count = live.as_ref().map_or(0, |live| live.sources.len() as u64);
    let inbox = Inbox::new(loaded.settings.queue.signals);
    let job = Job {
        title: reads,
        recording: None,
        live,
        speed: Speed::Times(1.0),
        stay: true,
        watched: Watched::ByScreen,
        seed: args.place.seed,
        say: tell,
        config: args.place.config.clone(),
    };
    let mut running = engine::start(&loaded, &place, inbox, job)?;
    listen(&mut running)?;
    let (agents, workflows) = (loaded.setup.agents.len() as u64, loaded.setup.workflows.len() as u64);
    let about = format!(
        "serving {}: {}, {}, {}, {}",
        place.path().display(),
        kind.name(),
        counted(count, "source"),
        counted(agents, "agent"),
        counted(workflows, "workflow")
    );
    tell(&format!("quell: {about}"));
    systemd::ready(&about);
    let (state, _) = running.wait()?;
    let live = state.counts().live_runs;
    match live {
        0 => tell("quell: stopped"),
        live => tell(&format!("quell: stopped; {} left for the next start", counted(live as u64, "run"))),
    }
    Ok(if live > 0 { Verdict::Person } else { Verdict::Fine })
}

/// HUP reads the setup anew; TERM and INT drain, a second one ends it.
fn listen(running: &mut Running) -> Result<(), Error> {
    let (inbox, reloader, programs) =
        (running.inbox.clone(), running.reloader.clone(), running.programs.clone());
    let mut stops = 0;
    let heard = move |stop: Stop, _| {
        if stop == Stop::HangUp {
            return reloader.iter().for_each(reload);
        }
        if stops > 0 || !inbox.send(Message::Drain) {
            shutdown::leave(stop.code(), || programs.kill_all());
        }
        stops += 1;
        systemd::stopping();
        tell("quell: stopping; what runs may finish. Once more to stop at once");
    };
    running.on_signal(heard)
}

fn reload(reloader: &Reloader) {
    systemd::reloading();
    let by = Actor(format!("{}, by a signal", people::me().actor()).into());
    let said = match reloader.reload(by) {
        Answer::Accepted(text) => text,
        Answer::Refused(why) => format!("refused: {why}"),
    };
    let said = ask::shown(&said);
    tell(&format!("quell: reload: {said}"));
    systemd::ready(said.lines().next().unwrap_or_default());
}
