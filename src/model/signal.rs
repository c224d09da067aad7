//! One thing that was observed.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Document, Map, Scalar, Severity, Timestamp, Value};

/// The common fields: one table for all formats, filled by each decoder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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
    /// Whether a handshake proved that the source address is not forged; `None` if nobody can say.
    pub proven: Option<bool>,
}

macro_rules! common_fields {
    ($($variant:ident = $name:literal => |$c:ident| $scalar:expr;)+) => {
        /// The name of a common field.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum CommonField { $($variant),+ }

        impl CommonField {
            /// Every common field, in the order of the published table.
            pub const ALL: &[CommonField] = &[$(CommonField::$variant),+];

            /// Its name in rules and templates.
            pub fn name(self) -> &'static str {
                match self { $(CommonField::$variant => $name),+ }
            }

            /// The field of this name.
            pub fn named(name: &str) -> Option<CommonField> {
                Self::ALL.iter().copied().find(|field| field.name() == name)
            }
        }

        impl Common {
            /// The value of one field.
            pub fn get(&self, field: CommonField) -> Option<Scalar<'_>> {
                match field { $(CommonField::$variant => { let $c = self; $scalar })+ }
            }
        }
    };
}

common_fields! {
    SourceIp = "source_ip" => |c| c.source_ip.map(Scalar::Address);
    SourcePort = "source_port" => |c| c.source_port.map(|p| Scalar::Unsigned(p.into()));
    DestinationIp = "destination_ip" => |c| c.destination_ip.map(Scalar::Address);
    DestinationPort = "destination_port" => |c| c.destination_port.map(|p| Scalar::Unsigned(p.into()));
    User = "user" => |c| c.user.as_deref().map(Scalar::Text);
    Host = "host" => |c| c.host.as_deref().map(Scalar::Text);
    Process = "process" => |c| c.process.as_deref().map(Scalar::Text);
    BytesIn = "bytes_in" => |c| c.bytes_in.map(Scalar::Unsigned);
    BytesOut = "bytes_out" => |c| c.bytes_out.map(Scalar::Unsigned);
    Service = "service" => |c| c.service.as_deref().map(Scalar::Text);
    Outcome = "outcome" => |c| c.outcome.as_deref().map(Scalar::Text);
    Proven = "proven" => |c| c.proven.map(Scalar::Bool);
}

impl Common {
    /// The fields that are there, as JSON: addresses as text, ports and bytes as numbers.
    pub fn to_map(&self) -> Map {
        CommonField::ALL
            .iter()
            .filter_map(|field| Some((field.name().to_string(), Value::from(self.get(*field)?))))
            .collect()
    }
}

/// Where a signal comes from, in Sigma's terms; rules are routed by it. Empty text: unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct LogSource {
    /// For example `suricata`, `zeek`, `linux`, `windows`.
    pub product: Cow<'static, str>,
    /// For example `flow`, `conn`, `sshd`.
    pub service: Cow<'static, str>,
    /// A second service that the record belongs to: an sshd line is `sshd` and also `auth`.
    pub also: Cow<'static, str>,
    /// For example `network_connection`, `dns`. Several are separated by spaces: a new registry key of
    /// Windows is a `registry_event` and a `registry_add`.
    pub category: Cow<'static, str>,
}

impl LogSource {
    /// Its categories, one by one.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        self.category.split_ascii_whitespace()
    }
}

/// A record that says by itself that it is a threat (`event_type` and `severity`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threat {
    /// The name as rules are named: `port-scan` for `port_scan`.
    pub name: Box<str>,
    /// How bad it says it is.
    pub level: Severity,
}

/// One thing that was observed, decoded. Never journaled.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// When it happened, by its own record.
    pub at: Timestamp,
    /// How many events it stands for ("message repeated N times"); it is one received line.
    pub weight: u32,
    /// Where it comes from.
    pub origin: LogSource,
    /// The common fields.
    pub common: Common,
    /// The record's own fields, as they came.
    pub document: Document,
    /// Set if it is a ready-made threat signal.
    pub threat: Option<Threat>,
}

impl Signal {
    /// The raw line, for evidence.
    pub fn raw(&self) -> &Arc<str> {
        self.document.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_fields_by_name() {
        let common = Common {
            source_ip: Some([192, 0, 2, 1].into()),
            destination_port: Some(22),
            user: Some("alice".into()),
            ..Common::default()
        };
        assert_eq!(
            serde_json::to_string(&common.to_map()).unwrap(),
            r#"{"destination_port":22,"source_ip":"192.0.2.1","user":"alice"}"#
        );
        for field in CommonField::ALL {
            assert_eq!(CommonField::named(field.name()), Some(*field));
        }
        assert_eq!(CommonField::named("src_ip"), None);
    }
}
