//! Whole explanations, as people read them. The engine is real; its agents answer as the script says.

use std::sync::Arc;

use super::{Explainer, Explanation, show};
use crate::cli::drive::{Drive, trigger};
use crate::engine::{Request, Setup};
use crate::model::*;

fn explained(drive: &Drive, run: u64) -> Explanation {
    let mut explainer = Explainer::of(RunId(run));
    drive.records.iter().for_each(|record| explainer.take(record).unwrap());
    explainer.finish().unwrap()
}

#[track_caller]
fn golden(drive: &Drive, name: &str, run: u64) {
    let text = show::text(&explained(drive, run));
    let wide = text.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None, "wider than 80 columns");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(format!("explain_{name}"), text);
    });
}

#[test]
fn a_success_with_a_retry_a_skipped_step_and_one_that_joins() {
    let mut drive = Drive::new(true);
    drive.detect("203.0.113.7", 25, "Mar 14 09:00:12 edge kernel: SYN from 203.0.113.7");
    drive.wait(500).detect("203.0.113.7 too", 30, "more of it");
    drive.fail(FailureKind::Answered, "the set is locked").wait(1_000).ok().ok();
    golden(&drive, "success", 1);
}

#[test]
fn a_failure_that_is_rolled_back() {
    let mut drive = Drive::new(true);
    drive.ask(trigger("once")).ok().fail(FailureKind::TimedOut, "no answer within 30s");
    drive.ok().fail(FailureKind::Answered, "busy").wait(2_000).ok();
    golden(&drive, "rolled_back", 1);
}

#[test]
fn one_that_only_observes() {
    let mut drive = Drive::new(false);
    drive.detect("203.0.113.7", 25, "SYN from 203.0.113.7");
    golden(&drive, "observed", 1);
    drive.ask(Request::Arm { workflow: "once".into() }).ask(Request::Disarm { workflow: "once".into() });
    drive.ask(trigger("once"));
    golden(&drive, "disarmed", 2);
}

#[test]
fn one_that_the_protected_set_refuses() {
    let mut drive = Drive::new(false);
    drive.ask(Request::Arm { workflow: "contain".into() });
    drive.wait(1_000).detect("203.0.113.7", 25, "SYN from 203.0.113.7");
    drive.fail(FailureKind::NotSent, "protected: 203.0.113.0/24 (the office)");
    golden(&drive, "refused", 1);
}

#[test]
fn one_that_a_person_cancels() {
    let mut drive = Drive::new(true);
    drive.ask(trigger("once")).ok().ask(Request::Pause { run: RunId(1) });
    drive.wait(4_000).ask(Request::Resume { run: RunId(1) }).ask(Request::Retry { run: RunId(1) });
    drive.ask(Request::Cancel { run: RunId(1) }).answer(Outcome::Stopped).ok().ok();
    golden(&drive, "cancelled", 1);
}

#[test]
fn one_that_is_stuck_after_a_crash() {
    let mut drive = Drive::new(true);
    drive.ask(trigger("once")).ok().crash();
    golden(&drive, "parked", 1);
    drive.ask(Request::Cancel { run: RunId(1) });
    drive.fail(FailureKind::NotSent, "access refused").ok();
    golden(&drive, "stuck", 1);
}

#[test]
fn a_run_that_has_left_the_state_is_explained_as_it_was() {
    let mut drive = Drive::new(true);
    let limits = crate::engine::Limits { finished: 1, ..crate::engine::Limits::default() };
    drive.setup = Arc::new(Setup { limits, ..Setup::clone(&drive.setup) });
    drive.crash().detect("203.0.113.7", 25, "SYN").ok().ok();
    let before = show::text(&explained(&drive, 1));
    for i in 1..4 {
        drive.wait(3_700_000).detect(&format!("203.0.113.{}", 10 + i), 25 + i, "SYN").ok().ok();
    }
    assert!(drive.engine.state().run(RunId(1)).is_none(), "it has to be retired for this test");
    let after = show::text(&explained(&drive, 1));
    let short = |text: &str| {
        let happened = text.split_once("what happened").unwrap().1;
        happened.split("\nwhat is left").next().unwrap().trim_end().to_owned()
    };
    assert_eq!(short(&after), short(&before));
    // Its effect has ended since.
    let left = "ob-1, in force: block 203.0.113.7";
    assert!(before.contains(left) && !after.contains(left), "{after}");
}

#[test]
fn c32_hostile_bytes_are_shown_and_do_nothing() {
    let mut drive = Drive::new(true);
    let hostile = "\u{1b}[2J\u{9b}31m\u{202e}gnp\u{200b}\r\n\u{7}\u{1b}]0;x\u{7}漢字";
    drive.detect(&format!("203.0.113.7{hostile}"), 25, hostile);
    drive.fail(FailureKind::Answered, hostile).wait(1_000).fail(FailureKind::NotSent, hostile);
    let explanation = explained(&drive, 1);
    let (text, json) = (show::text(&explanation), show::json(&explanation));
    assert!(text.contains("\\x1b[2J"), "{text}");
    for c in text.chars().filter(|c| *c != '\n').chain(json.trim_end().chars()) {
        let shown = c.to_string();
        assert_eq!(SafeText(&shown).to_string(), shown);
    }
}
