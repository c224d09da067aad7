//! The edge where time passes: driver, clock, feed, gauges, shutdown.

pub mod clock;
pub mod driver;
pub mod feed;
pub mod gauges;
pub mod hands;
pub mod hash;
pub mod inbox;
pub mod link;
pub mod pending;
