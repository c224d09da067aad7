//! What is said over the socket. Fields are only ever added; what cannot be added is a new
//! [`PROTOCOL`].

use serde::{Deserialize, Serialize};

use super::detail::RunDetail;
use super::figures::Figures;
use super::obligations::{Listed, Wanted};
use super::rows::Row;
use crate::config::Role;
use crate::detect;
use crate::engine::{JournalKind, Record, Request};
use crate::model::{RunId, Seq};
use crate::runtime::gauges::Gauges;
use crate::runtime::link::Catalogue;

/// The version of what is said.
pub const PROTOCOL: u32 = 1;
/// The version of this program. Records differ between releases: both sides must be of one.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The longest id that a client may give a request.
pub const ID_BYTES: usize = 64;

/// From a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToServer {
    /// The first frame.
    Hello(Hello),
    /// Something is to be done; answered by [`ToClient::Answer`].
    Request(Asked),
    /// A table; answered by [`ToClient::Rows`].
    Rows {
        /// Which.
        of: Table,
        /// At most so many, the latest ones.
        limit: usize,
    },
    /// What is in force; answered by [`ToClient::Ledger`].
    Ledger(Wanted),
    /// One run with its steps; answered by [`ToClient::Run`].
    Run {
        /// Which.
        run: RunId,
    },
    /// The figures; answered by [`ToClient::Figures`].
    Figures,
    /// Every record from this one on, until the client goes: [`ToClient::Records`].
    Subscribe {
        /// The first record wanted.
        from: Seq,
    },
    /// All that a console shows, until the client goes: [`ToClient::Catalogue`], [`ToClient::Snapshot`] in
    /// parts, then [`ToClient::Records`] and [`ToClient::Gauges`] as they come. One who takes them too
    /// slowly gets another snapshot in place of what it missed.
    Watch,
}

/// To a client.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToClient {
    /// The first frame.
    Welcome(Welcome),
    /// The answer to a request.
    Answer(Given),
    /// A table.
    Rows {
        /// Its rows, the oldest first.
        rows: Vec<Row>,
        /// Rows in all.
        of: usize,
    },
    /// What is in force.
    Ledger(Box<Listed>),
    /// One run; `None` if it is not kept.
    Run {
        /// As it is now.
        run: Option<Box<RunDetail>>,
    },
    /// Figures that are not facts.
    Figures(Box<Figures>),
    /// Records, in order and without a gap.
    Records {
        /// The next ones.
        records: Vec<Record>,
        /// The number of the last record that there is.
        last: Seq,
    },
    /// What can be started; again when the setup was read anew.
    Catalogue(Catalogue),
    /// The state, as the text that `State::into_text` gives, in parts.
    Snapshot {
        /// The next part.
        part: String,
        /// Whether it is the last one.
        last: bool,
    },
    /// All figures that are not facts.
    Gauges {
        /// The figures, but for those of rules.
        gauges: Box<Gauges>,
        /// What rules and lists came to, if that has changed.
        rules: Option<Box<detect::Figures>>,
    },
    /// What was asked is not given, and why. The connection may end.
    Refused {
        /// For people.
        why: String,
    },
    /// The engine has stopped; nothing follows.
    End,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// [`VERSION`].
    pub version: String,
    /// What the client takes the journal for; `None` takes both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<JournalKind>,
}

impl Hello {
    /// Of this program.
    pub fn new(kind: Option<JournalKind>) -> Self {
        Hello { protocol: PROTOCOL, version: VERSION.to_owned(), kind }
    }

    /// Why an engine of this program with a journal of this kind does not talk to it.
    pub fn mismatch(&self, kind: JournalKind) -> Option<String> {
        if self.protocol != PROTOCOL || self.version != VERSION {
            return Some(format!(
                "the engine is quell {VERSION} (protocol {PROTOCOL}), you use quell {} (protocol {}): \
                 use the same program",
                self.version, self.protocol
            ));
        }
        let wanted = self.kind.filter(|wanted| *wanted != kind)?;
        Some(format!("the engine's journal is for {}, your setup is for {}", kind.name(), wanted.name()))
    }
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// [`VERSION`].
    pub version: String,
    /// What the journal is for.
    pub kind: JournalKind,
    /// The process of the engine.
    pub pid: u32,
    /// The number of the last record.
    pub seq: Seq,
    /// Whom the engine takes the client for.
    pub you: String,
    /// What the client may do.
    pub may: Vec<Role>,
}

/// A request, as a client sends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The client's own, new for each thing that is wanted. Sent again after a lost connection, the
    /// answer is given again, and nothing is done twice (C23).
    pub id: String,
    /// The last change of the object that the asker saw; `None` does not check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seq>,
    /// What.
    pub request: Request,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The request's.
    pub id: String,
    /// Whether it is done or under way.
    pub accepted: bool,
    /// What was set off, or why not.
    pub text: String,
    /// What the request changed is among the records up to this one.
    pub seq: Seq,
}

/// What there are tables of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// Runs.
    Runs,
    /// Incidents.
    Incidents,
    /// Agents.
    Agents,
    /// What people have to approve.
    Approvals,
    /// What was acted on, by action and by workflow.
    Spent,
}

/// Whether a text can be the id of a request: 1 to 64 letters, digits, `_`, `-`, `.`.
pub fn is_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    !text.is_empty() && text.len() <= ID_BYTES && text.bytes().all(plain)
}
