use super::*;
use crate::model::Field;

fn decoded(line: &str) -> Result<Signal, Undecodable> {
    decode(line, &Options::default(), &mut Calendar::new(2026), None)
}

/// `user address port outcome`
fn who(message: &str) -> String {
    let common = decoded(&format!("Mar 14 10:00:00 web-1 sshd[42]: {message}")).unwrap().common;
    let or = |text: Option<String>| text.unwrap_or("-".into());
    format!(
        "{} {} {} {}",
        common.user.as_deref().unwrap_or("-"),
        or(common.source_ip.map(|a| a.to_string())),
        or(common.source_port.map(|p| p.to_string())),
        common.outcome.as_deref().unwrap_or("-")
    )
}

#[test]
fn messages_of_sshd() {
    for (message, expected) in [
        ("Failed password for root from 192.0.2.1 port 4711 ssh2", "root 192.0.2.1 4711 failure"),
        ("Failed password for invalid user eve from 192.0.2.1 port 4711 ssh2", "eve 192.0.2.1 4711 failure"),
        ("Failed none for invalid user 0 from 2001:db8::1 port 9 ssh2", "0 2001:db8::1 9 failure"),
        ("Failed publickey for a from 192.0.2.1 port 9 ssh2: RSA SHA256:abc", "a 192.0.2.1 9 failure"),
        (
            "Accepted publickey for alice from 10.0.0.5 port 50 ssh2: ED25519 SHA256:x",
            "alice 10.0.0.5 50 success",
        ),
        ("Invalid user test from 192.0.2.1", "test 192.0.2.1 - -"),
        ("Invalid user test from 192.0.2.1 port 99", "test 192.0.2.1 99 -"),
        ("Connection closed by 192.0.2.1 [preauth]", "- 192.0.2.1 - -"),
        ("Connection closed by authenticating user root 192.0.2.1 port 5 [preauth]", "- 192.0.2.1 - -"),
        ("Received disconnect from 192.0.2.1: 11: Bye Bye [preauth]", "- 192.0.2.1 - -"),
        (
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root",
            "- 192.0.2.1 - -",
        ),
        (
            "reverse mapping checking getaddrinfo for x.example [192.0.2.1] failed - POSSIBLE BREAK-IN ATTEMPT!",
            "- 192.0.2.1 - -",
        ),
        ("Server listening on 0.0.0.0 port 22.", "- - - -"),
        ("Failed password for", "- - - -"),
        ("Failed password for root from nowhere port 22 ssh2", "- - - -"),
    ] {
        assert_eq!(who(message), expected, "{message}");
    }
}

#[test]
fn a_user_name_cannot_put_an_address_into_the_line() {
    for (message, expected) in [
        (
            "Failed password for invalid user x from 10.0.0.1 port 22 from 203.0.113.9 port 4242 ssh2",
            "x from 10.0.0.1 port 22 203.0.113.9 4242 failure",
        ),
        (
            "Failed password for invalid user x from 10.0.0.1 port 22 ssh2 from 203.0.113.9 port 4242 ssh2",
            "x from 10.0.0.1 port 22 ssh2 203.0.113.9 4242 failure",
        ),
        (
            "Failed password for invalid user  from 10.0.0.1 from 203.0.113.9 port 4242 ssh2",
            " from 10.0.0.1 203.0.113.9 4242 failure",
        ),
        (
            "Invalid user Accepted password for root from 10.0.0.1 port 22 from 203.0.113.9 port 1",
            "Accepted password for root from 10.0.0.1 port 22 203.0.113.9 1 -",
        ),
        (
            "Connection closed by invalid user a from 10.0.0.1 port 22 203.0.113.9 port 4 [preauth]",
            "- 203.0.113.9 - -",
        ),
        (
            "Accepted publickey for alice from 10.0.0.5 port 50 ssh2: ED25519-CERT SHA256:x ID k from 10.0.0.9 port 1 (serial 0)",
            "alice 10.0.0.5 50 success",
        ),
    ] {
        assert_eq!(who(message), expected, "{message}");
    }
}

#[test]
fn repeated_messages_weigh_more() {
    let line = "Dec 10 07:13:56 web sshd[24227]: message repeated 5 times: [ Failed password for root from 192.0.2.1 port 4 ssh2]";
    let signal = decoded(line).unwrap();
    assert_eq!((signal.weight, signal.common.outcome.as_deref()), (5, Some("failure")));
    let message = signal.document.get("message").and_then(Field::str);
    assert_eq!(message, Some("Failed password for root from 192.0.2.1 port 4 ssh2"));
    for odd in [
        "message repeated 0 times: [ x]",
        "message repeated many times: [ x]",
        "message repeated 5 times: [ x",
    ] {
        assert_eq!(decoded(&format!("Dec 10 07:13:56 web sshd[1]: {odd}")).unwrap().weight, 1);
    }
}

#[test]
fn headers() {
    for (line, at, program, pid) in [
        ("Dec  1 06:55:46 web sshd[7]: x", "2026-12-01T06:55:46.000000Z", "sshd", Some(7)),
        ("<38>Dec 10 06:55:46 web sshd[7]: x", "2026-12-10T06:55:46.000000Z", "sshd", Some(7)),
        ("2026-03-14T10:00:00.5+01:00 web sshd: x", "2026-03-14T09:00:00.500000Z", "sshd", None),
        ("Feb 28 00:00:00 web CRON[12]: (root) CMD (x)", "2026-02-28T00:00:00.000000Z", "CRON", Some(12)),
    ] {
        let signal = decoded(line).unwrap();
        assert_eq!(signal.at.to_string(), at, "{line}");
        assert_eq!(signal.common.process.as_deref(), Some(program));
        assert_eq!(signal.document.get("pid").and_then(Field::unsigned), pid);
    }
    for bad in [
        "",
        "x",
        "Dec 10",
        "Dec 10 06:55:46",
        "Dec 10 06:55:46 web",
        "Dec 10 06:55:46 web sshd",
        "Foo 10 06:55:46 web sshd: x",
        "Dec 32 06:55:46 web sshd: x",
        "Feb 29 06:55:46 web sshd: x",
        "Dec 10 25:55:46 web sshd: x",
        "Dec 10T06-55-46 web sshd: x",
        "Dec 10 06:55:46 web : x",
        "Dec 10 06:55:46é web sshd: x",
        "Dec 10 06:55:4é web sshd: x",
    ] {
        assert!(matches!(decoded(bad), Err(Undecodable::NotSyslog(_))), "{bad}");
    }
}

#[test]
fn a_stream_may_cross_a_new_year() {
    let mut calendar = Calendar::new(2025);
    let years: Vec<i16> =
        [11, 12, 1, 12, 1, 1, 2, 12, 1].iter().map(|month| calendar.year_of(*month)).collect();
    assert_eq!(years, [2025, 2025, 2026, 2025, 2026, 2026, 2026, 2026, 2027]);
}
