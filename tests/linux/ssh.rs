//! Whoever is logged in by ssh is not cut off (C27): a real sshd in the guarded namespace, a real client
//! outside.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::network::{Family, Network};
use crate::setup::Setup;
use crate::{journal, missing, quell, skips, wait_for};

const SSHD: &str = "/usr/sbin/sshd";
const PORT: &str = "2222";
/// Blocks a whole prefix; here it only says that it would have.
const AGENT: &str = "
agents:
  - name: tester-1
    role: TESTER
    kind: exec
    actions:
      block_prefix:
        takes: { prefix: prefix }
        target: prefix
        idempotent: true
        run: [/usr/bin/touch, HERE/blocked-a-prefix]
";
const WORKFLOW: &str = "
workflow: block-prefix
inputs: { prefix: { type: prefix } }
steps:
  - { id: block, role: TESTER, action: block_prefix, with: { prefix: '${inputs.prefix}' }, undo: 'none: a file' }
";

/// Ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn key(path: &Path) {
    let mut keygen = Command::new("/usr/bin/ssh-keygen");
    let output = keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// An sshd that lets root in by a key.
fn serve_logins(network: &Network, setup: &Setup) -> Process {
    key(&setup.at("host_key"));
    key(&setup.at("key"));
    // Where it drops its privileges.
    fs::create_dir_all("/run/sshd").unwrap();
    let config = "Port 2222\nHostKey HERE/host_key\nAuthorizedKeysFile HERE/key.pub\nPidFile none\nUsePAM no\n\
                  StrictModes no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n";
    setup.add("../sshd_config", config);
    let log = fs::File::create(setup.at("sshd.log")).unwrap();
    let mut sshd = network.inside();
    sshd.args([SSHD, "-D", "-e", "-f"]).arg(setup.at("sshd_config"));
    Process(sshd.stdin(Stdio::null()).stderr(log).spawn().unwrap())
}

/// Logs in from outside, and stays.
fn log_in(network: &Network, setup: &Setup) -> Process {
    let mut ssh = network.beyond();
    ssh.args(["/usr/bin/ssh", "-p", PORT, "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes"]);
    ssh.args(["-o", "UserKnownHostsFile=/dev/null", "-i"]).arg(setup.at("key"));
    ssh.arg(format!("root@{}", network.guarded_address())).arg("echo in; sleep 600");
    let said = fs::File::create(setup.at("ssh.log")).unwrap();
    ssh.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
    let client = Process(ssh.spawn().unwrap());
    let log = |name| fs::read_to_string(setup.at(name)).unwrap_or_default();
    wait_for("the login", || {
        assert!(!log("ssh.log").contains("denied"), "{}\n{}", log("ssh.log"), log("sshd.log"));
        log("ssh.log").contains("in\n")
    });
    client
}

/// Whether a workflow was done, and why its step failed if it was not.
fn act(network: &Network, setup: &Setup, workflow: &str, input: &str) -> Result<(), String> {
    let output = quell(network, setup, &["trigger", workflow, input]).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() {
        return Ok(());
    }
    let records = journal(&setup.state);
    let failed = records.iter().rfind(|record| record["event"] == "step_failed");
    let failed = failed.unwrap_or_else(|| panic!("{workflow} {input}: no step failed: {said}"));
    assert_eq!(failed["step"], "block", "{failed}");
    Err(failed.to_string())
}

fn scenario(family: Family) {
    let network = Network::new(family);
    let setup = Setup::new();
    network.load_table();
    setup.add("agents/tester.yaml", AGENT);
    setup.add("workflows/block-prefix.yaml", WORKFLOW);
    for workflow in ["contain-port-scan", "block-prefix"] {
        let armed = quell(&network, &setup, &["arm", workflow]).output().unwrap();
        assert!(armed.status.success(), "{}", String::from_utf8_lossy(&armed.stderr));
    }
    let _sshd = serve_logins(&network, &setup);
    wait_for("the sshd", || network.connect(2222));
    let client = log_in(&network, &setup);

    let (peer, own) = (network.outside_address(), network.guarded_address());
    let login = "logged in by ssh";
    let mut refused = vec![
        ("contain-port-scan", format!("address={peer}"), login),
        ("contain-port-scan", format!("address={own}"), "own address"),
    ];
    // A prefix holds both, and the first reason that is found is told.
    match family {
        Family::V4 => refused.extend([
            ("contain-port-scan", format!("address=::ffff:{peer}"), login),
            ("block-prefix", "prefix=198.18.0.0/24".to_owned(), "protected"),
            ("block-prefix", format!("prefix={peer}/32"), login),
            ("block-prefix", "prefix=::ffff:198.18.0.0/120".to_owned(), "protected"),
        ]),
        Family::V6 => refused.extend([
            ("block-prefix", "prefix=fd00:18::/64".to_owned(), "protected"),
            ("block-prefix", format!("prefix={peer}/128"), login),
        ]),
    }
    for (workflow, input, reason) in &refused {
        let why = act(&network, &setup, workflow, input).expect_err("whoever is logged in is protected");
        assert!(why.contains("protected") && why.contains(reason), "{input}: {why}");
    }
    assert!(!network.blocked().contains(peer), "{}", network.blocked());
    assert!(!setup.at("blocked-a-prefix").exists());

    // Next to it everything may be blocked.
    let neighbour = network.neighbour_address();
    act(&network, &setup, "contain-port-scan", &format!("address={neighbour}")).unwrap();
    assert!(network.blocked().contains(neighbour), "{}", network.blocked());
    let far = if matches!(family, Family::V4) { "prefix=198.19.0.0/16" } else { "prefix=fd00:19::/64" };
    act(&network, &setup, "block-prefix", far).unwrap();
    assert!(setup.at("blocked-a-prefix").exists());

    // Once nobody is logged in from there any more.
    drop(client);
    wait_for("the block", || act(&network, &setup, "contain-port-scan", &format!("address={peer}")).is_ok());
    assert!(network.blocked().contains(peer), "{}", network.blocked());
    assert!(!network.connect(2222));
}

#[test]
fn c27_who_is_logged_in_by_ssh_is_not_cut_off() {
    let runs = |program: &str| Path::new(program).exists();
    let tools = runs(SSHD) && runs("/usr/bin/ssh") && runs("/usr/bin/ssh-keygen");
    let why = missing().or((!tools).then_some("/usr/sbin/sshd or ssh is missing (openssh-server)"));
    if skips(why) {
        return;
    }
    scenario(Family::V4);
    scenario(Family::V6);
}
