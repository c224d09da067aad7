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
use super::follow::Follower;
use super::message::{Asked, Hello, PROTOCOL, Table, ToClient, ToServer, VERSION, Welcome, is_id};
use super::obligations::{self, Wanted};
use super::people::{self, Person};
use super::rows;
use super::server::Shared;
use super::watch::Watcher;
use super::wire::{Incoming, WireError, send};
use crate::config::Role;
use crate::engine::State;
use crate::model::{RunId, Seq};

/// How long a frame may take once it has begun, either way.
pub const FRAME: Duration = Duration::from_secs(5);
/// How long a client may say nothing, unless it follows the records.
pub const IDLE: Duration = Duration::from_secs(60);
/// How long the engine may take for an answer.
pub const ANSWER: Duration = Duration::from_secs(30);
/// Rows of a table, at most.
pub const ROWS: usize = 20_000;

/// The writing side, shared by answers and records.
pub(super) struct Outgoing(Mutex<UnixStream>);

impl Outgoing {
    pub(super) fn send(&self, message: &impl Serialize) -> Result<(), WireError> {
        let frame = encode(message, REPLY_BYTES)?;
        send(&self.0.lock().unwrap_or_else(PoisonError::into_inner), &frame, FRAME)
    }

    pub(super) fn refuse(&self, why: impl Into<String>) -> Result<(), WireError> {
        self.send(&ToClient::Refused { why: why.into() })
    }

    /// Ends the connection.
    pub(super) fn close(&self) {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = stream.shutdown(std::net::Shutdown::Both);
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
                ToServer::Watch => self.watch()?,
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
        match self.may_follow()? {
            true => self.follow("control-feed", from.saturating_sub(1), Follower::run),
            false => Ok(()),
        }
    }

    fn watch(&mut self) -> Result<(), WireError> {
        match self.may_follow()? {
            true => self.follow("control-watch", 0, |follower| Watcher::new(follower).run()),
            false => Ok(()),
        }
    }

    /// Whether the client may follow the records; it is told if not.
    fn may_follow(&self) -> Result<bool, WireError> {
        if !self.may_look()? {
            return Ok(false);
        }
        if self.follower.is_some() {
            self.out.refuse("this client follows the records already")?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Starts the thread that sends what happens after a record.
    fn follow(
        &mut self,
        name: &str,
        sent: Seq,
        run: impl FnOnce(Follower) + Send + 'static,
    ) -> Result<(), WireError> {
        let follower =
            Follower::new(Arc::clone(&self.shared), Arc::clone(&self.out), Arc::clone(&self.gone), sent);
        let thread = std::thread::Builder::new().name(name.to_owned());
        self.follower = Some(thread.spawn(move || run(follower))?);
        Ok(())
    }
}
