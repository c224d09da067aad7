//! The edge where time passes: driver, clock, feed, gauges, shutdown.

pub mod clock;
pub mod dispatcher;
pub mod driver;
mod errands;
pub mod feed;
pub mod gauges;
pub mod hands;
pub mod hash;
pub mod hold;
pub mod inbox;
pub mod intake;
pub mod link;
pub mod live;
pub mod meter;
pub mod pending;
pub mod real_time;
pub mod recording;
pub mod reload;
pub mod shutdown;
pub mod start;
pub mod stream;
pub mod virtual_time;
mod wall;
pub mod workers;

#[cfg(test)]
pub(crate) mod tests;
