//! Live sources: one reading thread each, and what the driver keeps of them: books and cursors (C5).
//!
//! A cursor is written about once a second. It is taken from what the driver has looked at, and goes to
//! disk only once everything that the engine said about it is in the journal, repeats that are held back
//! included. On hold it stands still.

pub mod account;
pub mod blindness;
pub mod decoding;
pub mod pace;
pub mod connections;
pub mod datagrams;
pub mod reader;
pub mod watch;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::account::{Account, Track};
use self::blindness::{Lookout, Thresholds};
use self::decoding::{Aside, Decoding, Reading};
use self::pace::Pace;
use self::reader::{Kind, Reader};
use super::clock::{Clock, instant};
use super::driver::Driver;
use super::gauges::{BookTotals, SourceGauge};
use super::inbox::{Inbox, Origin};
use super::stream::Watch;
use crate::journal::{Cursor, Cursors};
use crate::model::{Detection, Seq, Signal, Span, Timestamp};
use crate::source::follow::Start;
use crate::source::socket::Listener;

pub use self::watch::LiveWatch;

/// Sources at once, at most: each has a thread.
pub const SOURCES: usize = 64;
/// How often cursors are written.
const EVERY: Duration = Duration::from_secs(1);

/// A source as it is named.
#[derive(Debug)]
pub struct Source {
    /// For people.
    pub name: String,
    /// What is read.
    pub kind: Kind,
    /// How its lines are read.
    pub reading: Reading,
    /// When it counts as blind.
    pub blindness: Thresholds,
    /// Its socket, once it is open.
    pub listener: Option<Listener>,
}

impl Source {
    /// Its absolute path, if it can be read again.
    pub fn path(&self) -> Option<String> {
        match &self.kind {
            Kind::File(path, _) => Some(path.display().to_string()),
            Kind::Pipe(_) | Kind::OpenPipe(_) | Kind::Stdin | Kind::Socket(_) => None,
        }
    }

    /// Begins where an earlier start was.
    pub fn go_on(&mut self, cursor: Cursor) {
        if let Kind::File(_, start) = &mut self.kind {
            *start = Start::Cursor(cursor);
        }
    }

    fn cursor(&self) -> Option<Cursor> {
        match &self.kind {
            Kind::File(_, Start::Cursor(cursor)) => Some(cursor.clone()),
            _ => None,
        }
    }
}

/// What was read so far, to be written once it is durable.
struct Candidate {
    cursors: Cursors,
    /// What the engine had been told when all of it was told; see [`Driver::repeats_mark`].
    told: Option<u64>,
    /// Everything up to this record has to be on disk; known once nothing of it is held back any more.
    needs: Option<Seq>,
}

/// What the driver keeps of the live sources.
pub struct Live {
    accounts: Vec<Arc<Account>>,
    tracks: Vec<Track>,
    lookouts: Vec<Lookout>,
    /// Sources that an earlier start followed, and this one does not.
    others: Vec<Cursor>,
    keeper: Option<Keeper>,
    candidate: Option<Candidate>,
    written: Option<Cursors>,
    next: Instant,
}

impl Live {
    /// Of these sources; cursors go to `folder`, if it is kept. `before` is what was kept there.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(sources: &[Source], folder: Option<PathBuf>, before: Option<Cursors>) -> io::Result<Self> {
        let paths: Vec<_> = sources.iter().map(Source::path).collect();
        let account = |source: &Source| Arc::new(Account::new(source.name.clone(), source.path()));
        let others = before.iter().flat_map(|before| &before.sources);
        let is_other = |cursor: &&Cursor| !paths.iter().flatten().any(|path| *path == cursor.source);
        Ok(Live {
            accounts: sources.iter().map(account).collect(),
            tracks: sources.iter().map(|source| Track::new(source.cursor())).collect(),
            lookouts: sources.iter().map(|source| Lookout::new(&source.name, source.blindness)).collect(),
            others: others.filter(is_other).cloned().collect(),
            keeper: folder.map(Keeper::spawn).transpose()?,
            candidate: None,
            written: before,
            next: instant(),
        })
    }

    /// Starts the reading threads.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(
        &self,
        sources: Vec<Source>,
        limit: usize,
        aside: &Aside,
        clock: Clock,
        inbox: &Inbox,
    ) -> io::Result<()> {
        let slack = sources.iter().map(|source| Span(source.reading.lateness.0 / 2)).min();
        let pace = Arc::new(Pace::new(sources.len(), slack.unwrap_or_default()));
        let left = Arc::new(AtomicUsize::new(sources.len()));
        for (number, (source, account)) in sources.into_iter().zip(&self.accounts).enumerate() {
            let account = Arc::clone(account);
            let decoding = Decoding::new(source.reading, Arc::clone(&account), aside.clone(), clock.now());
            let (pace, left, inbox) = (Arc::clone(&pace), Arc::clone(&left), inbox.clone());
            let (kind, listener) = (source.kind, source.listener);
            let decoding = if listener.is_some() { decoding.arriving() } else { decoding };
            let reader =
                Reader { number, kind, limit, account, decoding, pace, clock, inbox, left, listener };
            std::thread::Builder::new().name(format!("source-{number}")).spawn(move || reader.run())?;
        }
        Ok(())
    }

    /// A signal was looked at.
    pub fn took(&mut self, origin: &Origin, signal: &Signal) {
        if let Some(track) = self.tracks.get_mut(origin.source) {
            track.took(&origin.place, signal.at);
        }
    }

    /// The books of all sources, except for what the driver itself counts.
    pub fn books(&self) -> BookTotals {
        let mut sum = BookTotals::default();
        for (account, track) in self.accounts.iter().zip(&self.tracks) {
            let books = account.lock().books;
            sum.received += books.received;
            sum.undecodable += books.undecodable;
            sum.too_long += books.too_long;
            sum.overflow += books.overflow;
            sum.ahead += books.ahead;
            sum.deduplicated += books.deduplicated + track.known;
        }
        sum
    }

    /// Each source, for screens.
    pub fn gauges(&self) -> Vec<SourceGauge> {
        let each = self.accounts.iter().zip(&self.lookouts);
        each.map(|(account, lookout)| SourceGauge { blind: lookout.blind(), ..account.gauge() }).collect()
    }

    /// Sees whether a source is blind; what has begun is put into `found`. `oldest` is the signal that
    /// waits for the driver, and from which source.
    pub fn look_out(
        &mut self,
        now: Timestamp,
        oldest: Option<(Instant, Option<usize>)>,
        found: &mut Vec<Detection>,
    ) {
        for (number, (lookout, account)) in self.lookouts.iter_mut().zip(&self.accounts).enumerate() {
            let oldest = oldest.filter(|(_, source)| *source == Some(number));
            let waits = oldest.map_or(Span::ZERO, |(at, _)| instant().duration_since(at).into());
            lookout.look(account.seen(waits, now), now, found);
        }
    }

    /// Takes cursors when they are due, and has them written once they are durable. What detection held
    /// back until now is put into `found` for the engine, so that it is in the journal before them.
    pub fn tend(&mut self, driver: &Driver, watch: &mut dyn Watch, found: &mut Vec<Detection>) {
        if self.keeper.is_none() {
            return;
        }
        if self.candidate.is_none() && instant() >= self.next {
            self.next = instant() + EVERY;
            watch.finish(found);
            self.candidate = self.take(watch);
            if self.written.is_none() && self.candidate.is_none() {
                // Until there is one, a file that is rotated away is not found again.
                self.next = instant() + EVERY / 20;
            }
            // What was found just now has to be told first.
            return;
        }
        let Some(candidate) = &mut self.candidate else { return };
        let told = *candidate.told.get_or_insert_with(|| driver.repeats_mark());
        if candidate.needs.is_none() && !driver.holds_repeats_before(told) {
            candidate.needs = Some(driver.state().seq());
        }
        if candidate.needs.is_some_and(|seq| seq <= driver.durable())
            && let Some(Candidate { cursors, .. }) = self.candidate.take()
        {
            self.write(cursors);
        }
    }

    fn take(&mut self, watch: &dyn Watch) -> Option<Candidate> {
        let cursors = self.cursors(watch);
        let news = self.written.as_ref() != Some(&cursors) && !cursors.sources.is_empty();
        news.then_some(Candidate { cursors, told: None, needs: None })
    }

    fn cursors(&mut self, watch: &dyn Watch) -> Cursors {
        let horizon = watch.horizon();
        let each = self.tracks.iter_mut().zip(&self.accounts);
        let mut sources: Vec<Cursor> =
            each.filter_map(|(track, account)| track.cursor(account, horizon)).collect();
        sources.extend(self.others.iter().cloned());
        Cursors::new(sources, watch.checkpoint())
    }

    fn write(&mut self, cursors: Cursors) {
        if let Some(keeper) = &self.keeper
            && keeper.give(cursors.clone())
        {
            self.written = Some(cursors);
        }
    }

    /// How long nothing has to be done here.
    pub fn patience(&self) -> Duration {
        match (&self.keeper, &self.candidate) {
            (None, _) => Duration::MAX,
            (Some(_), Some(_)) => EVERY / 10,
            (Some(_), None) => self.next.saturating_duration_since(instant()),
        }
    }

    /// The engine was thrown away: what it said about the cursors that wait is not in the journal.
    pub fn hold(&mut self) {
        self.candidate = None;
    }

    /// Everything that the engine said is durable, and nothing more will follow: writes the last cursors,
    /// and waits for that.
    pub fn finish(mut self, watch: &dyn Watch) {
        let Some(keeper) = self.keeper.take() else { return };
        keeper.finish(self.cursors(watch));
    }
}

/// The thread that writes cursors: the driver waits for no disk.
struct Keeper {
    queue: SyncSender<Cursors>,
    thread: JoinHandle<()>,
}

impl Keeper {
    fn spawn(folder: PathBuf) -> io::Result<Self> {
        let (queue, cursors) = sync_channel::<Cursors>(1);
        let keep = move || {
            for one in cursors {
                let begun = instant();
                if let Err(error) = one.write(&folder) {
                    tracing::error!(target: "source", "cannot write how far the sources were read: {error}");
                }
                // A slow disk is not kept busy with it.
                std::thread::sleep(begun.elapsed().saturating_mul(4).min(EVERY * 10));
            }
        };
        let thread = std::thread::Builder::new().name("cursors".to_owned()).spawn(keep)?;
        Ok(Keeper { queue, thread })
    }

    /// Hands cursors over, unless the last ones are still being written.
    fn give(&self, cursors: Cursors) -> bool {
        self.queue.try_send(cursors).is_ok()
    }

    fn finish(self, last: Cursors) {
        let Keeper { queue, thread } = self;
        let _ = queue.send(last);
        drop(queue);
        let _ = thread.join();
    }
}
