//! The control socket of an engine that keeps its state, and how its setup is read anew (C17).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::environment;
use super::error::Error;
use super::guard;
use super::place::Place;
use super::setup;
use crate::agent::http::Secrets;
use crate::config::{self, ListFile, Loaded, Settings, Stamp};
use crate::control::server::{Parts, Reload, Reloader, Reread, Server};
use crate::control::socket;
use crate::detect::Detector;
use crate::engine::{Actor, Acts, Answer, JournalKind, Setup};
use crate::model::{Digest, Mistake, SafeText};
use crate::rule::RuleSet;
use crate::rule::indicator::Lists;
use crate::runtime::clock::monotonic_nanos;
use crate::runtime::gauges::Board;
use crate::runtime::inbox::Inbox;
use crate::runtime::link::Catalogue;
use crate::runtime::reload::Fresh;
use crate::runtime::start::Started;

/// How often the files of indicator lists are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Mistakes that are listed, at most; `quell check` lists all.
const LISTED: usize = 50;

/// Listens in the state folder.
///
/// # Errors
/// The socket cannot be made.
pub fn listen(
    loaded: &Loaded,
    place: &Place,
    (inbox, board): (&Inbox, &Board),
    started: &mut Started,
    config: &Option<PathBuf>,
) -> Result<Server, Error> {
    let reload = Files {
        named: config.clone(),
        // A replay of a setup for real work is an exercise, and stays one.
        forced: loaded.setup.kind == JournalKind::Exercise && !loaded.settings.exercise,
        seed: started.driver.state().seed(),
        work: Work::of(loaded),
        read: None,
        board: board.clone(),
    };
    let parts = Parts {
        inbox: inbox.clone(),
        board: board.clone(),
        feed: started.driver.subscribe(),
        kind: loaded.setup.kind,
        operators: loaded.settings.operators.clone(),
        reload: Box::new(reload),
        catalogue: Catalogue::of(&loaded.setup),
    };
    Server::start(place.path(), parts).map_err(|error| {
        let path = socket::path(place.path());
        Error::failed(format!("cannot listen on {}", path.display())).because(error)
    })
}

/// The files of a setup, and what of them is at work.
struct Files {
    named: Option<PathBuf>,
    forced: bool,
    seed: u64,
    work: Work,
    /// What was read last, until it is taken.
    read: Option<Work>,
    board: Board,
}

/// What is at work.
#[derive(Clone)]
struct Work {
    setup: Arc<Setup>,
    rules: Arc<RuleSet>,
    settings: Settings,
    secrets: Secrets,
    files_digest: Digest,
    lists: Vec<Watched>,
}

/// An indicator list, and the state of its file.
#[derive(Clone)]
struct Watched {
    file: ListFile,
    /// As it was when it was read.
    read: Stamp,
    /// As it was when it was looked at last: it is read once it stands still.
    seen: Stamp,
}

impl Work {
    fn of(loaded: &Loaded) -> Work {
        let watched = |file: &ListFile| {
            let stamp = file.stamp();
            Watched { file: file.clone(), read: stamp, seen: stamp }
        };
        Work {
            setup: Arc::new(loaded.setup.clone()),
            rules: Arc::clone(&loaded.rules),
            settings: loaded.settings.clone(),
            secrets: environment::secrets(loaded),
            files_digest: loaded.files_digest,
            lists: loaded.lists.iter().map(watched).collect(),
        }
    }

    fn detector(&self, seed: u64) -> Detector {
        Detector::new(Arc::clone(&self.rules), self.settings.lateness, seed)
            .knowing_itself_by(&self.settings.own.tags)
            .timed_by(monotonic_nanos)
    }

    fn fresh(&self, detector: Option<Detector>) -> Fresh {
        Fresh {
            setup: Arc::clone(&self.setup),
            secrets: self.secrets.clone(),
            origins: guard::origins(&self.settings),
            digest: config::digest(self.files_digest, self.rules.lists()),
            detector,
        }
    }
}

fn listed(mistakes: &[Mistake]) -> String {
    let mut lines: Vec<String> = mistakes.iter().take(LISTED).map(ToString::to_string).collect();
    if mistakes.len() > LISTED {
        lines.push(format!("… and {} more; `quell check` lists all", mistakes.len() - LISTED));
    }
    let count =
        if mistakes.len() == 1 { "1 mistake".to_owned() } else { format!("{} mistakes", mistakes.len()) };
    format!("the setup has {count}; nothing was changed\n{}", lines.join("\n"))
}

impl Reload for Files {
    fn read(&mut self) -> Result<Reread, String> {
        let folder = setup::find(self.named.as_deref()).map_err(|mistakes| listed(&mistakes))?;
        let mut loaded = config::load(&folder).map_err(|mistakes| listed(&mistakes))?;
        if self.forced {
            (loaded.setup.kind, loaded.setup.acts) = (JournalKind::Exercise, Acts::Never);
        }
        let work = Work::of(&loaded);
        let (old, new) = (&self.work.settings, &work.settings);
        let changed =
            *work.rules != *self.work.rules || (old.lateness, &old.own.tags) != (new.lateness, &new.own.tags);
        let change = work.rules.change_from(&self.work.rules);
        let mut notes = vec![change.to_string()];
        if (&old.queue, &old.lines, &old.time, old.seed) != (&new.queue, &new.lines, &new.time, new.seed) {
            notes.push("`queue`, `lines`, `time` and `seed` count from the next start on".to_owned());
        }
        if (&old.sources, old.blindness) != (&new.sources, new.blindness) {
            notes.push("`sources` have changed: they count from the next start on".to_owned());
        }
        let fresh = work.fresh(changed.then(|| work.detector(self.seed)));
        let operators = new.operators.clone();
        self.read = Some(work);
        Ok(Reread { fresh, operators, note: notes.join("; ") })
    }

    fn refresh(&mut self) -> Option<Reread> {
        let mut lists = Lists::default();
        let mut notes = Vec::new();
        for watched in &mut self.work.lists {
            let (now, before) = (watched.file.stamp(), watched.seen);
            watched.seen = now;
            // Half a file that is being written is no list.
            if now == watched.read || now != before {
                continue;
            }
            watched.read = now;
            let name = &watched.file.spec.name;
            let stale = match watched.file.read() {
                Ok(list) => {
                    notes.push(format!("`{name}` has {} entries now", list.len()));
                    lists.insert(Arc::new(list));
                    None
                }
                Err(mistakes) => {
                    let why = mistakes.first().map(ToString::to_string).unwrap_or_default();
                    tracing::warn!(target: "indicators", "the list {} stays as it was: {}", SafeText(name), SafeText(&why));
                    Some((name.clone(), why))
                }
            };
            self.board.update(|gauges| {
                gauges.stale_lists.retain(|(other, _)| other != name);
                gauges.stale_lists.extend(stale);
            });
        }
        if lists.is_empty() {
            return None;
        }
        let work = Work { rules: Arc::new(self.work.rules.with_lists(&lists)), ..self.work.clone() };
        let (fresh, operators) =
            (work.fresh(Some(work.detector(self.seed))), work.settings.operators.clone());
        self.read = Some(work);
        Some(Reread { fresh, operators, note: notes.join("; ") })
    }

    fn taken(&mut self) {
        if let Some(work) = self.read.take() {
            self.work = work;
        }
    }
}

/// Looks after the files of indicator lists, as long as the engine is at work.
///
/// # Errors
/// The system gives no thread.
pub fn watch_lists(reloader: Reloader) -> std::io::Result<()> {
    std::thread::Builder::new().name("indicators".to_owned()).spawn(move || {
        while !reloader.is_over() {
            std::thread::sleep(LOOK_EVERY);
            match reloader.refresh(Actor("quell, a list of indicators has changed".into())) {
                None => {}
                Some(Answer::Accepted(text)) => tracing::info!(target: "indicators", "{}", SafeText(&text)),
                Some(Answer::Refused(why)) => {
                    tracing::warn!(target: "indicators", "not taken: {}", SafeText(&why));
                }
            }
        }
    })?;
    Ok(())
}
