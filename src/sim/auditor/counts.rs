//! Incidents count what was found, neither more nor less (C19).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{Event, Input, State};
use crate::model::{Detection, DetectionId, IncidentId};

/// Rule and key.
type About = (Arc<str>, Arc<str>);

/// What was found, and what incidents say of it.
#[derive(Debug, Default)]
pub struct Counts {
    /// The largest count of each finding that was told.
    told: BTreeMap<About, BTreeMap<DetectionId, u64>>,
    incidents: BTreeMap<IncidentId, (About, u64)>,
    /// What was told and not written down may be lost.
    crashed: bool,
}

fn about(detection: &Detection) -> About {
    (Arc::clone(&detection.rule.id), Arc::clone(&detection.key))
}

impl Counts {
    pub fn input(&mut self, input: &Input) {
        let Input::Detection(detection) = input else { return };
        let told = self.told.entry(about(detection)).or_default().entry(detection.id).or_default();
        *told = detection.count.max(*told);
    }

    pub fn record(&mut self, event: &Event) -> Result<(), String> {
        let (incident, count, detection) = match event {
            Event::IncidentOpened { incident, detection } => (*incident, detection.count, detection),
            Event::IncidentRepeated { incident, count, detection } => (*incident, *count, detection),
            _ => return Ok(()),
        };
        let about = about(detection);
        let told = self.told_of(&about);
        if count > told {
            return Err(format!("C19: {incident} counts {count}, but {told} were found"));
        }
        let before = self.incidents.insert(incident, (about, count));
        match before.filter(|(_, before)| count < *before) {
            Some((_, before)) => Err(format!("C19: {incident} counted {before}, and {count} after that")),
            None => Ok(()),
        }
    }

    fn told_of(&self, about: &About) -> u64 {
        self.told.get(about).map_or(0, |found| found.values().sum())
    }

    pub fn crashed(&mut self) {
        self.crashed = true;
    }

    /// In the end every finding is counted.
    pub fn at_rest(&self, state: &State) -> Result<(), String> {
        let mut sums = BTreeMap::<&About, u64>::new();
        for (about, count) in self.incidents.values() {
            *sums.entry(about).or_default() += count;
        }
        for (about, sum) in sums {
            let told = self.told_of(about);
            if sum < told && !self.crashed {
                return Err(format!("C19: of {about:?} {told} were found, and {sum} are counted"));
            }
        }
        let wrong = state.incidents().find(|incident| {
            self.incidents.get(&incident.id()).is_none_or(|(_, count)| *count != incident.count())
        });
        match wrong {
            Some(incident) => Err(format!("C19: {} counts {}", incident.id(), incident.count())),
            None => Ok(()),
        }
    }
}
