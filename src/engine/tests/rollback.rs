//! Runs go backward.

use super::check;

const CHAIN: &str = "
workflow: chain
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b } }
  - { id: c, role: BELL, action: tell, needs: [b], with: { text: c }, undo: 'none: it is said' }
  - { id: d, role: WALL, action: once, needs: [c], with: { address: d } }
";

#[test]
fn saga() {
    check(
        "c9_undo_in_reverse_order",
        CHAIN,
        "trigger chain\n ok a\n ok b\n ok c\n fail d\n undone b\n undone a",
    );
}

#[test]
fn a_step_in_doubt_is_undone_too() {
    check(
        "c9_in_doubt_is_undone",
        CHAIN,
        "trigger chain\n ok a\n ok b\n ok c\n lost d\n wait 60s\n undone d\n undone b\n undone a",
    );
}

#[test]
fn nothing_to_undo_is_a_plain_failure() {
    check("nothing_to_undo", CHAIN, "trigger chain\n fail a\n retry run-1\n ok run-2/a");
}

#[test]
fn cancel_stops_then_rolls_back() {
    check(
        "c12_cancel",
        CHAIN,
        "trigger chain\n ok a\n cancel run-1\n cancel run-1\n stopped b\n undone b\n undone a\n cancel run-1",
    );
}

#[test]
fn cancel_as_a_step_completes() {
    check(
        "c12_cancel_as_a_step_completes",
        CHAIN,
        "trigger chain\n ok a\n cancel run-1\n ok b\n undone b\n undone a",
    );
}

#[test]
fn cancel_of_a_step_that_does_not_stop() {
    check(
        "c12_cancel_timeout",
        CHAIN,
        "trigger chain\n ok a\n cancel run-1\n wait 40s\n wait 60s\n undone b\n undone a",
    );
}

#[test]
fn an_undo_that_fails_leaves_the_others_and_asks_a_person() {
    let script = "
        trigger chain
        ok a
        ok b
        cancel run-1
        stopped c
        undo-fails b
        wait 2s
        undo-fails b
        wait 3s
        undo-fails b
        wait 5s
        undo-fails b
        wait 9s
        undo-fails b
        undone a
        cancel run-1
        retry run-1
        undone b";
    check("c11_stuck_then_retried", CHAIN, script);
}

#[test]
fn abandon_undoes_nothing() {
    check("abandon", CHAIN, "trigger chain\n ok a\n abandon run-1\n ok b\n abandon run-1");
    check(
        "abandon_in_rollback",
        CHAIN,
        "trigger chain\n ok a\n ok b\n cancel run-1\n abandon run-1\n wait 60s",
    );
}

const SOFT: &str = "
workflow: soft
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: BELL, action: tell, needs: [a], with: { text: b }, critical: false, undo: 'none: it is said' }
  - { id: c, role: WALL, action: block, needs: [b], with: { address: c }, on_failure: retry_once, retry: { attempts: 1, backoff: 1s, jitter: 0% } }
";

#[test]
fn a_step_that_is_not_critical_is_noted() {
    check("not_critical", SOFT, "trigger soft\n ok a\n fail b\n ok c");
}

#[test]
fn retry_once_then_roll_back() {
    check("retry_once", SOFT, "trigger soft\n ok a\n ok b\n fail c\n wait 1s\n fail c\n undone a");
}

const STOP: &str = "
workflow: stop
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: block, with: { address: b } }
  - { id: c, role: WALL, action: block, needs: [a], with: { address: c }, on_failure: stop }
  - { id: d, role: WALL, action: block, needs: [c], with: { address: d } }
";

#[test]
fn error_recovery_after_stop_takes_over_what_succeeded() {
    check(
        "stop_and_retry",
        STOP,
        "trigger stop\n ok a\n fail c\n ok b\n retry run-1\n ok c\n ok b\n fail d\n undone b\n undone c\n undone a",
    );
}

const WITH_UNDO: &str = "
workflow: own-undo
inputs: { who: text }
steps:
  - id: a
    role: WALL
    action: block
    with: { address: a }
    undo: { action: tell, with: { text: 'unblock ${inputs.who}' } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b } }
";

#[test]
fn a_step_may_name_its_own_undo() {
    check("own_undo", WITH_UNDO, "trigger own-undo who=ada\n ok a\n fail b\n undone a");
}
