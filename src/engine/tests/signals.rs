//! Detections open incidents and start runs.

use std::sync::Arc;

use super::check;
use super::world::{START, World, detection};
use crate::engine::{Event, Gate, Output, Record};
use crate::model::{IncidentId, RunId};

const CONTAIN: &str = "
workflow: contain
trigger: { rule: scan }
dedup: '${detection.source_ip}'
on_failure: afterwards
steps:
  - { id: a, role: WALL, action: block, with: { address: '${detection.source_ip}' } }
";

const AFTERWARDS: &str = "
workflow: afterwards
steps:
  - { id: say, role: BELL, action: tell, with: { text: 'for ${detection.key}' }, undo: 'none: it is said' }
";

fn told(script: &str) -> String {
    World::new(&[CONTAIN, AFTERWARDS]).play(script)
}

#[test]
fn a_detection_opens_an_incident_and_starts_its_workflow() {
    check(
        "detection",
        &CONTAIN.replace("on_failure: afterwards\n", ""),
        "
        detect scan 203.0.113.7 15
        detect scan 203.0.113.7 15
        detect scan 203.0.113.7 20
        wait 1s
        ok a
        detect scan#2 203.0.113.7 15
        detect other 203.0.113.7 1",
    );
}

#[test]
fn c19_repeats_are_journaled_once_a_second() {
    insta::assert_snapshot!(told(
        "
        detect scan k 10
        detect scan k 11
        detect scan k 12
        detect scan k 13
        wait 1s
        wait 5s
        detect scan k 14"
    ));
}

#[test]
fn c19_what_grew_is_counted_once_when_another_finding_comes_meanwhile() {
    for (again, count) in [("", 15), ("detect scan k 12", 15), ("detect scan k 14", 17)] {
        let mut world = World::new(&[CONTAIN, AFTERWARDS]);
        world.play("detect scan k 10\n detect scan k 12\n detect scan#2 k 3");
        world.play(&format!("{again}\n wait 2s\n crash\n {again}"));
        let counts: Vec<u64> = world.engine.state().incidents().map(|incident| incident.count()).collect();
        assert_eq!(counts, [count], "{again}");
    }
}

#[test]
fn c15_one_live_run_per_key() {
    insta::assert_snapshot!(told(
        "
        detect scan k 10
        detect scan#2 k 10
        ok run-1/a
        detect scan#3 k 10
        detect scan other 10"
    ));
}

#[test]
fn incidents_are_acknowledged_closed_and_opened_again() {
    insta::assert_snapshot!(told(
        "
        detect scan k 10
        acknowledge inc-1
        acknowledge inc-1
        ok a
        resolve inc-1 all clear
        acknowledge inc-1
        wait 10m
        detect scan#2 k 10
        dismiss inc-1
        dismiss inc-1 a test
        wait 2h
        detect scan#3 k 10"
    ));
}

#[test]
fn a_run_that_ends_badly_starts_the_workflow_for_that_case() {
    insta::assert_snapshot!(told(
        "
        detect scan k 10
        fail a
        ok run-2/say"
    ));
}

/// C5, C6: whoever opens the journal anew has to hear again what was not written.
#[test]
fn c6_repeats_that_are_not_durable_are_told() {
    let record = |seq, event| Output { records: vec![Record { seq, at: START, event }], effects: vec![] };
    let repeat = |seq| {
        let detection = Arc::new(detection("scan", "192.0.2.1", seq, START));
        record(seq, Event::IncidentRepeated { incident: IncidentId(1), count: seq, detection })
    };
    let told = |gate: &Gate| gate.undurable_repeats().map(|detection| detection.count).collect::<Vec<_>>();
    let mut gate = Gate::new();
    gate.offer(repeat(1));
    gate.offer(record(2, Event::RunCompleted { run: RunId(1) }));
    gate.cut();
    gate.offer(repeat(3));
    assert_eq!((told(&gate), gate.undurable().count()), (vec![1, 3], 3));
    gate.durable_up_to(2);
    assert_eq!(told(&gate), [3]);
    gate.cut();
    gate.durable_up_to(3);
    assert_eq!(told(&gate), [0; 0]);
}
