//! The vocabulary of quell: plain values that every layer shares. Nothing here decides anything.

mod action;
mod args;
mod command;
mod detection;
mod document;
mod endpoint;
mod http_request;
mod ids;
mod json;
mod mistake;
mod network;
mod outcome;
pub mod planted;
mod presence;
mod severity;
mod signal;
pub(crate) mod stored;
mod tape;
mod text;
mod time;

pub use action::{Action, ValueType};
pub use args::Args;
pub use command::{Argument, CommandLine, Form, Word, WordFault};
pub use detection::{Detection, RuleHead};
pub use document::{Document, Field, KeyFilter, Scalar, Spare, key_hash};
pub use endpoint::{Endpoint, HeaderText, Host, Reach, SecretRef};
pub use http_request::{BodyTree, HttpRequest, Method, PathFault, Rendered};
pub use ids::{
    AgentId, DetectionId, Digest, IncidentId, ObligationId, ParseIdError, RequestId, RunId, Seq, StepIx,
};
pub use mistake::Mistake;
pub use network::Network;
pub use outcome::{Failure, FailureKind, Outcome};
pub use presence::Presence;
pub use severity::{Priority, Severity};
pub use signal::{Common, CommonField, LogSource, Signal, Threat};
pub use text::{SafeJson, SafeText};
pub use time::{Moment, ParseSpanError, Span, Timestamp};

/// A JSON value: what inputs, arguments, outputs and evidence are made of.
pub type Value = serde_json::Value;
/// A JSON object with its keys in order.
pub type Map = serde_json::Map<String, Value>;
