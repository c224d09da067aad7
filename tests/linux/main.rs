//! The setup for a Linux host, for real: a scanning host is found in a followed log and blocked in the
//! kernel, the engine is killed, a later step fails, and the block is lifted again; whoever is logged in
//! by a real sshd is not blocked. In network namespaces that the tests make themselves, so they need
//! root, `ip`, `nft` and `sshd`; without them they say "skipped", or fail if `QUELL_TEST_NETWORK` is
//! `required`.

#![expect(clippy::disallowed_methods, reason = "the world of this test has a clock and an environment")]

mod full_disk;
mod keeper;
mod ledger;
mod network;
mod setup;
mod unproven;
mod ssh;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use network::{Family, Network};
use serde_json::Value;
use setup::Setup;

/// Nothing in here takes long; a machine that is busy may.
const PATIENCE: Duration = Duration::from_secs(60);
const SERVICE: u16 = 8080;

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "waited too long for: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Why the test cannot be made here, if so.
fn missing() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("it needs root");
    }
    let runs = |program: &str, arg: &str| Command::new(program).arg(arg).output().is_ok();
    if !runs("/usr/sbin/nft", "--version") {
        return Some("/usr/sbin/nft is missing (nftables)");
    }
    (!runs("/usr/sbin/ip", "-V")).then_some("/usr/sbin/ip is missing (iproute2)")
}

/// `quell`, inside the namespace that it guards.
fn quell(network: &Network, setup: &Setup, args: &[&str]) -> Command {
    let mut command = network.inside();
    command.arg(env!("CARGO_BIN_EXE_quell")).args(args);
    command.arg("--config").arg(&setup.config).arg("--state").arg(&setup.state);
    command.stdin(Stdio::null());
    command
}

fn start(network: &Network, setup: &Setup) -> Child {
    let source = format!("eve:{}", setup.log.display());
    let mut run = quell(network, setup, &["run", &source, "--follow", "--from", "start", "--headless"]);
    let log = fs::File::options().create(true).append(true).open(&setup.said).unwrap();
    run.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

fn journal(state: &Path) -> Vec<Value> {
    let mut show = Command::new(env!("CARGO_BIN_EXE_quell"));
    let output = show.args(["journal", "show", "--json", "--state"]).arg(state).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn scenario(family: Family) {
    let network = Network::new(family);
    let setup = Setup::with_gate();
    network.load_table();
    network.serve(SERVICE);
    assert!(network.connect(SERVICE), "nothing is blocked yet");

    let armed = quell(&network, &setup, &["arm", "contain-port-scan"]).output().unwrap();
    assert!(armed.status.success(), "{}", String::from_utf8_lossy(&armed.stderr));
    let mut engine = start(&network, &setup);
    setup.log_attempt(&network, SERVICE, "established");
    for port in 1000..1020 {
        network.connect(port);
        setup.log_attempt(&network, port, "new");
    }
    wait_for("the block", || !network.connect(SERVICE));
    let blocked = network.blocked();
    assert!(blocked.contains(network.outside_address()) && blocked.contains("timeout 1h"), "{blocked}");

    wait_for("the gate", || setup.gate_reached());
    engine.kill().unwrap();
    engine.wait().unwrap();
    assert!(!network.connect(SERVICE), "the kernel keeps the block without an engine");
    setup.forget_gate();
    let mut engine = start(&network, &setup);
    wait_for("the gate, once more", || setup.gate_reached());
    assert!(!network.connect(SERVICE), "starting again changes nothing");

    setup.let_gate_fail();
    wait_for("the rollback", || network.connect(SERVICE));
    assert!(!network.blocked().contains(network.outside_address()));
    // The last record may follow the last effect by a moment.
    let ended = || journal(&setup.state).iter().any(|record| record["event"] == "rollback_completed");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(engine.id() as i32).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    let status = engine.wait().unwrap();
    assert!(status.success(), "{status}: {}", fs::read_to_string(&setup.said).unwrap_or_default());
    assert!(ended());

    let records = journal(&setup.state);
    let of = |event: &str| records.iter().filter(|record| record["event"] == event).count();
    assert_eq!((of("run_created"), of("incident_opened"), of("rollback_completed")), (1, 1, 1));
    let block = |event: &str| {
        let is = |record: &&Value| record["event"] == event && record["step"] == "block";
        records.iter().filter(is).count()
    };
    assert_eq!((block("step_started"), block("step_succeeded")), (1, 1), "done once, killed or not");
    assert_eq!((block("undo_started"), block("undo_succeeded")), (1, 1));
}

/// Says why a test is skipped. False if it may not be.
fn skips(why: Option<&str>) -> bool {
    let Some(why) = why else { return false };
    assert!(
        std::env::var("QUELL_TEST_NETWORK").as_deref() != Ok("required"),
        "this test must not be skipped: {why}"
    );
    println!("skipped: {why}");
    true
}

#[test]
fn a_scanning_host_is_blocked_and_let_in_again() {
    if skips(missing()) {
        return;
    }
    scenario(Family::V4);
    scenario(Family::V6);
}
