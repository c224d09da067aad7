use super::*;
use crate::config::Named;
use crate::model::Span;
use crate::runtime::live::blindness::Thresholds;

#[test]
fn mistakes_in_settings_are_named_with_their_place() {
    check(
        "settings.yaml",
        [
            ("-", "t:1:1: there is no settings.yaml in this folder"),
            ("", "t/settings.yaml:1:1: expected a mapping (settings), found nothing"),
            ("setup: a\n", "t/settings.yaml:1:1: `exercise` is missing in the settings"),
            (
                "setup: a\nexercise: yes\n",
                "t/settings.yaml:2:11: expected true or false (exercise), found `yes`",
            ),
            (
                "setup: a\nexercise: true\nsed: 1\n",
                "t/settings.yaml:3:1: unknown key `sed` in settings\n  hint: did you mean `seed`?",
            ),
            (
                "setup: a\nexercise: true\nescalation: []\n",
                "t/settings.yaml:3:1: `escalation` is not supported yet\n  hint: remove it",
            ),
            (
                "setup: a\nexercise: true\noperators: [{ may: [run] }]\n",
                "t/settings.yaml:3:13: an operator is either a `user` or a `group`\n  hint: for example `{ user: ann, may: [view, run] }`",
            ),
            (
                "setup: a\nexercise: true\noperators: [{ user: ann }]\n",
                "t/settings.yaml:3:13: `may` is missing in an operator",
            ),
            (
                "setup: a\nexercise: true\noperators: [{ user: ann, may: [] }]\n",
                "t/settings.yaml:3:31: `may` is a list of at least one role\n  hint: roles: view, run, approve, arm, halt",
            ),
            (
                "setup: a\nexercise: true\noperators: [{ user: ann, may: [rum] }]\n",
                "t/settings.yaml:3:32: expected a role: one of view, run, approve, arm, halt; found `rum`\n  hint: did you mean `run`?",
            ),
            (
                "setup: a\nexercise: true\nprotected: 10.0.0.0/8\n",
                "t/settings.yaml:3:12: expected a list (what is protected), found `10.0.0.0/8`",
            ),
            (
                "setup: a\nexercise: true\nprotected: [{ address: 10.0.0.0/33, reason: r }]\n",
                "t/settings.yaml:3:24: expected an IP address or a prefix such as 10.0.0.0/8",
            ),
            (
                "setup: a\nexercise: true\nprotected: [{ address: 10.0.0.1 }]\n",
                "t/settings.yaml:3:13: `reason` is missing in the entry",
            ),
            (
                "setup: a\nexercise: true\nprotected: [{ reason: r }]\n",
                "t/settings.yaml:3:13: an entry protects one thing: address, user, host, interface; found 0\n  hint: make an entry of each",
            ),
            (
                "setup: a\nexercise: true\nprotected: [{ user: ann, host: h, reason: r }]\n",
                "t/settings.yaml:3:13: an entry protects one thing: address, user, host, interface; found 2\n  hint: make an entry of each",
            ),
            (
                "setup: a\nexercise: true\nprotected: [{ user: -rf, reason: r }]\n",
                "t/settings.yaml:3:21: expected a user name, found \"-rf\"",
            ),
            (
                "setup: a\nexercise: true\nprotected: [{ interface: a/b, reason: r }]\n",
                "t/settings.yaml:3:26: expected the name of an interface, at most 15 long",
            ),
            (
                "setup: a\nexercise: true\nprotected: [{ user: ann, reason: r, until: 2026-12-31 }]\n",
                "t/settings.yaml:3:44: expected a time with its zone, as RFC 3339 writes it\n  hint: for example 2026-12-31T00:00:00Z",
            ),
            (
                "setup: a\nexercise: true\nprotected: [{ address: 10.0.0.1, reason: r, untill: x }]\n",
                "t/settings.yaml:3:45: unknown key `untill` in an entry of `protected`\n  hint: did you mean `until`?",
            ),
            (
                "setup: a\nexercise: true\nsources: [{ format: sshd }]\n",
                "t/settings.yaml:3:11: a source is one of: a file to `follow`, a `pipe`, `udp`, `tcp`, a `datagram` socket\n  hint: for example `{ follow: /var/log/auth.log, format: sshd }`",
            ),
            (
                "setup: a\nexercise: true\nsources: [{ follow: auth.log }]\n",
                "t/settings.yaml:3:21: expected an absolute path, of a file or a pipe\n  hint: for example `/var/log/auth.log`",
            ),
            (
                "setup: a\nexercise: true\nsources: [{ follow: /a, format: ssh }]\n",
                "t/settings.yaml:3:33: expected a format: one of auto, eve, zeek, sshd, json, syslog, journald, logfmt; found `ssh`\n  hint: did you mean `sshd`?",
            ),
            (
                "setup: a\nexercise: true\nsources: [{ follow: /a }, { pipe: /a }]\n",
                "t/settings.yaml:3:27: /a is named twice",
            ),
            (
                "setup: a\nexercise: true\nsources: [{ pipe: /a, from: start }]\n",
                "t/settings.yaml:3:29: a pipe is read from what is in it\n  hint: remove `from`",
            ),
            (
                "setup: a\nexercise: true\nsources: [{ udp: localhost }]\n",
                "t/settings.yaml:3:18: expected an address and a port, such as 127.0.0.1:5514 or [::1]:5514",
            ),
            (
                "setup: a\nexercise: true\nsources: [{ udp: 5514 }, { udp: \"127.0.0.1:5514\" }]\n",
                "t/settings.yaml:3:26: udp://127.0.0.1:5514 is named twice",
            ),
            (
                "setup: a\nexercise: true\nsources: [{ datagram: log }]\n",
                "t/settings.yaml:3:23: expected an absolute path, of a socket\n  hint: for example `/run/quell/log`",
            ),
            (
                "setup: a\nexercise: true\nsources: [{ tcp: 1, from: start }]\n",
                "t/settings.yaml:3:27: a socket has what is sent from now on\n  hint: remove `from`",
            ),
            (
                "setup: a\nexercise: true\nblindness: { silent_after: 10 }\n",
                "t/settings.yaml:3:28: silent_after needs a unit, found the number 10\n  hint: write `10s` for seconds",
            ),
            (
                "setup: a\nexercise: true\nblindness: { undecodable_above: 5 }\n",
                "t/settings.yaml:3:33: expected undecodable_above: a share from 0% to 100%, with at most one decimal, found the number 5",
            ),
            (
                "setup: a\nexercise: true\nsources: [{ follow: /a, tz: Mars }]\n",
                "t/settings.yaml:3:29: `Mars` is not a time zone\n  hint: use a name such as `UTC` or `Europe/Berlin`",
            ),
            (
                "setup: a\nexercise: true\nseed: -1\n",
                "t/settings.yaml:3:7: expected seed: a whole number from 0 to 18446744073709551615, found the number -1",
            ),
            (
                "setup: a\nexercise: true\nlateness: 60\n",
                "t/settings.yaml:3:11: lateness needs a unit, found the number 60\n  hint: write `60s` for seconds",
            ),
            (
                "setup: a\nexercise: true\ntime: { tz: Mars }\n",
                "t/settings.yaml:3:13: `Mars` is not a time zone\n  hint: use a name such as `UTC` or `Europe/Berlin`",
            ),
            (
                "setup: a\nexercise: true\ntime: { year: 26 }\n",
                "t/settings.yaml:3:15: expected year: a whole number from 1970 to 9999, found the number 26",
            ),
            (
                "setup: a\nexercise: true\nlimits: { steps: 5 }\n",
                "t/settings.yaml:3:11: unknown key `steps` in limits\n  hint: known keys: finished, finished_for, live_runs, in_force, agent_recovery, reopen, echo",
            ),
            (
                "setup: a\nexercise: true\nlimits: { live_runs: 0 }\n",
                "t/settings.yaml:3:22: expected live_runs: a whole number from 1 to 1000000, found the number 0",
            ),
            (
                "setup: a\nexercise: true\nqueue: { signals: many }\n",
                "t/settings.yaml:3:19: expected signals: a whole number from 1 to 1000000, found `many`",
            ),
            (
                "setup: a\nexercise: true\nlines: { max_bytes: 1 }\n",
                "t/settings.yaml:3:21: expected max_bytes: a whole number from 1024 to 16777216, found the number 1",
            ),
        ],
    );
    let real = load_texts(&[("settings.yaml", "setup: a\nexercise: false\n")]).unwrap_err();
    assert_eq!(
        real[0],
        "t/agents/a.yaml:5:11: a drill only pretends: it cannot be part of a real setup\n  hint: say `exercise: true` in settings.yaml, or remove the agent"
    );
}

#[test]
fn settings_are_read() {
    let text = "setup: a\nexercise: true\nseed: 9\nlateness: 5s\ntime: { year: 2024, tz: Europe/Berlin }\n\
                limits: { finished: 5, finished_for: 1h, reopen: 2h }\nqueue: { signals: 7 }\nlines: { max_bytes: 2048 }\njournal: { snapshot_every: 5000 }\n\
                operators: [{ user: ann, may: [run, halt] }, { group: soc, may: [view] }]\n";
    let loaded = load_texts(&[("settings.yaml", text)]).unwrap();
    let settings = loaded.settings;
    assert_eq!((settings.seed, settings.lateness, settings.time.year), (Some(9), Span::from_secs(5), 2024));
    assert_eq!(settings.time.tz.iana_name(), Some("Europe/Berlin"));
    assert_eq!((settings.limits.finished, settings.limits.reopen), (5, Span::from_secs(7200)));
    let operator = |who, may: &[Role]| Operator { who, may: may.to_vec() };
    let (ann, soc) = (Who::User("ann".into()), Who::Group("soc".into()));
    assert_eq!(settings.operators, [operator(ann, &[Role::Run, Role::Halt]), operator(soc, &[Role::View])]);
    assert_eq!(loaded.setup.limits, settings.limits);
    assert_eq!((settings.queue.signals, settings.lines.max_bytes), (7, 2048));
    assert_eq!(settings.journal.snapshot_every, 5_000);
    assert_eq!(loaded.rule_texts, [("t/rules/r.yml".to_owned(), RULE.to_owned())]);
}

#[test]
fn sources_are_read() {
    let text = "setup: a\nexercise: true\nsources:\n- { follow: /var/log/auth.log, format: sshd, from: start, year: 2024, tz: Asia/Tokyo, silent_after: 1h }\n\
                - { pipe: /run/signals, undecodable_above: 7.5% }\n- { udp: 5514, format: syslog }\n\
                - { tcp: \"[::1]:5514\", format: syslog }\n- { datagram: /run/log, format: syslog }\n\
                blindness: { silent_after: never, undecodable_above: never, queue_age: never }\n";
    let off = Thresholds { silent_after: None, undecodable_above: None, queue_age: None };
    let settings = load_texts(&[("settings.yaml", text)]).unwrap().settings;
    let tokyo = jiff::tz::TimeZone::get("Asia/Tokyo").unwrap();
    let log = SourceSpec {
        what: Named::File("/var/log/auth.log".into()),
        format: crate::source::Format::Sshd,
        from_start: true,
        year: Some(2024),
        tz: Some(tokyo),
        blindness: Thresholds { silent_after: Some(Span::from_secs(3600)), ..off },
    };
    let pipe = SourceSpec {
        what: Named::Pipe("/run/signals".into()),
        format: crate::source::Format::Auto,
        from_start: false,
        year: None,
        tz: None,
        blindness: Thresholds { undecodable_above: Some(75), ..off },
    };
    let socket = |text: &str| SourceSpec {
        what: Named::Socket(text.parse().unwrap()),
        format: crate::source::Format::Syslog,
        from_start: false,
        blindness: off,
        ..pipe.clone()
    };
    let sockets = ["udp://127.0.0.1:5514", "tcp://[::1]:5514", "unix:///run/log"].map(socket);
    assert_eq!(settings.sources[..2], [log, pipe.clone()]);
    assert_eq!(settings.sources[2..], sockets);
    assert_eq!(settings.blindness, off);
}

#[test]
fn c27_what_is_protected_is_read() {
    let text = "setup: a\nexercise: true\nprotected:\n- { address: 10.1.2.3/8, reason: ours, until: 2026-12-31T00:00:00Z }\n\
                - { user: alice, reason: on call }\n- { user: \"0\", reason: r }\n- { host: Bastion.example.org., reason: r }\n\
                - { host: 192.0.2.1, reason: r }\n- { interface: wg0, reason: r }\n";
    let settings = load_texts(&[("settings.yaml", text)]).unwrap().settings;
    let found: Vec<String> = settings.protected.iter().map(ToString::to_string).collect();
    let expected = [
        "10.0.0.0/8 (ours)",
        "user alice (on call)",
        "user 0 (r)",
        "host bastion.example.org (r)",
        "192.0.2.1 (r)",
        "interface wg0 (r)",
    ];
    assert_eq!(found, expected);
    let until: Vec<_> = settings.protected.iter().filter_map(|entry| entry.until).collect();
    assert_eq!(until, [crate::model::Timestamp::from_secs(1_798_675_200)]);
}
