//! What quell does by itself: log, notify, wait, blocklist. It writes only inside the state folder.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::blocklist::{Added, Blocklist, LIMIT};
use super::{Agent, Reply};
use crate::engine::{AgentSpec, BuiltinKind, Means, Probe, Task};
use crate::model::{FailureKind, Map, Outcome, Presence, SafeText, Span, Timestamp, Value};

/// How long a block lasts if its step does not say: every block ends by itself (C28).
pub const BLOCK_FOR: Span = Span::from_secs(3_600);
/// How much of the end of a file is searched for a key that wrote to it before.
const LOOK_BACK: u64 = 64 * 1024;
/// Files of the state folder that `notify` may not write to.
const RESERVED: [&str; 10] = [
    "journal.db",
    "journal.db-wal",
    "journal.db-shm",
    "journal.head",
    "cursors.json",
    "lock",
    "blocklist",
    "replay.json",
    "control.sock",
    "HALT",
];

/// Where builtins write, shared by all of them: one at a time.
pub struct Desk {
    folder: PathBuf,
    writing: Mutex<()>,
    /// Says a line to people: on stderr, or in the log while a console has the terminal.
    say: Box<dyn Fn(&str) + Send + Sync>,
}

impl Desk {
    /// In this folder; `say` takes what `to: stderr` says.
    pub fn new(folder: &Path, say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Desk { folder: folder.to_owned(), writing: Mutex::new(()), say: Box::new(say) }
    }
}

/// An agent that is part of quell.
pub struct BuiltinAgent {
    name: Arc<str>,
    actions: BTreeMap<Arc<str>, BuiltinKind>,
    desk: Arc<Desk>,
}

impl BuiltinAgent {
    /// The builtin actions of an agent's file.
    pub fn new(spec: &AgentSpec, desk: Arc<Desk>) -> Self {
        let actions = spec.actions.iter().filter_map(|(name, action)| match action.means {
            Means::Builtin(builtin) => Some((Arc::clone(name), builtin)),
            _ => None,
        });
        BuiltinAgent { name: Arc::clone(&spec.name), actions: actions.collect(), desk }
    }
}

impl Agent for BuiltinAgent {
    fn perform(&self, task: &Task, now: Timestamp) -> Reply {
        let Some(kind) = self.actions.get(&task.action.name) else {
            let message = format!("{} has no builtin for {}", self.name, task.action.name);
            return Reply::failed(FailureKind::NotSent, message);
        };
        let call = Call { desk: &self.desk, task, now };
        let _writing = self.desk.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let done = match kind {
            BuiltinKind::Log => call.log(),
            BuiltinKind::Notify => call.notify(),
            BuiltinKind::Wait => return call.wait().unwrap_or_else(refused),
            BuiltinKind::BlocklistAdd => call.block(),
            BuiltinKind::BlocklistRemove => call.unblock(),
        };
        done.map_or_else(refused, |output| Reply::now(Outcome::Succeeded(output)))
    }

    /// Looks for what the step of this key ordered.
    fn probe(&self, probe: &Probe, now: Timestamp) -> (Span, Presence) {
        let found = match self.actions.get(&probe.action.name) {
            Some(BuiltinKind::BlocklistAdd) => {
                let task = probe.as_task();
                let call = Call { desk: &self.desk, task: &task, now };
                let _writing = self.desk.writing.lock().unwrap_or_else(PoisonError::into_inner);
                call.is_blocked().unwrap_or_else(Presence::Unknown)
            }
            _ => Presence::Unknown(super::NO_PROBE.to_owned()),
        };
        (Span::ZERO, found)
    }

    fn is_instant(&self) -> bool {
        false
    }
}

/// Whatever went wrong, nothing was changed.
fn refused(why: String) -> Reply {
    Reply::failed(FailureKind::Answered, why)
}

struct Call<'a> {
    desk: &'a Desk,
    task: &'a Task,
    now: Timestamp,
}

impl Call<'_> {
    fn text(&self, name: &str) -> Result<&str, String> {
        match self.task.action.args.get(name) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(format!("argument {name}: expected text, found {other}")),
            None => Err(format!("argument {name} is missing")),
        }
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str) -> Result<T, String>
    where
        T::Err: std::fmt::Display,
    {
        self.text(name)?.parse().map_err(|error| format!("argument {name}: {error}"))
    }

    fn log(&self) -> Result<Map, String> {
        self.append("incidents.log", self.text("text")?)
    }

    fn notify(&self) -> Result<Map, String> {
        let (to, text) = (self.text("to")?, self.text("text")?);
        if to == "stderr" {
            (self.desk.say)(&format!("{} {}", self.now, SafeText(text)));
            return Ok(Map::new());
        }
        let mut parts = Path::new(to).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        if !plain || to.starts_with('.') || RESERVED.contains(&to) {
            return Err(format!(
                "argument to: expected `stderr` or a plain file name, found {}",
                SafeText(to)
            ));
        }
        self.append(to, text)
    }

    /// Adds one line to a file of the state folder, once per key, and syncs it.
    fn append(&self, file: &str, text: &str) -> Result<Map, String> {
        let path = self.desk.folder.join(file);
        let line = format!("{} {} {}\n", self.now, self.task.key, SafeText(text));
        // A first attempt has no line yet; one that is made again may have.
        let before = (self.task.attempt > 1).then_some(&*self.task.key);
        append(&path, before, &line).map_err(|error| format!("{file}: {error}"))?;
        Ok(Map::from_iter([("file".to_owned(), Value::from(file))]))
    }

    fn wait(&self) -> Result<Reply, String> {
        let after: Span = self.parsed("for")?;
        Ok(Reply::Due { after, outcome: Outcome::Succeeded(Map::new()) })
    }

    fn block(&self) -> Result<Map, String> {
        let address = self.parsed("address")?;
        let span = match self.task.action.args.get("expires") {
            None | Some(Value::Null) => BLOCK_FOR,
            Some(_) => self.parsed("expires")?,
        };
        let expires = self.now + span;
        let list = Blocklist::at(self.desk.folder.join("blocklist"));
        let added = list.add(address, expires, &self.task.key, self.now);
        let until = match added.map_err(|error| format!("blocklist: {error}"))? {
            Added::New => expires,
            Added::Again(until) => until,
            Added::Full => return Err(format!("the blocklist is full: {LIMIT} lines")),
        };
        Ok(Map::from_iter([("until".to_owned(), Value::from(until.to_string()))]))
    }

    fn is_blocked(&self) -> Result<Presence, String> {
        let list = Blocklist::at(self.desk.folder.join("blocklist"));
        let found = list.has(self.parsed("address")?, &self.task.key, self.now);
        let found = found.map_err(|error| format!("blocklist: {error}"))?;
        Ok(if found { Presence::Present } else { Presence::Absent })
    }

    fn unblock(&self) -> Result<Map, String> {
        let address = self.parsed("address")?;
        let list = Blocklist::at(self.desk.folder.join("blocklist"));
        let removed = list.remove(address, self.now).map_err(|error| format!("blocklist: {error}"))?;
        Ok(Map::from_iter([("removed".to_owned(), Value::from(removed))]))
    }
}

/// Adds a line, unless `key` is given and has one.
fn append(path: &Path, key: Option<&str>, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    if let Some(key) = key
        && has_key(&mut file, key)?
    {
        return Ok(());
    }
    file.write_all(line.as_bytes())?;
    file.sync_data()
}

fn has_key(file: &mut File, key: &str) -> io::Result<bool> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOOK_BACK)))?;
    let mut tail = Vec::new();
    file.take(LOOK_BACK).read_to_end(&mut tail)?;
    let word = |line: &[u8]| line.split(|byte| *byte == b' ').nth(1) == Some(key.as_bytes());
    Ok(tail.split(|byte| *byte == b'\n').any(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::task;
    use crate::engine::{ActionSpec, AgentKind};

    fn agent(folder: &Path) -> (BuiltinAgent, Arc<Mutex<Vec<String>>>) {
        let kinds = [
            ("log", BuiltinKind::Log),
            ("notify", BuiltinKind::Notify),
            ("wait", BuiltinKind::Wait),
            ("block", BuiltinKind::BlocklistAdd),
            ("unblock", BuiltinKind::BlocklistRemove),
        ];
        let action = |builtin| ActionSpec {
            lifts: None,
            takes: vec![],
            optional: vec![],
            target: None,
            idempotent: true,
            undo: None,
            means: Means::Builtin(builtin),
            probe: None,
        };
        let spec = AgentSpec {
            name: "quell".into(),
            role: "QUELL".into(),
            capabilities: vec![],
            kind: AgentKind::Builtin,
            concurrency: 1,
            actions: kinds.into_iter().map(|(name, kind)| (name.into(), action(kind))).collect(),
        };
        let said = Arc::new(Mutex::new(vec![]));
        let ears = Arc::clone(&said);
        let desk = Desk::new(folder, move |line| ears.lock().unwrap().push(line.to_owned()));
        (BuiltinAgent::new(&spec, Arc::new(desk)), said)
    }

    fn perform(agent: &BuiltinAgent, action: &str, args: &[(&str, &str)]) -> Reply {
        agent.perform(&task(AgentKind::Builtin, action, args), Timestamp::from_secs(10))
    }

    fn output(reply: Reply) -> String {
        match reply {
            Reply::Due { after: Span::ZERO, outcome: Outcome::Succeeded(output) } => {
                Value::Object(output).to_string()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_are_written_once_per_key_and_sanitised() {
        let folder = tempfile::tempdir().unwrap();
        let (agent, said) = agent(folder.path());
        for attempt in 1..=2 {
            let task = task(AgentKind::Builtin, "log", &[("text", "evil \u{1b}[2J\nline")]);
            let reply = agent.perform(&Task { attempt, ..task }, Timestamp::from_secs(10));
            assert_eq!(output(reply), r#"{"file":"incidents.log"}"#);
        }
        perform(&agent, "notify", &[("to", "team.txt"), ("text", "hello")]);
        perform(&agent, "notify", &[("to", "stderr"), ("text", "look \u{7}")]);
        let read = |file: &str| std::fs::read_to_string(folder.path().join(file)).unwrap();
        let line = "1970-01-01T00:00:10.000000Z run-1/block evil \\x1b[2J\\nline\n";
        assert_eq!(read("incidents.log"), line);
        assert_eq!(read("team.txt"), "1970-01-01T00:00:10.000000Z run-1/block hello\n");
        assert_eq!(*said.lock().unwrap(), ["1970-01-01T00:00:10.000000Z look \\x07"]);
    }

    #[test]
    fn an_undo_takes_the_address_away_whoever_ordered_it() {
        let folder = tempfile::tempdir().unwrap();
        let (agent, _) = agent(folder.path());
        let args = [("address", "192.0.2.1"), ("expires", "1m")];
        let until = r#"{"until":"1970-01-01T00:01:10.000000Z"}"#;
        assert_eq!(output(perform(&agent, "block", &args)), until);
        let mut other = task(AgentKind::Builtin, "block", &args[..1]);
        other.key = "run-2/block".into();
        let reply = agent.perform(&other, Timestamp::from_secs(10));
        assert_eq!(output(reply), r#"{"until":"1970-01-01T01:00:10.000000Z"}"#);
        let mut undo = task(AgentKind::Builtin, "unblock", &args[..1]);
        (undo.undo, undo.key) = (true, "run-1/block:undo".into());
        for removed in [2, 0] {
            let reply = agent.perform(&undo, Timestamp::from_secs(11));
            assert_eq!(output(reply), format!(r#"{{"removed":{removed}}}"#));
        }
        let list = std::fs::read_to_string(folder.path().join("blocklist")).unwrap();
        assert!(!list.contains("192.0.2.1"), "{list}");
    }

    #[test]
    fn waiting_takes_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let reply = perform(&agent(folder.path()).0, "wait", &[("for", "5s")]);
        assert!(
            matches!(reply, Reply::Due { after, outcome: Outcome::Succeeded(_) } if after == Span::from_secs(5))
        );
    }

    #[test]
    fn bad_arguments_fail_the_step_and_say_why() {
        let folder = tempfile::tempdir().unwrap();
        let (agent, _) = agent(folder.path());
        for (action, args, expected) in [
            ("log", &[][..], "argument text is missing"),
            ("notify", &[("to", "../passwd"), ("text", "x")], "plain file name"),
            ("notify", &[("to", "journal.db"), ("text", "x")], "plain file name"),
            ("notify", &[("to", "a/b"), ("text", "x")], "plain file name"),
            ("wait", &[("for", "soon")], "argument for: expected a duration"),
            ("block", &[("address", "nobody")], "argument address: invalid IP address"),
            ("launch", &[], "has no builtin for launch"),
        ] {
            let reply = format!("{:?}", perform(&agent, action, args));
            assert!(reply.contains(expected), "{action}: {reply}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_gone_fails_the_step() {
        let folder = tempfile::tempdir().unwrap();
        let (agent, _) = agent(&folder.path().join("gone"));
        for (action, args) in [("log", [("text", "x")]), ("block", [("address", "::1")])] {
            let reply = format!("{:?}", perform(&agent, action, &args));
            assert!(reply.contains("No such file"), "{reply}");
        }
    }
}
