//! Agents that speak HTTP, with real servers on this machine.

mod agent;
mod answers;
mod probe;
mod reach;
mod secrets;
mod server;
mod tls;
mod whole;
