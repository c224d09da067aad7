//! People of the simulated world decide about what is to be approved: together or against each other,
//! twice, for what it was before, too late, or never.

use std::sync::Arc;

use super::World;
use crate::engine::{AskedApproval, Event, Input, Request};
use crate::model::{RequestId, Span};

impl World {
    pub(super) fn people_decide(&mut self, event: &Event) {
        let Event::ApprovalAsked(asked) = event else { return };
        let AskedApproval { run, step, hash, .. } = **asked;
        let Some(step) = self.replica.run(run).map(|run| Arc::from(run.step_id(step))) else { return };
        for _ in 0..self.dice.below(4) {
            let at = self.now + Span::from_millis(self.dice.below(250_000));
            let (id, by) = (RequestId(self.agenda.number()), self.person());
            let (step, groups) = (Arc::clone(&step), Box::new([]));
            let request = match self.dice.below(10) {
                0 => Request::Deny { run, step, reason: "no".to_owned(), groups },
                1 => Request::Approve { run, step, hash: "0123456789".to_owned(), groups },
                2 => Request::Approve { run, step, hash: String::new(), groups },
                _ => Request::Approve { run, step, hash: hash.to_string(), groups },
            };
            let seen = self.seen(run);
            self.at(at, Input::Request { id, by, seen, request });
        }
    }
}
