//! Agents that speak HTTP.

use super::*;
use crate::engine::HttpSpec;
use crate::model::{BodyTree, Host, Method, Network, Reach, SecretRef, Span};
use std::net::IpAddr;

const REAL: &str = "setup: test\nexercise: false\n";
const BASE: &str = "    base: https://fw.example";
const ACTION: &str = "x: { method: GET, path: / }";

/// A real setup whose only agent has this head, from line 5 on, and this action.
fn with(head: &str, action: &str) -> Result<Loaded, Vec<String>> {
    let text = format!(
        "agents:\n  - name: wall-1\n    role: WALL\n    kind: http\n{head}\n    actions:\n      {action}\n"
    );
    load_texts(&[("settings.yaml", REAL), ("agents/a.yaml", &text)])
}

fn http(head: &str, action: &str) -> HttpSpec {
    let loaded = with(head, action).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    match &loaded.setup.agents[0].actions["x"].means {
        Means::Http(http) => http.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_and_a_request_are_read() {
    let head = "    base: https://Firewall.example:8443/api/v1/
    headers: { Authorization: { secret: 'env:FW_TOKEN', prefix: 'Bearer ' }, X-Key: { secret: 'file:/etc/quell/key' }, X-Team: soc }
    ca: /etc/quell/ca.pem
    allow: [10.0.0.0/8, '2001:db8::1']
    max_bytes: 4096
    connect_timeout: 3s";
    let action =
        "x: { takes: { address: address, note: text }, optional: [note], method: PUT, path: '/b/${address}/',
        query: { n: 5, note: '${note}' }, body: [1, '${address}'], succeeds: [200, 404] }";
    let spec = http(head, action);
    let endpoint = &spec.endpoint;
    assert_eq!((endpoint.tls, endpoint.port, &*endpoint.prefix), (true, 8443, "/api/v1"));
    assert_eq!(endpoint.host, Host::Name("firewall.example".into()));
    let secrets: Vec<String> =
        with(head, action).unwrap().needs.iter().map(|need| format!("{need:?}")).collect();
    assert_eq!(secrets.len(), 3, "two secrets and a file of certificates: {secrets:?}");
    assert_eq!(SecretRef::File("/etc/quell/key".into()).to_string(), "file:/etc/quell/key");
    let networks = ["10.0.0.0/8", "2001:db8::1/128"].map(|text| Network::parse(text).unwrap());
    assert_eq!(endpoint.reach, Reach(Some(networks.to_vec())));
    assert_eq!((endpoint.max_bytes, endpoint.connect_timeout), (4096, Span::from_secs(3)));
    assert_eq!((spec.request.method, &spec.succeeds[..]), (Method::Put, &[200, 404][..]));
    assert!(matches!(&spec.request.body, Some(BodyTree::List(items)) if items.len() == 2));
    let args = json!({"address": "::1"});
    let rendered = spec.request.render(&endpoint.prefix, &serde_json::from_value(args).unwrap()).unwrap();
    assert_eq!(rendered.target, "/api/v1/b/%3A%3A1/?n=5");
    assert_eq!(rendered.body, Some(json!([1, "::1"])));

    let spec = http("    base: http://[2001:db8::5]", ACTION);
    let endpoint = &spec.endpoint;
    assert_eq!((endpoint.tls, endpoint.port, &*endpoint.prefix), (false, 80, ""));
    assert_eq!(endpoint.host, Host::Address("2001:db8::5".parse::<IpAddr>().unwrap()));
    assert_eq!((endpoint.reach.0.as_ref(), endpoint.max_bytes), (None, 1024 * 1024));
    assert_eq!((endpoint.connect_timeout, spec.succeeds.len()), (Span::from_secs(10), 0));
}

/// Checks the one mistake of each setup, whose file is left out.
fn check_each(cases: &[(&str, &str, &str)]) {
    let mut wrong = Vec::new();
    for (head, action, want) in cases {
        let found = with(head, action).err().unwrap_or_default();
        let want = format!("t/agents/a.yaml:{want}");
        if found != [want.as_str()] {
            wrong.push(format!("{head}\n{action}\n want {want:?}\n  got {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn mistakes_in_a_base_are_named_with_their_place() {
    const FOUR: &str = "\n  hint: write an IPv4 address as four decimal numbers without leading zeros";
    const NAME: &str = "\n  hint: a name has letters, digits, `-` and `.`; others in their `xn--` form";
    let never = |shown: &str, why: &str, bits: u8| {
        format!(
            "5:11: {shown} is never connected to: it is a {why} address\n  hint: if that is meant, list it: `allow: [{shown}/{bits}]`"
        )
    };
    let cases = [
        ("fw.example", "5:11: expected the address of a server, found `fw.example`\n  hint: for example `https://firewall.example:8443/api`".to_owned()),
        ("ftp://fw.example", "5:11: expected the address of a server, found `ftp://fw.example`\n  hint: for example `https://firewall.example:8443/api`".to_owned()),
        ("'https://${host}'", "5:11: the base is fixed: a placeholder cannot choose it".to_owned()),
        ("https://me:pw@fw.example", "5:11: user and password do not stand in an address\n  hint: use `headers: { Authorization: { secret: \"env:NAME\" } }`".to_owned()),
        ("https://fw.example:0", "5:11: `0` is not a port".to_owned()),
        ("https://fw.example:70000", "5:11: `70000` is not a port".to_owned()),
        ("https://fw.example:+1", "5:11: `+1` is not a port".to_owned()),
        ("https://fw.example?x=1", "5:11: `base` ends with its path\n  hint: use `query` of an action".to_owned()),
        ("https://fw.example/a/../b", "5:11: `.` and `..` lead out of the path".to_owned()),
        ("https://fw.example/a?b", "5:11: a path ends at `?` and `#`".to_owned()),
        ("https://fw.example/a//b", "5:11: an empty segment (`//`) in a path".to_owned()),
        ("https://", format!("5:11: `` is not a host{NAME}")),
        ("https://-fw.example", format!("5:11: `-fw.example` is not a host{NAME}")),
        ("https://fw.exämple", format!("5:11: `fw.exämple` is not a host{NAME}")),
        ("'https://[::1'", "5:11: `[::1` is not an IPv6 address".to_owned()),
        ("https://2001:db8::1:443", "5:11: `2001:db8::1` is not a host\n  hint: an IPv6 address stands in brackets: `[2001:db8::1]`".to_owned()),
        // Other spellings of addresses.
        ("https://2130706433", format!("5:11: `2130706433` is neither a name nor an address{FOUR}")),
        ("https://0177.0.0.1", format!("5:11: `0177.0.0.1` is neither a name nor an address{FOUR}")),
        ("https://127.1", format!("5:11: `127.1` is neither a name nor an address{FOUR}")),
        ("https://0x7f000001", format!("5:11: `0x7f000001` is neither a name nor an address{FOUR}")),
        ("https://127.0.0.0x1", format!("5:11: `127.0.0.0x1` is neither a name nor an address{FOUR}")),
        ("https://127.0.0.1", never("127.0.0.1", "loopback", 32)),
        ("'https://[::1]'", never("::1", "loopback", 128)),
        ("'https://[::ffff:127.0.0.1]'", never("::ffff:127.0.0.1", "loopback", 128)),
        ("https://169.254.169.254", never("169.254.169.254", "link-local", 32)),
    ];
    let heads: Vec<String> = cases.iter().map(|(base, _)| format!("    base: {base}")).collect();
    let cases: Vec<_> =
        heads.iter().zip(&cases).map(|(head, (_, want))| (&**head, ACTION, &**want)).collect();
    check_each(&cases);
}

#[test]
fn c35_mistakes_around_secrets_are_named_and_never_show_one() {
    const WHERE: &str = "expected where a secret is found: `env:NAME` or `file:/path`\n  hint: the secret itself does not stand in a setup; what stands here is not shown";
    let headers = |text: &str| format!("{BASE}\n    headers: {{ {text} }}");
    let cases = [
        (headers("X-Key: { secret: abcdef }"), format!("6:33: {WHERE}")),
        (headers("X-Key: { secret: 'env:a b' }"), format!("6:33: {WHERE}")),
        (headers("X-Key: { secret: 'file:key' }"), format!("6:33: {WHERE}")),
        (headers("X-Key: {}"), "6:23: `secret` is missing in the header".to_owned()),
        (
            headers("Authorization: Bearer abcdef"),
            "6:31: the value of `authorization` is a secret, and is not written into a setup\n  hint: say where it is found: `{ secret: \"env:NAME\" }`".to_owned(),
        ),
        (headers("Host: other"), "6:16: quell writes the header `Host` itself\n  hint: remove it".to_owned()),
        (headers("Transfer-Encoding: x"), "6:16: quell writes the header `Transfer-Encoding` itself\n  hint: remove it".to_owned()),
        (headers("a b: x"), "6:16: `a b` is not the name of a header".to_owned()),
        (headers("X-A: 1a, x-a: 2a"), "6:25: the header `x-a` comes twice".to_owned()),
        (headers("X-A: \"a\\r\\nX-B: c\""), "6:21: expected the value of a header: at most 4096 visible ASCII characters".to_owned()),
        (headers("X-A: 'is ${b}'"), "6:21: the value of a header is fixed: no placeholder stands in it".to_owned()),
        (
            "    base: http://fw.example\n    headers: { X-Key: { secret: 'env:A' } }".to_owned(),
            "6:23: a secret is not sent over plain http: anybody on the way could read it\n  hint: use https; plain http is for a loopback address such as 127.0.0.1".to_owned(),
        ),
        (
            "    base: http://localhost\n    allow: [127.0.0.0/8]\n    headers: { X-Key: { secret: 'env:A' } }".to_owned(),
            "7:23: a secret is not sent over plain http: anybody on the way could read it\n  hint: use https; plain http is for a loopback address such as 127.0.0.1".to_owned(),
        ),
    ];
    let cases: Vec<_> = cases.iter().map(|(head, want)| (&**head, ACTION, &**want)).collect();
    check_each(&cases);
    assert!(
        with(
            "    base: http://127.0.0.1\n    allow: [127.0.0.1]\n    headers: { X-Key: { secret: 'env:A' } }",
            ACTION
        )
        .is_ok()
    );
}

#[test]
fn other_mistakes_are_named_with_their_place() {
    check_each(&[
        ("    concurrency: 1", ACTION, "2:5: `base` is missing in the agent"),
        (
            "    base: http://fw.example\n    ca: /x",
            ACTION,
            "6:9: `ca` is for https, and `base` is plain http\n  hint: remove it",
        ),
        (
            &format!("{BASE}\n    ca: x"),
            ACTION,
            "6:9: expected the path of a PEM file, beginning with `/`, found `x`",
        ),
        (
            &format!("{BASE}\n    allow: []"),
            ACTION,
            "6:12: an empty list: nothing could be connected to\n  hint: remove it",
        ),
        (
            &format!("{BASE}\n    allow: [10.0.0.0/33]"),
            ACTION,
            "6:13: expected a network such as 10.0.0.0/8, found `10.0.0.0/33`",
        ),
        (
            &format!("{BASE}\n    connect_timeout: 1h"),
            ACTION,
            "6:22: `connect_timeout` is at most 5m, found 1h",
        ),
        (
            &format!("{BASE}\n    max_bytes: 0"),
            ACTION,
            "6:16: expected max_bytes: a whole number from 1 to 16777216, found the number 0",
        ),
        (BASE, "x: { path: / }", "7:10: `method` is missing in the action of an http agent"),
        (BASE, "x: { method: GET }", "7:10: `path` is missing in the action of an http agent"),
        (
            BASE,
            "x: { method: get, path: / }",
            "7:20: expected a method: one of GET, POST, PUT, PATCH, DELETE; found `get`\n  hint: did you mean `GET`?",
        ),
        (
            BASE,
            "x: { method: GET, path: 'https://a/' }",
            "7:31: expected a path that begins with `/`, found `https://a/`\n  hint: scheme and host stand in `base` of the agent",
        ),
        (
            BASE,
            "x: { method: GET, path: '/a?b' }",
            "7:31: a path ends at `?` and `#`\n  hint: put what comes after it into `query`",
        ),
        (
            BASE,
            "x: { method: GET, path: '/a b' }",
            "7:31: ` ` cannot stand in a path\n  hint: write it percent-encoded, such as `%20`",
        ),
        (
            BASE,
            "x: { method: GET, path: '/../b' }",
            "7:31: `.` and `..` lead out of the path\n  hint: write the path out",
        ),
        (BASE, "x: { method: GET, path: '/a//b' }", "7:31: an empty segment (`//`) in a path"),
        (
            BASE,
            "x: { takes: { user: user }, method: GET, path: '/${usr}' }",
            "7:54: the action takes no `usr`\n  hint: did you mean `user`?",
        ),
        (
            BASE,
            "x: { takes: { user: user }, optional: [user], method: GET, path: '/${user}' }",
            "7:72: `user` is optional: there may be nothing to put here\n  hint: put it into `query` or `body`, where it is left out then",
        ),
        (BASE, "x: { method: GET, path: /, body: {} }", "7:34: a GET has no body\n  hint: use `query`"),
        (
            BASE,
            "x: { takes: { a: text }, method: POST, path: /, body: { '${a}': 1 } }",
            "7:63: a name is fixed: a placeholder cannot choose it",
        ),
        (BASE, "x: { method: POST, path: /, body: { a: ['${b}'] } }", "7:47: the action takes no `b`"),
        (
            BASE,
            "x: { method: GET, path: /, query: { a: [] } }",
            "7:46: expected a value of the query, found a list",
        ),
        (
            BASE,
            "x: { method: GET, path: /, succeeds: [99] }",
            "7:45: expected a status: a whole number from 200 to 599, found the number 99",
        ),
        (
            BASE,
            "x: { method: GET, path: /, succeeds: [] }",
            "7:44: an empty list: nothing would be success\n  hint: remove it",
        ),
        (
            BASE,
            "x: { method: GET, path: /, run: [/bin/x] }",
            "7:34: `run` is how an agent of kind `exec` acts\n  hint: remove it: this agent is of kind `http`",
        ),
    ]);
    let many = with(
        "    base: ftp://x\n    headers: { Host: a, B: { secret: c } }",
        "x: { method: PUSH, path: 'a', body: '${b}' }",
    );
    assert_eq!(many.unwrap_err().len(), 6);
    let of_exec = "agents:\n  - { name: n, role: R, kind: exec, base: x, actions: {} }\n";
    let wrong = load_texts(&[("settings.yaml", REAL), ("agents/a.yaml", of_exec)]).unwrap_err();
    let want = "t/agents/a.yaml:2:37: `base` belongs to agents of kind `http`\n  hint: remove it: this agent is of kind `exec`";
    assert_eq!(wrong, [want]);
}

#[test]
fn an_exercise_asks_no_server() {
    let text = "agents:\n  - { name: n, role: R, kind: http, base: 'https://fw.example', actions: { x: { method: GET, path: / } } }\n";
    let wrong = load_texts(&[("agents/b.yaml", text)]).unwrap_err();
    let want = "t/agents/b.yaml:2:31: an exercise touches nothing, and this agent asks a server\n  hint: use `drill` (it pretends), or say `exercise: false` in settings.yaml";
    assert_eq!(wrong, [want]);
}

#[test]
fn c35_secrets_that_are_not_here_are_warned_about() {
    let head = format!(
        "{BASE}\n    headers: {{ A: {{ secret: 'env:IS_SET' }}, B: {{ secret: 'env:IS_NOT' }}, C: {{ secret: 'file:/nonexistent/key' }} }}\n    ca: /nonexistent/ca.pem"
    );
    let folder = Folder::from_texts("t", [("settings.yaml", REAL)]);
    let secrets = Secrets::of([("IS_SET".into(), Some("x".into())), ("IS_NOT".into(), None)]);
    let said = report(&folder, &with(&head, ACTION).map_err(|_| Vec::new()), &secrets);
    let warnings: Vec<&str> = said.lines().filter(|line| line.starts_with("warning: ")).collect();
    let want = [
        "warning: t/agents/a.yaml:6:48: secret env:IS_NOT is not set",
        "warning: t/agents/a.yaml:6:77: secret file:/nonexistent/key cannot be read: No such file or directory (os error 2)",
        "warning: t/agents/a.yaml:7:9: ca /nonexistent/ca.pem cannot be read: No such file or directory (os error 2)",
    ];
    assert_eq!(warnings, want);
}
