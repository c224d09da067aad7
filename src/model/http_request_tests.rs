use super::super::ValueType;
use super::*;
use serde_json::json;

fn takes() -> Vec<(Arc<str>, ValueType)> {
    ValueType::ALL.iter().map(|(kind, name)| (Arc::from(*name), *kind)).collect()
}

fn word(text: &str) -> Word {
    Word::parse(text, &takes()).unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
}

fn request(path: &str, query: &[(&str, &str)], body: Option<BodyTree>) -> HttpRequest {
    let path = path.strip_prefix('/').unwrap().split('/').map(word).collect();
    let query = query.iter().map(|(name, text)| (Arc::from(*name), word(text))).collect();
    HttpRequest { method: Method::Post, path, query, body }
}

fn target(path: &str, query: &[(&str, &str)], args: Value) -> Result<String, String> {
    let args: Args = serde_json::from_value(args).unwrap();
    request(path, query, None).render("/api", &args).map(|rendered| rendered.target)
}

#[test]
fn c25_a_value_stays_in_its_segment() {
    for (path, value, want) in [
        ("/blocks/${text}", "192.0.2.1", "/api/blocks/192.0.2.1"),
        ("/blocks/${text}/now", "10.0.0.0/8", "/api/blocks/10.0.0.0%2F8/now"),
        ("/blocks/${text}", "2001:db8::1", "/api/blocks/2001%3Adb8%3A%3A1"),
        ("/b/${text}", "a?all=1", "/api/b/a%3Fall%3D1"),
        ("/b/${text}", "a#b", "/api/b/a%23b"),
        ("/b/${text}", "..%2fadmin", "/api/b/..%252fadmin"),
        ("/b/${text}", "a b;c=d&e", "/api/b/a%20b%3Bc%3Dd%26e"),
        ("/b/${text}", "@evil.example:1", "/api/b/%40evil.example%3A1"),
        ("/b/${text}", "ü漢", "/api/b/%C3%BC%E6%BC%A2"),
        ("/b/${text}", "...", "/api/b/..."),
        ("/b/${text}", "-x", "/api/b/-x"),
        ("/b/.${text}.json", "v1", "/api/b/.v1.json"),
        ("/b/%2e${text}", "%2e", "/api/b/%2e%252e"),
    ] {
        assert_eq!(target(path, &[], json!({"text": value})).as_deref(), Ok(want), "{path} {value}");
    }
}

#[test]
fn c25_a_value_that_would_leave_its_place_is_refused() {
    for (path, value, want) in [
        ("/b/${text}", "", "argument `text` is empty, and stands in a path"),
        ("/b/${text}", "..", "argument `text` would lead out of its place in the path: `..`"),
        ("/b/${text}", ".", "argument `text` would lead out of its place in the path: `.`"),
        ("/b/${text}", "../admin", "argument `text` would lead out of its place in the path: `../admin`"),
        ("/b/${text}", "a\\..\\b", "argument `text` would lead out of its place in the path: `a\\..\\b`"),
        ("/b/.${text}", ".", "argument `text` would lead out of its place in the path: `.`"),
        ("/b/${text}", "a\r\nHost: evil", "argument `text` has a control character: `a\\r\\nHost: evil`"),
        ("/b/${text}", "a\0", "argument `text` has a control character: `a\\x00`"),
        ("/b/${path}", "x", "argument `path` is missing"),
    ] {
        assert_eq!(target(path, &[], json!({"text": value})), Err(want.to_owned()), "{path} {value}");
    }
    let long = target("/b", &[("q", "${text}")], json!({"text": "x".repeat(9_000)}));
    assert_eq!(long.unwrap_err(), "the path and its query have 9009 bytes, at most 8192 are sent");
}

#[test]
fn a_query_has_the_pairs_that_have_a_value() {
    let query =
        [("address", "${address}"), ("for", "${duration.seconds}"), ("note", "n: ${text}"), ("a b", "")];
    let args = json!({"address": "::1", "text": "x&y=z\n#%"});
    let want = "/api/b?address=%3A%3A1&note=n%3A%20x%26y%3Dz%0A%23%25&a%20b=";
    assert_eq!(target("/b", &query, args), Ok(want.to_owned()));
    assert_eq!(target("/b", &query[..2], json!({})), Ok("/api/b".to_owned()));
    assert_eq!(target("/", &[], json!({})), Ok("/api/".to_owned()));
}

#[test]
fn a_body_keeps_the_types_of_values() {
    let text = |text: &str| BodyTree::Text(word(text));
    let map = |entries: Vec<(&str, BodyTree)>| {
        BodyTree::Map(entries.into_iter().map(|(key, tree)| (Arc::from(key), tree)).collect())
    };
    let body = map(vec![
        ("fixed", BodyTree::Fixed(json!(1.5))),
        ("port", text("${port}")),
        ("said", text("port ${port}")),
        ("seconds", text("${duration.seconds}")),
        ("family", text("${address.family}")),
        ("text", text("${text}")),
        ("absent", text("x ${user}")),
        ("list", BodyTree::List(vec![text("${host}"), text("${number}")])),
        ("deep", map(vec![("absent", text("${user}"))])),
    ]);
    let args = json!({
        "port": 22, "duration": "90s", "address": "::1", "text": "\"}, \"admin\": true, {\"\n${user}", "number": 2
    });
    let want = json!({
        "fixed": 1.5, "port": 22, "said": "port 22", "seconds": 90, "family": 6,
        "text": "\"}, \"admin\": true, {\"\n${user}", "list": [2], "deep": {}
    });
    let rendered = request("/", &[], Some(body)).render("", &serde_json::from_value(args).unwrap()).unwrap();
    assert_eq!(rendered.body, Some(want));
}

#[test]
fn what_is_fixed_in_a_path_is_checked_where_it_is_read() {
    for (text, fault) in [
        ("blocks", None),
        ("v1.2~a-b_c:@!$&'()*+,;=", None),
        ("a%2Fb", None),
        ("a?b", Some("a path ends at `?` and `#`")),
        ("a#b", Some("a path ends at `?` and `#`")),
        ("a b", Some("` ` cannot stand in a path")),
        ("a%2", Some("`%` cannot stand in a path")),
        ("a%zz", Some("`%` cannot stand in a path")),
        ("ü", Some("`ü` cannot stand in a path")),
        (".${text}", None),
        ("..", Some("`.` and `..` lead out of the path")),
        ("%2E.", Some("`.` and `..` lead out of the path")),
    ] {
        assert_eq!(PathFault::of(&word(text)).map(|fault| fault.to_string()).as_deref(), fault, "{text}");
    }
}
