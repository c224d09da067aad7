//! `quell serve` with a setup whose blocks have no timeout of the kernel: what ends is ended by quell, or by a person.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use quell::control::client::Client;
use quell::control::message::Asked;
use quell::engine::Request;
use serde_json::Value;

use super::network::{Family, Network};
use super::wait_for;

const SETTINGS: &str = "setup: keeper\nexercise: false\n";
const AGENTS: &str = r#"
agents:
  - name: keeper-1
    role: KEEPER
    kind: exec
    concurrency: 8
    actions:
      keep_out:
        takes: { address: address }
        target: address
        idempotent: true
        undo: let_in
        run: [/usr/sbin/nft, "add element inet quell blocked${address.family} { ${address} }"]
        probe: [/usr/sbin/nft, get, element, inet, quell, "blocked${address.family}", "{ ${address} }"]
      let_in:
        takes: { address: address }
        target: address
        idempotent: true
        run:
          - /usr/sbin/nft
          - add element inet quell blocked${address.family} { ${address} };
          - delete element inet quell blocked${address.family} { ${address} }
"#;

/// `quell serve` at work in a guarded namespace.
pub struct Keeper {
    pub network: Network,
    folder: tempfile::TempDir,
    engine: Option<Child>,
}

impl Keeper {
    /// With a workflow `keep` that blocks an address for so long.
    pub fn new(expires: &str) -> Keeper {
        let network = Network::new(Family::V4);
        network.load_table();
        let mut keeper = Keeper { network, folder: tempfile::tempdir().unwrap(), engine: None };
        let workflow = format!(
            "workflow: keep\ninputs: {{ address: {{ type: address }} }}\nsteps:\n  - {{ id: keep, role: KEEPER, \
             action: keep_out, with: {{ address: '${{inputs.address}}' }}, expires: {expires} }}\n"
        );
        for (name, text) in
            [("settings.yaml", SETTINGS), ("agents/a.yaml", AGENTS), ("workflows/keep.yaml", &workflow)]
        {
            let path = keeper.folder.path().join("setup").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        keeper.start();
        keeper.expect(&["arm", "keep"], 0);
        keeper
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.network.inside();
        command.arg(env!("CARGO_BIN_EXE_quell")).args(args).arg("--state").arg(self.state());
        command.env("QUELL_CONFIG", self.folder.path().join("setup")).stdin(Stdio::null());
        command
    }

    pub fn start(&mut self) {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        self.engine = Some(self.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        wait_for("the engine", || self.log().contains("quell: serving"));
    }

    /// `kill -9`, in the middle of whatever it does.
    pub fn kill(&mut self) {
        let mut engine = self.engine.take().unwrap();
        engine.kill().unwrap();
        engine.wait().unwrap();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Begins a verb that waits.
    pub fn begin(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub fn expect(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}\n{}", self.log());
        out.into_owned()
    }

    pub fn block(&self, address: &str) {
        self.expect(&["trigger", "keep", &format!("address={address}")], 0);
    }

    /// Whether the kernel has an address in its set.
    pub fn blocks(&self, address: &str) -> bool {
        let mut nft = self.network.inside();
        let element = format!("{{ {address} }}");
        nft.args(["/usr/sbin/nft", "get", "element", "inet", "quell", "blocked4", &element]);
        nft.output().unwrap().status.success()
    }

    /// How many addresses the kernel has in its set.
    pub fn count(&self) -> usize {
        let mut nft = self.network.inside();
        let output =
            nft.args(["/usr/sbin/nft", "-j", "list", "set", "inet", "quell", "blocked4"]).output().unwrap();
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let sets = found["nftables"].as_array().unwrap().iter();
        sets.filter_map(|entry| entry["set"]["elem"].as_array()).map(Vec::len).sum()
    }

    /// What somebody else does with nft.
    pub fn by_hand(&self, command: &str) {
        let status = self.network.inside().args(["/usr/sbin/nft", command]).status().unwrap();
        assert!(status.success(), "{command}");
    }

    /// Rows of the ledger, those that ended too, and the figures.
    pub fn ledger(&self) -> (Vec<Value>, Value) {
        let out = self.expect(&["ledger", "--all", "--limit", "100000", "--json"], 0);
        let mut rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let totals = rows.pop().unwrap();
        (rows, totals)
    }

    /// The one row of the ledger.
    pub fn only(&self) -> Value {
        let (mut rows, _) = self.ledger();
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(mut engine) = self.engine.take() {
            let _ = engine.kill();
            let _ = engine.wait();
        }
    }
}

/// Blocks many addresses, several at a time, without waiting for each; ends when the kernel has them all.
pub fn block_many(keeper: &Keeper, count: usize) {
    let before = keeper.count();
    let mut client = Client::connect(&keeper.state(), None).unwrap().unwrap();
    for i in 0..count {
        let inputs = [("address".to_owned(), quell::model::Value::from(address(i)))].into_iter().collect();
        let request = Request::Trigger { workflow: "keep".into(), inputs };
        let given = client.ask(&Asked { id: format!("block-{i}"), seen: None, request }).unwrap();
        assert!(given.accepted, "{}", given.text);
    }
    wait_for("the blocks", || keeper.count() == before + count);
}

/// One of 64,000 addresses that nobody has.
pub fn address(i: usize) -> String {
    format!("198.19.{}.{}", i / 250, i % 250 + 1)
}
