//! What the agents of an engine work with, and what is looked at before each effect, as the verbs set
//! it up.

use std::sync::Arc;

use super::environment;
use super::place::Place;
use crate::agent::Tools;
use crate::agent::halt::KillSwitch;
use crate::agent::protect::{Guard, Machine, Origins};
use crate::config::{Loaded, Settings, Who};
use crate::engine::JournalKind;

/// For an engine in a state folder. One that keeps nothing has no file to throw the switch by.
pub fn tools(loaded: &Loaded, place: &Place, say: fn(&str)) -> Tools {
    let switch = if place.is_kept() { KillSwitch::at(place.path()) } else { KillSwitch::default() };
    let guard = Arc::new(Guard::new(switch, origins(&loaded.settings)));
    let tools = Tools { secrets: environment::secrets(loaded), guard, ..Tools::at(place.path(), say) };
    if loaded.setup.kind == JournalKind::Real
        && let Err(error) = tools.programs.adopt_orphans()
    {
        tracing::warn!(target: "agent", "programs of steps may hide what they leave behind: {error}");
    }
    tools
}

/// This machine, its operators, and what the settings protect.
pub fn origins(settings: &Settings) -> Origins {
    let (mut users, mut groups) = (Vec::new(), Vec::new());
    for operator in &settings.operators {
        match &operator.who {
            Who::User(name) => users.push(Arc::clone(name)),
            Who::Group(name) => groups.push(Arc::clone(name)),
        }
    }
    let machine = Machine::default().with_operators(users, groups);
    Origins { machine, settings: settings.protected.clone() }
}
