//! Datagrams, of UDP or of a socket with a name. Who sends them cannot be asked to wait: a thread takes
//! them from the kernel into a queue, and the source's own thread decodes them. Where the queue is full the
//! newest is dropped and counted (C21), and so is what the kernel dropped.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::account::Account;
use super::reader::Reader;
use crate::model::{Signal, Timestamp};
use crate::runtime::clock::{Clock, instant};
use crate::runtime::inbox::{Arrived, Held, Inbox, Origin};
use crate::source::Line;
use crate::source::follow::Place;

/// Datagrams that wait, at most, in number and in bytes.
pub const WAITING: usize = 8192;
const WAITING_BYTES: usize = 16 * 1024 * 1024;
/// The largest datagram that is read whole, in bytes.
const LARGEST: usize = 1024 * 1024;
/// How often it is seen whether signals are still wanted, and what the kernel dropped.
const GLANCE: Duration = Duration::from_millis(200);

/// Where datagrams come in.
pub enum Inlet {
    /// UDP.
    Udp(UdpSocket),
    /// A socket with a name.
    Named(UnixDatagram),
}

impl Inlet {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Option<SocketAddr>)> {
        match self {
            Inlet::Udp(socket) => socket.recv_from(buffer).map(|(count, from)| (count, Some(from))),
            Inlet::Named(socket) => socket.recv(buffer).map(|count| (count, None)),
        }
    }

    fn glance(&self) -> io::Result<()> {
        match self {
            Inlet::Udp(socket) => socket.set_read_timeout(Some(GLANCE)),
            Inlet::Named(socket) => socket.set_read_timeout(Some(GLANCE)),
        }
    }

    fn never_wait(&self) -> io::Result<()> {
        match self {
            Inlet::Udp(socket) => socket.set_nonblocking(true),
            Inlet::Named(socket) => socket.set_nonblocking(true),
        }
    }

    /// The kernel's number of it, where the kernel counts what it drops.
    fn inode(&self) -> Option<u64> {
        let Inlet::Udp(socket) = self else { return None };
        rustix::fs::fstat(socket).ok().map(|stat| stat.st_ino)
    }
}

struct Datagram {
    bytes: Vec<u8>,
    from: Option<SocketAddr>,
    at: Instant,
    came: Timestamp,
}

#[derive(Default)]
struct Waiting {
    datagrams: VecDeque<Datagram>,
    bytes: usize,
    /// Nothing more comes; why.
    ended: Option<io::Result<()>>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False if there is no room.
    fn put(&self, datagram: Datagram) -> bool {
        let mut waiting = self.lock();
        let full = waiting.datagrams.len() >= WAITING
            || (!waiting.datagrams.is_empty() && waiting.bytes + datagram.bytes.len() > WAITING_BYTES);
        if !full {
            waiting.bytes += datagram.bytes.len();
            waiting.datagrams.push_back(datagram);
            drop(waiting);
            self.changed.notify_one();
        }
        !full
    }

    fn end(&self, why: io::Result<()>) {
        self.lock().ended = Some(why);
        self.changed.notify_one();
    }

    /// The next one; waits for it. The end of all of them, once there is none.
    fn take(&self, account: &Account) -> Result<Datagram, io::Result<()>> {
        let mut waiting = self.lock();
        while waiting.datagrams.is_empty() {
            if let Some(ended) = waiting.ended.take() {
                return Err(ended);
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let next = waiting.datagrams.pop_front().ok_or(Ok(()))?;
        waiting.bytes -= next.bytes.len();
        let mut inner = account.lock();
        (inner.waiting, inner.oldest) =
            (waiting.datagrams.len(), waiting.datagrams.front().map(|oldest| oldest.came));
        Ok(next)
    }
}

/// Reads until no signal is wanted any more, and then what the kernel still has.
pub(super) fn read(reader: &mut Reader, inlet: &Inlet) -> io::Result<()> {
    inlet.glance()?;
    let held = reader.inbox.hold();
    let queue = Queue::default();
    let (inbox, clock, account) = (reader.inbox.clone(), reader.clock, reader.account.clone());
    std::thread::scope(|scope| {
        let receive = || queue.end(receive(inlet, &queue, &inbox, clock, &account));
        let name = format!("receiver-{}", reader.number);
        std::thread::Builder::new().name(name).spawn_scoped(scope, receive)?;
        let mut place = Place::default();
        loop {
            match queue.take(&account) {
                Ok(datagram) => take(reader, &held, datagram, &mut place),
                Err(ended) => return ended,
            }
            if queue.lock().datagrams.is_empty() {
                reader.decoding.rest();
            }
        }
    })
}

fn receive(inlet: &Inlet, queue: &Queue, inbox: &Inbox, clock: Clock, account: &Account) -> io::Result<()> {
    let mut buffer = vec![0; LARGEST];
    let mut kernel = KernelDrops { inode: inlet.inode(), counted: 0, looked: instant() };
    let mut draining = false;
    loop {
        if !draining && !inbox.takes_signals() {
            inlet.never_wait()?;
            draining = true;
            kernel.look(account, true);
        }
        kernel.look(account, false);
        match inlet.receive(&mut buffer) {
            Ok((count, from)) => {
                let bytes = buffer.get(..count).unwrap_or_default().to_vec();
                if !queue.put(Datagram { bytes, from, at: instant(), came: clock.now() }) {
                    drop_newest(account, 1);
                    if draining {
                        // Who sends on and on cannot hold up the stop.
                        return Ok(());
                    }
                }
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut if draining => return Ok(()),
                // What an ICMP message says of another socket.
                io::ErrorKind::WouldBlock
                | io::ErrorKind::TimedOut
                | io::ErrorKind::Interrupted
                | io::ErrorKind::ConnectionRefused => {}
                _ => return Err(error),
            },
        }
    }
}

fn drop_newest(account: &Account, count: u64) {
    let mut inner = account.lock();
    inner.books.received += count;
    inner.books.overflow += count;
}

/// What the kernel dropped because nobody read fast enough.
struct KernelDrops {
    inode: Option<u64>,
    counted: u64,
    looked: Instant,
}

impl KernelDrops {
    fn look(&mut self, account: &Account, at_once: bool) {
        let now = instant();
        let Some(inode) = self.inode else { return };
        if !at_once && now.duration_since(self.looked) < GLANCE * 5 {
            return;
        }
        self.looked = now;
        let tables = ["/proc/net/udp", "/proc/net/udp6"];
        let mut rows = tables.iter().filter_map(|path| std::fs::read_to_string(path).ok());
        let Some(drops) = rows.find_map(|table| drops(&table, inode)) else { return };
        drop_newest(account, drops.saturating_sub(self.counted));
        self.counted = drops.max(self.counted);
    }
}

/// The last column of the row of a socket. Format: proc_pid_net(5)
fn drops(table: &str, inode: u64) -> Option<u64> {
    let mut rows = table.lines().skip(1).map(|row| row.split_ascii_whitespace());
    rows.find_map(|mut row| {
        let found = row.nth(9)?.parse() == Ok(inode);
        if found { row.last()?.parse().ok() } else { None }
    })
}

fn take(reader: &mut Reader, held: &Held, datagram: Datagram, place: &mut Place) {
    let Datagram { bytes, from, at, .. } = datagram;
    (place.start, place.end) = (place.end, place.end + bytes.len() as u64);
    place.number += 1;
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return;
    }
    let line = if bytes.len() > reader.limit { Line::TooLong(bytes) } else { Line::Bytes(bytes) };
    let Some(mut signal) = reader.decoding.take(line, place, reader.clock.now()) else { return };
    if let Some(from) = from {
        stamp(&mut signal, from);
        if !from.ip().is_loopback() {
            // Anybody can send a datagram in anybody's name.
            signal.common.proven = signal.common.source_ip.map(|_| false);
        }
    }
    reader.hand_on(held, signal, *place, at);
}

/// Takes down who sent a signal. It is not where it happened, unless nothing else says that.
pub(super) fn stamp(signal: &mut Signal, from: SocketAddr) {
    let peer = from.ip().to_canonical().to_string();
    signal.document.push_text("peer", &peer);
    if signal.common.host.is_none() {
        signal.common.host = Some(peer.into());
    }
}

impl Reader {
    /// Hands on a signal of a socket. A source that catches up is waited for, so that it does not become
    /// late; nobody waits for this one.
    pub(super) fn hand_on(&self, held: &Held, signal: Signal, place: Place, at: Instant) {
        self.pace.go_after(self.number, signal.at, &self.inbox);
        let from = Some(Origin { source: self.number, place });
        if !held.offer(Arrived { signal, at, from }) {
            // The driver is gone.
            self.account.lock().books.overflow += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_dropped_is_in_the_row_of_the_socket() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n \
            123: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 0\n \
            124: 0100007F:158B 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 17\n";
        assert_eq!(drops(table, 4712), Some(17));
        assert_eq!(drops(table, 4711), Some(0));
        assert_eq!(drops(table, 1), None);
    }

    #[test]
    fn c21_the_newest_is_dropped_where_the_queue_is_full() {
        let queue = Queue::default();
        let datagram = |length: usize| Datagram {
            bytes: vec![b'x'; length],
            from: None,
            at: instant(),
            came: Timestamp(0),
        };
        assert_eq!((0..WAITING + 7).filter(|_| queue.put(datagram(1))).count(), WAITING);
        let queue = Queue::default();
        let most = WAITING_BYTES / LARGEST;
        assert_eq!((0..2 * most).filter(|_| queue.put(datagram(LARGEST))).count(), most);
    }

    #[test]
    fn the_sender_is_a_host_only_where_nothing_else_is() {
        let from = "[::ffff:192.0.2.9]:4711".parse().unwrap();
        for (line, host) in [
            ("<13>Nov 21 10:00:00 web app: x", "web"),
            ("<13>Nov 21 10:00:00 app: host=db", "db"),
            ("<13>Nov 21 10:00:00 app: x peer=10.0.0.1", "192.0.2.9"),
        ] {
            let mut decoder = crate::source::Decoder::new(Default::default(), Default::default());
            let mut signal = decoder.decode(line.as_bytes()).unwrap();
            stamp(&mut signal, from);
            assert_eq!(signal.common.host.as_deref(), Some(host), "{line}");
            let peer = signal.document.get("peer").and_then(crate::model::Field::str);
            assert_eq!(peer, Some("192.0.2.9"), "{line}");
        }
    }
}
