//! An engine at work on threads of its own, as the verbs start it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::control;
use super::error::Error;
use super::guard;
use super::place::Place;
use super::setup;
use super::speed::Speed;
use crate::agent::exec::{ORPHANS_GRACE, Programs};
use crate::config::Loaded;
use crate::control::server::{Reloader, Server};
use crate::detect::Detector;
use crate::engine::{JournalKind, State};
use crate::journal::Cursors;
use crate::model::Timestamp;
use crate::runtime::clock::{self, Clock};
use crate::runtime::feed::{FeedItem, Subscription};
use crate::runtime::gauges::Board;
use crate::runtime::inbox::Inbox;
use crate::runtime::intake;
use crate::runtime::live::decoding::Aside;
use crate::runtime::live::{self, LiveWatch, Source};
use crate::runtime::real_time::{Parts, RealTime, Until};
use crate::runtime::recording::{Findings, Recording};
use crate::runtime::shutdown::{self, Signals, Stop};
use crate::runtime::start::{Folded, Recipe, Watched};
use crate::runtime::stream::{Opened, Reading, Watch};
use crate::runtime::virtual_time::{Ending, RunError, VirtualReplay};

/// How long the feed is waited for at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an engine is to do.
pub struct Job {
    /// What is read, for people.
    pub title: String,
    /// The signals; none for a run that a person triggers.
    pub recording: Option<Recording>,
    /// In its place: live sources.
    pub live: Option<Live>,
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
    /// Which setup was asked for, to read it anew.
    pub config: Option<PathBuf>,
}

/// Live sources.
pub struct Live {
    /// What they are.
    pub sources: Vec<Source>,
    /// Where bad lines go.
    pub aside: Aside,
    /// How far they were read before.
    pub cursors: Option<Cursors>,
    /// Where that is kept, if it is.
    pub folder: Option<PathBuf>,
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
    /// The way to read the setup anew; `None` if nothing is kept, and nobody can ask for it.
    pub reloader: Option<Reloader>,
    /// Requests of the system to stop, caught since before it began.
    signals: Option<Signals>,
    thread: JoinHandle<Result<Ending, RunError>>,
}

impl Running {
    /// Has every request of the system to stop heard, and how many came before it (C18).
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn on_signal(&mut self, each: impl FnMut(Stop, u32) + Send + 'static) -> Result<(), Error> {
        let Some(signals) = self.signals.take() else { return Ok(()) };
        let listening = signals.listen(each);
        listening.map(|_| ()).map_err(|error| Error::failed("cannot listen for signals").because(error))
    }

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

    /// Waits until it is over, and gives its last state.
    ///
    /// # Errors
    /// It could not go on.
    pub fn wait(self) -> Result<(State, Ending), Error> {
        let (feed, thread) = self.split();
        let mut state = State::new();
        loop {
            match feed.next_within(PATIENCE) {
                Some(FeedItem::Snapshot(snapshot)) => state = *snapshot,
                Some(FeedItem::Records(records)) => {
                    for record in records.iter() {
                        state.apply(record).map_err(|illegal| Error::failed(illegal.to_string()))?;
                    }
                }
                Some(FeedItem::Lost(_) | FeedItem::End) => break,
                None => {}
            }
        }
        Ok((state, Running::join(thread)?))
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
    let caught = shutdown::catch();
    let signals = Some(caught.map_err(|error| Error::failed("cannot listen for signals").because(error))?);
    let settings = &loaded.settings;
    let seed = setup::seed(job.seed, loaded);
    let recipe = Recipe {
        setup: Arc::new(loaded.setup.clone()),
        version: env!("CARGO_PKG_VERSION"),
        seed,
        tools: guard::tools(loaded, place, job.say),
    };
    if recipe.setup.kind == JournalKind::Real && job.speed != Speed::Max {
        // Before its time begins: what is done again has a deadline from then on.
        recipe.tools.programs.end_orphans(ORPHANS_GRACE);
    }
    let mut open = place.journal(settings.journal);
    let mut journal = open()?;
    let recorded = job.recording.as_ref().map(Recording::findings);
    let findings = recorded.or(job.live.as_ref().map(|live| Arc::clone(&live.aside.findings)));
    let streaming = job.recording.is_some();
    let stream = job.recording.map_or_else(Opened::empty, |recording| Opened::new(Box::new(recording)));
    let mut detector = Detector::new(Arc::clone(&loaded.rules), settings.lateness, seed)
        .knowing_itself_by(&settings.own.tags)
        .timed_by(clock::monotonic_nanos);
    let folded = Folded::read(journal.as_mut(), &recipe.setup, job.speed == Speed::Max)?;
    let wall = (!streaming).then(clock::wall);
    // A recording without a signal begins nowhere; any fixed time will do.
    let now = folded.last_at().into_iter().chain(stream.begins()).chain(wall).max().unwrap_or(Timestamp(0));
    let mut started = folded.start(&recipe, journal.as_mut(), now, job.watched)?;
    let feed = started.subscription.take().ok_or_else(|| Error::failed("nobody watches the engine"))?;
    let board = Board::default();
    let control = match place.is_kept() {
        true => Some(control::listen(loaded, place, (&inbox, &board), &mut started, &job.config)?),
        false => None,
    };
    let reloader = control.as_ref().map(Server::reloader);
    if let Some(reloader) = reloader.clone().filter(|_| !loaded.lists.is_empty() && job.live.is_some()) {
        let watching = control::watch_lists(reloader);
        watching.map_err(|error| Error::failed("cannot start a thread").because(error))?;
    }
    board.update(|gauges| {
        (gauges.now, gauges.started) = (now, now);
        gauges.virtual_time = streaming || job.speed.times() != Some(1.0);
        gauges.source = job.title;
        gauges.speed = job.speed.times().filter(|_| job.live.is_none());
    });
    let programs = recipe.tools.programs.clone();
    let failed = |error: std::io::Error| Error::failed("cannot start a thread").because(error);
    let engine = std::thread::Builder::new().name("engine".to_owned());
    let thread = match job.speed {
        Speed::Max => {
            let door = (inbox.clone(), board.clone());
            let replay = VirtualReplay::new(started, journal, stream, Box::new(detector), door, now);
            engine.spawn(move || until_over(control, || replay.run(job.stay))).map_err(failed)?
        }
        Speed::Times(times) => {
            let clock = match &job.live {
                Some(_) => Clock::live_from(now),
                None => Clock::paced(now, times),
            };
            let reading = Reading::default();
            let (watch, live): (Box<dyn Watch>, _) = match job.live {
                None => (Box::new(detector), None),
                Some(job) => {
                    if let Some(before) = &job.cursors {
                        detector.resume(before.detection.clone());
                    }
                    let limit = settings.lines.max_bytes;
                    let live = live::Live::new(&job.sources, job.folder, job.cursors).map_err(failed)?;
                    live.spawn(job.sources, limit, &job.aside, clock, &inbox).map_err(failed)?;
                    (Box::new(LiveWatch::new(detector, clock)), Some(live))
                }
            };
            let parts = Parts {
                recipe,
                open,
                clock,
                watch,
                inbox: inbox.clone(),
                board: board.clone(),
                reading: reading.clone(),
                streaming: streaming || live.is_some(),
                live,
                until: if job.stay { Until::Told } else { Until::Settled },
            };
            let real = RealTime::new(started, journal, parts)?;
            if streaming {
                intake::spawn(stream, clock, inbox.clone(), reading).map_err(failed)?;
            }
            engine.spawn(move || until_over(control, || Ok(real.run()))).map_err(failed)?
        }
    };
    Ok(Running { feed, board, inbox, findings, programs, since, reloader, signals, thread })
}

/// Works, and then lets the clients of the control socket know that it is over.
fn until_over<T>(control: Option<Server>, work: impl FnOnce() -> T) -> T {
    let done = work();
    drop(control);
    done
}

/// The files of a recording with their names and sizes.
///
/// # Errors
/// Names every file that cannot be read.
pub fn sizes(paths: &[PathBuf]) -> Vec<(String, u64)> {
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    paths.iter().map(|path| (path.display().to_string(), size(path))).collect()
}
