//! Detections reach their incidents. Repeats are journaled at most once a second per incident (C19).

use std::sync::Arc;

use super::timers::TimerKey;
use super::{Engine, Event, Incident, IncidentStatus};
use crate::model::planted::{Bug, planted};
use crate::model::{Detection, IncidentId, Span, Timestamp};

/// How often repeats of one incident are journaled.
const REPEATS_EVERY: Span = Span::from_secs(1);

/// Repeats of one incident that are not journaled yet.
#[derive(Debug)]
pub(super) struct Mailbox {
    /// Total of the incident with them.
    pub count: u64,
    /// The latest.
    pub detection: Arc<Detection>,
    /// Others that grew meanwhile, each as it was last: an earlier window that late signals fill.
    pub others: Vec<Arc<Detection>>,
    /// When they are journaled.
    pub due: Timestamp,
    /// Its number among all that there were.
    pub number: u64,
}

impl Mailbox {
    /// All of it, the latest last.
    fn all(&self) -> impl Iterator<Item = &Detection> {
        self.others.iter().chain([&self.detection]).map(|detection| &**detection)
    }

    /// More of it.
    fn put(&mut self, count: u64, detection: &Arc<Detection>) {
        self.count = count;
        let before = std::mem::replace(&mut self.detection, Arc::clone(detection));
        self.others.retain(|other| other.id != detection.id);
        if before.id != detection.id {
            self.others.push(before);
        }
    }
}

impl Engine {
    pub(super) fn on_detection(&mut self, detection: Detection) {
        let key = (Arc::clone(&detection.rule.id), Arc::clone(&detection.key));
        let latest = self.state.by_key.get(&key).copied();
        // The same finding again: a source was read again after a restart, or its window filled further.
        let known = self.count_of(latest, &detection).filter(|_| !planted(Bug::RepeatNotKnown));
        if known.is_some_and(|count| detection.count <= count) {
            return;
        }
        let latest = latest.and_then(|id| self.state.incident(id));
        let Some(incident) = latest.filter(|incident| self.takes_more(incident)) else {
            return self.open_incident(detection);
        };
        let (id, closed, count) = (incident.id(), !incident.status().is_open(), incident.count());
        let more = detection.count - known.unwrap_or(0) + u64::from(planted(Bug::OneRepeatMore));
        let count = self.mailbox.get(&id).map_or(count, |mail| mail.count) + more;
        if closed {
            self.emit(Event::IncidentChanged {
                incident: id,
                to: IncidentStatus::Open,
                by: Self::itself(),
                reason: Some(Arc::from("it happened again")),
            });
        }
        let detection = Arc::new(detection);
        self.post(id, count, &detection);
        if known.is_none() || closed {
            self.journal_repeats(id);
            self.launch_for(id, &detection);
        } else if self.state.incident(id).is_some_and(|incident| !incident.held_back().is_empty()) {
            self.launch_held_back(id, &detection);
        }
    }

    /// How much of a detection is counted already.
    fn count_of(&self, latest: Option<IncidentId>, detection: &Detection) -> Option<u64> {
        let mail = latest.and_then(|id| self.mailbox.get(&id));
        let posted = mail.and_then(|mail| mail.all().find(|posted| posted.id == detection.id));
        let folded = || self.state.detections.get(&detection.id).copied();
        posted.map(|posted| posted.count).or_else(folded)
    }

    fn takes_more(&self, incident: &Incident) -> bool {
        incident.status().is_open()
            || incident.closed_at().is_some_and(|at| self.now.since(at) <= self.setup.limits.reopen)
    }

    fn open_incident(&mut self, detection: Detection) {
        let incident = IncidentId(self.state.incidents.next());
        let detection = Arc::new(detection);
        self.emit(Event::IncidentOpened { incident, detection: Arc::clone(&detection) });
        self.launch_for(incident, &detection);
    }

    fn post(&mut self, id: IncidentId, count: u64, detection: &Arc<Detection>) {
        let last = self.state.incident(id).map_or(self.now, |incident| incident.repeated_at);
        let due = self.now.max(last + REPEATS_EVERY);
        let due = match self.mailbox.get_mut(&id) {
            Some(mail) => {
                mail.put(count, detection);
                mail.due
            }
            None => {
                self.mailboxes += 1;
                let number = self.mailboxes;
                let detection = Arc::clone(detection);
                let mail = Mailbox { count, detection, others: Vec::new(), due, number };
                self.mailbox.insert(id, mail);
                self.timers.arm(due, TimerKey::Incident(id));
                due
            }
        };
        if due <= self.now {
            self.journal_repeats(id);
        }
    }

    pub(super) fn journal_repeats(&mut self, id: IncidentId) {
        let Some(Mailbox { count, detection, others, .. }) = self.mailbox.remove(&id) else { return };
        for detection in others.into_iter().chain([detection]) {
            self.emit(Event::IncidentRepeated { incident: id, count, detection });
        }
    }

    /// A mark between what was told until now and what is told from now on; see
    /// [`Engine::holds_repeats_before`].
    pub fn repeats_mark(&self) -> u64 {
        self.mailboxes
    }

    /// Whether a repeat that was told before a mark may still be held back in memory only: a source must be
    /// able to tell it again until then (C5). It is a count and no time, as clocks go back.
    pub fn holds_repeats_before(&self, mark: u64) -> bool {
        self.mailbox.values().any(|mail| mail.number <= mark)
    }

    /// The latest repeats that are held back in memory only.
    pub fn held_repeats(&self) -> impl Iterator<Item = &Detection> {
        self.mailbox.values().flat_map(Mailbox::all)
    }

    /// Journals every repeat that is still held back: before the engine ends.
    pub(super) fn journal_all_repeats(&mut self) {
        let ids: Vec<IncidentId> = self.mailbox.keys().copied().collect();
        for id in ids {
            self.journal_repeats(id);
        }
    }
}
