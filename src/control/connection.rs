//! One client, from its handshake to its end.

use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use super::codec::{FrameError, REPLY_BYTES, REQUEST_BYTES, decode, encode};
use super::detail;
use super::figures::Figures;
use super::hub::After;
use super::message::{Asked, Hello, PROTOCOL, Table, ToClient, ToServer, VERSION, Welcome, is_id};
use super::obligations::{self, Wanted};
use super::people::{self, Person};
use super::rows;
use super::server::Shared;
use super::wire::{Incoming, WireError, send};
use crate::config::Role;
use crate::engine::{Record, State};
use crate::journal::{Journal, JournalError, SqliteJournal};
use crate::model::{RunId, Seq};

/// How long a frame may take once it has begun, either way.
pub const FRAME: Duration = Duration::from_secs(5);
/// How long a client may say nothing, unless it follows the records.
pub const IDLE: Duration = Duration::from_secs(60);
/// How long the engine may take for an answer.
pub const ANSWER: Duration = Duration::from_secs(30);
/// Rows of a table, at most.
pub const ROWS: usize = 20_000;
/// Records in one frame, and records read from the journal at once.
const GROUP: usize = 512;
/// How soon a follower notices that its client is gone.
const GLANCE: Duration = Duration::from_millis(500);

/// The writing side, shared by answers and records.
struct Outgoing(Mutex<UnixStream>);

impl Outgoing {
    fn send(&self, message: &impl Serialize) -> Result<(), WireError> {
        let frame = encode(message, REPLY_BYTES)?;
        send(&self.0.lock().unwrap_or_else(PoisonError::into_inner), &frame, FRAME)
    }

    fn refuse(&self, why: impl Into<String>) -> Result<(), WireError> {
        self.send(&ToClient::Refused { why: why.into() })
    }
}

/// Serves one client until it goes.
pub(super) fn serve(shared: &Arc<Shared>, stream: UnixStream) {
    let Ok(writing) = stream.try_clone() else { return };
    let (Ok(hang_up), Ok(person)) = (stream.try_clone(), people::peer(&stream)) else { return };
    let mut client = Client {
        shared: Arc::clone(shared),
        incoming: Incoming::new(stream, REQUEST_BYTES),
        out: Arc::new(Outgoing(Mutex::new(writing))),
        person,
        follower: None,
        gone: Arc::new(AtomicBool::new(false)),
    };
    let ended = client.greet().and_then(|()| client.listen());
    if let Err(WireError::Frame(error)) = &ended {
        let _ = client.out.refuse(error.to_string());
    }
    if !shared.stopping.load(Ordering::Acquire) {
        client.gone.store(true, Ordering::Release);
    }
    if let Some(follower) = client.follower.take() {
        let _ = follower.join();
    }
    let _ = hang_up.shutdown(std::net::Shutdown::Both);
}

struct Client {
    shared: Arc<Shared>,
    incoming: Incoming,
    out: Arc<Outgoing>,
    person: Person,
    follower: Option<JoinHandle<()>>,
    gone: Arc<AtomicBool>,
}

impl Client {
    fn greet(&mut self) -> Result<(), WireError> {
        let frame = self.incoming.next_frame(FRAME, FRAME)?;
        let hello: Hello = match decode(&frame)? {
            ToServer::Hello(hello) => hello,
            _ => return Err(FrameError::Json("expected the handshake first".to_owned()).into()),
        };
        if let Some(why) = hello.mismatch(self.shared.kind) {
            self.out.refuse(why)?;
            return Err(WireError::Closed);
        }
        self.out.send(&ToClient::Welcome(Welcome {
            protocol: PROTOCOL,
            version: VERSION.to_owned(),
            kind: self.shared.kind,
            pid: std::process::id(),
            seq: self.shared.hub.last(),
            you: self.person.actor().0.to_string(),
            may: self.shared.may(&self.person),
        }))
    }

    fn listen(&mut self) -> Result<(), WireError> {
        loop {
            let frame = match self.incoming.next_frame(IDLE, FRAME) {
                Ok(frame) => frame,
                Err(WireError::Idle) if self.follower.is_some() => continue,
                Err(error) => return Err(error),
            };
            match decode(&frame)? {
                ToServer::Hello(_) => self.out.refuse("the handshake is over")?,
                ToServer::Request(asked) => self.request(asked)?,
                ToServer::Rows { of, limit } => self.rows(of, limit)?,
                ToServer::Ledger(wanted) => self.ledger(wanted)?,
                ToServer::Run { run } => self.run(run)?,
                ToServer::Figures => self.figures()?,
                ToServer::Subscribe { from } => self.subscribe(from)?,
            }
        }
    }

    fn request(&self, asked: Asked) -> Result<(), WireError> {
        if !is_id(&asked.id) {
            return self.out.refuse("the id of a request has 1 to 64 letters, digits, `_`, `-` and `.`");
        }
        self.out.send(&ToClient::Answer(self.shared.ask(&self.person, asked)))
    }

    /// Whether the client may look; it is told if not.
    fn may_look(&self) -> Result<bool, WireError> {
        let may = self.shared.may(&self.person).contains(&Role::View);
        if !may {
            let by = self.person.actor();
            let why = format!("{by} may not: it takes the role `view` in the `operators` of settings.yaml");
            self.out.refuse(why)?;
        }
        Ok(may)
    }

    fn rows(&self, table: Table, limit: usize) -> Result<(), WireError> {
        if !self.may_look()? {
            return Ok(());
        }
        let (rows, of) = self.shared.hub.look(|state| rows::rows(state, table, limit.min(ROWS)));
        self.out.send(&ToClient::Rows { rows, of })
    }

    fn ledger(&self, mut wanted: Wanted) -> Result<(), WireError> {
        if !self.may_look()? {
            return Ok(());
        }
        wanted.limit = wanted.limit.min(obligations::ROWS);
        let listed = self.shared.hub.look(|state| wanted.of(state));
        self.out.send(&ToClient::Ledger(Box::new(listed)))
    }

    fn run(&self, id: RunId) -> Result<(), WireError> {
        if !self.may_look()? {
            return Ok(());
        }
        let found = |state: &State| state.run(id).map(|run| Box::new(detail::of(run, state)));
        let run = self.shared.hub.look(found);
        self.out.send(&ToClient::Run { run })
    }

    fn figures(&self) -> Result<(), WireError> {
        if !self.may_look()? {
            return Ok(());
        }
        self.out.send(&ToClient::Figures(Box::new(Figures::of(&self.shared.board.read()))))
    }

    fn subscribe(&mut self, from: Seq) -> Result<(), WireError> {
        if !self.may_look()? {
            return Ok(());
        }
        if self.follower.is_some() {
            return self.out.refuse("this client follows the records already");
        }
        let follower = Follower {
            shared: Arc::clone(&self.shared),
            out: Arc::clone(&self.out),
            gone: Arc::clone(&self.gone),
            sent: from.saturating_sub(1),
            journal: None,
        };
        let thread = std::thread::Builder::new().name("control-feed".to_owned());
        self.follower = Some(thread.spawn(move || follower.run())?);
        Ok(())
    }
}

/// Sends every record, from the ring of the latest ones or from the journal.
struct Follower {
    shared: Arc<Shared>,
    out: Arc<Outgoing>,
    gone: Arc<AtomicBool>,
    sent: Seq,
    journal: Option<SqliteJournal>,
}

/// As [`ToClient::Records`], without copies.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Group<'a> {
    Records { records: &'a [&'a Record], last: Seq },
}

impl Follower {
    fn run(mut self) {
        // One who does not take the records in time, or is gone, gets no more of them.
        let _ = self.follow();
        let stream = self.out.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }

    fn follow(&mut self) -> Result<(), WireError> {
        // Says at once how far the records go, also if there is none to send.
        self.send(&[])?;
        while !self.gone.load(Ordering::Acquire) {
            match self.shared.hub.after(self.sent, GLANCE) {
                After::Records(batches) => {
                    let records: Vec<&Record> = batches.iter().flat_map(|batch| batch.iter()).collect();
                    let from = records.partition_point(|record| record.seq <= self.sent);
                    records[from..].chunks(GROUP).try_for_each(|group| self.send(group))?;
                }
                After::InJournal => match self.page() {
                    Ok(records) => self.send(&records.iter().collect::<Vec<_>>())?,
                    Err(error) => return self.out.refuse(format!("the journal cannot be read: {error}")),
                },
                After::Nothing => {}
                After::End => return self.out.send(&ToClient::End),
            }
        }
        Ok(())
    }

    fn page(&mut self) -> Result<Vec<Record>, JournalError> {
        if self.journal.is_none() {
            self.journal = Some(SqliteJournal::open_read_only(&self.shared.journal)?);
        }
        self.journal.as_mut().map_or_else(|| Ok(Vec::new()), |journal| journal.read(self.sent + 1, GROUP))
    }

    /// Sends records, in smaller groups if they do not fit into one frame.
    fn send(&mut self, records: &[&Record]) -> Result<(), WireError> {
        let group = Group::Records { records, last: self.shared.hub.last() };
        match self.out.send(&group) {
            Err(WireError::Frame(FrameError::TooLong { .. })) if records.len() > 1 => {
                let (head, tail) = records.split_at(records.len() / 2);
                self.send(head)?;
                self.send(tail)
            }
            Err(WireError::Frame(error)) => {
                self.out.refuse(format!("record {}: {error}", self.sent + 1))?;
                Err(WireError::Frame(error))
            }
            Err(error) => Err(error),
            Ok(()) => {
                self.sent = records.last().map_or(self.sent, |record| record.seq);
                Ok(())
            }
        }
    }
}
