//! `quell ledger` and `quell lift` with the real binary: an engine at work is asked, and alone.

#[path = "cli/run.rs"]
mod run;
#[path = "cli/served.rs"]
mod served;

use run::lines;
use rustix::process::Signal;
use serde_json::Value;
use served::Served;

/// Rows of the ledger, and its figures.
fn ledger(served: &Served, args: &[&str]) -> (Vec<Value>, Value) {
    let mut found = lines(&served.expect(&[&["ledger", "--json"], args].concat(), 0).0);
    let totals = found.pop().unwrap();
    assert_eq!(totals["type"], "ledger");
    (found, totals)
}

fn block(served: &Served, address: &str) {
    served.expect(&["trigger", "brief", &format!("address={address}")], 0);
}

fn stop(served: &mut Served) {
    served.signal(Signal::TERM);
    assert_eq!(served.ends(), 0, "{}", served.log());
}

#[test]
fn what_is_in_force_is_listed_and_lifted_by_the_engine_at_work() {
    let mut served = Served::new();
    assert_eq!(served.expect(&["ledger"], 0).0, "nothing is in force\n");
    for address in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        block(&served, address);
    }
    let (rows, totals) = ledger(&served, &[]);
    assert_eq!((rows.len(), &totals["in_force"]), (3, &3.into()));
    let first = &rows[0];
    assert_eq!((&first["type"], &first["id"]), (&"obligation".into(), &"ob-1".into()));
    assert_eq!((&first["target"], &first["ends"]), (&"192.0.2.1".into(), &"when lifted".into()));
    let holders: Vec<&str> =
        first["holders"].as_array().unwrap().iter().map(|h| h["run"].as_str().unwrap()).collect();
    assert_eq!(holders, ["run-1", "run-2"]);
    let (table, _) = served.expect(&["ledger", "--target", "192.0.2.1"], 0);
    assert!(table.contains("HOLDERS") && table.contains("run-1, run-2"), "{table}");
    assert!(table.ends_with("1 in force\n"), "{table}");
    assert_eq!(ledger(&served, &["--run", "run-3"]).0[0]["id"], "ob-2");

    // One of two holders lets go, and the effect stays for the other.
    let (out, _) = served.expect(&["lift", "--run", "run-1"], 0);
    assert!(out.contains("stay in force: others hold them"), "{out}");
    assert!(out.contains("in force, held by run-2"), "{out}");
    // By its id it is lifted, whoever holds it.
    let (out, _) = served.expect(&["lift", "ob-1", "--reason", "it was ours"], 0);
    assert!(out.contains("lifts 1 effect, held by run-2"), "{out}");
    assert!(out.lines().any(|line| line.starts_with("ob-1") && line.contains("lifted by run-")), "{out}");
    // Who comes second is told since when, and by what.
    let (_, err) = served.expect(&["lift", "ob-1"], 1);
    assert!(err.contains("refused: ob-1 is lifted since") && err.contains("by run-"), "{err}");
    let (_, err) = served.expect(&["lift", "ob-99"], 1);
    assert!(err.contains("refused: ob-99 is not known"), "{err}");

    // Many are counted first; nobody is here to say yes.
    for many in [&["lift", "--all"][..], &["lift", "--last", "1h"]] {
        let (_, err) = served.expect(many, 2);
        assert!(err.contains("that is 2 effects") && err.contains("--yes"), "{err}");
    }
    let (out, _) = served.expect(&["lift", "--all", "--yes", "--json"], 0);
    let found = lines(&out);
    assert_eq!((&found[0]["type"], &found[0]["accepted"]), (&"answer".into(), &true.into()));
    assert_eq!(found.len(), 3, "{out}");
    assert!(found[1..].iter().all(|row| row["status"] == "lifted"), "{out}");
    assert_eq!(served.expect(&["ledger"], 0).0, "nothing is in force\n");
    let (rows, totals) = ledger(&served, &["--all"]);
    assert_eq!((rows.len(), &totals["in_force"], &totals["ended"]), (3, &0.into(), &3.into()));
    let (_, err) = served.expect(&["lift", "--all"], 1);
    assert!(err.contains("nothing of that is in force"), "{err}");
    stop(&mut served);
}

#[test]
fn nobody_at_work_the_folder_is_opened_and_the_lift_waited_for() {
    let mut served = Served::new();
    block(&served, "192.0.2.1");
    block(&served, "192.0.2.2");
    stop(&mut served);
    assert_eq!(ledger(&served, &[]).1["in_force"], 2);
    let seen = ledger(&served, &["--target", "192.0.2.1"]).0[0]["changed"].as_u64().unwrap();
    let (_, err) = served.expect(&["lift", "ob-1", "--seen", &(seen - 1).to_string()], 1);
    assert!(err.contains("ob-1 has changed since you looked: it is in force"), "{err}");
    let (out, _) = served.expect(&["lift", "--target", "192.0.2.1", "--seen", &seen.to_string()], 0);
    assert!(out.contains("lifts 1 effect") && out.contains("lifted by run-3"), "{out}");
    let (rows, _) = ledger(&served, &[]);
    assert_eq!((rows.len(), &rows[0]["id"]), (1, &"ob-2".into()));
    let (_, err) = served.expect(&["lift", "--target", "192.0.2.1"], 1);
    assert!(err.contains("nothing of that is in force"), "{err}");
    served.expect(&["lift", "--last", "1h"], 0);
    assert_eq!(served.expect(&["ledger"], 0).0, "nothing is in force\n");
    let (_, err) = served.expect(&["lift"], 2);
    assert!(err.contains("--target"), "{err}");
}

#[test]
fn c30_a_lift_goes_on_in_a_halt_and_the_ledger_says_what_is_held() {
    let mut served = Served::new();
    block(&served, "192.0.2.1");
    served.expect(&["halt", "--reason", "wrong list"], 3);
    let (out, _) = served.expect(&["lift", "ob-1"], 0);
    assert!(out.contains("lifted by run-2"), "{out}");
    assert_eq!(served.expect(&["ledger"], 0).0, "nothing is in force\n");
    served.expect(&["release"], 0);
    stop(&mut served);
}

#[test]
fn a_dismissal_says_how_what_the_incident_caused_is_lifted() {
    let mut served = Served { folder: tempfile::tempdir().unwrap(), child: None };
    let rule = "
title: Failed login
name: failed-login
logsource: { product: linux, service: sshd }
level: high
detection:
  failure:
    message|startswith: 'Failed password '
  condition: failure
";
    let workflow = served::BRIEF
        .replace("workflow: brief", "workflow: brief\ntrigger: { rule: failed-login }")
        .replace("type: address", "type: address, from: '${detection.source_ip}'");
    for (name, text) in [
        ("settings.yaml", served::SETTINGS),
        ("agents/a.yaml", served::AGENTS),
        ("workflows/brief.yaml", &workflow),
        ("rules/r.yml", rule),
        (
            "../auth.log",
            "Mar 14 09:00:01 web-1 sshd[7]: Failed password for root from 203.0.113.9 port 22 ssh2\n",
        ),
    ] {
        served.write(name, text);
    }
    let log = served.folder.path().join("auth.log");
    served.expect(&["replay", log.to_str().unwrap(), "--headless"], 0);
    // Nobody is at work; then an engine is, and the offer leads to the lift.
    served.start();
    let (out, _) = served.expect(&["close", "inc-1", "--dismiss", "--reason", "our scanner"], 0);
    let offer = "inc-1 is dismissed; 1 effect is in force because of it: quell lift --incident inc-1";
    assert!(out.contains(offer), "{out}");
    let (out, _) = served.expect(&["lift", "--incident", "inc-1"], 0);
    assert!(out.contains("lifts 1 effect"), "{out}");
    assert_eq!(served.expect(&["ledger"], 0).0, "nothing is in force\n");
    stop(&mut served);
}

#[test]
fn c27_protecting_an_address_lifts_what_is_in_force_against_it() {
    let mut served = Served::new();
    for address in ["192.0.2.1", "192.0.2.2", "198.51.100.7"] {
        block(&served, address);
    }
    let protect = |served: &Served, address: &str| {
        let entry = format!("protected: [{{ address: {address}, reason: the office }}]\n");
        served.write("settings.yaml", &format!("{}{entry}", served::SETTINGS));
    };
    protect(&served, "192.0.2.0/30");
    let (out, _) = served.expect(&["reload"], 0);
    assert!(out.contains("2 effects are lifted: their targets are protected now"), "{out}");
    run::wait_for(|| ledger(&served, &[]).1["in_force"] == 1);
    let (events, _) = served.expect(&["events"], 0);
    assert!(events.contains("192.0.2.1 is protected now: the office"), "{events}");
    stop(&mut served);
    // A setup that was edited while nobody was at work counts as well.
    protect(&served, "198.51.100.7");
    served.start();
    run::wait_for(|| ledger(&served, &[]).1["in_force"] == 0);
    stop(&mut served);
}
