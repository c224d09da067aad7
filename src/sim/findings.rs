//! What was found is in the journal, all of it and once (C5, C19): books of the detections.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{Event, Record};
use crate::model::{Detection, DetectionId, IncidentId};

/// What incidents are told apart by: the rule and the key.
type Subject = (Arc<str>, Arc<str>);

/// Books of its own, kept from the durable records.
#[derive(Debug, Default)]
pub struct Findings {
    /// How much of each detection the journal names.
    named: BTreeMap<DetectionId, u64>,
    incidents: BTreeMap<IncidentId, (Subject, u64)>,
}

fn subject(detection: &Detection) -> Subject {
    (Arc::clone(&detection.rule.id), Arc::clone(&detection.key))
}

impl Findings {
    /// A record became durable.
    pub fn record(&mut self, record: &Record) -> Result<(), String> {
        let (incident, count, detection) = match &record.event {
            Event::IncidentOpened { incident, detection } => {
                // What an earlier incident counted of it is not counted again.
                let before = self.named.get(&detection.id).copied().unwrap_or(0);
                (incident, detection.count - before.min(detection.count), detection)
            }
            Event::IncidentRepeated { incident, count, detection } => (incident, *count, detection),
            _ => return Ok(()),
        };
        let known = self.named.entry(detection.id).or_default();
        if *known > detection.count {
            return Err(format!("C5: {} shrinks from {known} to {}", detection.id, detection.count));
        }
        *known = detection.count;
        self.incidents.insert(*incident, (subject(detection), count));
        Ok(())
    }

    /// Whether it is what detection finds that is never disturbed.
    pub fn compare(&self, expected: &BTreeMap<DetectionId, Detection>) -> Result<(), String> {
        if let Some(id) = self.named.keys().find(|id| !expected.contains_key(*id)) {
            return Err(format!("C5: {id} is in the journal, and nothing has it"));
        }
        if let Some((id, lost)) = expected.iter().find(|(id, _)| !self.named.contains_key(*id)) {
            return Err(format!("C5: {} for {} is lost: {id}", lost.rule.name, lost.key));
        }
        let (mut counted, mut found) = (BTreeMap::<_, u64>::new(), BTreeMap::<_, u64>::new());
        self.incidents.values().for_each(|(subject, n)| *counted.entry(subject.clone()).or_default() += n);
        expected.values().for_each(|one| *found.entry(subject(one)).or_default() += one.count);
        match found.iter().find(|(subject, n)| counted.get(*subject) != Some(*n)) {
            Some((subject, n)) => {
                let has = counted.get(subject).copied().unwrap_or(0);
                Err(format!(
                    "C19: {} for {} was seen {n} times, and the incidents count {has}",
                    subject.0, subject.1
                ))
            }
            None => Ok(()),
        }
    }
}
