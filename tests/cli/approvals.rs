//! Steps that people approve, and what is done without asking them.

use crate::real::{BLOCK, Real};
use crate::run::lines;

fn asking(approval: &str) -> Real {
    let real = Real::new();
    real.write(
        "workflows/block.yaml",
        &BLOCK.replace("id: block,", &format!("id: block, approval: {approval},")),
    );
    real.expect(&["arm", "block"], 0);
    real
}

const TRIGGER: [&str; 3] = ["trigger", "block", "address=192.0.2.7"];

/// C23: what is approved is what was shown, and a second yes finds that it is done.
#[test]
fn a_step_waits_for_its_approval_and_goes_on() {
    let real = asking("{ reason: it hurts }");
    let list = real.path("state/quell/blocklist");
    let (out, _) = real.expect(&TRIGGER, 3);
    for part in ["wants 0 of 1 to approve: block 192.0.2.7", "because: it hurts", "quell approve run-1 block"]
    {
        assert!(out.contains(part), "{part} in\n{out}");
    }
    assert!(!list.exists());
    let (out, _) = real.expect(&["approvals"], 0);
    assert!(out.contains("run-1/block") && out.contains("0 of 1") && out.contains("it hurts"), "{out}");
    let (out, _) = real.expect(&["approvals", "--json"], 0);
    let row = lines(&out).remove(0);
    assert_eq!((&row["type"], &row["id"]), (&"approval".into(), &"run-1/block".into()));
    assert_eq!((&row["with"]["address"], &row["undo"]), (&"192.0.2.7".into(), &"unblock".into()));
    let (_, err) = real.expect(&["approve", "run-1", "block", "--hash", "0123456789"], 1);
    assert!(err.contains("has changed since you looked"), "{err}");
    let hash = &row["hash"].as_str().unwrap()[..12];
    let (out, _) = real.expect(&["approve", "run-1", "block", "--hash", hash], 0);
    assert!(out.contains("`block` of run-1 is approved"), "{out}");
    assert!(std::fs::read_to_string(&list).unwrap().starts_with("192.0.2.7 "));
    let (_, err) = real.expect(&["approve", "run-1", "block"], 1);
    assert!(err.contains("too late: approved by") && err.contains("`block` is succeeded"), "{err}");
    let (out, _) = real.expect(&["approvals"], 0);
    assert!(out.starts_with("nothing has to be approved") && out.contains("block     action    1"), "{out}");
}

#[test]
fn a_denied_step_fails() {
    let real = asking("true");
    real.expect(&TRIGGER, 3);
    let (_, err) = real.expect(&["deny", "run-1", "block"], 2);
    assert!(err.contains("--reason"), "{err}");
    real.expect(&["deny", "run-1", "block", "--reason", "it is ours"], 0);
    let (out, _) = real.expect(&["runs"], 0);
    assert!(out.contains("failed"), "{out}");
    let (out, _) = real.expect(&["events", "--json"], 0);
    let denied = lines(&out).into_iter().find(|line| line["event"] == "approval_denied").unwrap();
    assert_eq!((&denied["reason"], &denied["step"]), (&"it is ours".into(), &"block".into()));
}

#[test]
fn whoever_approves_twice_is_one_person() {
    let real = asking("{ count: 2 }");
    real.expect(&TRIGGER, 3);
    let (out, err) = real.expect(&["approve", "run-1", "block"], 0);
    assert!(out.contains("approved by you; one more person has to"), "{out}");
    assert!(err.contains(r#"run-1/block would do: block {"address":"192.0.2.7""#), "{err}");
    let (out, _) = real.expect(&["approve", "run-1", "block"], 0);
    assert!(out.contains("you approved `block` of run-1 already"), "{out}");
}

#[test]
fn only_who_is_named_approves() {
    let real = asking("{ from: [{ user: nobody-here }, { group: no-such-group }] }");
    real.expect(&TRIGGER, 3);
    let (_, err) = real.expect(&["approve", "run-1", "block"], 1);
    assert!(err.contains("user nobody-here, group no-such-group may"), "{err}");
}

/// C28: over a budget it waits for a person; the counters are still there at the next start.
#[test]
fn c28_over_budget_people_are_asked() {
    let real = Real::new();
    real.write(
        "settings.yaml",
        "setup: real\nexercise: false\nbudgets: [{ action: block, per_hour: 2 }, { action: log, total: 100 }]\n",
    );
    real.expect(&["arm", "block"], 0);
    for last in [1, 2] {
        real.expect(&["trigger", "block", &format!("address=192.0.2.{last}")], 0);
    }
    let (out, _) = real.expect(&["trigger", "block", "address=192.0.2.3"], 3);
    assert!(out.contains("over budget by 1: `block` per hour: 3, at most 2 without asking"), "{out}");
    real.expect(&["approve", "run-3", "block"], 0);
    let list = std::fs::read_to_string(real.path("state/quell/blocklist")).unwrap();
    assert!(list.contains("192.0.2.3 "), "{list}");
}

#[test]
fn c28_a_block_that_does_not_end_is_a_mistake() {
    let real = Real::new();
    real.write("workflows/block.yaml", &BLOCK.replace("expires: 1h, ", ""));
    let (out, _) = real.expect(&["check"], 2);
    assert!(out.contains("block.yaml:5:5: `block` acts on an address and does not end by itself"), "{out}");
    real.write(
        "settings.yaml",
        "setup: real\nexercise: false\nbudgets: [{ action: blok, per_hour: 2 }, { action: log }]\n",
    );
    let (out, _) = real.expect(&["check"], 2);
    for part in
        ["settings.yaml:3:21: no agent offers `blok`", "did you mean `block`?", "the budget limits nothing"]
    {
        assert!(out.contains(part), "{part} in\n{out}");
    }
}

/// On virtual time nobody comes: the approval runs into its timeout.
#[test]
fn on_virtual_time_an_approval_runs_into_its_timeout() {
    let real = Real::new();
    real.write("settings.yaml", "setup: drill\nexercise: true\n");
    for (approval, event) in [("{ on_timeout: deny }", "run_failed"), ("{ timeout: 2m }", "run_parked")] {
        real.write(
            "workflows/block.yaml",
            &BLOCK.replace("id: block,", &format!("id: block, approval: {approval},")),
        );
        let code = if event == "run_failed" { 1 } else { 3 };
        let (out, _) =
            real.expect(&["trigger", "block", "address=192.0.2.7", "--speed", "max", "--json"], code);
        assert!(lines(&out).iter().any(|line| line["event"] == event), "{out}");
    }
}
