//! Sockets that log lines come in by: where they listen, and how messages are told apart on them.

pub mod address;
pub mod framing;
pub mod listener;

pub use address::Address;
pub use listener::{ListenError, Listener, Socket};
