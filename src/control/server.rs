//! The engine's side: accepts clients, and has done what they ask.

use std::collections::BTreeMap;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::codec::{REPLY_BYTES, encode};
use super::connection::{self, ANSWER};
use super::hub::Hub;
use super::message::{Asked, Given, ToClient};
use super::people::{Person, needs};
use super::recent::{Came, Claim, Recent};
use super::socket::{self, Bound};
use super::wire;
use crate::config::{Operator, Role};
use crate::engine::{Actor, Answer, JournalKind, Request};
use crate::journal::journal_path;
use crate::model::{RequestId, SafeText};
use crate::runtime::clock::instant;
use crate::runtime::feed::Subscription;
use crate::runtime::gauges::Board;
use crate::runtime::inbox::{Inbox, Message};
use crate::runtime::link::{Answered, Catalogue};
use crate::runtime::reload::Fresh;

/// Clients at once.
pub const CLIENTS: usize = 128;
/// Clients at once of one user, so that nobody takes all places.
pub const CLIENTS_PER_USER: usize = 48;
/// Requests beyond somebody's roles that are recorded each minute, for each user.
pub const REFUSALS: u32 = 60;
/// How long an answer waits until what it says can be seen.
const SEEN: Duration = Duration::from_secs(5);
/// How long clients may take to hear the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// Reads the setup anew.
pub trait Reload: Send {
    /// Reads and checks it.
    ///
    /// # Errors
    /// Every mistake, for people.
    fn read(&mut self) -> Result<Reread, String>;

    /// Reads those indicator lists anew whose files have changed, and nothing else; `None` if none has.
    fn refresh(&mut self) -> Option<Reread> {
        None
    }

    /// The engine took what was read last.
    fn taken(&mut self);
}

/// A setup that was read anew.
pub struct Reread {
    /// What the engine gets.
    pub fresh: Fresh,
    /// Who may steer from now on.
    pub operators: Vec<Operator>,
    /// What people should know beside the engine's answer.
    pub note: String,
}

/// What a server is made of.
pub struct Parts {
    /// The way to the engine.
    pub inbox: Inbox,
    /// Its figures.
    pub board: Board,
    /// Its records.
    pub feed: Subscription,
    /// What its journal is for.
    pub kind: JournalKind,
    /// Who may steer it.
    pub operators: Vec<Operator>,
    /// How its setup is read anew.
    pub reload: Box<dyn Reload>,
    /// What can be started.
    pub catalogue: Catalogue,
}

/// The server of one engine. Dropped once the engine has ended: clients are told, the socket goes.
pub struct Server {
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
    listener: std::os::unix::net::UnixListener,
}

/// What the threads of a server share.
pub struct Shared {
    pub(super) inbox: Inbox,
    pub(super) board: Board,
    pub(super) hub: Hub,
    pub(super) journal: PathBuf,
    pub(super) kind: JournalKind,
    pub(super) stopping: AtomicBool,
    own: u32,
    operators: RwLock<Vec<Operator>>,
    catalogue: RwLock<Arc<Catalogue>>,
    reload: Mutex<Box<dyn Reload>>,
    recent: Recent,
    clients: Mutex<Clients>,
    refusals: Mutex<BTreeMap<u32, (Instant, u32)>>,
}

#[derive(Default)]
struct Clients {
    next: u64,
    by_number: BTreeMap<u64, (u32, UnixStream)>,
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Listens in a state folder that this process owns.
    ///
    /// # Errors
    /// The socket cannot be made, or the system gives no thread.
    pub fn start(folder: &Path, parts: Parts) -> io::Result<Server> {
        let bound = socket::bind(folder)?;
        let listener = bound.listener.try_clone()?;
        let shared = Arc::new(Shared {
            inbox: parts.inbox,
            board: parts.board,
            hub: Hub::default(),
            journal: journal_path(folder),
            kind: parts.kind,
            stopping: AtomicBool::new(false),
            own: rustix::process::geteuid().as_raw(),
            operators: RwLock::new(parts.operators),
            catalogue: RwLock::new(Arc::new(parts.catalogue)),
            reload: Mutex::new(parts.reload),
            recent: Recent::default(),
            clients: Mutex::default(),
            refusals: Mutex::default(),
        });
        let (hub, feed) = (Arc::clone(&shared), parts.feed);
        spawn("control-hub", move || hub.hub.follow(&feed))?;
        let accepting = Arc::clone(&shared);
        let accepting = spawn("control", move || accept(&accepting, &bound))?;
        Ok(Server { shared, accepting: Some(accepting), listener })
    }

    /// A way to read the setup anew that outlives nothing.
    pub fn reloader(&self) -> Reloader {
        Reloader(Arc::clone(&self.shared))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        self.shared.hang_up(Shutdown::Read);
        let until = instant() + FAREWELL;
        while !lock(&self.shared.clients).by_number.is_empty() && instant() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.shared.hang_up(Shutdown::Both);
    }
}

/// Reads the setup anew on behalf of a signal.
#[derive(Clone)]
pub struct Reloader(Arc<Shared>);

impl Reloader {
    /// Reads it, and has the engine take it.
    pub fn reload(&self, by: Actor) -> Answer {
        let (reply, answers) = channel();
        self.0.reload(by, reply);
        match answers.recv_timeout(ANSWER) {
            Ok(answered) => answered.answer,
            Err(_) => Answer::Refused("the engine does not answer".to_owned()),
        }
    }

    /// Has the engine take indicator lists whose files have changed; `None` if none has.
    pub fn refresh(&self, by: Actor) -> Option<Answer> {
        let mut setup = lock(&self.0.reload);
        let read = setup.refresh()?;
        let (reply, answers) = channel();
        self.0.take(&mut **setup, read, by, reply);
        let answered = answers.recv_timeout(ANSWER).ok();
        Some(
            answered
                .map_or(Answer::Refused("the engine does not answer".to_owned()), |answered| answered.answer),
        )
    }

    /// Whether the engine has ended, or is about to.
    pub fn is_over(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

fn accept(shared: &Arc<Shared>, bound: &Bound) {
    loop {
        let arrived = bound.listener.accept();
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        match arrived {
            Ok((stream, _)) => shared.admit(stream),
            Err(error) => {
                // For example no more files: it will pass, and must not spin.
                tracing::warn!(target: "control", "cannot accept a client: {error}");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

impl Shared {
    fn admit(self: &Arc<Self>, stream: UnixStream) {
        let Ok(peer) = rustix::net::sockopt::socket_peercred(&stream) else { return };
        let uid = peer.uid.as_raw();
        let mut clients = lock(&self.clients);
        let mine = clients.by_number.values().filter(|(other, _)| *other == uid).count();
        if clients.by_number.len() >= CLIENTS || mine >= CLIENTS_PER_USER {
            drop(clients);
            return turn_away(&stream);
        }
        let Ok(kept) = stream.try_clone() else { return };
        clients.next += 1;
        let number = clients.next;
        clients.by_number.insert(number, (uid, kept));
        drop(clients);
        let (shared, leaving) = (Arc::clone(self), Leaving(Arc::clone(self), number));
        let spawned = spawn("control-client", move || {
            let _leaving = leaving;
            connection::serve(&shared, stream);
        });
        if let Err(error) = spawned {
            tracing::warn!(target: "control", "cannot serve a client: {error}");
        }
    }

    fn hang_up(&self, how: Shutdown) {
        for (_, stream) in lock(&self.clients).by_number.values() {
            let _ = stream.shutdown(how);
        }
    }

    /// What somebody may do now.
    pub(super) fn may(&self, person: &Person) -> Vec<Role> {
        person.may(&self.operators.read().unwrap_or_else(PoisonError::into_inner), self.own)
    }

    /// What can be started now.
    pub(super) fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has a request done, or recalls its answer.
    pub(super) fn ask(&self, person: &Person, asked: Asked) -> Given {
        let (reply, answers) = channel();
        let refused =
            |text: &str| Given { id: asked.id.clone(), accepted: false, text: text.to_owned(), seq: 0 };
        let slot = match self.recent.claim(person.uid, &asked, answers) {
            Claim::New(slot) => {
                self.pass_on(person, &asked, reply);
                slot
            }
            Claim::Known(slot) => slot,
            Claim::Other => return refused("this id was used for another request: choose a new one"),
        };
        let came = slot.wait(ANSWER);
        if let Came::Answer(answered) = &came {
            // Whoever has the answer sees what it says, over whatever connection.
            self.hub.reached(answered.seq, SEEN);
        }
        match came {
            Came::Answer(Answered { seq, answer: Answer::Accepted(text), .. }) => {
                Given { id: asked.id, accepted: true, text, seq }
            }
            Came::Answer(Answered { seq, answer: Answer::Refused(text), .. }) => {
                Given { id: asked.id, accepted: false, text, seq }
            }
            Came::Late => refused("no answer yet; ask again under the same id"),
            Came::Lost => refused("quell is stopping"),
        }
    }

    fn pass_on(&self, person: &Person, asked: &Asked, reply: Sender<Answered>) {
        let (by, role, request) = (person.actor(), needs(&asked.request), asked.request.clone());
        let request = request.asked_in(&person.groups);
        if !self.may(person).contains(&role) {
            return self.refuse(person.uid, by, request, role, reply);
        }
        if request == Request::Reload {
            return self.reload(by, reply);
        }
        self.inbox.send(Message::Request { id: RequestId(1), by, seen: asked.seen, request, reply });
    }

    /// Refuses for want of a role, by a record as long as they are not too many.
    fn refuse(&self, uid: u32, by: Actor, request: Request, role: Role, reply: Sender<Answered>) {
        let why = format!("{by} may not: it takes the role `{role}` in the `operators` of settings.yaml");
        tracing::warn!(target: "control", "refused: {}", SafeText(&why));
        let id = RequestId(1);
        if self.is_recorded(uid) {
            self.inbox.send(Message::Refuse { id, by, request, why, reply });
        } else {
            let _ = reply.send(Answered { id, seq: self.hub.last(), answer: Answer::Refused(why) });
        }
    }

    fn is_recorded(&self, uid: u32) -> bool {
        let (now, mut refusals) = (instant(), lock(&self.refusals));
        refusals.retain(|_, (since, _)| now.duration_since(*since) < Duration::from_secs(60));
        let (_, count) = refusals.entry(uid).or_insert((now, 0));
        *count += 1;
        *count <= REFUSALS
    }

    /// Reads the setup anew, all or nothing (C17).
    fn reload(&self, by: Actor, reply: Sender<Answered>) {
        let id = RequestId(1);
        let mut setup = lock(&self.reload);
        let read = match setup.read() {
            Ok(read) => read,
            Err(why) => {
                let request = Request::Reload;
                self.inbox.send(Message::Refuse { id, by, request, why, reply });
                return;
            }
        };
        self.take(&mut **setup, read, by, reply);
    }

    /// Has the engine take what was read.
    fn take(&self, setup: &mut dyn Reload, read: Reread, by: Actor, reply: Sender<Answered>) {
        let id = RequestId(1);
        let Reread { fresh, operators, note } = read;
        let catalogue = Arc::new(Catalogue::of(&fresh.setup));
        let (inner, answers) = channel();
        self.inbox.send(Message::Reload { id, by, fresh: Box::new(fresh), reply: inner });
        let Ok(mut answered) = answers.recv_timeout(ANSWER) else { return };
        if let Answer::Accepted(text) = &mut answered.answer {
            setup.taken();
            *self.operators.write().unwrap_or_else(PoisonError::into_inner) = operators;
            *self.catalogue.write().unwrap_or_else(PoisonError::into_inner) = catalogue;
            if !note.is_empty() {
                text.push_str("; ");
                text.push_str(&note);
            }
        }
        let _ = reply.send(answered);
    }
}

/// Takes a client off the list, also after a panic of its thread.
struct Leaving(Arc<Shared>, u64);

impl Drop for Leaving {
    fn drop(&mut self) {
        lock(&self.0.clients).by_number.remove(&self.1);
    }
}

/// Says that there is no room, if that can be said at once.
fn turn_away(stream: &UnixStream) {
    let why = "too many clients: try again later".to_owned();
    if let Ok(frame) = encode(&ToClient::Refused { why }, REPLY_BYTES) {
        let _ = wire::send(stream, &frame, Duration::from_millis(10));
    }
}
