//! An agent from a setup, and what it makes of one attempt.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quell::agent::SlowAgent;
use quell::agent::http::{HttpAgent, Secrets};
use quell::agent::slow::{Attempt, Wish};
use quell::config::{self, Folder};
use quell::engine::{AgentKind, AgentSpec, Context, Means, Task};
use quell::model::{Action, AgentId, Endpoint, FailureKind, Outcome, RunId, StepIx, Timestamp, Value};
use serde_json::json;

use crate::server::{PATIENCE, Request, Server, answer, signal, wait_for_close};

const ACTION: &str = "{ takes: { text: text }, idempotent: true, method: POST, path: '/acts/${text}' }";

/// The agent of a real setup; `ADDRESS` stands for the one of a server.
pub fn spec(server: SocketAddr, head: &str, action: &str) -> AgentSpec {
    let agent = format!(
        "agents:\n  - name: hand-1\n    role: HAND\n    kind: http\n{head}\n    actions:\n      act: {action}\n"
    );
    let agent = agent.replace("ADDRESS", &server.to_string()).replace("PORT", &server.port().to_string());
    let rule = "title: A rule\nname: rule\ndetection: { x: { a: b }, condition: x }\n";
    let texts = [
        ("settings.yaml", "setup: http\nexercise: false\n"),
        ("agents/a.yaml", agent.as_str()),
        ("rules/r.yml", rule),
    ];
    let mut loaded =
        config::load(&Folder::from_texts("t", texts)).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    loaded.setup.agents.remove(0)
}

pub const LOOPBACK: &str = "    base: http://ADDRESS/api\n    allow: [127.0.0.0/8]";

pub fn agent(server: SocketAddr, head: &str, action: &str, variables: &[(&str, &str)]) -> Arc<HttpAgent> {
    let variables = variables.iter().map(|(name, value)| (Arc::from(*name), Some(OsString::from(value))));
    Arc::new(HttpAgent::new(&spec(server, head, action), Secrets::of(variables)))
}

/// The same agent with its server changed.
pub fn changed(mut spec: AgentSpec, change: impl FnOnce(&mut Endpoint)) -> Arc<HttpAgent> {
    let Some(Means::Http(http)) = spec.actions.get_mut("act").map(|action| &mut action.means) else {
        panic!()
    };
    let mut endpoint = Endpoint::clone(&http.endpoint);
    change(&mut endpoint);
    http.endpoint = Arc::new(endpoint);
    Arc::new(HttpAgent::new(&spec, Secrets::default()))
}

pub fn task(args: Value) -> Task {
    let args = serde_json::from_value(args).unwrap();
    let action = Action {
        name: "act".into(),
        args,
        target: None,
        idempotent: true,
        probe: false,
        question: None,
        expires: None,
    };
    Task {
        run: RunId(1),
        step: StepIx(0),
        attempt: 1,
        undo: false,
        agent: AgentId(0),
        kind: AgentKind::Http,
        key: "run-1/act".into(),
        action: Arc::new(action),
        deadline: Timestamp::from_secs(30),
        epoch: 0,
        probe_first: false,
        context: Context::default(),
    }
}

pub fn perform(agent: &Arc<HttpAgent>, task: Task, left: Duration) -> Outcome {
    within(async {
        let (attempt, _stop) = Attempt::new(Arc::new(task), left);
        Arc::clone(agent).perform(attempt).await
    })
}

pub fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

pub fn act(agent: &Arc<HttpAgent>) -> Outcome {
    perform(agent, task(json!({"text": "it"})), PATIENCE)
}

/// What comes of asking a server once.
pub fn asked(server: &Server) -> Outcome {
    act(&agent(server.address, LOOPBACK, ACTION, &[]))
}

pub fn output(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Succeeded(output) => Value::Object(output),
        other => panic!("{other:?}"),
    }
}

/// The kind of a failure, and its message without what was asked.
pub fn failure(outcome: Outcome) -> (FailureKind, String) {
    match outcome {
        Outcome::Failed(failure) => {
            let message = failure.message;
            let shown = message.split_once("/acts/it: ").map_or(&*message, |(_, rest)| rest).to_owned();
            (failure.kind, shown)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_what_the_setup_says() {
    let server = Server::says(&answer("201 Created", "{}"));
    let head = "    base: http://ADDRESS/api/\n    allow: [127.0.0.1]\n    headers: { X-Team: soc }";
    let action = "{ takes: { address: address, port: port, note: text, expires: duration }, optional: [note, expires],
        method: PUT, path: '/blocks/${address}/now', query: { for: '${expires.seconds}', note: '${note}', by: quell, n: 5 },
        body: { port: '${port}', text: 'port ${port}', note: '${note}', list: [1, '${address}'], none: null } }";
    let agent = agent(server.address, head, action, &[]);
    let task = task(json!({"address": "2001:db8::1", "port": 22, "expires": "90s"}));
    assert_eq!(output(perform(&agent, task, PATIENCE)), json!({"status": 201}));
    let Request { head, body } = server.next();
    let mut lines: Vec<&str> = head.trim_end().lines().collect();
    lines[1..].sort_unstable();
    let version = env!("CARGO_PKG_VERSION");
    let want = [
        "PUT /api/blocks/2001%3Adb8%3A%3A1/now?for=90&by=quell&n=5 HTTP/1.1".to_owned(),
        "accept: application/json, */*;q=0.5".to_owned(),
        "connection: close".to_owned(),
        format!("content-length: {}", body.len()),
        "content-type: application/json".to_owned(),
        format!("host: {}", server.address),
        "idempotency-key: run-1/act".to_owned(),
        format!("user-agent: quell/{version}"),
        "x-team: soc".to_owned(),
    ];
    assert_eq!(lines, want);
    let body: Value = serde_json::from_str(&body).unwrap();
    let want = json!({"port": 22, "text": "port 22", "list": [1, "2001:db8::1"], "none": null});
    assert_eq!(body, want);
}

#[test]
fn c4_the_key_is_the_same_for_every_attempt_and_another_for_the_undo() {
    let server = Server::says(&answer("503 Service Unavailable", ""));
    let agent = agent(server.address, LOOPBACK, ACTION, &[]);
    for (attempt, key) in [(1, "run-1/act"), (2, "run-1/act"), (3, "run-1/act:undo")] {
        let task = Task { attempt, key: key.into(), ..task(json!({"text": "it"})) };
        assert_eq!(failure(perform(&agent, task, PATIENCE)).0, FailureKind::Answered);
        assert_eq!(server.next().header("idempotency-key"), Some(key));
    }
}

#[test]
fn c25_a_value_cannot_leave_its_place() {
    let server = Server::says(&answer("200 OK", ""));
    let agent = agent(server.address, LOOPBACK, ACTION, &[]);
    for (value, path) in [
        ("a?all=1#x", "/api/acts/a%3Fall%3D1%23x"),
        ("a/b", "/api/acts/a%2Fb"),
        ("%2e%2e%2f", "/api/acts/%252e%252e%252f"),
        ("a HTTP/1.1", "/api/acts/a%20HTTP%2F1.1"),
    ] {
        output(perform(&agent, task(json!({"text": value})), PATIENCE));
        assert_eq!(server.next().line(), format!("POST {path} HTTP/1.1"), "{value}");
    }
    for value in ["..", "../admin", "a/../../b", "", "a\r\nX-Admin: 1", "a\nb"] {
        let (kind, why) = failure(perform(&agent, task(json!({"text": value})), PATIENCE));
        assert_eq!(kind, FailureKind::NotSent, "{value:?}: {why}");
        assert!(!why.contains(char::is_control), "{why:?}");
    }
    assert!(server.rest().is_empty());
}

#[test]
fn c33_a_deadline_ends_the_request() {
    let (closed, is_closed) = signal();
    let server = Server::start(move |_, stream| {
        wait_for_close(stream);
        closed();
    });
    let agent = agent(server.address, LOOPBACK, ACTION, &[]);
    let outcome = perform(&agent, task(json!({"text": "it"})), Duration::from_millis(300));
    assert_eq!(failure(outcome).0, FailureKind::TimedOut);
    is_closed.recv_timeout(PATIENCE).expect("the connection is closed with the attempt");
}

#[test]
fn c33_a_stop_ends_the_request() {
    for wish in [Wish::Stop, Wish::Quit] {
        let (closed, is_closed) = signal();
        let (came, has_come) = signal();
        let server = Server::start(move |_, stream| {
            came();
            wait_for_close(stream);
            closed();
        });
        let agent = agent(server.address, LOOPBACK, ACTION, &[]);
        let outcome = within(async {
            let (attempt, stop) = Attempt::new(Arc::new(task(json!({"text": "it"}))), PATIENCE);
            let performance = tokio::spawn(agent.perform(attempt));
            let waiting = tokio::task::spawn_blocking(move || has_come.recv_timeout(PATIENCE));
            waiting.await.unwrap().expect("the request came");
            stop.send(wish).unwrap();
            performance.await.unwrap()
        });
        assert_eq!(outcome, Outcome::Stopped);
        is_closed.recv_timeout(PATIENCE).expect("the connection is closed with the attempt");
    }
}
