//! The edge where time passes: driver, clock, feed, gauges, shutdown.

pub mod clock;
pub mod driver;
pub mod feed;
pub mod gauges;
pub mod hands;
pub mod hash;
pub mod hold;
pub mod inbox;
pub mod intake;
pub mod link;
pub mod meter;
pub mod pending;
pub mod real_time;
pub mod shutdown;
pub mod start;
pub mod stream;
pub mod virtual_time;
pub mod workers;

#[cfg(test)]
pub(crate) mod tests {
    use crate::model::{Common, Map, Signal, Timestamp};

    /// A signal at some second that says nothing.
    pub(crate) fn signal(second: i64) -> Signal {
        Signal {
            at: Timestamp::from_secs(second),
            weight: 1,
            common: Common::default(),
            document: Map::new(),
            raw: "".into(),
        }
    }
}
