//! The edge where time passes: driver, clock, feed, gauges, shutdown.

pub mod feed;
pub mod gauges;
pub mod link;
