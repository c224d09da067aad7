use super::*;
use crate::engine::protect::{Entry, Guarded, Origin, Protected};
use crate::model::Timestamp;
use serde_json::json;

fn set() -> Protected {
    let entry = |what| Entry { what, origin: Origin::Settings, reason: Arc::from("r"), until: None };
    let net = |text: &str| Guarded::Net(text.parse().unwrap());
    Protected::new(
        [
            net("10.0.0.1"),
            net("192.168.0.0/16"),
            net("2001:db8::1"),
            Guarded::user("root"),
            Guarded::user("0"),
            Guarded::user("alice"),
            Guarded::host("Bastion.Example.org."),
            Guarded::host("198.51.100.7"),
            Guarded::Interface(Arc::from("eth0")),
        ]
        .map(entry),
    )
}

/// Whether an action with one argument is refused.
fn refused(kind: ValueType, value: serde_json::Value, is_target: bool) -> Result<bool, String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let action = Action {
        name: "act".into(),
        args: [("on".into(), value)].into_iter().collect(),
        target: is_target.then(|| Arc::from(text)),
        idempotent: true,
        probe: false,
        question: None,
        expires: None,
    };
    let found = targets(&action, &[("on".into(), kind)], is_target.then_some("on"))?;
    Ok(set().refuses_any(&found, Timestamp(0)).is_some())
}

#[test]
fn c27_typed_values_are_compared_as_what_they_are() {
    use ValueType::*;
    for (kind, value, expected) in [
        (Ipv4, "10.0.0.1", true),
        (Ipv4, "10.0.0.2", false),
        (Ipv6, "::ffff:10.0.0.1", true),
        (Ipv6, "::FFFF:a00:1", true),
        (Ipv6, "64:ff9b::10.0.0.1", true),
        (Ipv6, "2002:a00:1::77", true),
        (Ipv6, "::10.0.0.1", true),
        (Ipv6, "2001:0db8:0::1", true),
        (Ipv6, "2001:db8::2", false),
        (Address, "192.168.7.7", true),
        (Address, "192.169.0.0", false),
        (Address, "0.0.0.0", true),
        (Address, "::", true),
        (Prefix, "10.0.0.0/24", true),
        (Prefix, "10.0.1.0/24", false),
        (Prefix, "192.168.4.0/24", true),
        (Prefix, "192.0.0.0/2", true),
        (Prefix, "0.0.0.0/0", true),
        (Prefix, "::/0", true),
        (Prefix, "::/64", true),
        (Prefix, "::ffff:0:0/96", true),
        (Prefix, "64:ff9b::/96", true),
        (Prefix, "2002::/16", true),
        (Prefix, "2001:db8::/32", true),
        (Prefix, "2001:db9::/32", false),
        (Prefix, "128.0.0.0/2", false),
        (User, "root", true),
        (User, "0", true),
        (User, "00", true),
        (User, "4294967296", true),
        (User, "alice", true),
        (User, "Alice", cfg!(target_os = "macos")),
        (User, "mallory", false),
        (User, "1000", false),
        (Host, "bastion.example.org", true),
        (Host, "BASTION.example.ORG.", true),
        (Host, "bastion.example.com", false),
        (Host, "198.51.100.7", true),
        (Host, "198.51.100.7.", true),
        (Host, "10.0.0.1:22", true),
        (Host, "[::ffff:10.0.0.1]:22", true),
        (Host, "2001:db8::1%eth9", true),
        (Host, "10.1", true),
        (Host, "0xa.0.0.1", true),
        (Host, "012.1", true),
        (Host, "167772161", true),
        (Host, "167772162", false),
        (Host, "10.2", false),
        (Host, "db1", false),
        (Text, "eth0", true),
        (Text, "eth1", false),
        (Text, "port scan from 10.0.0.1", false),
        (Path, "/home/alice", false),
    ] {
        assert_eq!(refused(kind, json!(value), false), Ok(expected), "{kind} {value}");
    }
}

#[test]
fn c27_a_target_without_a_type_is_compared_as_everything() {
    use ValueType::*;
    for (kind, value, expected) in [
        (Text, json!("10.0.0.1"), true),
        (Text, json!("10.0.0.0/8, 172.16.0.0/12"), true),
        (Text, json!("alice"), true),
        (Text, json!("bastion.example.org"), true),
        (Text, json!("eth0"), true),
        (Text, json!("mallory"), false),
        (Text, json!("203.0.113.0/24"), false),
        (Number, json!(0), true),
        (Number, json!(1000), false),
        (Port, json!(0), false),
        (User, json!("bastion.example.org"), false),
        (Host, json!("alice"), false),
    ] {
        assert_eq!(refused(kind, value.clone(), true), Ok(expected), "{kind} {value}");
    }
}

#[test]
fn c27_what_cannot_be_read_is_an_error() {
    for (kind, value) in [
        (ValueType::Address, json!("${steps.find.output.address}")),
        (ValueType::Address, json!(5)),
        (ValueType::User, json!(null)),
        (ValueType::Text, json!(["10.0.0.1"])),
    ] {
        assert!(refused(kind, value.clone(), false).is_err(), "{kind} {value}");
    }
}

#[test]
fn c27_an_entry_ends_at_its_time() {
    let until = Some(Timestamp(10));
    let what = Guarded::Net("10.0.0.1".parse().unwrap());
    let set = Protected::new([Entry { what, origin: Origin::Settings, reason: "r".into(), until }]);
    let target = Target::Net("10.0.0.1".parse().unwrap());
    assert_eq!(set.refuses(&target, Timestamp(9)).map(ToString::to_string), Some("10.0.0.1 (r)".to_owned()));
    assert_eq!(set.refuses(&target, Timestamp(10)), None);
}
