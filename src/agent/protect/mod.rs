//! The last look before an effect (C27, C30): is the kill switch thrown, and is the target protected?

mod guarded;
mod kernel;
mod machine;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use guarded::Guarded;
pub use machine::Machine;

use super::epochs::Epochs;
use super::halt::KillSwitch;
use crate::engine::protect::{Entry, Protected, targets};
use crate::engine::{ActionSpec, Task};
use crate::model::Timestamp;

/// How long what was read of the machine is used: one reading serves the effects of a burst.
const FRESH: Duration = Duration::from_millis(200);

/// What is looked at before each effect.
#[derive(Debug, Default)]
pub struct Guard {
    /// The kill switch.
    pub switch: Arc<KillSwitch>,
    /// The last turn at each target.
    pub epochs: Epochs,
    known: Mutex<Known>,
}

/// Where the protected set comes from.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// Read anew, again and again.
    pub machine: Machine,
    /// What the settings protect beside it.
    pub settings: Vec<Entry>,
}

/// What was read of it last.
#[derive(Debug, Default)]
struct Known {
    origins: Origins,
    read: Option<(Instant, Arc<Protected>)>,
}

impl Guard {
    /// With a switch, and what is protected.
    pub fn new(switch: KillSwitch, origins: Origins) -> Self {
        Guard {
            switch: Arc::new(switch),
            epochs: Epochs::default(),
            known: Mutex::new(Known { origins, read: None }),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Protects this from now on, in place of what it protected.
    pub fn protect(&self, origins: Origins) {
        *self.known() = Known { origins, read: None };
    }

    /// The set as it is now, at most a fifth of a second old.
    ///
    /// # Errors
    /// The machine cannot be read: then nothing may be done to anything.
    pub fn protected(&self) -> Result<Arc<Protected>, String> {
        let mut known = self.known();
        if let Some((at, set)) = &known.read
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(set));
        }
        known.read = None;
        let at = now();
        let machine = known.origins.machine.read()?;
        let set = Arc::new(Protected::new(known.origins.settings.iter().cloned().chain(machine)));
        known.read = Some((at, Arc::clone(&set)));
        Ok(set)
    }

    /// Whether a task may be performed. What an undo takes back may be taken back; so may what its
    /// catalogue says only `lifts`.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn permits(&self, task: &Task, spec: &ActionSpec) -> Result<(), String> {
        if spec.lifts.unwrap_or(task.takes_back()) {
            return Ok(());
        }
        let found = targets(&task.action, &spec.takes, spec.target.as_deref())?;
        let set = self.protected().map_err(|why| format!("{why}: refusing to act"))?;
        match set.refuses_any(&found, wall()) {
            Some(entry) => Err(format!("protected: {entry}")),
            None => Ok(()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how old a reading is, is no matter of the engine's time")]
fn now() -> Instant {
    Instant::now()
}

/// Wall time: entries end by it.
#[expect(clippy::disallowed_methods, reason = "an entry of the settings ends by the wall clock")]
pub fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
