//! An engine at work on threads of its own, as the verbs start it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use super::error::Error;
use super::place::Place;
use super::speed::Speed;
use crate::agent::builtin::Desk;
use crate::agent::exec::Programs;
use crate::config::Loaded;
use crate::detect::Detector;
use crate::model::Timestamp;
use crate::runtime::clock::{self, Clock};
use crate::runtime::feed::Subscription;
use crate::runtime::gauges::Board;
use crate::runtime::inbox::Inbox;
use crate::runtime::intake;
use crate::runtime::real_time::{Parts, RealTime, Until};
use crate::runtime::recording::{Findings, Recording};
use crate::runtime::start::{Folded, Recipe, Watched};
use crate::runtime::stream::{Opened, Reading};
use crate::runtime::virtual_time::{Ending, RunError, VirtualReplay};

/// What an engine is to do.
pub struct Job {
    /// What is read, for people.
    pub title: String,
    /// The signals; none for a run that a person triggers.
    pub recording: Option<Recording>,
    /// How fast.
    pub speed: Speed,
    /// Whether it stays at the end of the signals, until somebody says quit.
    pub stay: bool,
    /// Who watches: a screen may miss records, a report may hold the engine up.
    pub watched: Watched,
    /// In place of the setup's.
    pub seed: Option<u64>,
    /// Takes what `notify` says on stderr.
    pub say: fn(&str),
}

/// An engine at work.
pub struct Running {
    /// Its records.
    pub feed: Subscription,
    /// Its figures.
    pub board: Board,
    /// The way to ask.
    pub inbox: Inbox,
    /// What the recording had that was no signal.
    pub findings: Option<Arc<Mutex<Findings>>>,
    /// The programs that its agents run: who leaves without waiting for its end kills them first.
    pub programs: Programs,
    /// When it began.
    pub since: Instant,
    thread: JoinHandle<Result<Ending, RunError>>,
}

impl Running {
    /// Waits for its end. A panic of the engine goes on here.
    ///
    /// # Errors
    /// It could not go on.
    pub fn join(thread: JoinHandle<Result<Ending, RunError>>) -> Result<Ending, Error> {
        match thread.join() {
            Ok(ending) => Ok(ending?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Takes it apart: its records, and its thread to join.
    pub fn split(self) -> (Subscription, JoinHandle<Result<Ending, RunError>>) {
        (self.feed, self.thread)
    }
}

/// Starts an engine in a state folder.
///
/// # Errors
/// The journal cannot be opened or taken up, or the system gives no thread.
pub fn start(loaded: &Loaded, place: &Place, inbox: Inbox, job: Job) -> Result<Running, Error> {
    let since = clock::instant();
    let settings = &loaded.settings;
    let seed = job.seed.unwrap_or(settings.seed);
    let recipe = Recipe {
        setup: Arc::new(loaded.setup.clone()),
        version: env!("CARGO_PKG_VERSION"),
        seed,
        desk: Arc::new(Desk::new(place.path(), job.say)),
        programs: Programs::new(place.path()),
        guard: super::guard::of(loaded, place),
    };
    let mut open = place.journal();
    let mut journal = open()?;
    let findings = job.recording.as_ref().map(Recording::findings);
    let streaming = job.recording.is_some();
    let stream = job.recording.map_or_else(Opened::empty, |recording| Opened::new(Box::new(recording)));
    let watch = Box::new(Detector::new(Arc::new(loaded.rules.clone()), settings.lateness, seed));
    let folded = Folded::read(journal.as_mut(), &recipe.setup, job.speed == Speed::Max)?;
    let live = (!streaming).then(clock::wall);
    // A recording without a signal begins nowhere; any fixed time will do.
    let now = folded.last_at().into_iter().chain(stream.begins()).chain(live).max().unwrap_or(Timestamp(0));
    let mut started = folded.start(&recipe, journal.as_mut(), now, job.watched)?;
    let feed = started.subscription.take().ok_or_else(|| Error::failed("nobody watches the engine"))?;
    let board = Board::default();
    board.update(|gauges| {
        (gauges.now, gauges.started) = (now, now);
        gauges.virtual_time = streaming || job.speed.times() != Some(1.0);
        gauges.source = job.title;
        gauges.speed = job.speed.times();
    });
    let programs = recipe.programs.clone();
    let failed = |error: std::io::Error| Error::failed("cannot start a thread").because(error);
    let engine = std::thread::Builder::new().name("engine".to_owned());
    let thread = match job.speed {
        Speed::Max => {
            let door = (inbox.clone(), board.clone());
            let replay = VirtualReplay::new(started, journal, stream, watch, door, now);
            engine.spawn(move || replay.run(job.stay)).map_err(failed)?
        }
        Speed::Times(times) => {
            let (clock, reading) = (Clock::paced(now, times), Reading::default());
            let parts = Parts {
                recipe,
                open,
                clock,
                watch,
                inbox: inbox.clone(),
                board: board.clone(),
                reading: reading.clone(),
                streaming,
                until: if job.stay { Until::Told } else { Until::Settled },
            };
            let real = RealTime::new(started, journal, parts)?;
            if streaming {
                intake::spawn(stream, clock, inbox.clone(), reading).map_err(failed)?;
            }
            engine.spawn(move || Ok(real.run())).map_err(failed)?
        }
    };
    Ok(Running { feed, board, inbox, findings, programs, since, thread })
}

/// The files of a recording with their names and sizes.
///
/// # Errors
/// Names every file that cannot be read.
pub fn sizes(paths: &[PathBuf]) -> Vec<(String, u64)> {
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    paths.iter().map(|path| (path.display().to_string(), size(path))).collect()
}
