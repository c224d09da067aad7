//! The engine under the flood: a pipe, a journal on disk and a control socket, put together as `quell run`
//! does.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use jiff::tz::TimeZone;

use super::lines::LINE_BYTES;
use crate::agent::Tools;
use crate::bench::BenchError;
use crate::bench::setup::{action, hands, setup};
use crate::control::server::{Parts as Door, Reload, Reread, Server};
use crate::detect::{Detector, LATENESS};
use crate::engine::{AgentSpec, DrillSpec, JournalKind, Setup};
use crate::journal::{Journal, SqliteJournal, journal_path};
use crate::model::Span;
use crate::rule::{self, RuleSet};
use crate::runtime::clock::{Clock, wall};
use crate::runtime::feed::Subscription;
use crate::runtime::gauges::Board;
use crate::runtime::inbox::Inbox;
use crate::runtime::link::Catalogue;
use crate::runtime::live::blindness::Thresholds;
use crate::runtime::live::decoding::{Aside, Reading};
use crate::runtime::live::reader::Kind;
use crate::runtime::live::{Live, LiveWatch, Source};
use crate::runtime::real_time::{Parts, RealTime, Until};
use crate::runtime::recording::Findings;
use crate::runtime::start::{Folded, Recipe, Watched};
use crate::runtime::stream;
use crate::runtime::virtual_time::Ending;
use crate::source::decode::Format;

/// The workflow that people ask for.
pub const ERRAND: &str = "errand";

const RESPONSE: &str = "
workflow: respond
trigger: { severity>=: high }
inputs:
  address: { type: address, from: '${detection.source_ip}' }
dedup: '${inputs.address}'
steps:
  - { id: block, role: HAND, action: block, with: { address: '${inputs.address}' } }
  - { id: tell, role: HAND, action: act, needs: [block] }
  - { id: log, role: HAND, action: act, needs: [tell] }
";

const ERRANDS: &str = "
workflow: errand
steps:
  - { id: first, role: CLERK, action: slow, undo: 'none: it ends' }
  - { id: then, role: CLERK, action: slow, undo: 'none: it ends', needs: [first] }
";

/// An attack is a finding by itself; failed logins are, if there are ten of one address in a minute.
pub const RULES: &str = "
title: Attack of the flood
id: 00000000-0000-4000-8000-0000000f1001
name: flood-attack
level: high
logsource: { product: bench }
detection:
  attack: { kind: attack }
  condition: attack
---
title: Failed login of the flood
id: 00000000-0000-4000-8000-0000000f1002
name: flood-login
level: low
logsource: { product: linux, service: sshd }
detection:
  failure: { outcome: failure }
  condition: failure
---
title: Many failed logins of the flood
id: 00000000-0000-4000-8000-0000000f1003
name: flood-logins
level: high
correlation:
  type: event_count
  rules: [flood-login]
  group-by: [source_ip]
  timespan: 60s
  condition: { gte: 10 }
";

/// The setup: ten hands that block, two clerks who take their time.
///
/// # Errors
/// Never: it is fixed.
pub fn response() -> Result<Arc<Setup>, BenchError> {
    let slow = DrillSpec {
        latency_min: Span::from_millis(200),
        latency_max: Span::from_millis(400),
        ..DrillSpec::default()
    };
    let clerk = |n: u32| AgentSpec {
        name: format!("clerk-{n}").into(),
        role: "CLERK".into(),
        actions: [("slow".into(), action(None, slow.clone()))].into(),
        ..hands(1, 1_000).remove(0)
    };
    let agents = hands(10, 100).into_iter().chain((1..=2).map(clerk)).collect();
    setup(agents, &[RESPONSE.to_owned(), ERRANDS.to_owned()])
}

fn rules() -> Result<Arc<RuleSet>, BenchError> {
    let files = [("rules/flood.yml".to_owned(), RULES.to_owned())];
    let wrong = |mistakes: Vec<crate::model::Mistake>| {
        BenchError(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    };
    Ok(Arc::new(rule::load(&files).map_err(wrong)?))
}

/// The setup of a benchmark lies in no file.
struct Fixed;

impl Reload for Fixed {
    fn read(&mut self) -> Result<Reread, String> {
        Err("a benchmark has no files to read anew".to_owned())
    }

    fn taken(&mut self) {}
}

/// The engine at work.
pub struct Plant {
    /// Its records.
    pub feed: Subscription,
    /// Its figures.
    pub board: Board,
    /// Where the flood goes.
    pub pipe: PathBuf,
    aside: Aside,
    thread: JoinHandle<Ending>,
}

impl Plant {
    /// Starts it in a folder of its own.
    ///
    /// # Errors
    /// The folder cannot be used, or the system gives no thread.
    pub fn start(setup: &Arc<Setup>, folder: &Path) -> Result<Self, BenchError> {
        let pipe = folder.join("signals");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0)
            .map_err(std::io::Error::from)?;
        let recipe = Recipe {
            setup: Arc::clone(setup),
            version: env!("CARGO_PKG_VERSION"),
            seed: 1,
            tools: Tools::at(folder, |_| {}),
        };
        let path = journal_path(folder);
        let mut journal: Box<dyn Journal> = Box::new(SqliteJournal::open(&path)?);
        let folded = Folded::read(journal.as_mut(), setup, false)?;
        let mut started = folded.start(&recipe, journal.as_mut(), wall(), Watched::ByScreen)?;
        let feed = started.subscription.take().ok_or("nobody watches the engine")?;
        let (inbox, board, clock) = (Inbox::default(), Board::default(), Clock::live());
        let door = Door {
            inbox: inbox.clone(),
            board: board.clone(),
            feed: started.driver.subscribe(),
            kind: JournalKind::Exercise,
            operators: vec![],
            reload: Box::new(Fixed),
            catalogue: Catalogue::default(),
        };
        let control = Server::start(folder, door)?;
        let source = Source {
            name: "flood".to_owned(),
            kind: Kind::Pipe(pipe.clone()),
            // The year of the lines of sshd.
            reading: Reading {
                format: Format::Auto,
                year: Some(2026),
                tz: TimeZone::UTC,
                lateness: LATENESS,
            },
            blindness: Thresholds::default(),
            listener: None,
        };
        let aside = Aside::default();
        let live = Live::new(std::slice::from_ref(&source), Some(folder.to_owned()), None)?;
        live.spawn(vec![source], LINE_BYTES, &aside, clock, &inbox)?;
        let parts = Parts {
            recipe,
            open: Box::new(move || Ok(Box::new(SqliteJournal::open(&path)?))),
            clock,
            watch: Box::new(LiveWatch::new(Detector::new(rules()?, LATENESS, 1), clock)),
            inbox,
            board: board.clone(),
            reading: stream::Reading::default(),
            streaming: true,
            live: Some(live),
            until: Until::Settled,
        };
        let real = RealTime::new(started, journal, parts).map_err(|error| error.to_string())?;
        let work = move || {
            let ending = real.run();
            drop(control);
            ending
        };
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(work)?;
        Ok(Plant { feed, board, pipe, aside, thread })
    }

    /// Waits for its end. Gives what was no signal, and the number of commits.
    pub fn join(self) -> (Findings, u64) {
        match self.thread.join() {
            Ok(ending) => {
                let findings = self.aside.findings.lock().unwrap_or_else(PoisonError::into_inner).clone();
                (findings, ending.commits)
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
