//! Benchmarks of the whole engine: workloads, and reports on them. Nothing here is on a path that only
//! a benchmark takes: they drive the engine, its gate, a journal, a crew and a feed as the verbs do.

pub mod agents;
pub mod baseline;
pub mod detection;
pub mod flood;
pub mod floor;
pub mod halt;
pub mod hostile;
pub mod live;
pub mod matching;
pub mod processes;
pub mod recovery;
pub mod result;
pub mod rig;
pub mod rollback;
pub mod samples;
pub mod setup;
pub mod suite;
pub mod table;
pub mod threshold;
pub mod transitions;
pub mod usage;
pub mod workflow;

use std::fmt;

use crate::engine::IllegalEvent;
use crate::journal::JournalError;
use crate::runtime::start::StartError;

/// Why a benchmark cannot be run to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchError(pub String);

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BenchError {}

impl From<&str> for BenchError {
    fn from(why: &str) -> Self {
        BenchError(why.to_owned())
    }
}

impl From<String> for BenchError {
    fn from(why: String) -> Self {
        BenchError(why)
    }
}

impl From<std::io::Error> for BenchError {
    fn from(error: std::io::Error) -> Self {
        BenchError(error.to_string())
    }
}

impl From<JournalError> for BenchError {
    fn from(error: JournalError) -> Self {
        BenchError(error.to_string())
    }
}

impl From<StartError> for BenchError {
    fn from(error: StartError) -> Self {
        BenchError(error.to_string())
    }
}

impl From<IllegalEvent> for BenchError {
    fn from(error: IllegalEvent) -> Self {
        BenchError(error.to_string())
    }
}
