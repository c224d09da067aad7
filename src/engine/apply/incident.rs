//! Incidents open, repeat and move on.

use std::sync::Arc;

use super::{Misfit, Stamp};
use crate::engine::state::DETECTIONS_REMEMBERED;
use crate::engine::{Actor, INCIDENT, Incident, IncidentStatus, State};
use crate::flow::machine::Place;
use crate::model::{Detection, IncidentId};

/// Workflows of one incident that are remembered as held back.
const HELD_BACK: usize = 32;

impl State {
    pub(super) fn incident_opened(
        &mut self,
        id: IncidentId,
        detection: &Arc<Detection>,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        if id.0 != self.incidents.next() {
            return Err(Misfit(format!("expected inc-{}, found {id}", self.incidents.next())));
        }
        let key = (Arc::clone(&detection.rule.id), Arc::clone(&detection.key));
        self.by_key.insert(key, id);
        self.incidents.push(Incident {
            id,
            first: Arc::clone(detection),
            latest: Arc::clone(detection),
            count: detection.count,
            place: Place::new(IncidentStatus::Open, stamp.at),
            changed: stamp.seq,
            changed_by: None,
            opened_at: stamp.at,
            repeated_at: stamp.at,
            acknowledged_at: None,
            responded_at: None,
            contained_at: None,
            closed_at: None,
            owner: None,
            reason: None,
            runs: Vec::new(),
            echoes: 0,
            held_back: Vec::new(),
        });
        self.counts.incidents += 1;
        self.counts.open_incidents += 1;
        self.remember(detection);
        Ok(())
    }

    pub(super) fn incident_repeated(
        &mut self,
        id: IncidentId,
        count: u64,
        detection: &Arc<Detection>,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let incident = self.incident_mut(id)?;
        incident.count = count;
        incident.latest = Arc::clone(detection);
        incident.repeated_at = stamp.at;
        self.remember(detection);
        Ok(())
    }

    pub(super) fn incident_changed(
        &mut self,
        id: IncidentId,
        to: IncidentStatus,
        by: &Actor,
        reason: Option<&Arc<str>>,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let incident = self.incident_mut(id)?;
        let was_open = incident.status().is_open();
        INCIDENT.enter(&mut incident.place, to, stamp.at)?;
        incident.changed = stamp.seq;
        incident.changed_by = Some(by.clone()).filter(|by| &*by.0 != "quell");
        incident.reason = reason.cloned();
        match to {
            IncidentStatus::Acknowledged => {
                incident.owner = Some(by.clone());
                incident.acknowledged_at = Some(stamp.at);
            }
            IncidentStatus::Contained => incident.contained_at = Some(stamp.at),
            IncidentStatus::Resolved | IncidentStatus::Dismissed => incident.closed_at = Some(stamp.at),
            IncidentStatus::Open => incident.closed_at = None,
        }
        match (was_open, to.is_open()) {
            (true, false) => {
                self.counts.open_incidents -= 1;
                self.closed.push_back((stamp.at, id));
            }
            (false, true) => {
                self.counts.open_incidents += 1;
                self.closed.retain(|(_, closed)| *closed != id);
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn echo_heard(&mut self, id: IncidentId, workflow: &Arc<str>) -> Result<(), Misfit> {
        let incident = self.incident_mut(id)?;
        incident.echoes += 1;
        if !incident.held_back.contains(workflow) && incident.held_back.len() < HELD_BACK {
            incident.held_back.push(Arc::clone(workflow));
        }
        Ok(())
    }

    fn remember(&mut self, detection: &Detection) {
        if self.detections.insert(detection.id, detection.count).is_none() {
            self.counts.detections += 1;
            self.detections_order.push_back(detection.id);
            if self.detections_order.len() > DETECTIONS_REMEMBERED
                && let Some(oldest) = self.detections_order.pop_front()
            {
                self.detections.remove(&oldest);
            }
        }
    }
}
