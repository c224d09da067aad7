//! Connections of TCP. One thread has all of a source: it takes a piece of each that has something, in
//! turn, so that none holds up the others. Where the queue is full it reads nothing, and those who send
//! wait (C21).

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::datagrams::stamp;
use super::reader::Reader;
use crate::model::SafeText;
use crate::runtime::clock::instant;
use crate::runtime::inbox::Held;
use crate::source::decode::Undecodable;
use crate::source::follow::Place;
use crate::source::socket::framing::{Framer, Step};

/// Connections of one source, at most, and of one address.
pub const CONNECTIONS: usize = 256;
#[allow(missing_docs)]
pub const OF_ONE: usize = 64;
/// What is read of one connection before it is the turn of the next, in bytes.
const PIECE: usize = 16 * 1024;
/// A message that was begun has to be whole after so long.
const WITHIN: Duration = Duration::from_secs(60);
/// Where there is no room for another connection, one that said nothing for so long gives way.
const IDLE: Duration = Duration::from_secs(300);
/// How often it is seen whether signals are still wanted.
const GLANCE: Duration = Duration::from_millis(200);
/// At a stop, what the connections still have is read for so long.
const DRAIN: Duration = Duration::from_secs(2);

struct Connection {
    stream: TcpStream,
    from: SocketAddr,
    framer: Framer,
    /// When something came, and since when a message is not whole.
    heard: Instant,
    begun: Option<Instant>,
}

/// What to do with a connection after a piece of it.
#[derive(Debug, PartialEq)]
enum After {
    /// There may be more.
    Goes,
    /// Nothing is there now.
    Waits,
    /// It has ended, or is of no use.
    Ends,
}

/// Reads until no signal is wanted any more, and then what the connections still have.
pub(super) fn read(reader: &mut Reader, listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let held = reader.inbox.hold();
    let mut all =
        Connections { open: Vec::new(), buffer: vec![0; PIECE], refused: 0, place: Place::default() };
    while reader.inbox.takes_signals() {
        let (comes, ready) = wait(listener, &all.open)?;
        all.take_round(reader, &held, &ready);
        all.give_up_slow(reader);
        if comes {
            all.accept(reader, listener)?;
        }
        reader.account.lock().connections = all.open.len();
        reader.decoding.rest();
    }
    let since = instant();
    while !all.open.is_empty() && instant().duration_since(since) < DRAIN {
        let every = vec![true; all.open.len()];
        if !all.take_round(reader, &held, &every) {
            break;
        }
    }
    for connection in std::mem::take(&mut all.open) {
        all.end(reader, &held, connection);
    }
    reader.account.lock().connections = 0;
    Ok(())
}

/// Waits for something to read: whether somebody wants to connect, and who has said something.
fn wait(listener: &TcpListener, open: &[Connection]) -> io::Result<(bool, Vec<bool>)> {
    let mut polled = vec![PollFd::new(listener, PollFlags::IN)];
    polled.extend(open.iter().map(|connection| PollFd::new(&connection.stream, PollFlags::IN)));
    let patience = Timespec::try_from(GLANCE).ok();
    match poll(&mut polled, patience.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let mut ready = polled.iter().map(|one| !one.revents().is_empty());
    Ok((ready.next().unwrap_or(false), ready.collect()))
}

struct Connections {
    open: Vec<Connection>,
    buffer: Vec<u8>,
    refused: u64,
    place: Place,
}

impl Connections {
    /// A piece of each that is ready, in turn. Says whether one of them had something.
    fn take_round(&mut self, reader: &mut Reader, held: &Held, ready: &[bool]) -> bool {
        let mut something = false;
        let mut kept = Vec::with_capacity(self.open.len());
        for (mut connection, ready) in std::mem::take(&mut self.open).into_iter().zip(ready) {
            let after = if *ready { self.take(reader, held, &mut connection) } else { After::Waits };
            something |= after == After::Goes;
            match after {
                After::Ends => self.end(reader, held, connection),
                After::Goes | After::Waits => kept.push(connection),
            }
        }
        self.open = kept;
        // Who came first is not always first.
        if something {
            self.open.rotate_left(1);
        }
        something
    }

    fn take(&mut self, reader: &mut Reader, held: &Held, connection: &mut Connection) -> After {
        let count = match connection.stream.read(&mut self.buffer) {
            Ok(0) => return After::Ends,
            Ok(count) => count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return After::Waits;
            }
            Err(_) => return After::Ends,
        };
        connection.heard = instant();
        let mut at = 0;
        while at < count {
            let rest = self.buffer.get(at..count).unwrap_or_default();
            let decoding = &mut reader.decoding;
            let (taken, step) = connection.framer.push(rest, &mut |piece| decoding.long(piece));
            at += taken;
            self.place.end += taken as u64;
            if !took(reader, held, connection, &mut self.place, step) {
                return After::Ends;
            }
        }
        let within = connection.framer.is_within();
        connection.begun = within.then(|| connection.begun.unwrap_or(connection.heard));
        After::Goes
    }

    /// What is there of a connection that is over.
    fn end(&mut self, reader: &mut Reader, held: &Held, mut connection: Connection) {
        let decoding = &mut reader.decoding;
        let step = connection.framer.finish(&mut |piece| decoding.long(piece));
        took(reader, held, &connection, &mut self.place, step);
    }

    /// Messages that never become whole.
    fn give_up_slow(&mut self, reader: &mut Reader) {
        let now = instant();
        let place = &mut self.place;
        self.open.retain(|connection| {
            let slow = connection.begun.is_some_and(|since| now.duration_since(since) >= WITHIN);
            if slow {
                give_up(reader, connection, place, Undecodable::CutOff);
            }
            !slow
        });
    }

    fn accept(&mut self, reader: &Reader, listener: &TcpListener) -> io::Result<()> {
        loop {
            let (stream, from) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // Too many files are open, or the other end has gone: there will be another time.
                Err(error) => {
                    tracing::warn!(target: "source", "{}: cannot take a connection: {error}", SafeText(&reader.account.name));
                    return Ok(());
                }
            };
            if !self.has_room(from.ip()) {
                // It is closed as it is dropped.
                self.refused += 1;
                if self.refused.is_power_of_two() {
                    tracing::warn!(
                        target: "source",
                        "{}: no room for a connection from {from}; {} were refused so far",
                        SafeText(&reader.account.name), self.refused
                    );
                }
                continue;
            }
            stream.set_nonblocking(true)?;
            let _ = rustix::net::sockopt::set_socket_keepalive(&stream, true);
            let framer = Framer::new(reader.limit);
            self.open.push(Connection { stream, from, framer, heard: instant(), begun: None });
        }
    }

    /// Makes room for another connection, if it can.
    fn has_room(&mut self, from: IpAddr) -> bool {
        let of_one = self.open.iter().filter(|other| other.from.ip() == from).count();
        let (now, ours) = (instant(), of_one >= OF_ONE);
        if !ours && self.open.len() < CONNECTIONS {
            return true;
        }
        let idle = self.open.iter().enumerate().filter(|(_, other)| !ours || other.from.ip() == from);
        let idle = idle.min_by_key(|(_, other)| other.heard).map(|(at, other)| (at, other.heard));
        match idle {
            Some((at, heard)) if now.duration_since(heard) >= IDLE => {
                self.open.swap_remove(at);
                true
            }
            _ => false,
        }
    }
}

/// Takes what a piece of a connection led to. False if the connection is of no use after it.
fn took(reader: &mut Reader, held: &Held, connection: &Connection, place: &mut Place, step: Step) -> bool {
    let why = match step {
        Step::More => return true,
        Step::Whole => {
            place.number += 1;
            if !connection.framer.is_blank() {
                let signal = reader.decoding.take(connection.framer.line(), place, reader.clock.now());
                if let Some(mut signal) = signal {
                    stamp(&mut signal, connection.from);
                    reader.hand_on(held, signal, *place, instant());
                }
            }
            place.start = place.end;
            return true;
        }
        Step::TooLong => Undecodable::TooLong,
        Step::Broken => Undecodable::NoCount,
        Step::CutOff => Undecodable::CutOff,
    };
    give_up(reader, connection, place, why);
    false
}

fn give_up(reader: &mut Reader, connection: &Connection, place: &mut Place, why: Undecodable) {
    place.number += 1;
    let (crate::source::Line::Bytes(bytes) | crate::source::Line::TooLong(bytes)) = connection.framer.line();
    tracing::warn!(target: "source", "{}: {}: {why}", SafeText(&reader.account.name), connection.from);
    reader.decoding.give_up(bytes, why, place, reader.clock.now());
}
