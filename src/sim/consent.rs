//! What people have to approve is not begun without them (C23, C28): books of who said yes to what.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{AskedApproval, Event, Limits, Record};
use crate::model::{RunId, Span, StepIx, Timestamp};
use crate::workflow::OnTimeout;

/// What was asked about a step, and who said what.
#[derive(Debug)]
struct Asked {
    asked: AskedApproval,
    yes: BTreeSet<String>,
    no_objections: bool,
    denied: bool,
}

/// Books of its own, kept from the durable records.
#[derive(Debug, Default)]
pub struct Consent {
    /// How often `act` may be begun in an hour without asking.
    per_hour: u64,
    asked: BTreeMap<(RunId, StepIx), Asked>,
    /// How many people the plans want for a step.
    wanted: BTreeMap<(RunId, StepIx), u32>,
    /// When `act` was begun without anybody being asked, and with.
    acted: Vec<Timestamp>,
    /// Steps that were begun after people said yes.
    pub begun: u64,
}

impl Consent {
    /// Under these limits.
    pub fn new(limits: &Limits) -> Self {
        let budget = limits.budgets.iter().find(|budget| &*budget.action == "act");
        let per_hour = budget.and_then(|budget| budget.per_hour).unwrap_or(u64::MAX);
        Consent { per_hour, ..Consent::default() }
    }

    /// C28: people are asked about what is over budget, not about what was begun long ago. The hour is
    /// counted by minutes.
    fn nobody_is_asked_in_vain(&self, asked: &AskedApproval, at: Timestamp) -> Result<(), String> {
        if self.wanted.contains_key(&(asked.run, asked.step)) || &*asked.action.name != "act" {
            return Ok(());
        }
        let lately = |begun: &&Timestamp| at.since(**begun) <= Span::from_secs(3_660);
        let hour = self.acted.iter().rev().take_while(lately).count() as u64;
        match hour < self.per_hour {
            true => Err(format!("C28: people are asked about `act` after {hour} in an hour: {}", asked.why)),
            false => Ok(()),
        }
    }

    /// A record became durable.
    pub fn record(&mut self, record: &Record) -> Result<(), String> {
        match &record.event {
            Event::RunCreated(new) if new.mode.is_live() => {
                for (i, step) in new.plan.steps.iter().enumerate() {
                    let step_ix = StepIx(i as u16);
                    if let Some(approval) =
                        step.approval.as_ref().filter(|_| !new.takes_over.contains(&step_ix))
                    {
                        self.wanted.insert((new.run, step_ix), approval.count);
                    }
                }
                Ok(())
            }
            Event::ApprovalAsked(asked) => {
                let asked = AskedApproval::clone(asked);
                self.nobody_is_asked_in_vain(&asked, record.at)?;
                let (place, yes) = ((asked.run, asked.step), BTreeSet::new());
                self.asked.insert(place, Asked { asked, yes, no_objections: false, denied: false });
                Ok(())
            }
            Event::ApprovalGiven { run, step, hash, by } => {
                let asked = self.asked.get_mut(&(*run, *step));
                let asked = asked.filter(|asked| asked.asked.hash == **hash && !asked.denied);
                let asked = asked.ok_or_else(|| {
                    format!("C23: nobody asked for that yes about step {} of {run}", step.0)
                })?;
                if &*by.0 == "quell" {
                    asked.no_objections = true;
                    return match asked.asked.on_timeout {
                        OnTimeout::Approve => Ok(()),
                        _ => Err(format!("C28: quell itself approves step {} of {run}", step.0)),
                    };
                }
                match asked.yes.insert(by.person().to_owned()) {
                    true => Ok(()),
                    false => Err(format!("C23: {by} counts twice for step {} of {run}", step.0)),
                }
            }
            Event::ApprovalDenied { run, step, .. } => {
                if let Some(asked) = self.asked.get_mut(&(*run, *step)) {
                    asked.denied = true;
                }
                Ok(())
            }
            Event::StepStarted { run, step, attempt: 1, action, undo, .. } => {
                let name = format!("step {} of {run}", step.0);
                let wanted = self.wanted.get(&(*run, *step)).copied();
                let hour =
                    self.acted.iter().filter(|at| record.at.since(**at) < Span::from_secs(3_600)).count();
                let acts = &*action.name == "act";
                self.acted.extend(acts.then_some(record.at));
                let Some(asked) = self.asked.get(&(*run, *step)) else {
                    return match wanted {
                        None if acts && hour as u64 >= self.per_hour => {
                            Err(format!("C28: {name} is the {}th of an hour, and nobody was asked", hour + 1))
                        }
                        Some(count) => {
                            Err(format!("C28: {name} wants {count} to approve, and nobody was asked"))
                        }
                        None => Ok(()),
                    };
                };
                if asked.denied || (asked.yes.len() < asked.asked.count as usize && !asked.no_objections) {
                    return Err(format!(
                        "C28: {name} is started with {} of {} approvals",
                        asked.yes.len(),
                        asked.asked.count
                    ));
                }
                if (&asked.asked.action, &asked.asked.undo) != (action, undo) {
                    return Err(format!("C23: {name} does what was not approved"));
                }
                self.begun += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
