//! The shipped setup for a Linux host, and what tests add to it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use quell::model::Timestamp;

use crate::network::Network;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/linux");
const GATE_STEP: &str = r#"
  - id: gate
    role: TESTER
    action: gate
    needs: [block]
    timeout: 2m
    undo: "none: it only waits"
"#;

pub struct Setup {
    folder: tempfile::TempDir,
    pub config: PathBuf,
    pub state: PathBuf,
    pub log: PathBuf,
    pub said: PathBuf,
}

impl Setup {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let setup =
            Setup { config: at("config"), state: at("state"), log: at("eve.json"), said: at("said"), folder };
        for part in ["", "agents", "workflows", "rules"] {
            copy(&Path::new(SHIPPED).join(part), &setup.config.join(part));
        }
        fs::write(&setup.log, "").unwrap();
        setup
    }

    /// With one step more: a gate that the test opens.
    pub fn with_gate() -> Self {
        let setup = Setup::new();
        setup.add_gate();
        setup
    }

    /// Adds a file to the setup; `HERE` in it is the folder of the test.
    pub fn add(&self, name: &str, text: &str) {
        let here = self.folder.path().display().to_string();
        fs::write(self.config.join(name), text.replace("HERE", &here)).unwrap();
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn add_gate(&self) {
        let (gate, folder) = (self.at("gate"), self.folder.path().display());
        let script = format!(
            "#!/bin/sh\n: >{folder}/reached\nwhile [ ! -e {folder}/fail ]; do sleep 0.05; done\n\
             echo the gate was told to fail >&2\nexit 1\n"
        );
        fs::write(&gate, script).unwrap();
        fs::set_permissions(&gate, fs::Permissions::from_mode(0o755)).unwrap();
        let agent = format!(
            "agents:\n  - name: tester-1\n    role: TESTER\n    kind: exec\n    actions:\n      gate:\n        \
             idempotent: true\n        run: [{}]\n",
            gate.display()
        );
        fs::write(self.config.join("agents/tester.yaml"), agent).unwrap();
        let workflow = self.config.join("workflows/contain-port-scan.yaml");
        let mut file = fs::File::options().append(true).open(workflow).unwrap();
        file.write_all(GATE_STEP.as_bytes()).unwrap();
    }

    /// Writes what a sensor in the guarded network would have seen: a connection that was established, or
    /// the first packet of one only, in which anybody can write any address.
    pub fn log_attempt(&self, network: &Network, port: u16, state: &str) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let at = Timestamp(i64::try_from(since.as_micros()).unwrap());
        let line = format!(
            "{{\"timestamp\":\"{at}\",\"event_type\":\"flow\",\"src_ip\":\"{}\",\"src_port\":{},\
             \"dest_ip\":\"{}\",\"dest_port\":{port},\"proto\":\"TCP\",\
             \"flow\":{{\"state\":\"{state}\"}}}}\n",
            network.outside_address(),
            40_000 + port,
            network.guarded_address(),
        );
        let mut log = fs::File::options().append(true).open(&self.log).unwrap();
        log.write_all(line.as_bytes()).unwrap();
    }

    pub fn gate_reached(&self) -> bool {
        self.at("reached").exists()
    }

    pub fn forget_gate(&self) {
        fs::remove_file(self.at("reached")).unwrap();
    }

    pub fn let_gate_fail(&self) {
        fs::write(self.at("fail"), "").unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
