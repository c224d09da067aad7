//! A server is asked whether an effect is there: the status says it.

use std::sync::Arc;
use std::time::Duration;

use quell::agent::SlowAgent as _;
use quell::engine::Probe;
use quell::model::Presence;
use serde_json::json;

use crate::agent::{LOOPBACK, agent, task, within};
use crate::server::{PATIENCE, Server, answer};

const ACTION: &str = "{ takes: { text: text }, method: POST, path: '/acts/${text}', \
    probe: { method: GET, path: '/acts/${text}', present: [200], absent: [404, 410], timeout: 2s } }";

fn look(server: &Server, left: Duration) -> Presence {
    let agent = agent(server.address, LOOPBACK, ACTION, &[]);
    let probe = Arc::new(Probe::before(&task(json!({"text": "it"}))));
    within(agent.probe(probe, left))
}

#[test]
fn c3_the_status_of_a_probe_says_what_is_there() {
    for (status, expected) in [
        ("200 OK", Some(Presence::Present)),
        ("404 Not Found", Some(Presence::Absent)),
        ("410 Gone", Some(Presence::Absent)),
        ("500 Broken", None),
        ("204 Nothing", None),
    ] {
        let server = Server::says(&answer(status, ""));
        let found = look(&server, PATIENCE);
        match expected {
            Some(expected) => assert_eq!(found, expected, "{status}"),
            None => assert!(matches!(&found, Presence::Unknown(why) if why.contains("neither")), "{found:?}"),
        }
        assert_eq!(server.next().line(), "GET /api/acts/it HTTP/1.1");
    }
}
