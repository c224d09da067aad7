//! Sources that listen, with the real binary: UDP, TCP, a socket with a name; books, a stop, blindness.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What no machine is too slow for.
const PATIENCE: Duration = Duration::from_secs(120);
const EXERCISE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/exercise");

struct Running {
    child: Child,
    lines: Receiver<Value>,
}

impl Running {
    fn start(config: &Path, arguments: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quell"));
        command.env_remove("QUELL_CONFIG").stdin(Stdio::null()).stdout(Stdio::piped());
        command.args(["run", "--json", "--config"]).arg(config).args(arguments);
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Running { child, lines }
    }

    /// The next line that is wanted.
    fn wait_for(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("nothing of that kind came");
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Ends it in good order; the summary.
    fn stop(mut self) -> Value {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let summary = self.wait_for(|line| line["type"] == "summary");
        self.child.wait().unwrap();
        summary
    }
}

/// A failed login of that second, as sshd has it.
fn failed(second: u32, source: u8) -> String {
    format!(
        "<38>2026-03-14T10:00:{second:02}Z web sshd[7]: Failed password for root from 192.0.2.{source} port {} ssh2",
        1000 + second
    )
}

/// Ports that nobody has.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..12_000 {
        if is() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("not within two minutes: {what}");
}

#[test]
fn c18_what_sockets_received_before_a_stop_is_processed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (udp, tcp) = (port(), port());
    let (udp_at, tcp_at) = (format!("syslog:udp://127.0.0.1:{udp}"), format!("tcp://{tcp}"));
    let named_at = format!("unix://{}", path.display());
    let running = Running::start(Path::new(EXERCISE), &[&udp_at, &tcp_at, &named_at]);
    // The last one is open, so all of them are.
    until("the socket is there", || path.exists());
    let named = UnixDatagram::unbound().unwrap();
    for second in 0..20 {
        named.send_to(failed(second, 1).as_bytes(), &path).unwrap();
    }
    let incident = |key: &'static str| move |line: &Value| line["type"] == "incident" && line["key"] == key;
    running.wait_for(incident("192.0.2.1"));

    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut lines = TcpStream::connect(("127.0.0.1", tcp)).unwrap();
    let mut counted = TcpStream::connect(("127.0.0.1", tcp)).unwrap();
    for second in 0..20 {
        sender.send_to(failed(second, 2).as_bytes(), ("127.0.0.1", udp)).unwrap();
        writeln!(lines, "{}", failed(second, 3)).unwrap();
        let message = failed(second, 4);
        write!(counted, "{} {message}", message.len()).unwrap();
    }
    // Bad ones: no signal, a count that lies, a message that is cut off.
    sender.send_to(b"this is no signal", ("127.0.0.1", udp)).unwrap();
    write!(counted, "7 <38>1 -junk").unwrap();
    write!(lines, "<38>2026-03-14T10:00:30Z web app: no line feed").unwrap();
    drop((lines, counted));
    let summary = running.stop();
    let figure = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!(figure("received"), figure("processed") + figure("dropped"), "{summary}");
    assert_eq!((figure("queued"), summary["dropped_by"]["overflow"].as_u64()), (0, Some(0)), "{summary}");
    assert_eq!(figure("processed"), 81, "{summary}");
    assert_eq!(figure("incidents"), 4, "{summary}");
    let received: Vec<_> = summary["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| source["received"].as_u64().unwrap())
        .collect();
    assert_eq!((received[0], received[2]), (21, 20), "{summary}");
    assert!(!path.exists(), "the name of the socket goes with it");
}

#[test]
fn a_source_that_is_silent_is_an_incident_that_triggers_a_workflow() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    for name in ["agents", "rules", "workflows"] {
        let to = config.join(name);
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(Path::new(EXERCISE).join(name)).unwrap().map(Result::unwrap) {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    let path = folder.path().join("log");
    let settings = format!(
        "setup: blind\nexercise: true\nsources:\n- {{ datagram: {}, format: syslog, silent_after: 1s }}\n",
        path.display()
    );
    std::fs::write(config.join("settings.yaml"), settings).unwrap();
    let workflow = "workflow: tell\ndescription: Tell the team.\ntrigger: { rule: quell.source_silent }\n\
        inputs:\n  source: { type: text, from: \"${detection.source}\" }\nsteps:\n- id: alert\n  role: OMNISCIENT\n  \
        action: alert_security_team\n  with: { text: \"${inputs.source} is silent\" }\n  undo: \"none: a message cannot be unsent\"\n";
    std::fs::write(config.join("workflows/tell.yaml"), workflow).unwrap();
    let running = Running::start(&config, &[]);
    let is_open = |line: &Value| line["type"] == "incident" && line["rule_name"] == "quell.source_silent";
    let incident = running.wait_for(is_open);
    assert_eq!(incident["severity"], "high", "{incident}");
    assert_eq!(incident["key"], format!("unix://{}", path.display()).as_str());
    running.wait_for(|line| line["workflow"] == "tell" && line["status"] == "completed");
    let summary = running.stop();
    assert_eq!(summary["incidents"], 1, "{summary}");
    assert!(
        summary["sources"][0]["blind"].as_str().is_some_and(|why| why.starts_with("silent for")),
        "{summary}"
    );
}

#[test]
fn a_socket_that_cannot_be_had_is_refused_with_what_to_do() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for (source, expected) in [
        (format!("udp://{}", taken.local_addr().unwrap()), "another process listens there"),
        (format!("unix://{}", file.display()), "is no socket"),
        ("udp://localhost:1".to_owned(), "expected an address and a port"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quell"));
        command.env_remove("QUELL_CONFIG").args(["run", "--headless", "--config", EXERCISE, &source]);
        let out = command.output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(said.contains(expected), "{source}: {said}");
        assert_eq!(out.status.code(), Some(2), "{said}");
    }
}
