//! A server that is spoken to over HTTP: where it is, and what every request to it carries.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::{Network, Span};

/// A server. All of it is fixed: no value of an action reaches any part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// Where it is.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// What every path begins with: empty, or `/api` without a slash at its end.
    pub prefix: Arc<str>,
    /// Headers of every request, by name in lower case.
    pub headers: Vec<(Arc<str>, HeaderText)>,
    /// Absolute path of a PEM file: whoever it certifies is trusted, and nobody else.
    pub ca: Option<Arc<str>>,
    /// The addresses that it may have.
    pub reach: Reach,
    /// Bytes of an answer, at most.
    pub max_bytes: usize,
    /// How long it may take until a request can be sent: name, connection and TLS.
    pub connect_timeout: Span,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// At an address: no resolver is asked.
    Address(IpAddr),
    /// At the addresses that a name has when it is used.
    Name(Arc<str>),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Address(IpAddr::V4(address)) => address.fmt(f),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

/// The value of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderText {
    /// As the file has it.
    Plain(Arc<str>),
    /// A secret, after a fixed text such as `Bearer `.
    Secret {
        /// The fixed text.
        prefix: Arc<str>,
        /// Where the rest is found.
        secret: SecretRef,
    },
}

/// Where a secret is found; never the secret itself (C35).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretRef {
    /// A variable of quell's environment.
    Env(Arc<str>),
    /// A file, by its absolute path.
    File(Arc<str>),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "env:{name}"),
            SecretRef::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// The addresses that may be connected to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach(
    /// Only these; without them every unicast address beyond this machine and its link.
    pub Option<Vec<Network>>,
);

impl Reach {
    /// Whether an address may be connected to.
    ///
    /// # Errors
    /// Says why not.
    pub fn permits(&self, address: IpAddr) -> Result<(), &'static str> {
        let Some(networks) = &self.0 else { return ordinary(address) };
        let inside = networks.iter().any(|network| network.contains(address));
        if inside { Ok(()) } else { Err("it is not within `allow`") }
    }
}

/// Whether an address is one of another machine, public or private. Addresses of IPv6 that stand for one
/// of IPv4 are as good as that one.
fn ordinary(address: IpAddr) -> Result<(), &'static str> {
    let v6 = match address.to_canonical() {
        IpAddr::V4(v4) => return ordinary_v4(v4),
        IpAddr::V6(v6) => v6,
    };
    if v6.is_loopback() {
        Err("it is a loopback address")
    } else if v6.is_unspecified() {
        Err("it is the unspecified address")
    } else if v6.is_multicast() {
        Err("it is a multicast address")
    } else if v6.is_unicast_link_local() {
        Err("it is a link-local address")
    } else {
        embedded(v6).map_or(Ok(()), ordinary_v4)
    }
}

fn ordinary_v4(v4: Ipv4Addr) -> Result<(), &'static str> {
    if v4.is_loopback() {
        Err("it is a loopback address")
    } else if v4.octets()[0] == 0 {
        Err("it is an address of no host (0.0.0.0/8)")
    } else if v4.is_link_local() {
        Err("it is a link-local address")
    } else if v4.is_multicast() {
        Err("it is a multicast address")
    } else if v4.octets()[0] >= 240 {
        Err("it is a broadcast or reserved address")
    } else {
        Ok(())
    }
}

/// The address of IPv4 in one that translators and tunnels lead to: NAT64 (RFC 6052), 6to4 (RFC 3056),
/// IPv4-compatible (RFC 4291, section 2.5.5.1).
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        [0x64, 0xff9b, 0, 0, 0, 0] | [0, 0, 0, 0, 0, 0] => Some(v4(g, h)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c35_only_other_machines_are_reached_unless_the_setup_says_more() {
        for address in [
            "127.0.0.1",
            "127.255.0.9",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "ff02::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ] {
            assert!(Reach(None).permits(address.parse().unwrap()).is_err(), "{address}");
        }
        for address in [
            "192.0.2.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "8.8.8.8",
            "2001:db8::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ] {
            assert_eq!(Reach(None).permits(address.parse().unwrap()), Ok(()), "{address}");
        }
    }

    #[test]
    fn c35_a_list_is_the_whole_list() {
        let networks = ["127.0.0.0/8", "10.0.0.0/8"].map(|text| Network::parse(text).unwrap());
        let reach = Reach(Some(networks.to_vec()));
        for (address, permitted) in [
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("10.9.9.9", true),
            ("11.0.0.1", false),
            ("::1", false),
            ("8.8.8.8", false),
        ] {
            assert_eq!(reach.permits(address.parse().unwrap()).is_ok(), permitted, "{address}");
        }
    }
}
