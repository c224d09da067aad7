//! Whole reports, as people read them.

use super::When;
use super::gather::{Gathering, Report};
use super::show;
use crate::cli::drive::{Drive, trigger};
use crate::engine::Request;
use crate::model::*;

/// About what a test did from `since` milliseconds before its end on.
fn report(drive: &Drive, since: u64) -> Report {
    let mut gathering = Gathering::of(drive.now - Span::from_millis(since), drive.now);
    drive.records.iter().for_each(|record| gathering.take(record).unwrap());
    gathering.finish(None)
}

/// A shift: one run completes, one is stuck, one waits; people arm, refuse, halt.
fn shift() -> Drive {
    let mut drive = Drive::new(false);
    drive.ask(Request::Arm { workflow: "contain".into() }).ask(Request::Arm { workflow: "once".into() });
    drive.detect("203.0.113.7", 25, "SYN from 203.0.113.7").ok().ok();
    drive.wait(60_000).ask(trigger("once")).ok().crash();
    drive.ask(Request::Cancel { run: RunId(2) }).fail(FailureKind::NotSent, "access refused");
    drive.wait(60_000).ask(trigger("once")).ok().crash();
    drive.ask(Request::Pause { run: RunId(99) }).ask(Request::Halt { reason: "too much at once".into() });
    drive
}

#[test]
fn a_shift_is_handed_over() {
    let text = show::text(&report(&shift(), 3_600_000));
    assert_eq!(text.lines().find(|line| line.chars().count() > 80), None, "wider than 80 columns");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("report_shift", text);
    });
}

#[test]
fn what_was_before_is_not_counted_but_what_stands_is_told() {
    let drive = shift();
    let late = report(&drive, 1_000);
    assert_eq!((late.incidents_opened, late.runs_begun, late.runs_ended.len()), (0, 1, 0));
    assert_eq!((late.incidents_open.count, late.runs_live.count), (1, 2));
    assert_eq!(
        late.people.latest.iter().map(|act| act.what.as_str()).collect::<Vec<_>>(),
        ["started run-3 (once)", "halted everything: too much at once"]
    );
    // An earlier end is the report that there was then.
    let mut early = Gathering::of(drive.now - Span::from_secs(3_600), drive.now - Span::from_secs(100));
    drive.records.iter().for_each(|record| early.take(record).unwrap());
    let early = early.finish(None);
    assert_eq!((early.runs_begun, early.halted.is_none(), early.first.len()), (1, true, 0));
}

#[test]
fn long_lists_keep_the_latest_and_count_the_rest() {
    let mut drive = Drive::new(false);
    for _ in 0..130 {
        drive.wait(1_000).ask(Request::Pause { run: RunId(9) });
    }
    let report = report(&drive, 3_600_000);
    assert_eq!((report.refused.count, report.refused.latest.len()), (130, 100));
    let text = show::text(&report);
    assert!(text.contains("  … and 110 more; --json has the latest 100\n"), "{text}");
}

#[test]
fn c32_hostile_bytes_are_shown_and_do_nothing() {
    let mut drive = Drive::new(true);
    let hostile = "\u{1b}[2J\u{9b}31m\u{202e}gnp\u{200b}\r\n\u{7}\u{1b}]0;x\u{7}漢字";
    drive.detect(&format!("203.0.113.7{hostile}"), 25, hostile);
    drive.fail(FailureKind::Answered, hostile).wait(1_000).fail(FailureKind::NotSent, hostile);
    drive.ask(Request::Dismiss { incident: IncidentId(1), reason: hostile.to_owned() });
    drive.ask(Request::Trigger { workflow: hostile.into(), inputs: Map::new() });
    drive.ask(Request::Halt { reason: hostile.to_owned() });
    let report = report(&drive, 3_600_000);
    let (text, json) = (show::text(&report), show::json(&report));
    assert!(text.matches("\\x1b[2J").count() >= 4, "{text}");
    for c in text.chars().filter(|c| *c != '\n').chain(json.trim_end().chars()) {
        let shown = c.to_string();
        assert_eq!(SafeText(&shown).to_string(), shown);
    }
}

#[test]
fn times_are_typed_as_spans_or_points() {
    let now = Timestamp::from_secs(1_795_269_600);
    for (typed, then) in [
        ("12h", now - Span::from_secs(43_200)),
        ("2026-11-21T13:00:00Z", Timestamp::from_secs(1_795_266_000)),
        ("2026-11-21T15:00:00+01:00", now),
    ] {
        assert_eq!(typed.parse::<When>().unwrap().before(now), then, "{typed}");
    }
    for bad in ["", "yesterday", "2026", "12"] {
        assert!(bad.parse::<When>().is_err(), "{bad}");
    }
}
