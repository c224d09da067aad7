use super::*;
use crate::model::Mistake;

fn spec(format: Format, kind: Kind) -> Spec {
    Spec { name: "bad".to_owned(), file: "bad.txt".to_owned(), format, kind }
}

fn plain(kind: Kind, text: &str) -> Indicators {
    read(&spec(Format::Plain, kind), text).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

fn wrong(format: Format, kind: Kind, text: &str) -> Vec<String> {
    let mistakes = read(&spec(format, kind), text).err().unwrap_or_default();
    mistakes.iter().map(Mistake::to_string).collect()
}

#[test]
fn s4_values_are_found_as_they_are_asked_for() {
    let list = plain(
        Kind::Any,
        "# a list\n10.0.0.0/8\n192.0.2.7 # one\n\nBad.Example\n  evil.bad.example\r\nhttp://x/#y\nCmd\n",
    );
    assert_eq!(list.len(), 6);
    for (value, how, expected) in [
        ("10.1.2.3", How::Is, Some("10.0.0.0/8")),
        ("192.0.2.7", How::Is, Some("192.0.2.7")),
        ("192.0.2.8", How::Is, None),
        ("::ffff:10.0.0.1", How::Is, Some("10.0.0.0/8")),
        ("bad.EXAMPLE", How::Is, Some("bad.example")),
        ("a.bad.example", How::Is, None),
        ("a.Bad.example", How::Below, Some("bad.example")),
        ("a.evil.bad.example.", How::Below, Some("evil.bad.example")),
        ("notbad.example", How::Below, None),
        ("notbad.example", How::Ends, Some("bad.example")),
        ("example", How::Below, None),
        ("cmd.exe", How::Begins, Some("cmd")),
        ("acmd", How::Begins, None),
        ("http://x/#y", How::Is, Some("http://x/#y")),
        ("", How::Is, None),
        ("", How::Below, None),
    ] {
        assert_eq!(list.find(Scalar::Text(value), how).as_deref(), expected, "{value} {how:?}");
    }
    assert_eq!(list.find(Scalar::Address([10, 9, 9, 9].into()), How::Is).as_deref(), Some("10.0.0.0/8"));
    assert_eq!(list.find(Scalar::Null, How::Is), None);
    assert_eq!(list.find(Scalar::Unsigned(7), How::Is), None);
}

#[test]
fn a_hash_is_compared_as_a_whole() {
    let (one, other) = ("ab".repeat(32), format!("{}ac", "ab".repeat(31)));
    let list = plain(Kind::Hash, &one.to_uppercase());
    assert_eq!(list.find(Scalar::Text(&one), How::Is), Some(one.clone()));
    assert_eq!(list.find(Scalar::Text(&other), How::Is), None);
    assert_eq!(list.find(Scalar::Text(&one[..32]), How::Is), None);
}

#[test]
fn tables_and_bundles_are_read() {
    let table = "id,\"host\",note\n1, bad.example ,\"a, b\"\n# no\n2,\"Evil.Example\",\n3,,\n";
    let of = |column| read(&spec(Format::Csv(column), Kind::Domain), table);
    let list = of(Column::Named("host".to_owned())).unwrap();
    assert_eq!(list.len(), 2);
    assert!(list.find(Scalar::Text("x.evil.example"), How::Below).is_some());
    assert_eq!(read(&spec(Format::Csv(Column::At(2)), Kind::Any), table).unwrap().len(), 3);
    let bundle = r#"{"type":"bundle","id":"bundle--1","objects":[
        {"type":"identity","id":"identity--1","name":"x"},
        {"type":"indicator","id":"indicator--1","pattern":"[ipv4-addr:value = '192.0.2.1']","pattern_type":"stix"},
        {"type":"indicator","id":"indicator--2","pattern":"[domain-name:value = 'bad.example' OR domain-name:value = 'b.example']"},
        {"type":"indicator","id":"indicator--3","pattern":"[a:b = 'c' AND d:e = 'f']"},
        {"type":"indicator","id":"indicator--4","pattern":"alert tcp","pattern_type":"snort"},
        {"type":"indicator","id":"indicator--5","pattern":"[domain-name:value = 'old.example']","revoked":true}]}"#;
    let list = read(&spec(Format::Stix, Kind::Any), bundle).unwrap();
    assert_eq!((list.len(), list.not_understood().0), (3, 2));
    assert_eq!(list.not_understood().1, ["indicator--3", "indicator--4"]);
    assert!(list.find(Scalar::Text("192.0.2.1"), How::Is).is_some());
    assert_eq!(read(&spec(Format::Stix, Kind::Domain), bundle).unwrap().len(), 2);
}

#[test]
fn mistakes_have_their_place() {
    let csv = |column: &str| Format::Csv(Column::Named(column.to_owned()));
    for (format, kind, text, expected) in [
        (
            Format::Plain,
            Kind::Address,
            "10.0.0.1\n  10.0.0.1/33\n",
            "bad.txt:2:3: expected an address or a network such as 192.0.2.0/24, found `10.0.0.1/33`",
        ),
        (Format::Plain, Kind::Any, "10.0.0.1/33\n", "bad.txt:1:1: expected an address"),
        (Format::Plain, Kind::Domain, "a..b\n", "bad.txt:1:1: expected a domain"),
        (Format::Plain, Kind::Hash, "abc\n", "bad.txt:1:1: expected a hash"),
        (
            csv("hst"),
            Kind::Any,
            "id,host\n1,a\n",
            "bad.txt:1:1: there is no column `hst` in the first line\n  hint: did you mean `host`?",
        ),
        (
            csv("host"),
            Kind::Any,
            "id,host\n1,a\n2\n",
            "bad.txt:3:1: expected 2 columns as in the first line, found 1",
        ),
        (
            csv("host"),
            Kind::Domain,
            "id,host\n1,a b\n",
            "bad.txt:2:3: expected a domain such as bad.example, found `a b`",
        ),
        (Format::Stix, Kind::Any, "{\n  \"type\": \"bundle\",,\n}", "bad.txt:2:20: this is no STIX bundle"),
        (Format::Stix, Kind::Any, "{\"type\":\"report\"}", "bad.txt:1:1: expected an object of"),
        (
            Format::Stix,
            Kind::Any,
            r#"{"type":"bundle","objects":[{"type":"indicator","id":"indicator--1","pattern":"[ipv4-addr:value = 'x']"}]}"#,
            "bad.txt:1:1: indicator--1: expected an address",
        ),
    ] {
        let found = wrong(format, kind, text);
        assert!(found.first().is_some_and(|found| found.starts_with(expected)), "{found:?}");
    }
    let many = wrong(Format::Plain, Kind::Hash, &"x\n".repeat(50));
    assert_eq!((many.len(), many[20].as_str()), (21, "bad.txt:20:1: and 30 more mistakes in this file"));
}

/// A million entries of the largest usual kind, and of the others.
#[test]
fn a_million_entries_take_less_than_100_megabytes() {
    let digest = |n: u32| -> String {
        let parts: Vec<String> =
            (0..8u32).map(|k| format!("{:08x}", n.wrapping_mul(2_654_435_761) ^ (k * 7))).collect();
        parts.concat()
    };
    for (kind, count, most, entry) in [
        (Kind::Hash, 1_000_000, 100_000_000, &digest as &dyn Fn(u32) -> String),
        (Kind::Domain, 100_000, 10_000_000, &|n| format!("host-{n}.subdomain.example-{}.com", n % 1_000)),
        (Kind::Address, 100_000, 1_000_000, &|n| {
            std::net::Ipv4Addr::from(n.wrapping_mul(2_654_435_761)).to_string()
        }),
    ] {
        let text: String = (0..count).map(|n| entry(n) + "\n").collect();
        let list = plain(kind, &text);
        assert_eq!(list.len(), count as usize);
        assert!(list.memory() < most, "{} takes {}", kind.name(), list.memory());
        assert!(list.find(Scalar::Text(&entry(count / 2)), How::Is).is_some());
        assert!(list.find(Scalar::Text(&entry(count + 1)), How::Is).is_none());
    }
}
