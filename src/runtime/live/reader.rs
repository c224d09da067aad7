//! The thread of one live source.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::account::Account;
use super::decoding::Decoding;
use super::pace::{Pace, Progress};
use super::{connections, datagrams};
use crate::model::{SafeText, Span, Timestamp};
use crate::runtime::clock::{Clock, instant};
use crate::runtime::inbox::{Arrived, Inbox, Message, Origin};
use crate::source::follow::{Follower, Place, Start, Step};
use crate::source::lines::Assembler;
use crate::source::socket::{Address, Listener, Socket};

/// A file is looked at this often, also if nobody says that it has changed.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// A source says how far it is once it is so much further.
const STRIDE: Span = Span::from_secs(1);
/// What is read of a pipe at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A file that grows.
    File(PathBuf, Start),
    /// A pipe with a name, or a device. It ends with its last writer.
    Pipe(PathBuf),
    /// A pipe with a name whose writers come and go.
    OpenPipe(PathBuf),
    /// Standard input.
    Stdin,
    /// A socket, as it is named; it is opened when the reading begins, or before.
    Socket(Address),
}

/// What the thread of one source has.
pub(super) struct Reader {
    pub number: usize,
    pub kind: Kind,
    pub limit: usize,
    pub account: Arc<Account>,
    pub decoding: Decoding,
    pub pace: Arc<Pace>,
    pub clock: Clock,
    pub inbox: Inbox,
    /// Sources that have not ended.
    pub left: Arc<AtomicUsize>,
    /// The socket, if it is one.
    pub listener: Option<Listener>,
}

impl Reader {
    /// Reads until its end, or until nobody wants signals any more.
    pub fn run(mut self) {
        let result = match self.kind.clone() {
            Kind::File(path, start) => {
                self.follow(&path, start);
                Ok(())
            }
            Kind::Pipe(path) => self.open(&path).and_then(|file| self.drink(file)),
            Kind::OpenPipe(path) => loop {
                let result = self.open(&path).and_then(|file| self.drink(file));
                if result.is_err() || !self.inbox.takes_signals() {
                    break result;
                }
            },
            Kind::Stdin => self.drink(io::stdin().lock()),
            Kind::Socket(_) => self.listen(),
        };
        self.decoding.rest();
        self.pace.tell(self.number, Progress::Waiting);
        let mut inner = self.account.lock();
        inner.past_known = true;
        inner.ended = result.is_ok();
        inner.trouble = Some(match &result {
            Ok(()) => "ended".to_owned(),
            Err(error) => format!("cannot be read: {error}"),
        });
        drop(inner);
        if let Err(error) = result {
            tracing::error!(target: "source", "{}: cannot be read: {error}", SafeText(&self.account.name));
        }
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.inbox.send(Message::StreamEnded);
        }
    }

    /// Reads a socket until no signal is wanted any more, and then what came until then.
    fn listen(&mut self) -> io::Result<()> {
        self.pace.tell(self.number, Progress::Waiting);
        self.account.lock().past_known = true;
        match self.listener.take().map(|listener| listener.socket) {
            Some(Socket::Udp(socket)) => datagrams::read(self, &datagrams::Inlet::Udp(socket)),
            Some(Socket::Datagram(socket, _name)) => datagrams::read(self, &datagrams::Inlet::Named(socket)),
            Some(Socket::Tcp(listener)) => connections::read(self, &listener),
            None => Err(io::Error::other("the socket is not open")),
        }
    }

    /// Opening a pipe waits for a writer.
    fn open(&self, path: &Path) -> io::Result<File> {
        self.pace.tell(self.number, Progress::Waiting);
        File::open(path)
    }

    fn follow(&mut self, path: &Path, start: Start) {
        let since = instant();
        let (_watcher, changes) = watched(path);
        let mut follower = Follower::new(path, self.limit, start);
        let mut told = Timestamp::MIN;
        loop {
            let decoding = &mut self.decoding;
            let step = follower.step(since.elapsed(), &mut |piece| decoding.long(piece));
            self.note(&mut follower);
            let trouble = match &step {
                Step::Line => {
                    let place = follower.place();
                    let now = self.clock.now();
                    let signal = self.decoding.take(follower.line(), &place, now);
                    self.passed(&follower);
                    if let Some(signal) = signal
                        && !self.offer(signal, place, &mut told)
                    {
                        return;
                    }
                    continue;
                }
                Step::AtEnd => None,
                Step::Missing => Some("there is no such file; it is waited for".to_owned()),
                Step::Unreadable(why) => Some(format!("cannot be read: {why}")),
            };
            self.passed(&follower);
            if let Some(changed) = follower.changed() {
                self.account.lock().changed = changed;
            }
            self.say(trouble);
            self.decoding.rest();
            if follower.is_past_known() || step != Step::AtEnd {
                self.pace.tell(self.number, Progress::Waiting);
            }
            told = Timestamp::MIN;
            if !self.inbox.takes_signals() {
                return;
            }
            wait(&changes);
        }
    }

    /// Takes down which file is read, and how far.
    fn passed(&self, follower: &Follower) {
        let mut inner = self.account.lock();
        inner.past_known = follower.is_past_known();
        if let Some((number, identity)) = follower.identity()
            && inner.files.get(&number).is_none_or(|known| known.head.bytes < identity.head.bytes)
        {
            inner.files.insert(number, identity.clone());
        }
        if inner.read_to.is_none() {
            inner.read_to = follower.position();
        }
    }

    fn note(&self, follower: &mut Follower) {
        for note in follower.notes() {
            let name = SafeText(&self.account.name);
            if note.is_loss() {
                tracing::error!(target: "source", "{name}: {note}");
                self.account.lock().lost = Some(note.to_string());
            } else {
                tracing::info!(target: "source", "{name}: {note}");
            }
        }
    }

    /// Says once why nothing comes, and once that it does again.
    fn say(&self, trouble: Option<String>) {
        let mut inner = self.account.lock();
        if inner.trouble != trouble {
            match &trouble {
                Some(why) => tracing::warn!(target: "source", "{}: {why}", SafeText(&self.account.name)),
                None => {
                    tracing::info!(target: "source", "{}: it is there again", SafeText(&self.account.name))
                }
            }
            inner.trouble = trouble;
        }
    }

    /// Hands a signal on, in its turn. False if nobody wants it.
    fn offer(&self, signal: crate::model::Signal, place: Place, told: &mut Timestamp) -> bool {
        if place.known {
            self.pace.tell(self.number, Progress::Priming);
        } else if *told + STRIDE <= signal.at {
            *told = signal.at;
            if !self.pace.go(self.number, signal.at, &self.inbox) {
                return false;
            }
        }
        let from = Some(Origin { source: self.number, place });
        self.inbox.offer(Arrived { signal, at: instant(), from })
    }

    /// Reads a pipe until it ends.
    fn drink(&mut self, mut input: impl Read) -> io::Result<()> {
        let mut assembler = Assembler::new(self.limit);
        let mut buffer = vec![0; CHUNK];
        let mut place = Place::default();
        let mut told = Timestamp::MIN;
        loop {
            // It may wait here for ever.
            self.pace.tell(self.number, Progress::Waiting);
            self.account.lock().past_known = true;
            let count = match input.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            let mut rest = buffer.get(..count).unwrap_or_default();
            loop {
                let decoding = &mut self.decoding;
                let mut long = |piece: &[u8]| decoding.long(piece);
                let whole = if count == 0 {
                    assembler.finish(&mut long)
                } else {
                    let (taken, whole) = assembler.push(rest, &mut long);
                    rest = rest.get(taken..).unwrap_or_default();
                    place.end += taken as u64;
                    whole
                };
                if !whole {
                    break;
                }
                place.number += 1;
                if assembler.is_blank() {
                    continue;
                }
                let signal = self.decoding.take(assembler.line(), &place, self.clock.now());
                place.start = place.end;
                if let Some(signal) = signal
                    && !self.offer(signal, place, &mut told)
                {
                    return Ok(());
                }
            }
            if count == 0 {
                return Ok(());
            }
            self.decoding.rest();
        }
    }
}

/// Has the system say when something changes in the folders of a file. Where it cannot, the heartbeat is
/// enough.
fn watched(path: &Path) -> (Option<RecommendedWatcher>, Receiver<()>) {
    let (changed, changes) = sync_channel(1);
    let names: Vec<_> =
        [Some(path.to_owned()), std::fs::canonicalize(path).ok()].into_iter().flatten().collect();
    let wanted: Vec<_> = names.iter().filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect();
    let tell = move |event: notify::Result<notify::Event>| {
        let ours = |event: notify::Event| {
            event
                .paths
                .iter()
                .filter_map(|path| path.file_name())
                .any(|name| wanted.iter().any(|w| w == name))
        };
        if event.is_ok_and(ours) {
            // One that waits already is enough.
            let _ = changed.try_send(());
        }
    };
    let watcher = notify::recommended_watcher(tell).and_then(|mut watcher| {
        for folder in names.iter().filter_map(|path| path.parent()) {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    });
    match watcher {
        Ok(watcher) => (Some(watcher), changes),
        Err(error) => {
            tracing::warn!(target: "source", "{}: looked at twice a second only: {error}", path.display());
            (None, changes)
        }
    }
}

/// Waits for a change, or for the heartbeat.
fn wait(changes: &Receiver<()>) {
    use std::sync::mpsc::RecvTimeoutError::Disconnected;
    if changes.recv_timeout(HEARTBEAT) == Err(Disconnected) {
        std::thread::sleep(HEARTBEAT);
    }
}
