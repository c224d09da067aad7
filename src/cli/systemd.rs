//! What a service says to the one that started it: `sd_notify(3)`, a datagram of lines.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;

use super::environment;
use crate::runtime::clock;

/// Work has begun, or goes on after a reload. `status` is for people.
pub fn ready(status: &str) {
    tell(&format!("READY=1\nSTATUS={}", status.replace('\n', " ")));
}

/// The setup is being read anew. With the time, which units of `Type=notify-reload` ask for.
pub fn reloading() {
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", clock::monotonic_micros()));
}

/// Nothing new is started.
pub fn stopping() {
    tell("STOPPING=1");
}

fn tell(text: &str) {
    let Some(socket) = environment::notify_socket() else { return };
    if let Err(error) = send(&socket, text) {
        tracing::warn!(target: "systemd", "cannot notify: {error}");
    }
}

/// A name that begins with `@` is in the abstract namespace.
fn send(socket: &OsStr, text: &str) -> io::Result<()> {
    let from = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        return from.send_to_addr(text.as_bytes(), &address).map(|_| ());
    }
    from.send_to(text.as_bytes(), socket).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_says_that_it_is_ready() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let receiver = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), "READY=1").unwrap();
        let mut bytes = [0; 64];
        let n = receiver.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..n], b"READY=1");
        assert!(send(OsStr::new("/nonexistent/notify"), "READY=1").is_err());
    }
}
