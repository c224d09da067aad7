//! The asking side, as the verbs use it.

use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::codec::{FrameError, REPLY_BYTES, REQUEST_BYTES, decode, encode};
use super::connection::{ANSWER, FRAME};
use super::detail::RunDetail;
use super::figures::Figures;
use super::message::{Asked, Given, Hello, Table, ToClient, ToServer, Welcome};
use super::obligations::{Listed, Wanted};
use super::rows::Row;
use super::socket;
use super::wire::{Incoming, WireError, send};
use crate::detect;
use crate::engine::{JournalKind, Record};
use crate::model::{RunId, Seq};
use crate::runtime::gauges::Gauges;
use crate::runtime::link::Catalogue;

/// A connection to an engine.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    incoming: Incoming,
    welcome: Welcome,
}

/// Why an engine did not give what was asked.
#[derive(Debug)]
pub enum ClientError {
    /// It cannot be reached.
    Connect(io::Error),
    /// It says no.
    Refused(String),
    /// The connection was lost, or what came over it is nonsense.
    Wire(WireError),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Connect(error) => error.fmt(f),
            ClientError::Refused(why) => f.write_str(why),
            ClientError::Wire(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<WireError> for ClientError {
    fn from(error: WireError) -> Self {
        ClientError::Wire(error)
    }
}

impl From<FrameError> for ClientError {
    fn from(error: FrameError) -> Self {
        ClientError::Wire(error.into())
    }
}

/// What comes over a subscription.
#[derive(Debug)]
pub enum Followed {
    /// The next records, and the number of the last one there is.
    Records(Vec<Record>, Seq),
    /// Nothing, within the time.
    Nothing,
    /// The engine has stopped.
    End,
}

/// What a console is told.
#[derive(Debug)]
pub enum Shown {
    /// What can be started.
    Catalogue(Catalogue),
    /// A part of the state as a text, and whether it is the last one.
    Snapshot(String, bool),
    /// The next records.
    Records(Vec<Record>),
    /// The figures; those of rules if they have changed.
    Gauges(Box<Gauges>, Option<Box<detect::Figures>>),
    /// The engine has stopped.
    End,
}

fn unexpected(found: &ToClient) -> ClientError {
    let what = match found {
        ToClient::Refused { why } => return ClientError::Refused(why.clone()),
        ToClient::End => return ClientError::Wire(WireError::Closed),
        ToClient::Welcome(_) => "a welcome",
        ToClient::Answer(_) => "an answer",
        ToClient::Rows { .. } | ToClient::Ledger(_) => "a table",
        ToClient::Run { .. } => "a run",
        ToClient::Figures(_) => "figures",
        ToClient::Records { .. } => "records",
        ToClient::Catalogue(_) | ToClient::Snapshot { .. } | ToClient::Gauges { .. } => {
            "what a console shows"
        }
    };
    FrameError::Json(format!("{what} was not asked for")).into()
}

impl Client {
    /// Connects to the engine that owns a state folder; `None` if nobody listens there. `kind` is what
    /// its journal has to be for.
    ///
    /// # Errors
    /// Somebody listens who may not be called, does not answer, or is of another kind or version.
    pub fn connect(folder: &Path, kind: Option<JournalKind>) -> Result<Option<Client>, ClientError> {
        let Some(stream) = socket::connect(folder).map_err(ClientError::Connect)? else { return Ok(None) };
        let reading = stream.try_clone().map_err(ClientError::Connect)?;
        let mut incoming = Incoming::new(reading, REPLY_BYTES);
        // One that is turned away may find the door closed before it has said a word.
        let said = encode(&ToServer::Hello(Hello::new(kind)), REQUEST_BYTES)
            .map_err(WireError::from)
            .and_then(|hello| send(&stream, &hello, FRAME));
        let heard = incoming.next_frame(FRAME, FRAME);
        let frame = match (said, heard) {
            (_, Ok(frame)) => frame,
            (Err(error), _) | (_, Err(error)) => return Err(error.into()),
        };
        match decode(&frame)? {
            ToClient::Welcome(welcome) => Ok(Some(Client { stream, incoming, welcome })),
            other => Err(unexpected(&other)),
        }
    }

    /// What the engine said of itself and of the caller.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    fn say(&self, message: &ToServer) -> Result<(), ClientError> {
        Ok(send(&self.stream, &encode(message, REQUEST_BYTES)?, FRAME)?)
    }

    fn hear(&mut self, patience: Duration) -> Result<ToClient, ClientError> {
        Ok(decode(&self.incoming.next_frame(patience, FRAME)?)?)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// The connection is lost: the request may be done or not. Ask again under the same id.
    pub fn ask(&mut self, asked: &Asked) -> Result<Given, ClientError> {
        self.say(&ToServer::Request(asked.clone()))?;
        match self.hear(ANSWER + FRAME)? {
            ToClient::Answer(given) => Ok(given),
            other => Err(unexpected(&other)),
        }
    }

    /// The latest rows of a table, the oldest first, and how many there are in all.
    ///
    /// # Errors
    /// It is refused, or the connection is lost.
    pub fn rows(&mut self, of: Table, limit: usize) -> Result<(Vec<Row>, usize), ClientError> {
        self.say(&ToServer::Rows { of, limit })?;
        match self.hear(ANSWER)? {
            ToClient::Rows { rows, of } => Ok((rows, of)),
            other => Err(unexpected(&other)),
        }
    }

    /// What is in force because of the engine.
    ///
    /// # Errors
    /// As [`Client::rows`].
    pub fn ledger(&mut self, wanted: &Wanted) -> Result<Listed, ClientError> {
        self.say(&ToServer::Ledger(wanted.clone()))?;
        match self.hear(ANSWER)? {
            ToClient::Ledger(listed) => Ok(*listed),
            other => Err(unexpected(&other)),
        }
    }

    /// One run with its steps; `None` if it is not kept.
    ///
    /// # Errors
    /// It is refused, or the connection is lost.
    pub fn run(&mut self, run: RunId) -> Result<Option<RunDetail>, ClientError> {
        self.say(&ToServer::Run { run })?;
        match self.hear(ANSWER)? {
            ToClient::Run { run } => Ok(run.map(|run| *run)),
            other => Err(unexpected(&other)),
        }
    }

    /// The figures.
    ///
    /// # Errors
    /// They are refused, or the connection is lost.
    pub fn figures(&mut self) -> Result<Figures, ClientError> {
        self.say(&ToServer::Figures)?;
        match self.hear(ANSWER)? {
            ToClient::Figures(figures) => Ok(*figures),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks for every record from number `from` on; they come by [`Client::follow`].
    ///
    /// # Errors
    /// The connection is lost.
    pub fn subscribe(&mut self, from: Seq) -> Result<(), ClientError> {
        self.say(&ToServer::Subscribe { from })
    }

    /// Asks for all that a console shows; it comes by [`Client::watched`].
    ///
    /// # Errors
    /// The connection is lost.
    pub fn watch(&mut self) -> Result<(), ClientError> {
        self.say(&ToServer::Watch)
    }

    /// What comes next of it.
    ///
    /// # Errors
    /// It is refused, or the connection is lost.
    pub fn watched(&mut self, patience: Duration) -> Result<Shown, ClientError> {
        match self.hear(patience)? {
            ToClient::Records { records, .. } => Ok(Shown::Records(records)),
            ToClient::Catalogue(catalogue) => Ok(Shown::Catalogue(catalogue)),
            ToClient::Gauges { gauges, rules } => Ok(Shown::Gauges(gauges, rules)),
            ToClient::Snapshot { part, last } => Ok(Shown::Snapshot(part, last)),
            ToClient::End => Ok(Shown::End),
            other => Err(unexpected(&other)),
        }
    }

    /// The next records, within `patience`.
    ///
    /// # Errors
    /// They are refused, or the connection is lost.
    pub fn follow(&mut self, patience: Duration) -> Result<Followed, ClientError> {
        match self.hear(patience) {
            Ok(ToClient::Records { records, last }) => Ok(Followed::Records(records, last)),
            Ok(ToClient::End) => Ok(Followed::End),
            Ok(other) => Err(unexpected(&other)),
            Err(ClientError::Wire(WireError::Idle)) => Ok(Followed::Nothing),
            Err(error) => Err(error),
        }
    }
}
