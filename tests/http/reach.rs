//! Whom an agent connects to.

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;

use quell::model::{FailureKind, Host, Network, Reach};
use serde_json::json;

use crate::agent::{LOOPBACK, act, agent, changed, failure, output, spec};
use crate::server::{Server, answer};

const ACTION: &str = "{ method: POST, path: /acts/it }";

#[test]
fn c35_every_address_is_checked_when_it_is_connected_to() {
    let server = Server::says(&answer("200 OK", "{}"));
    let address = |text: &str| Host::Address(text.parse().unwrap());
    let name = |text: &str| Host::Name(text.into());
    for host in [
        address("127.0.0.1"),
        address("127.9.9.9"),
        address("0.0.0.0"),
        address("::1"),
        address("::"),
        address("::ffff:127.0.0.1"),
        address("169.254.169.254"),
        name("localhost"),
        // Other spellings of 127.0.0.1, which the system understands.
        name("2130706433"),
        name("0177.0.0.1"),
        name("0x7f.1"),
        name("127.1"),
        name("127.0.0.1"),
    ] {
        let shown = host.to_string();
        let agent = changed(spec(server.address, LOOPBACK, ACTION), |endpoint| {
            endpoint.host = host;
            endpoint.reach = Reach(None);
        });
        let (kind, why) = failure(act(&agent));
        assert_eq!(kind, FailureKind::Unreachable, "{shown}: {why}");
        let checked = why.contains("is not connected to: it is ");
        assert!(
            checked
                || (matches!(&*shown, "2130706433" | "0177.0.0.1" | "0x7f.1" | "127.1")
                    && why.contains("name")),
            "{shown}: {why}"
        );
    }
    assert!(server.rest().is_empty());
}

#[test]
fn c35_of_several_addresses_only_those_that_are_allowed_are_tried() {
    let server = Server::says(&answer("200 OK", "{}"));
    let head = "    base: http://localhost:PORT/api\n    allow: [127.0.0.1]";
    assert_eq!(output(act(&agent(server.address, head, ACTION, &[]))), json!({"status": 200}));
    let within = changed(spec(server.address, LOOPBACK, ACTION), |endpoint| {
        endpoint.reach = Reach(Some(vec![Network::parse("10.0.0.0/8").unwrap()]));
    });
    let (kind, why) = failure(act(&within));
    assert_eq!(
        (kind, &*why),
        (FailureKind::Unreachable, "127.0.0.1 is not connected to: it is not within `allow`")
    );
    let mapped = changed(spec(server.address, LOOPBACK, ACTION), |endpoint| {
        endpoint.host = Host::Address("::ffff:127.0.0.1".parse::<IpAddr>().unwrap());
    });
    assert_eq!(output(act(&mapped)), json!({"status": 200}));
    assert_eq!(server.rest().len(), 2);
}

#[test]
fn what_cannot_be_reached_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let (kind, why) = failure(act(&agent(closed, LOOPBACK, ACTION, &[])));
    assert_eq!((kind, &*why), (FailureKind::Unreachable, "127.0.0.1: Connection refused (os error 111)"));
    assert!(!kind.in_doubt() && kind.impairs_agent());
    let head = "    base: http://no-such-host.invalid\n    connect_timeout: 5s";
    let (kind, why) = failure(act(&agent(closed, head, ACTION, &[])));
    assert_eq!(kind, FailureKind::Unreachable, "{why}");
}

#[test]
fn c33_a_deadline_before_the_connection_leaves_no_doubt() {
    // A listener that never accepts: TLS does not begin.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let head = "    base: https://ADDRESS\n    allow: [127.0.0.1]";
    let silent = listener.local_addr().unwrap();
    let agent = agent(silent, head, ACTION, &[]);
    let task = crate::agent::task(json!({}));
    let outcome = crate::agent::perform(&agent, task, std::time::Duration::from_millis(200));
    let (kind, why) = failure(outcome);
    assert_eq!(
        (kind, &*why),
        (FailureKind::Unreachable, "there was no connection before its deadline: nothing was sent")
    );
    let head = format!("{head}\n    connect_timeout: 100ms");
    let (kind, why) = failure(act(&crate::agent::agent(silent, &head, ACTION, &[])));
    assert_eq!((kind, &*why), (FailureKind::Unreachable, "no connection within 100ms (connect_timeout)"));
    let _ = Arc::new(listener);
}
