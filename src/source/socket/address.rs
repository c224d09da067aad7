//! Where a source listens: `udp://ADDRESS:PORT`, `tcp://ADDRESS:PORT`, `unix:///PATH`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a source listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// One message in each datagram of UDP.
    Udp(SocketAddr),
    /// Messages on connections of TCP.
    Tcp(SocketAddr),
    /// One message in each datagram of a socket with a name, as `/dev/log` is one. Absolute.
    Datagram(PathBuf),
}

impl Address {
    /// Whether a text is meant to be one.
    pub fn is_meant(text: &str) -> bool {
        ["udp:", "tcp:", "unix:"].iter().any(|scheme| text.starts_with(scheme))
    }

    /// Whether those who send can wait.
    pub fn can_wait(&self) -> bool {
        matches!(self, Address::Tcp(_))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Udp(at) => write!(f, "udp://{at}"),
            Address::Tcp(at) => write!(f, "tcp://{at}"),
            Address::Datagram(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("udp", at)) => socket(at).map(Address::Udp),
            Some(("tcp", at)) => socket(at).map(Address::Tcp),
            Some(("unix", path)) => datagram(Path::new(path)),
            _ => Err("expected udp://ADDRESS:PORT, tcp://ADDRESS:PORT or unix:///PATH".to_owned()),
        }
    }
}

/// An address and a port; a port alone is of this machine only.
///
/// # Errors
/// It is none, in words.
pub fn socket(text: &str) -> Result<SocketAddr, String> {
    let alone = text.strip_prefix(':').unwrap_or(text);
    let local = alone.parse().ok().map(|port: u16| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    match local.or_else(|| text.parse().ok()) {
        Some(at) if at.port() > 0 => Ok(at),
        _ => Err("expected an address and a port, such as 127.0.0.1:5514 or [::1]:5514".to_owned()),
    }
}

/// The path of a socket with a name.
///
/// # Errors
/// It is none, in words.
pub fn datagram(path: &Path) -> Result<Address, String> {
    /// `sun_path` of unix(7), with its end.
    const LONGEST: usize = 107;
    if !path.is_absolute() || path.file_name().is_none() {
        return Err("expected an absolute path, of a socket".to_owned());
    }
    if path.as_os_str().len() > LONGEST {
        return Err(format!("the path of a socket has at most {LONGEST} bytes"));
    }
    Ok(Address::Datagram(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, expected) in [
            ("udp://127.0.0.1:5514", Ok("udp://127.0.0.1:5514")),
            ("udp://5514", Ok("udp://127.0.0.1:5514")),
            ("tcp://:5514", Ok("tcp://127.0.0.1:5514")),
            ("tcp://[::1]:5514", Ok("tcp://[::1]:5514")),
            ("udp://0.0.0.0:514", Ok("udp://0.0.0.0:514")),
            ("unix:///run/quell/log", Ok("unix:///run/quell/log")),
            ("unix://run/log", Err("an absolute path")),
            ("unix:///", Err("an absolute path")),
            ("udp://localhost:5514", Err("an address and a port")),
            ("udp://127.0.0.1", Err("an address and a port")),
            ("udp://127.0.0.1:0", Err("an address and a port")),
            ("udp://70000", Err("an address and a port")),
            ("udp:5514", Err("expected udp://")),
            ("http://x", Err("expected udp://")),
        ] {
            match (text.parse::<Address>(), expected) {
                (Ok(address), Ok(shown)) => assert_eq!(address.to_string(), shown),
                (Err(why), Err(word)) => assert!(why.contains(word), "{text}: {why}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
        assert!(format!("unix:///{}", "x".repeat(108)).parse::<Address>().is_err());
    }
}
