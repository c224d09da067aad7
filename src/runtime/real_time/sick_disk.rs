//! What happens when the journal refuses an append (C6), and when it is back.

use super::super::clock::instant;
use super::super::hold::Hold;
use super::super::start::{Folded, StartError, Started, Watched};
use super::RealTime;
use crate::model::{Detection, Seq};

impl RealTime {
    /// A sick disk stops effects (C6).
    pub(super) fn go_on_hold(&mut self, why: &str) {
        tracing::error!(target: "journal", "on hold: {why}");
        // What is not even said yet goes with the engine.
        for repeat in self.driver.held_repeats() {
            self.unacknowledged.keep(Seq::MAX, repeat);
        }
        self.driver.fail(&format!("on hold: {why}"));
        self.hands.drop_everything();
        if let Some(live) = &mut self.live {
            live.hold();
        }
        // What agents have in hand they finish: to stop it half-way would help nobody. Their answers are
        // stale for the engine that follows, and it waits for them before it does the same step again.
        (self.writer, self.worker) = (None, None);
        self.meter.board().update(|gauges| gauges.on_hold = Some(why.to_owned()));
        self.hold = Some(Hold::new(why.to_owned()));
    }

    /// On hold: opens the journal anew, if that is due.
    pub(super) fn try_again(&mut self) {
        if self.hold.as_ref().is_none_or(|hold| !hold.wait().is_zero()) {
            return;
        }
        if let Err(why) = self.rebuild() {
            self.meter.board().update(|gauges| gauges.on_hold = Some(why.clone()));
            if let Some(hold) = &mut self.hold {
                hold.again(why);
            }
        }
    }

    fn rebuild(&mut self) -> Result<(), String> {
        let mut journal = (self.open)().map_err(|error| error.to_string())?;
        let started = Folded::read(journal.as_mut(), &self.recipe.setup, false)
            .and_then(|folded| folded.start(&self.recipe, journal.as_mut(), self.now, Watched::Not))
            .map_err(|error: StartError| error.to_string())?;
        let Started { driver, hands, effects, .. } = started;
        self.hands = hands;
        self.connect(journal).map_err(|error| error.to_string())?;
        self.driver.replace(driver);
        self.hold = None;
        self.meter.board().update(|gauges| gauges.on_hold = None);
        tracing::warn!(target: "journal", "the journal is back at record {}", self.driver.state().seq());
        self.perform(effects);
        let again: Vec<Detection> = self.unacknowledged.take().collect();
        for detection in again {
            self.tell(detection, instant());
        }
        Ok(())
    }
}
