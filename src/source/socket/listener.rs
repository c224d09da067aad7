//! Opening the sockets.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use super::Address;

/// What the kernel is asked to keep of what nobody has read yet, in bytes; it may give less.
const BUFFER: usize = 4 * 1024 * 1024;

/// An open socket, and where it listens. A socket with a name takes its name away when it is dropped.
#[derive(Debug)]
pub struct Listener {
    /// Where.
    pub address: Address,
    /// The socket.
    pub socket: Socket,
}

/// An open socket.
#[derive(Debug)]
pub enum Socket {
    /// Datagrams of UDP.
    Udp(UdpSocket),
    /// Connections.
    Tcp(TcpListener),
    /// Datagrams of this machine.
    Datagram(UnixDatagram, SocketFile),
}

/// The name of a socket, and which file it was when it was made.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    made: Option<(u64, u64)>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another one may stand there now.
        if self.made.is_some() && number(&self.path) == self.made {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Why nobody can listen there, and what to do.
#[derive(Debug)]
pub struct ListenError {
    /// What is wrong.
    pub message: String,
    /// What helps.
    pub hint: &'static str,
}

impl Listener {
    /// Opens a socket.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn open(address: Address) -> Result<Listener, ListenError> {
        let socket = match &address {
            Address::Udp(at) => UdpSocket::bind(at).map(|socket| {
                let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, BUFFER);
                Socket::Udp(socket)
            }),
            Address::Tcp(at) => TcpListener::bind(at).map(Socket::Tcp),
            Address::Datagram(path) => {
                make_room(path)?;
                UnixDatagram::bind(path).map(|socket| {
                    let file = SocketFile { path: path.clone(), made: number(path) };
                    Socket::Datagram(socket, file)
                })
            }
        };
        match socket {
            Ok(socket) => Ok(Listener { address, socket }),
            Err(error) => Err(refused(&address, &error)),
        }
    }
}

fn number(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Takes away a socket that a process before left behind, and nothing else.
fn make_room(path: &Path) -> Result<(), ListenError> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(()) };
    let wrong = |message: String, hint| Err(ListenError { message, hint });
    if !metadata.file_type().is_socket() {
        let message = format!("{} is there, and is no socket", path.display());
        return wrong(message, "name another path: nothing but an old socket is replaced");
    }
    let told = UnixDatagram::unbound().and_then(|probe| probe.connect(path));
    match told {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|error| ListenError {
                message: format!("cannot replace the old socket {}: {error}", path.display()),
                hint: "delete it, or name another path",
            })
        }
        _ => wrong(
            format!("another process has the socket {}", path.display()),
            "stop that process, or name another path",
        ),
    }
}

fn refused(address: &Address, error: &io::Error) -> ListenError {
    let (why, hint) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            "another process listens there".to_owned(),
            "`ss -lnptu` names it; stop it, or take another port",
        ),
        io::ErrorKind::PermissionDenied => match address {
            Address::Datagram(_) => (error.to_string(), "its folder has to be writable for quell"),
            _ => (
                error.to_string(),
                "ports below 1024 are privileged: take a higher one, or give CAP_NET_BIND_SERVICE",
            ),
        },
        io::ErrorKind::AddrNotAvailable => {
            (error.to_string(), "this machine has no such address: see `ip address`")
        }
        io::ErrorKind::NotFound => (error.to_string(), "make the folder first"),
        _ => (error.to_string(), "take another address"),
    };
    ListenError { message: format!("cannot listen on {address}: {why}"), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(address: String) -> Result<Listener, String> {
        Listener::open(address.parse().unwrap())
            .map_err(|error| format!("{} ({})", error.message, error.hint))
    }

    #[test]
    fn an_old_socket_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let at = format!("unix://{}", path.display());
        let first = open(at.clone()).unwrap();
        assert!(open(at.clone()).unwrap_err().contains("another process has the socket"));
        drop(first);
        assert!(!path.exists(), "its name goes with it");
        drop(UnixDatagram::bind(&path).unwrap());
        assert!(path.exists(), "left behind");
        drop(open(at.clone()).unwrap());
        std::fs::write(&path, "precious").unwrap();
        assert!(open(at.clone()).unwrap_err().contains("is no socket"));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
        assert!(open(format!("{at}/no/folder")).is_err());
    }

    #[test]
    fn who_cannot_listen_is_told_why() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let found = open(format!("udp://{}", taken.local_addr().unwrap())).unwrap_err();
        assert!(found.contains("another process listens there"), "{found}");
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let found = open(format!("tcp://{}", taken.local_addr().unwrap())).unwrap_err();
        assert!(found.contains("another process listens there"), "{found}");
        let found = open("udp://192.0.2.1:5514".to_owned()).unwrap_err();
        assert!(found.contains("no such address"), "{found}");
    }

    #[test]
    fn the_name_of_another_socket_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let first = open(format!("unix://{}", path.display())).unwrap();
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        let _second = UnixDatagram::bind(&path).unwrap();
        drop(first);
        assert!(path.exists());
    }
}
