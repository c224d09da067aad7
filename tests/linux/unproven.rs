//! A scan of which only first packets were seen: anybody can write any address into those.

use std::process::Command;

use super::network::{Family, Network};
use super::setup::Setup;
use super::{SERVICE, journal, missing, quell, skips, start, wait_for};

/// C28: whoever forges an address does not have it blocked; a person decides.
#[test]
fn c28_an_address_that_may_be_forged_is_blocked_by_a_person_only() {
    if skips(missing()) {
        return;
    }
    let network = Network::new(Family::V4);
    let setup = Setup::with_gate();
    network.load_table();
    network.serve(SERVICE);
    let ran = |args: &[&str]| {
        let output = quell(&network, &setup, args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    ran(&["arm", "contain-port-scan"]);
    let mut engine = start(&network, &setup);
    for port in 1000..1020 {
        setup.log_attempt(&network, port, "new");
    }
    let asked = || journal(&setup.state).iter().any(|record| record["event"] == "approval_asked");
    wait_for("the question", asked);
    assert!(network.connect(SERVICE), "nothing is blocked before somebody says so");
    let mut list = Command::new(env!("CARGO_BIN_EXE_quell"));
    let list = list.args(["approvals", "--state"]).arg(&setup.state).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let why = format!("no handshake proves that {} is not forged", network.outside_address());
    assert!(list.contains("run-1/block") && list.contains(&why), "{list}");
    ran(&["approve", "run-1", "block"]);
    wait_for("the block", || !network.connect(SERVICE));
    wait_for("the gate", || setup.gate_reached());
    setup.let_gate_fail();
    wait_for("the rollback", || network.connect(SERVICE));
    let pid = rustix::process::Pid::from_raw(engine.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    engine.wait().unwrap();
}
