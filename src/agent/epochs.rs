//! The last turn at each target (C16): an attempt of an earlier turn, come late, is refused.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::Task;
use crate::model::Seq;

/// Targets that are remembered, those that were acted on last.
const REMEMBERED: usize = 4_096;

/// The highest epoch that was seen for each target.
#[derive(Debug, Default)]
pub struct Epochs(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    epochs: BTreeMap<Arc<str>, Seq>,
    /// In order of arrival.
    order: VecDeque<Arc<str>>,
}

impl Epochs {
    /// Whether a task may be performed: no later turn was seen at its target.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn admit(&self, task: &Task) -> Result<(), String> {
        let Some(target) = task.action.target.as_ref().filter(|_| task.epoch > 0) else { return Ok(()) };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen { epochs, order } = &mut *seen;
        match epochs.get_mut(target) {
            Some(highest) if *highest > task.epoch => {
                let epoch = task.epoch;
                return Err(format!(
                    "too late: its turn at this target was {epoch}, and {highest} was there"
                ));
            }
            Some(highest) => *highest = task.epoch,
            None => {
                epochs.insert(Arc::clone(target), task.epoch);
                order.push_back(Arc::clone(target));
                if order.len() > REMEMBERED
                    && let Some(oldest) = order.pop_front()
                {
                    epochs.remove(&oldest);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::task;
    use crate::engine::AgentKind;
    use crate::model::Action;

    fn at(target: &str, epoch: Seq) -> Task {
        let task = task(AgentKind::Drill, "x", &[]);
        let action = Action { target: Some(target.into()), ..Action::clone(&task.action) };
        Task { action: Arc::new(action), epoch, ..task }
    }

    #[test]
    fn c16_a_lower_epoch_is_refused() {
        let epochs = Epochs::default();
        for (target, epoch, admitted) in [
            ("a", 7, true),
            ("a", 7, true),
            ("b", 3, true),
            ("a", 6, false),
            ("a", 9, true),
            ("a", 8, false),
            ("a", 0, true),
            ("b", 4, true),
        ] {
            assert_eq!(epochs.admit(&at(target, epoch)).is_ok(), admitted, "{target} {epoch}");
        }
        for i in 0..REMEMBERED as u64 {
            epochs.admit(&at(&i.to_string(), 10 + i)).unwrap();
        }
        assert!(epochs.admit(&at("a", 1)).is_ok(), "it is forgotten");
        let seen = epochs.0.lock().unwrap();
        assert_eq!((seen.epochs.len(), seen.order.len()), (REMEMBERED, REMEMBERED));
    }
}
