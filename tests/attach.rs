//! Consoles attached to a service, in real terminals.

#[path = "terminal/pty.rs"]
mod pty;

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pty::{PATIENCE, Terminal, now};

/// `quell serve` on the exercise, reading a pipe.
struct Service {
    folder: tempfile::TempDir,
    child: Child,
}

fn state(folder: &Path) -> String {
    folder.join("state").display().to_string()
}

fn serve(folder: &Path) -> Child {
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/exercise");
    let mut command = Command::new(env!("CARGO_BIN_EXE_quell"));
    command.args(["serve", "--state", &state(folder), "--config"]).arg(setup).arg(folder.join("signals"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    let end = now() + PATIENCE;
    while !quell(folder, &["runs"]).status.success() {
        assert!(now() < end, "no engine in time");
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    child
}

fn quell(folder: &Path, args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_quell")).args(args).args(["--state", &state(folder)]).output().unwrap()
}

impl Service {
    fn start() -> Service {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("signals");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let child = serve(folder.path());
        Service { folder, child }
    }

    fn console(&self, args: &[&str]) -> Terminal {
        let state = state(self.folder.path());
        let mut terminal = Terminal::start(&[&["attach", "--state", &state], args].concat(), 120, 40);
        terminal.sees("▶ LIVE");
        terminal
    }

    fn verb(&self, args: &[&str]) -> String {
        let output = quell(self.folder.path(), args);
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    /// The signals of the exercise come.
    fn scan(&self) {
        let mut pipe = std::fs::File::options().write(true).open(self.folder.path().join("signals")).unwrap();
        let exercise = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/signals/exercise.log");
        pipe.write_all(&std::fs::read(exercise).unwrap()).unwrap();
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_happens_is_seen_by_every_console_and_steered_from_each() {
    let service = Service::start();
    let (mut one, mut two) = (service.console(&[]), service.console(&[]));
    one.sees("No runs yet");
    service.scan();
    for console in [&mut one, &mut two] {
        console.sees("contain-port-scan");
        console.sees("port-scan");
    }
    // Contrary wishes: the kill switch is thrown by one, and both see it.
    one.press("!");
    one.sees("Halt everything?");
    one.press("y");
    for console in [&mut one, &mut two] {
        console.sees("HALTED");
    }
    two.press("t");
    two.sees("Start which workflow?");
    two.press("\x1b");
    two.sees_no_more("Start which workflow?");
    // Leaving one is nothing to the engine, nor to the other.
    one.press("q");
    assert_eq!(one.ends(), 0);
    one.is_restored();
    two.child.kill().unwrap();
    assert!(service.verb(&["runs"]).contains("contain-port-scan"));
}

#[test]
fn a_console_that_only_looks_sends_nothing() {
    let service = Service::start();
    let mut console = service.console(&["--read-only"]);
    console.sees(" RO ");
    console.press("!");
    console.sees("this console is read-only");
    console.signal("TERM");
    assert_eq!(console.ends(), 143);
    console.is_restored();
}

#[test]
fn an_engine_that_is_killed_is_lost_and_found_again() {
    let mut service = Service::start();
    let mut console = service.console(&[]);
    service.verb(&["trigger", "block-address", "address=192.0.2.7"]);
    console.sees("block-address");
    service.kill();
    console.sees("LOST");
    console.press("!");
    console.sees("the engine cannot be reached");
    service.child = serve(service.folder.path());
    console.sees("▶ LIVE");
    console.sees("block-address");
    console.resize(80, 24);
    console.sees("2 Workflows");
    console.press("\x03");
    assert_eq!(console.ends(), 0);
    console.is_restored();
}

#[test]
fn nobody_to_attach_to_is_said_before_the_terminal_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(&["attach", "--state", &folder.path().display().to_string()], 80, 24);
    terminal.sees("no engine is at work in");
    assert_eq!(terminal.ends(), 1);
    let piped = quell(folder.path(), &["attach"]);
    assert_eq!(piped.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&piped.stderr).contains("a console needs a terminal"));
}
