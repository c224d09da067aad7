//! What happened to a run and when, as far as its state remembers.

use super::super::glyph;
use super::super::paint::Row;
use super::super::text::cut;
use super::super::theme::Tone;
use crate::engine::{Run, RunStatus, StepState, StepStatus};
use crate::model::{StepIx, Timestamp};

/// What goes before what at one time: a cause before its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Created,
    Forward,
    /// A step starts, succeeds or fails; by its place in the plan.
    Step(u16),
    /// The run is held, waits, or turns back.
    Turned,
    /// A step is called off or undone; by its place in the plan, the last one first.
    Back(u16),
    Ended,
}

struct Moment {
    at: Timestamp,
    rank: Rank,
    text: String,
    tone: Tone,
}

/// The lines, in order of time, then of cause and effect.
pub fn rows(run: &Run) -> Vec<Row> {
    let created =
        Moment { at: run.created_at(), rank: Rank::Created, text: "created".to_owned(), tone: Tone::Plain };
    let mut moments = vec![created];
    let now = std::iter::once((run.status(), run.since()));
    let known = run.history().chain(now).filter(|(status, _)| *status != RunStatus::Created);
    moments.extend(known.map(|(status, at)| turned(status, at)));
    for (i, step) in run.steps().iter().enumerate() {
        moments.extend(of_step(run, i as u16, step));
    }
    // Stable: what a step began comes before what it ended.
    moments.sort_by_key(|moment| (moment.at, moment.rank));
    let row =
        |moment: Moment| Row::new().dim(format!("  {}  ", moment.at.clock())).add(moment.text, moment.tone);
    moments.into_iter().map(row).collect()
}

fn turned(status: RunStatus, at: Timestamp) -> Moment {
    let (glyph, tone) = glyph::run(status);
    let rank = match status {
        status if status.is_terminal() => Rank::Ended,
        RunStatus::Running | RunStatus::Queued | RunStatus::Created => Rank::Forward,
        _ => Rank::Turned,
    };
    Moment { at, rank, text: format!("{glyph} {}", glyph::word(&status.to_string(), false)), tone }
}

fn of_step(run: &Run, ix: u16, step: &StepState) -> Vec<Moment> {
    let id = cut(run.step_id(StepIx(ix)), 24);
    let mut moments = Vec::new();
    let mut add = |at, rank, text, tone| moments.push(Moment { at, rank, text, tone });
    if let Some(at) = step.started_at() {
        add(at, Rank::Step(ix), format!("  {id} started, attempt {}", step.attempt()), Tone::Dim);
    }
    let status = step.status();
    if let Some(at) = step.ended_at().filter(|_| status != StepStatus::Cancelled) {
        let word = match step.failure() {
            _ if step.is_assumed() => "assumed",
            Some(_) => "ended, not done",
            None => "done",
        };
        add(at, Rank::Step(ix), format!("  {id} {word}"), Tone::Dim);
    }
    use StepStatus::*;
    let rank = match status {
        // Said above.
        Pending | Running | Succeeded | Failed => return moments,
        Skipped | Waiting | AwaitingApproval | Verifying | InDoubt => Rank::Step(ix),
        Cancelled | Undoing | Undone | UndoFailed | UndoInDoubt => Rank::Back(u16::MAX - ix),
    };
    let (_, tone) = glyph::step(status);
    add(step.since(), rank, format!("  {id} {}", glyph::word(&status.to_string(), false)), tone);
    moments
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::scenario::Script;
    use super::*;
    use crate::engine::{Event, JournalKind, RollbackCause};
    use crate::model::{FailureKind, RunId};

    fn lines(script: &Script) -> Vec<String> {
        let state = script.state();
        let text = |row: Row| row.0.iter().map(|(text, _)| text.as_str()).collect::<String>();
        rows(state.run(RunId(1)).unwrap()).into_iter().map(|row| text(row)[12..].trim().to_owned()).collect()
    }

    #[test]
    fn at_one_time_causes_come_before_their_effects() {
        let mut script = Script::new();
        script.open(JournalKind::Exercise).run(1, "contain-scan", &["block", "alert", "log"], None);
        script.start(1, 0, 1, 0).succeed(1, 0).start(1, 1, 1, 1).succeed(1, 1).start(1, 2, 1, 2);
        script.fail(1, 2, 1, FailureKind::Answered, false).roll_back(1, RollbackCause::Failure);
        for step in [1, 0] {
            script.undo(1, step, 0);
            script.say(Event::UndoSucceeded { run: RunId(1), step: StepIx(step), attempt: 1 });
        }
        script.say(Event::RollbackCompleted { run: RunId(1) });
        let expected = [
            "created",
            "● running",
            "block started, attempt 1",
            "block done",
            "alert started, attempt 1",
            "alert done",
            "log started, attempt 1",
            "log ended, not done",
            "◀ rolling back",
            "alert undone",
            "block undone",
            "↶ rolled back",
        ];
        assert_eq!(lines(&script), expected);
    }

    #[test]
    fn what_is_called_off_is_called_off_by_something() {
        let mut script = Script::new();
        script.open(JournalKind::Exercise).run(1, "contain-scan", &["block", "alert"], None);
        script.start(1, 0, 1, 0).roll_back(1, RollbackCause::Cancel);
        script.say(Event::StepCancelled { run: RunId(1), step: StepIx(0), in_doubt: false });
        script.say(Event::RollbackCompleted { run: RunId(1) });
        let expected = [
            "created",
            "● running",
            "block started, attempt 1",
            "◀ rolling back",
            "alert cancelled",
            "block cancelled",
            "↶ cancelled",
        ];
        assert_eq!(lines(&script), expected);
    }
}
