//! One thing that was observed.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Map, Timestamp};

/// The common fields: one table for all formats, filled by each decoder.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Common {
    pub source_ip: Option<IpAddr>,
    pub source_port: Option<u16>,
    pub destination_ip: Option<IpAddr>,
    pub destination_port: Option<u16>,
    pub user: Option<Box<str>>,
    pub host: Option<Box<str>>,
    pub process: Option<Box<str>>,
    pub bytes_in: Option<u64>,
    pub bytes_out: Option<u64>,
    pub service: Option<Box<str>>,
    pub outcome: Option<Box<str>>,
}

/// One thing that was observed, decoded. Never journaled.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// When it happened, by its own record.
    pub at: Timestamp,
    /// How many received lines it stands for ("message repeated N times").
    pub weight: u32,
    /// The common fields.
    pub common: Common,
    /// The record's own fields, as they came.
    pub document: Map,
    /// The raw line, for evidence.
    pub raw: Arc<str>,
}
