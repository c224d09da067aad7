//! The control socket of an engine that keeps its state, and how its setup is read anew (C17).

use std::path::PathBuf;
use std::sync::Arc;

use super::environment;
use super::error::Error;
use super::guard;
use super::place::Place;
use super::setup;
use crate::config::{self, Loaded, Settings};
use crate::control::server::{Parts, Reload, Reread, Server};
use crate::control::socket;
use crate::detect::Detector;
use crate::engine::{Acts, JournalKind};
use crate::model::Mistake;
use crate::runtime::gauges::Board;
use crate::runtime::inbox::Inbox;
use crate::runtime::reload::Fresh;
use crate::runtime::start::Started;

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
        rules: loaded.rule_texts.clone(),
        settings: loaded.settings.clone(),
        read: None,
    };
    let parts = Parts {
        inbox: inbox.clone(),
        board: board.clone(),
        feed: started.driver.subscribe(),
        kind: loaded.setup.kind,
        operators: loaded.settings.operators.clone(),
        reload: Box::new(reload),
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
    /// Path and text of each rule at work.
    rules: Vec<(String, String)>,
    settings: Settings,
    /// What was read last, until it is taken.
    read: Option<(Vec<(String, String)>, Settings)>,
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
        let (old, new) = (&self.settings, &loaded.settings);
        let changed =
            loaded.rule_texts != self.rules || (old.lateness, &old.own.tags) != (new.lateness, &new.own.tags);
        let mut notes = vec![match changed {
            true => "rules have changed: every window begins anew",
            false => "rules are the same: windows go on",
        }];
        if (&old.queue, &old.lines, &old.time, old.seed) != (&new.queue, &new.lines, &new.time, new.seed) {
            notes.push("`queue`, `lines`, `time` and `seed` count from the next start on");
        }
        if (&old.sources, old.blindness) != (&new.sources, new.blindness) {
            notes.push("`sources` have changed: they count from the next start on");
        }
        let note = notes.join("; ");
        let (secrets, origins) = (environment::secrets(&loaded), guard::origins(new));
        let operators = new.operators.clone();
        self.read = Some((loaded.rule_texts, new.clone()));
        let detector = changed.then(|| {
            Detector::new(Arc::new(loaded.rules), loaded.settings.lateness, self.seed)
                .knowing_itself_by(&loaded.settings.own.tags)
        });
        let fresh =
            Fresh { setup: Arc::new(loaded.setup), secrets, origins, digest: loaded.digest, detector };
        Ok(Reread { fresh, operators, note })
    }

    fn taken(&mut self) {
        if let Some((rules, settings)) = self.read.take() {
            (self.rules, self.settings) = (rules, settings);
        }
    }
}
