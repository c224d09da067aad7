//! The ledger against the real kernel: what it says is in force is in the set of nft, and ends on time,
//! whatever becomes of the engine in between.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use quell::model::Timestamp;

use super::keeper::{Keeper, address, block_many};
use super::{journal, missing, skips, wait_for};

const SCANNER: &str = "198.18.0.9";

/// A time of a row, or of a record.
fn time(text: &serde_json::Value) -> Timestamp {
    let at: jiff::Timestamp = text.as_str().unwrap().parse().unwrap();
    Timestamp(at.as_microsecond())
}

fn seconds(late: i64) -> i64 {
    late * 1_000_000
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_micros()).unwrap())
}

/// When the record of an event came; of the first one.
fn at(keeper: &Keeper, event: &str) -> Timestamp {
    let records = journal(&keeper.state());
    time(&records.iter().find(|record| record["event"] == event).unwrap()["at"])
}

#[test]
fn c28_what_quell_ends_ends_on_time_over_a_kill() {
    if skips(missing()) {
        return;
    }
    let mut keeper = Keeper::new("8s");
    keeper.block(SCANNER);
    assert!(keeper.blocks(SCANNER));
    keeper.kill();
    assert!(keeper.blocks(SCANNER), "the kernel keeps it without an engine");
    keeper.start();
    let row = keeper.only();
    assert_eq!((&row["status"], &row["ends"]), (&"in_force".into(), &"by quell".into()), "{row}");
    let until = time(&row["until"]);
    wait_for("the end of the block", || !keeper.blocks(SCANNER));
    wait_for("the end in the ledger", || keeper.only()["status"] == "lifted");
    let begun = journal(&keeper.state()).into_iter().rfind(|r| r["event"] == "step_started").unwrap();
    let late = time(&begun["at"]).0 - until.0;
    assert!(late >= 0, "not before its time: {begun}");
    assert!(late < seconds(2), "{late} µs late");
    let run = journal(&keeper.state()).into_iter().rfind(|r| r["event"] == "run_created").unwrap();
    assert_eq!((&run["workflow"], &run["by"]), (&"lift".into(), &"quell".into()), "{run}");
    assert_eq!(keeper.only()["lifted_by"], run["id"], "{run}");
}

#[test]
fn c28_what_ended_while_nobody_lived_is_lifted_at_the_start() {
    if skips(missing()) {
        return;
    }
    let mut keeper = Keeper::new("2s");
    keeper.block(SCANNER);
    keeper.kill();
    sleep(Duration::from_secs(3));
    assert!(keeper.blocks(SCANNER), "nobody was there to end it");
    keeper.start();
    wait_for("the end of the block", || !keeper.blocks(SCANNER));
    wait_for("the end in the ledger", || keeper.only()["status"] == "lifted");
    let records = journal(&keeper.state());
    let started = records.iter().rfind(|r| r["event"] == "recovered").unwrap();
    let lifted = records.iter().rfind(|r| r["event"] == "step_started").unwrap();
    assert!(time(&lifted["at"]).0 - time(&started["at"]).0 < seconds(2), "{started} {lifted}");
}

#[test]
fn one_address_held_by_two_runs_stays_until_both_let_go() {
    if skips(missing()) {
        return;
    }
    let keeper = Keeper::new("1h");
    keeper.block(SCANNER);
    keeper.block(SCANNER);
    let row = keeper.only();
    assert_eq!(row["holders"].as_array().unwrap().len(), 2, "{row}");
    keeper.expect(&["lift", "--run", "run-1"], 0);
    assert!(keeper.blocks(SCANNER), "run-2 wants it still");
    assert_eq!(keeper.only()["status"], "in_force");
    keeper.expect(&["lift", "--run", "run-2"], 0);
    assert!(!keeper.blocks(SCANNER));
    assert_eq!(keeper.only()["status"], "lifted");
}

#[test]
fn what_somebody_else_removed_has_drifted_and_is_not_done_again() {
    if skips(missing()) {
        return;
    }
    let mut keeper = Keeper::new("1h");
    keeper.block(SCANNER);
    keeper.kill();
    keeper.by_hand(&format!("delete element inet quell blocked4 {{ {SCANNER} }}"));
    keeper.start();
    wait_for("the drift", || keeper.only()["status"] == "drifted");
    let (table, totals) = (keeper.expect(&["ledger"], 0), keeper.ledger().1);
    assert!(table.contains("drifted") && totals["drifted"] == 1, "{table}\n{totals}");
    assert!(!keeper.blocks(SCANNER), "what a person removed stays away");
    let begun = journal(&keeper.state()).iter().filter(|r| r["event"] == "step_started").count();
    assert_eq!(begun, 1);
    assert!(at(&keeper, "obligation_probed") > at(&keeper, "step_started"));
}

/// How often each entry of the ledger was undone: the steps of lifts that succeeded.
fn undone(keeper: &Keeper) -> Vec<usize> {
    let records = journal(&keeper.state());
    let lifts: BTreeSet<&str> =
        records.iter().filter(|r| r["workflow"] == "lift").filter_map(|r| r["id"].as_str()).collect();
    let mut times = BTreeMap::<&str, usize>::new();
    for record in records.iter().filter(|record| record["event"] == "step_succeeded") {
        if lifts.contains(record["run"].as_str().unwrap()) {
            *times.entry(record["step"].as_str().unwrap()).or_default() += 1;
        }
    }
    times.into_values().collect()
}

#[test]
fn hundreds_of_elements_are_lifted_each_once() {
    const MANY: usize = 300;
    if skips(missing()) {
        return;
    }
    let keeper = Keeper::new("1h");
    block_many(&keeper, MANY);
    wait_for("the ledger", || keeper.ledger().1["in_force"] == MANY);
    keeper.expect(&["lift", "--last", "10m", "--yes"], 0);
    assert_eq!(keeper.count(), 0);
    assert_eq!((&keeper.ledger().1["in_force"], &keeper.ledger().1["ended"]), (&0.into(), &MANY.into()));
    assert_eq!(undone(&keeper), [1; MANY]);
}

#[test]
fn a_lift_goes_on_over_a_kill() {
    const MANY: usize = 100;
    if skips(missing()) {
        return;
    }
    let mut keeper = Keeper::new("1h");
    block_many(&keeper, MANY);
    wait_for("the ledger", || keeper.ledger().1["in_force"] == MANY);
    let mut lift = keeper.begin(&["lift", "--all", "--yes"]);
    wait_for("the first", || keeper.count() < MANY);
    keeper.kill();
    lift.wait().unwrap();
    keeper.start();
    wait_for("the last", || keeper.count() == 0);
    wait_for("the end in the ledger", || keeper.ledger().1["ended"] == MANY);
    assert_eq!(undone(&keeper), [1; MANY], "what was cut short is done again, and is one success");
}

#[test]
fn c30_a_halt_holds_ends_and_not_what_a_person_lifts() {
    const MANY: usize = 60;
    if skips(missing()) {
        return;
    }
    let keeper = Keeper::new("1h");
    block_many(&keeper, MANY);
    wait_for("the ledger", || keeper.ledger().1["in_force"] == MANY);
    let lift = keeper.begin(&["lift", "--all", "--yes"]);
    wait_for("the first", || keeper.count() < MANY);
    let answer = keeper.expect(&["halt", "--reason", "look first"], 3);
    assert!(answer.contains("halted: nothing is begun any more"), "{answer}");
    let status = lift.wait_with_output().unwrap();
    assert!(status.status.success(), "a person asked for it: {status:?}");
    assert_eq!((keeper.count(), undone(&keeper)), (0, vec![1; MANY]));
    let mut block = keeper.begin(&["trigger", "keep", &format!("address={SCANNER}")]);
    wait_for("the run", || journal(&keeper.state()).last().unwrap()["workflow"] == "keep");
    sleep(Duration::from_millis(500));
    assert!(!keeper.blocks(SCANNER), "nothing is begun in a halt");
    keeper.expect(&["release"], 0);
    wait_for("what waited for the release", || keeper.blocks(SCANNER));
    assert!(block.wait().unwrap().success());
}

#[test]
fn c30_ends_that_a_halt_holds_are_listed_and_go_on_at_its_release() {
    if skips(missing()) {
        return;
    }
    let keeper = Keeper::new("6s");
    block_many(&keeper, 3);
    wait_for("the ledger", || keeper.ledger().1["in_force"] == 3);
    let answer = keeper.expect(&["halt", "--reason", "look first"], 3);
    assert!(answer.contains("owed: 3; ends that are held: 3"), "{answer}");
    let until = keeper.ledger().0.iter().map(|row| time(&row["until"])).max().unwrap();
    wait_for("the end of their time", || now() > until);
    sleep(Duration::from_millis(1500));
    assert_eq!(keeper.count(), 3, "nothing is undone in a halt");
    let table = keeper.expect(&["ledger"], 0);
    assert!(table.contains("everything is halted: the ends of 3 are held"), "{table}");
    keeper.expect(&["lift", "--target", &address(1)], 0);
    assert!(!keeper.blocks(&address(1)) && keeper.count() == 2, "a person may");
    keeper.expect(&["release"], 0);
    wait_for("the others", || keeper.count() == 0);
    wait_for("their end in the ledger", || keeper.ledger().1["ended"] == 3);
    assert_eq!(undone(&keeper), [1; 3]);
}
