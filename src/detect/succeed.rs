//! Other rules for a detector at work (C17): the windows of rules that mean the same go on.

use super::Detector;

impl Detector {
    /// Takes up what a detector of other rules knew: time, and the windows, groups and detections of every
    /// correlation that means the same there. For a detector that has seen nothing; call
    /// [`Detector::finish`] on the other one before, so that nothing found is unsent.
    pub fn succeed(&mut self, mut before: Detector) {
        let change = self.rules.change_from(&before.rules);
        for (correlator, same) in self.correlators.iter_mut().zip(&change.same) {
            if let Some(known) = same.and_then(|number| before.correlators.get_mut(number)) {
                std::mem::swap(correlator, known);
            }
        }
        self.tally.succeed(&self.rules, before.tally, &before.rules);
        let kept = self.rules.correlations().iter().zip(&change.same).filter(|(_, same)| same.is_some());
        let kept: Vec<&str> = kept.map(|(rule, _)| &*rule.head.id).collect();
        before.chain.keep_those_of(&kept);
        (self.chain, self.evidence) = (before.chain, before.evidence);
        (self.now, self.goes_on_at) = (before.now, before.goes_on_at);
        self.next_due = self.correlators.iter().filter_map(super::Correlator::next_due).min();
    }
}

#[cfg(test)]
#[path = "succeed_tests.rs"]
mod tests;
