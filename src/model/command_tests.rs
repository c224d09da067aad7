use super::*;
use serde_json::json;

fn takes() -> Vec<(Arc<str>, ValueType)> {
    ValueType::ALL.iter().map(|(kind, name)| (Arc::from(*name), *kind)).collect()
}

fn word(text: &str) -> Word {
    Word::parse(text, &takes()).unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
}

fn args(value: Value) -> Args {
    serde_json::from_value(value).unwrap()
}

#[test]
fn c25_a_placeholder_is_one_value() {
    for (text, given, want) in [
        ("plain", json!({}), "plain"),
        ("", json!({}), ""),
        ("${address}", json!({"address": "192.0.2.1"}), "192.0.2.1"),
        ("${ address }", json!({"address": "::1"}), "::1"),
        ("blocked${address.family}", json!({"address": "192.0.2.1"}), "blocked4"),
        ("${ipv6.family}", json!({"ipv6": "2001:db8::1"}), "6"),
        ("${prefix.family}", json!({"prefix": "2001:db8::/32"}), "6"),
        (
            "{ ${ipv4} timeout ${duration.seconds}s }",
            json!({"ipv4": "10.0.0.1", "duration": "1h"}),
            "{ 10.0.0.1 timeout 3600s }",
        ),
        ("${duration}", json!({"duration": "90s"}), "90s"),
        ("${duration.seconds}", json!({"duration": "1500ms"}), "2"),
        ("${port}", json!({"port": 22}), "22"),
        ("--n=${number}", json!({"number": -5}), "--n=-5"),
        ("a$b$$c", json!({}), "a$b$c"),
        ("$${text}", json!({"text": "x"}), "${text}"),
        // What a shell would act on is text.
        (
            "${text}",
            json!({"text": "$(reboot); `id` && ${user} | x > /etc/passwd \"'* ~"}),
            "$(reboot); `id` && ${user} | x > /etc/passwd \"'* ~",
        ),
        ("--text=${text}", json!({"text": "--all"}), "--text=--all"),
        ("${text}", json!({"text": "漢 ünï"}), "漢 ünï"),
    ] {
        assert_eq!(word(text).render(&args(given)), Ok(Some(want.to_owned())), "{text}");
    }
}

#[test]
fn c25_values_that_could_be_taken_for_something_else_are_refused() {
    for (text, given, want) in [
        ("${text}", json!({"text": "--all"}), "argument `text` begins with `-`, as an option does: `--all`"),
        ("${number}", json!({"number": -5}), "argument `number` begins with `-`, as an option does: `-5`"),
        ("x${text}", json!({"text": "a\nb"}), "argument `text` has a control character: `a\\nb`"),
        ("x${text}", json!({"text": "a\u{0}b"}), "argument `text` has a control character: `a\\x00b`"),
        ("x${text}", json!({"text": "\u{1b}[2J"}), "argument `text` has a control character: `\\x1b[2J`"),
        ("x${text}", json!({"text": "\u{9b}2J"}), "argument `text` has a control character: `\\x9b2J`"),
        ("x${text}", json!({"text": "a\tb"}), "argument `text` has a control character: `a\\tb`"),
        (
            "${text}${user}",
            json!({"text": "", "user": "-rf"}),
            "argument `user` begins with `-`, as an option does: `-rf`",
        ),
        ("${address.family}", json!({"address": "nobody"}), "argument `address`: expected an IP address"),
        ("${text}", json!({"text": ["a"]}), "argument `text`: a list or an object cannot be part of a text"),
    ] {
        assert_eq!(word(text).render(&args(given)), Err(want.to_owned()), "{text}");
    }
}

#[test]
fn mistakes_are_found_all_at_once() {
    let faults = |text| Word::parse(text, &takes()).unwrap_err();
    let found: Vec<_> = faults("ü ${adress} ${user.family} ${port.seconds} ${text.size} ${")
        .into_iter()
        .map(|f| f.message)
        .collect();
    let want = [
        "the action takes no `adress`",
        "only an address or a prefix has a `.family`: `user` is user",
        "only a duration has `.seconds`: `port` is port",
        "no value has a `.size`: there are `.family` and `.seconds`",
        "`${` without `}`; write `$${` for the text itself",
    ];
    assert_eq!(found, want);
    assert_eq!(faults("${adress}")[0].unknown.as_deref(), Some("adress"));
    assert_eq!(faults("a\u{7}b")[0].message, "a control character");
}

#[test]
fn a_group_is_left_out_as_a_whole() {
    let group = |words: &[&str]| Argument::Group(words.iter().map(|text| word(text)).collect());
    let line = CommandLine {
        program: "/bin/true".into(),
        arguments: vec![
            Argument::One(word("${user}")),
            group(&["--for", "${duration}", "${port}"]),
            Argument::One(word("end")),
        ],
    };
    for (given, want) in [
        (json!({"user": "a", "duration": "5s", "port": 1}), Ok(vec!["a", "--for", "5s", "1", "end"])),
        (json!({"user": "a", "duration": "5s"}), Ok(vec!["a", "end"])),
        (json!({"user": "a", "duration": null, "port": 1}), Ok(vec!["a", "end"])),
        (json!({"duration": "5s"}), Err("argument `user` is missing")),
        (
            json!({"user": "a", "duration": "5s\n", "port": 1}),
            Err("argument `duration` has a control character: `5s\\n`"),
        ),
    ] {
        let want = want.map(|words| words.into_iter().map(str::to_owned).collect()).map_err(str::to_owned);
        assert_eq!(line.render(&args(given)), want);
    }
}
