//! What a person settled about a step, and may settle now, for the summary.

use crate::engine::{Run, Settled, Settlement, StepState};
use crate::model::{SafeText, StepIx};

/// The lines below a step.
pub fn lines(run: &Run, ix: StepIx, step: &StepState) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(step.settled().map(|settlement| said("settled", settlement)));
    lines.extend(step.undo_settled().map(|settlement| said("undo settled", settlement)));
    let may = run.may_settle(ix);
    // Of a rollback that runs by itself, only what is not on its way again is worth a line.
    if may.contains(&Settled::Again) && step.until().is_none() {
        let words: Vec<&str> = may.iter().map(|word| word.name()).collect();
        let step = SafeText(run.step_id(ix)).cut(64);
        lines.push(format!("quell settle {} {step} {} --reason TEXT", run.id(), words.join("|")));
    }
    lines
}

fn said(what: &str, settlement: &Settlement) -> String {
    let Settlement { settled, by, at, reason, .. } = settlement;
    let reason = if reason.is_empty() { String::new() } else { format!(": {}", SafeText(reason).cut(100)) };
    format!("{what}: {} by {} at {at}{reason}", settled.name(), SafeText(&by.0).cut(60))
}
