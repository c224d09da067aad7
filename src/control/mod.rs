//! The control socket: how other processes look into a running engine and steer it.
//!
//! An engine that owns a kept state folder listens on `STATE/control.sock`. Frames are a length of
//! four bytes, big-endian, and as many bytes of JSON. The first frame of each side is a handshake. A
//! client is known by its uid, which the kernel says; what it may do, the setup says.
//!
//! One thread for each client, and one more for a client that follows the records. No client can hold
//! up the engine: it reads from a replica of the state, from a ring of the latest records, and from the
//! journal; the engine only ever gives to one feed.
//!
//! | limit | value | beyond it |
//! |---|---|---|
//! | [`codec::REQUEST_BYTES`] | 256 KiB | the connection ends |
//! | [`codec::REPLY_BYTES`] | 16 MiB | records are sent in smaller groups; a larger one is an error |
//! | [`server::CLIENTS`], [`server::CLIENTS_PER_USER`] | 128, 48 | the connection is refused |
//! | [`connection::FRAME`] | 5 s | a frame that is not whole by then, or not taken, ends the connection |
//! | [`connection::IDLE`] | 60 s | a client that asks nothing and follows nothing is sent away |
//! | [`connection::ANSWER`] | 30 s | the client is told that there is no answer yet |
//! | [`recent::REMEMBERED`] | 4,096 | the oldest answer is forgotten: its id is new again |
//! | [`obligations::ROWS`] | 5,000 | rows of the ledger at once: those that end first |
//! | [`hub::RING`] | 16,384 | older records are read from the journal |
//! | [`server::REFUSALS`] | 60 a minute | for each user; more are refused without a record |

pub mod approvals;
pub mod client;
pub mod codec;
pub mod connection;
pub mod detail;
pub mod figures;
mod follow;
pub mod hub;
pub mod message;
pub mod obligations;
pub mod people;
pub mod recent;
pub mod remote;
pub mod rows;
pub mod server;
pub mod socket;
mod watch;
pub mod wire;

#[cfg(test)]
mod tests;
