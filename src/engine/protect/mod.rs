//! What quell never acts against (C27): the set, and the question whether an action would.
//!
//! The set is data: part of it is in the settings, the rest is read from the machine by whoever
//! performs. Nothing here reads anything.

mod prefix;
mod set;
mod target;

pub use prefix::{ParsePrefixError, Prefix};
pub use set::{Entry, Guarded, Origin, Protected};
pub use target::{Target, targets};
