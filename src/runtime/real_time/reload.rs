//! Another setup for an engine at work (C17).

use super::super::clock::instant;
use super::super::driver::Asker;
use super::super::reload::Fresh;
use super::super::start::Recipe;
use super::{RealTime, on_hold};
use crate::agent::Crew;
use crate::engine::Actor;

impl RealTime {
    /// Takes a setup that was read anew: engine, crew and detection, or nothing.
    pub(super) fn take_setup(&mut self, by: &Actor, fresh: Fresh, asker: Asker) {
        if let Some(hold) = &self.hold {
            return self.driver.reply(&asker.0, asker.1, on_hold(&hold.why));
        }
        if !self.driver.reload(by, &fresh, asker, self.now) {
            return;
        }
        let Fresh { setup, secrets, origins, detector, .. } = fresh;
        (self.recipe.setup, self.recipe.tools.secrets) = (setup, secrets);
        self.recipe.tools.guard.protect(origins);
        self.change_crew();
        if let Some(detector) = detector {
            // What the windows held back is told, also those that end here.
            self.watch.finish(&mut self.found);
            self.tell_found(instant());
            self.late_before += self.watch.late();
            self.watch.renew(detector);
        }
    }

    fn change_crew(&mut self) {
        let state = self.driver.state();
        let joined = state.agents_present().map(|agent| (agent.id(), agent.name()));
        let Recipe { setup, tools, .. } = &self.recipe;
        let crew = Crew::assemble(setup, joined, state.seed(), tools);
        self.hands.recrew(crew);
        if let Err(error) = self.connect_crew() {
            self.go_on_hold(&format!("cannot start a thread: {error}"));
        }
    }
}
