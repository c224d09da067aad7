//! The same workflows through the real-time engine with all its threads: what a client of a running
//! quell sees. The client asks by the inbox, and takes a run as completed when the feed shows it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::statfs;
use tempfile::TempDir;

use super::BenchError;
use super::result::Work;
use super::rig::{Asker, OUT_OF_ORDER, recipe};
use super::usage::{Stopwatch, Usage};
use super::workflow::{Book, NAME, work};
use crate::detect::Detector;
use crate::engine::{Record, Request, Setup};
use crate::journal::{Journal, JournalError, MemoryJournal, SqliteJournal, journal_path};
use crate::model::RequestId;
use crate::rule::RuleSet;
use crate::runtime::clock::{Clock, instant, wall};
use crate::runtime::feed::{FeedItem, Subscription};
use crate::runtime::gauges::Board;
use crate::runtime::inbox::{Inbox, Message};
use crate::runtime::real_time::{Parts, RealTime, Until};
use crate::runtime::start::{Folded, Recipe, Started, Watched};
use crate::runtime::stream::Reading;
use crate::runtime::virtual_time::Ending;

/// `TMPFS_MAGIC` and `RAMFS_MAGIC` of `linux/magic.h`: file systems without a disk.
const WITHOUT_DISK: [i128; 2] = [0x0102_1994, 0x8584_58f6];
/// How long to wait for the feed before it is taken as broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A temporary folder on a disk, where one can be found.
///
/// # Errors
/// None can be made.
pub fn folder_on_disk() -> Result<TempDir, BenchError> {
    let places = [std::env::temp_dir(), PathBuf::from("/var/tmp"), PathBuf::from(".")];
    let on_disk =
        |place: &PathBuf| statfs(place).is_ok_and(|fs| !WITHOUT_DISK.contains(&i128::from(fs.f_type)));
    let place = places.iter().find(|place| on_disk(place)).unwrap_or(&places[0]);
    Ok(tempfile::Builder::new().prefix("quell-bench-").tempdir_in(place)?)
}

/// Where the journal is.
#[derive(Debug, Clone, Copy)]
pub enum Store<'a> {
    /// In memory.
    Memory,
    /// SQLite in this folder, synchronised on every commit.
    Disk(&'a Path),
}

impl Store<'_> {
    fn open(self) -> Result<Box<dyn Journal>, JournalError> {
        match self {
            Store::Memory => Ok(Box::new(MemoryJournal::default())),
            Store::Disk(folder) => Ok(Box::new(SqliteJournal::open(&journal_path(folder))?)),
        }
    }
}

/// An engine with all its threads.
pub struct Threads {
    /// The way to ask.
    pub inbox: Inbox,
    feed: Subscription,
    before: u64,
    thread: JoinHandle<Ending>,
}

impl Threads {
    /// Starts it, with a hand in what was started.
    ///
    /// # Errors
    /// The engine does not start, or the journal refuses.
    pub fn start(
        recipe: Recipe,
        store: Store<'_>,
        arrange: impl FnOnce(&mut Started),
    ) -> Result<Self, BenchError> {
        let mut journal = store.open()?;
        let folded = Folded::read(journal.as_mut(), &recipe.setup, false)?;
        let mut started = folded.start(&recipe, journal.as_mut(), wall(), Watched::ByReport)?;
        arrange(&mut started);
        let feed = started.subscription.take().ok_or("nobody watches the engine")?;
        let (inbox, before) = (Inbox::default(), journal.commits());
        let parts = Parts {
            recipe,
            // A bench does not go on after a failure of its journal.
            open: Box::new(|| Err(JournalError::Poisoned { why: "a bench does not go on".to_owned() })),
            clock: Clock::live(),
            watch: Box::new(Detector::new(Arc::new(RuleSet::default()), OUT_OF_ORDER, 1)),
            inbox: inbox.clone(),
            board: Board::default(),
            reading: Reading::default(),
            streaming: false,
            live: None,
            until: Until::Told,
        };
        let real = RealTime::new(started, journal, parts).map_err(|error| error.to_string())?;
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || real.run())?;
        Ok(Threads { inbox, feed, before, thread })
    }

    /// What became true meanwhile; waits for it.
    ///
    /// # Errors
    /// Nothing does, for a minute.
    pub fn records(&self) -> Result<Arc<Vec<Record>>, BenchError> {
        loop {
            match self.feed.next_within(PATIENCE) {
                Some(FeedItem::Records(records)) => return Ok(records),
                Some(FeedItem::Snapshot(_)) => {}
                Some(FeedItem::Lost(_) | FeedItem::End) | None => return Err("the engine fell silent".into()),
            }
        }
    }

    /// What became true, if something did in this time.
    pub fn records_within(&self, patience: Duration) -> Option<Arc<Vec<Record>>> {
        match self.feed.next_within(patience) {
            Some(FeedItem::Records(records)) => Some(records),
            _ => None,
        }
    }

    /// Ends it at once. Gives the number of its commits.
    pub fn quit(self) -> u64 {
        self.inbox.send(Message::Quit);
        match self.thread.join() {
            Ok(ending) => ending.commits - self.before,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Runs so many workflows, `at_once` of them at any time.
///
/// # Errors
/// The engine does not start or goes on hold, or the journal refuses.
pub fn run(setup: &Arc<Setup>, workflows: u64, at_once: u64, store: Store<'_>) -> Result<Work, BenchError> {
    let asker = Asker::new(NAME);
    let (book, usage, commits) =
        run_with(recipe(setup), workflows, at_once, store, &mut |_| asker.request())?;
    let fsyncs = matches!(store, Store::Disk(_)).then_some(commits);
    Ok(Work { fsyncs, ..work(&book, workflows, usage) })
}

/// The same with a recipe, and with what is asked for each time, from 1. Gives what was read, what was
/// used, and how many commits it took.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    recipe: Recipe,
    workflows: u64,
    at_once: u64,
    store: Store<'_>,
    request: &mut dyn FnMut(u64) -> Request,
) -> Result<(Book, Usage, u64), BenchError> {
    let engine = Threads::start(recipe, store, |_| {})?;
    let (reply, answers) = channel();
    let (by, mut book) = (Asker::new(NAME).by(), Book::with_room(workflows));
    let mut asked = 0;
    let watch = Stopwatch::start();
    while book.completed + book.lost < workflows {
        while book.open() < at_once && asked < workflows {
            asked += 1;
            book.asked(instant());
            let (id, by, request) = (RequestId(asked), by.clone(), request(asked));
            engine.inbox.send(Message::Request { id, by, seen: None, request, reply: reply.clone() });
        }
        let records = engine.records()?;
        book.read(&records, instant());
        answers.try_iter().for_each(drop);
    }
    let usage = watch.stop();
    Ok((book, usage, engine.quit()))
}
