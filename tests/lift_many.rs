//! Ten thousand effects, lifted by one request to an engine at work, each once.

#[path = "cli/run.rs"]
mod run;
#[path = "cli/served.rs"]
mod served;

use std::collections::BTreeMap;
use std::fs;

use quell::control::client::Client;
use quell::control::message::Asked;
use quell::engine::Request;
use quell::model::Value;
use run::{lines, wait_for};
use served::Served;

const MANY: usize = 10_000;
/// Who asks at a time: their requests share what makes them durable.
const ASKING: usize = 8;
const AGENTS: &str = "
agents:
  - name: wall
    role: WALL
    kind: drill
    concurrency: 64
    actions:
      block: { takes: { address: address }, target: address, idempotent: true, undo: unblock, drill: { latency: 0ms..0ms } }
      unblock: { takes: { address: address }, target: address, idempotent: true, drill: { latency: 0ms..0ms } }
      watch: { takes: { address: address }, idempotent: true, drill: { latency: 0ms..0ms } }
";

/// Every `ASKING`th address from one on.
fn block(served: &Served, first: usize) {
    let mut client = Client::connect(&served.state(), None).unwrap().unwrap();
    for i in (first..MANY).step_by(ASKING) {
        let address = Value::from(format!("198.18.{}.{}", i / 250, i % 250 + 1));
        let inputs = [("address".to_owned(), address)].into_iter().collect();
        let request = Request::Trigger { workflow: "brief".into(), inputs };
        let given = client.ask(&Asked { id: format!("block-{i}"), seen: None, request }).unwrap();
        assert!(given.accepted, "{}", given.text);
    }
}

fn in_force(served: &Served) -> usize {
    let found = lines(&served.expect(&["ledger", "--limit", "1", "--json"], 0).0);
    found.last().unwrap()["in_force"].as_u64().unwrap() as usize
}

#[test]
fn ten_thousand_effects_are_lifted_each_once() {
    let mut served = Served::new();
    served.signal(rustix::process::Signal::TERM);
    served.ends();
    served.write("agents/a.yaml", AGENTS);
    served.start();
    std::thread::scope(|scope| {
        for first in 0..ASKING {
            let served = &served;
            scope.spawn(move || block(served, first));
        }
    });
    wait_for(|| in_force(&served) == MANY);
    let since = run::now();
    let (out, _) = served.expect(&["lift", "--last", "10m", "--yes", "--json"], 0);
    let took = since.elapsed();
    let found = lines(&out);
    assert_eq!(found[0]["accepted"], true, "{}", found[0]);
    assert_eq!(found.len(), 1 + MANY);
    assert!(found[1..].iter().all(|row| row["status"] == "lifted"));
    assert_eq!(in_force(&served), 0);

    // From the records: one lift of each, each with one success.
    let records = lines(&served.expect(&["journal", "show", "--json"], 0).0);
    let (mut lifts, mut times) = (BTreeMap::new(), BTreeMap::<String, usize>::new());
    for record in &records {
        match record["event"].as_str().unwrap() {
            "run_created" if record["workflow"] == "lift" => {
                lifts.insert(record["id"].as_str().unwrap(), ());
            }
            "step_succeeded" if lifts.contains_key(record["run"].as_str().unwrap()) => {
                *times.entry(record["step"].as_str().unwrap().to_owned()).or_default() += 1;
            }
            _ => {}
        }
    }
    assert_eq!((lifts.len(), times.len(), times.values().max()), (MANY, MANY, Some(&1)));
    let status = format!("/proc/{}/status", served.child.as_ref().unwrap().id());
    let status = fs::read_to_string(status).unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("its peak is not known");
    println!("{MANY} lifted in {took:.1?}; the engine: {peak}");
}
