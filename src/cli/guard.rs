//! What is looked at before each effect, as the verbs set it up.

use std::path::Path;
use std::sync::Arc;

use super::place::Place;
use crate::agent::halt::KillSwitch;
use crate::agent::protect::{Guard, Machine};
use crate::config::Loaded;

/// For an engine in a state folder. One that keeps nothing has no file to throw the switch by.
pub fn of(loaded: &Loaded, place: &Place) -> Arc<Guard> {
    let switch = if place.is_kept() { KillSwitch::at(place.path()) } else { KillSwitch::default() };
    Arc::new(Guard::new(switch, machine(), loaded.settings.protected.clone()))
}

/// This machine.
pub fn machine() -> Machine {
    Machine::new(Path::new("/"), [])
}
