use super::*;
use crate::model::{Common, Document, LogSource, Severity, Signal, Timestamp};
use crate::rule::{Bounds, Candidates, Counted, Feed, FieldName};
use proptest::prelude::*;

fn load_one(text: &str) -> Result<RuleSet, Vec<Mistake>> {
    load(&[("rules/one.yml".to_string(), text.to_string())])
}

/// `line:column: message` of every mistake.
fn mistakes(text: &str) -> Vec<String> {
    let all = load_one(text).err().unwrap_or_default();
    all.iter().map(|m| format!("{}:{}: {}", m.line, m.column, m.message)).collect()
}

fn signal(json: &str) -> Signal {
    Signal {
        at: Timestamp(0),
        weight: 1,
        origin: LogSource::default(),
        common: Common { source_ip: Some([192, 0, 2, 7].into()), ..Common::default() },
        document: Document::parse(json.into()).unwrap(),
        threat: None,
    }
}

/// Whether `detection` (indented by two) matches the record.
fn matches(detection: &str, json: &str) -> bool {
    let set =
        load_one(&format!("title: t\ndetection:\n{detection}\n")).map_err(|m| format!("{m:?}")).unwrap();
    set.rules()[0].program.matches(&signal(json))
}

#[test]
fn detections_match_as_sigma_says() {
    let sel = |text: &str| format!("  sel: {text}\n  condition: sel");
    for (text, json, expected) in [
        ("{a: x}", r#"{"a":"X"}"#, true),
        ("{a: x}", r#"{"a":"xy"}"#, false),
        ("{a: x}", r#"{"a":["y","x"]}"#, true),
        ("{a: x, b: 1}", r#"{"a":"x","b":1}"#, true),
        ("{a: x, b: 1}", r#"{"a":"x","b":2}"#, false),
        ("[{a: x}, {b: 1}]", r#"{"b":1}"#, true),
        ("{a: [x, y]}", r#"{"a":"y"}"#, true),
        ("{a: 'x*z'}", r#"{"a":"xyz"}"#, true),
        ("{a: 22}", r#"{"a":"22"}"#, true),
        ("{a: '22'}", r#"{"a":22}"#, true),
        ("{a: 22}", r#"{"a":22.0}"#, true),
        ("{a: true}", r#"{"a":true}"#, true),
        ("{a: null}", r#"{"b":1}"#, true),
        ("{a: null}", r#"{"a":null}"#, true),
        ("{a: null}", r#"{"a":0}"#, false),
        ("{a: [null, x]}", r#"{"a":"x"}"#, true),
        ("{a: ''}", r#"{"a":""}"#, true),
        ("{a: ''}", r#"{}"#, false),
        ("{a: '*'}", r#"{}"#, false),
        ("{a|contains: ell}", r#"{"a":"HELLO"}"#, true),
        ("{a|startswith: [he, x]}", r#"{"a":"hello"}"#, true),
        ("{a|endswith: lo}", r#"{"a":"hello"}"#, true),
        ("{a|contains|all: [he, lo]}", r#"{"a":"hello"}"#, true),
        ("{a|contains|all: [he, xx]}", r#"{"a":"hello"}"#, false),
        ("{a|contains|cased: HE}", r#"{"a":"hello"}"#, false),
        ("{a|gte: 10}", r#"{"a":10}"#, true),
        ("{a|gt: 10}", r#"{"a":"10"}"#, false),
        ("{a|lt: 1.5}", r#"{"a":1}"#, true),
        ("{a|lte: 5}", r#"{}"#, false),
        ("{a|exists: true}", r#"{"a":null}"#, true),
        ("{a|exists: false}", r#"{"a":1}"#, false),
        ("{a|cidr: 10.0.0.0/8}", r#"{"a":"10.1.1.1"}"#, true),
        ("{source_ip|cidr: [192.0.2.0/24, '2001:db8::/32']}", r#"{}"#, true),
        ("{source_ip: 192.0.2.7}", r#"{}"#, true),
        ("{source_ip: 192.0.2.7}", r#"{"source_ip":"192.0.2.8"}"#, false),
        ("{a.b: x}", r#"{"a":{"b":"x"}}"#, true),
        ("[word, other]", r#"{"a":{"b":"many Words here"}}"#, true),
        ("{'|all': [many, here]}", r#"{"a":"many","b":"here"}"#, true),
        ("{'|all': [many, gone]}", r#"{"a":"many","b":"here"}"#, false),
        ("word", r#"{"a":"password"}"#, true),
        ("{'|re': 'pass(word|phrase)'}", r#"{"a":["x","my password"]}"#, true),
        ("{a|exists: true}", r#"{"a":{"b":1}}"#, true),
        ("{a.b|exists: true}", r#"{"a":{"b":[]}}"#, true),
        ("{a|exists: false}", r#"{"b":1}"#, true),
        ("{a: null}", r#"{"a":{"b":1}}"#, false),
        ("{a|re: '^x.z$'}", r#"{"a":"xyz"}"#, true),
        ("{a|re: '^x.z$'}", r#"{"a":"XYZ"}"#, false),
        ("{a|re|i: '^x.z$'}", r#"{"a":"XYZ"}"#, true),
        ("{a|re: '^b'}", r#"{"a":"a\nb"}"#, false),
        ("{a|re|m: '^b'}", r#"{"a":"a\nb"}"#, true),
        ("{a|re: 'a.b'}", r#"{"a":"a\nb"}"#, false),
        ("{a|re|s: 'a.b'}", r#"{"a":"a\nb"}"#, true),
        ("{a|re: '^42$'}", r#"{"a":42}"#, true),
        ("{a|windash|contains: ' -f '}", r#"{"a":"cmd /F x"}"#, true),
        ("{a|contains|windash: ' -f '}", r#"{"a":"cmd –f x"}"#, true),
        ("{a|contains|all|windash: [' -f ', ' /g ']}", r#"{"a":"cmd /f -g x"}"#, true),
        ("{a|windash: '-f'}", r#"{"a":"+f"}"#, false),
        ("{a|base64: foobar}", r#"{"a":"Zm9vYmFy"}"#, true),
        ("{a|base64offset|contains: foobar}", r#"{"a":"eGZvb2Jhcg=="}"#, true),
        ("{a|wide|base64offset|contains: cmd}", r#"{"a":"xYwBtAGQA"}"#, true),
        ("{a|utf16le|base64|contains: cmd}", r#"{"a":"YwBtAGQA"}"#, true),
        ("{a|utf16be|base64: cmd}", r#"{"a":"AGMAbQBk"}"#, true),
        ("{a|utf16|base64: cmd}", r#"{"a":"//5jAG0AZAA="}"#, true),
        ("{a|fieldref: b}", r#"{"a":"X","b":"x"}"#, true),
        ("{a|fieldref: b}", r#"{"a":"x","b":"y"}"#, false),
        ("{a|fieldref: b}", r#"{"a":"x"}"#, false),
        ("{a|fieldref|cased: b}", r#"{"a":"X","b":"x"}"#, false),
        ("{a|fieldref|neq: b}", r#"{"a":"x","b":"y"}"#, true),
        ("{a|fieldref|endswith: b}", r#"{"a":"c:/x","b":"x"}"#, true),
        ("{a|fieldref|startswith: b}", r#"{"a":"c:/x","b":"x"}"#, false),
        ("{a|fieldref|contains: b}", r#"{"a":"1x2","b":["y","x"]}"#, true),
        ("{a|neq: x}", r#"{"a":"y"}"#, true),
        ("{a|neq: [x, y]}", r#"{"a":"y"}"#, false),
        ("{a|neq: 5}", r#"{"a":5}"#, false),
        ("{a|contains|neq: x}", r#"{"a":"axa"}"#, false),
        ("{a|cased: X}", r#"{"a":"x"}"#, false),
        ("{a|hour: 23}", r#"{"a":"2026-03-14T23:15:00+02:00"}"#, true),
        ("{a|hour|gte: 22}", r#"{"a":"2026-03-14 21:15:00"}"#, false),
        ("{a|year: [2025, 2026]}", r#"{"a":1773482400}"#, true),
        ("{a|cidr: '::ffff:0:0/96'}", r#"{"a":"10.1.1.1"}"#, false),
    ] {
        assert_eq!(matches(&sel(text), json), expected, "{text} on {json}");
    }
}

#[test]
fn conditions_combine() {
    let text =
        "  sel: {a: x}\n  filter_1: {b: 1}\n  filter_2: {b: 2}\n  condition: sel and not 1 of filter_*";
    assert!(matches(text, r#"{"a":"x","b":3}"#));
    assert!(!matches(text, r#"{"a":"x","b":2}"#));
    let list = "  one: {a: x}\n  two: {b: 1}\n  condition:\n    - one\n    - two";
    assert!(matches(list, r#"{"b":1}"#));
}

const PAIR: &str = "\
title: Failed login
name: failed
logsource: {product: linux, service: sshd, definition: any}
detection:
  sel: {outcome: failure}
  condition: sel
---
title: Brute force
id: 7d0c51a0-0000-4000-8000-000000000001
level: high
author: somebody
tags: [attack.credential_access]
correlation:
  type: event_count
  rules: failed
  group-by: [source_ip]
  timespan: 60s
  condition: {gte: 10}
";

#[test]
fn a_correlation_is_linked_to_its_rules() {
    let set = load_one(PAIR).unwrap();
    let head = &set.correlations()[0].head;
    assert_eq!((&*head.name, &*head.id), ("one", "7d0c51a0-0000-4000-8000-000000000001"));
    assert_eq!((head.level, head.author.as_deref()), (Severity::High, Some("somebody")));
    assert_eq!(set.correlations()[0].bounds, Bounds::at_least(10.0));
    assert_eq!(set.rules()[0].feeds, [Feed { correlation: 0, position: 0 }]);
    assert_eq!(set.heads().map(|head| &*head.name).collect::<Vec<_>>(), ["one"]);
    let generate = PAIR.replace("  timespan", "  generate: true\n  timespan");
    assert_eq!(load_one(&generate).unwrap().heads().count(), 2);
    let values =
        PAIR.replace("event_count", "value_count").replace("{gte: 10}", "{gt: 2, lt: 9, field: user}");
    let set = load_one(&values).unwrap();
    let correlation = &set.correlations()[0];
    assert_eq!([2.0, 3.0, 8.0, 9.0].map(|count| correlation.bounds.hold(count)), [false, true, true, false]);
    assert_eq!(correlation.counted, Counted::Values(vec![FieldName::new("user")]));
}

#[test]
fn what_does_not_act_is_named_with_its_place() {
    let rule = |detection: &str| format!("title: t\ndetection:\n{detection}\n");
    for (text, expected) in [
        (
            rule("  s: {a|re: '(?=x)y'}\n  condition: s"),
            "3:13: look-around in a regular expression is refused",
        ),
        (rule("  s: {a|re: '(?<!x)y'}\n  condition: s"), "3:13: look-around"),
        (rule("  s: {a|re: '(x)\\1'}\n  condition: s"), "3:13: a back-reference"),
        (rule("  s: {a|re: '(x'}\n  condition: s"), "3:13: not a usable regular expression: unclosed group"),
        (
            rule("  s: {a|re: '(x{1000}){9000}'}\n  condition: s"),
            "3:13: the expression needs more than 8192 KiB",
        ),
        (rule("  s: {a|i: x}\n  condition: s"), "3:9: `i` belongs behind `re`"),
        (rule("  s: {a|contains|base64: x}\n  condition: s"), "3:18: `base64` cannot follow `contains`"),
        (
            rule("  s: {a|base64offset|contains: 'x*'}\n  condition: s"),
            "3:32: `base64offset` cannot encode a wildcard",
        ),
        (rule("  s: {a|utf16|contains: x}\n  condition: s"), "3:25: the value in UTF-16 is no text"),
        (rule("  s: {a|expand: '%x%'}\n  condition: s"), "3:17: there is no value for the placeholder `%x%`"),
        (rule("  s: {a|hour: noon}\n  condition: s"), "3:15: expected a number, found `noon`"),
        (rule("  s: {a|gte|cased: 1}\n  condition: s"), "3:13: `cased` acts on text only"),
        (rule("  s: {a|windash|re: x}\n  condition: s"), "3:17: `re` cannot follow `windash`"),
        (rule("  s: {'|gt': 1}\n  condition: s"), "3:7: expected a field name before `|`"),
        (rule("  s: {a|contains|frob: x}\n  condition: s"), "3:18: unknown modifier `frob`"),
        (rule("  s: {a|contains|endswith: x}\n  condition: s"), "3:18: `endswith` cannot follow `contains`"),
        (rule("  s: {a|cidr: 10.0.0.0}\n  condition: s"), "3:15: expected a network"),
        (rule("  s: {a|gte: many}\n  condition: s"), "3:14: expected a number, found `many`"),
        (
            rule("  s: {a: {b: c}}\n  condition: s"),
            "3:10: expected text, a number, true or false, found a mapping",
        ),
        (rule("  s: {a: []}\n  condition: s"), "3:10: expected values for `a`"),
        (rule("  s: {a: x}\n  condition: s and t"), "4:20: there is no search identifier `t`"),
        (rule("  s: {a: x}\n  t: {a: x}\n  condition: s"), "4:3: the condition does not use"),
        (rule("  s: {a: x}\n  condition: s | count() > 5"), "4:16: aggregations"),
        (rule("  s: {a: x}"), "3:3: expected a `condition`"),
        (rule("  s: {a: x}\n  timeframe: 5m\n  condition: s"), "4:3: `timeframe`"),
        (rule("  s: {a: x}\n  condition: s\nlevle: high"), "5:1: unknown key `levle` in a rule"),
        (rule("  s: {a: x}\n  condition: s\nlevel: bad"), "5:8: expected a severity"),
        (
            rule("  s: {a: x}\n  condition: s\nlogsource: {produkt: x}"),
            "5:13: unknown key `produkt` in logsource",
        ),
        (rule("  s: {a: x}\n  condition: s\nfilter: {}"), "5:1: expected either `detection` or `filter`"),
        ("title: t\n".to_string(), "1:1: expected `detection`, `correlation` or `filter`"),
        ("title: t\nfilter: {s: {a: x}, condition: s}\n".to_string(), "2:9: `rules` is missing in filter"),
        ("title: t\nfilter: {rules: x, s: {a: x}, condition: s}\n".to_string(), "2:17: there is no rule `x`"),
        ("detection: {s: {a: x}, condition: s}\n".to_string(), "1:1: expected a `title`"),
        (
            "- a\n".to_string(),
            "1:1: expected a mapping (a rule: title and detection or correlation), found a list",
        ),
        ("".to_string(), "1:1: expected a rule, found nothing"),
        ("title: [\n".to_string(), "not readable as YAML"),
        ("title: a\ntitle: b\n".to_string(), "2:1: the key `title` comes twice"),
        (PAIR.replace("event_count", "frob"), "14:9: unknown correlation type `frob`"),
        (PAIR.replace("rules: failed", "rules: [failed, nope]"), "15:19: there is no rule `nope`"),
        (PAIR.replace("60s", "1M"), "17:13: expected a duration"),
        (PAIR.replace("60s", "0s"), "17:13: timespan must be longer than zero"),
        (PAIR.replace("{gte: 10}", "{gte: 10, lt: 5}"), "18:3: the condition can never hold"),
        (PAIR.replace("{gte: 10}", "{lt: 1}"), "18:3: the condition can never hold"),
        (PAIR.replace("{gte: 10}", "failed"), "18:14: a condition over rules belongs to `temporal`"),
        (PAIR.replace("{gte: 10}", "{gte: 1, percentile: 5}"), "18:23: unknown key `percentile`"),
        (PAIR.replace("rules: failed", "rules: one"), "8:1: the correlation `one` refers to itself"),
        (
            PAIR.replace("event_count", "value_percentile")
                .replace("{gte", "{field: x, percentile: 101, gte"),
            "18:37: expected percentile: a number from 0 to 100",
        ),
        (PAIR.replace("{gte: 10}", "{}"), "18:3: expected one of gt"),
        (PAIR.replace("{gte: 10}", "{gte: many}"), "18:20: expected gte: a number"),
        (PAIR.replace("{gte: 10}", "{gte: 1, field: x}"), "18:23: `field` has no meaning"),
        (
            PAIR.replace("  group-by", "  aliases: {x: {failed: a}}\n  group-by"),
            "16:17: nothing is grouped by the alias `x`",
        ),
        (
            PAIR.replace("  group-by", "  aliases: {source_ip: {faild: a}}\n  group-by"),
            "16:25: the correlation has no rule `faild`",
        ),
        (PAIR.replace("type: event_count", "type: value_count"), "18:3: expected `field`"),
        (format!("{PAIR}---\n{PAIR}"), "the name `failed` is taken by rules/one.yml:1"),
    ] {
        let found = mistakes(&text);
        assert!(found.iter().any(|m| m.contains(expected)), "{text}\nexpected {expected}\nfound {found:#?}");
    }
}

#[test]
fn all_mistakes_of_all_files_are_reported_at_once() {
    let files = [
        ("a.yml", "title: t\nfrob: 1\ndetection: {s: {a|re: '('}, condition: s}\n"),
        ("b.yml", "title: [\n"),
        (
            "c.yml",
            "title: t\ncorrelation: {type: event_count, rules: a, timespan: 5s, condition: {gte: 1}}\n",
        ),
    ];
    let files = files.map(|(file, text)| (file.to_string(), text.to_string()));
    let mistakes = load(&files).unwrap_err();
    let files: Vec<_> = mistakes.iter().map(|m| m.file.as_str()).collect();
    // c refers to a, which has mistakes of its own: that is no further mistake.
    assert_eq!(files, ["a.yml", "a.yml", "b.yml"], "{mistakes:#?}");
    assert!(mistakes[0].to_string().starts_with("a.yml:2:1: unknown key `frob`"), "{}", mistakes[0]);
}

#[test]
fn the_index_finds_only_rules_that_can_match() {
    let text = "title: a\nname: a\ndetection: {s: {t: [Flow, alert], x: '*'}, condition: s}\n---\n\
                title: b\nname: b\ndetection: {s: {t: dns}, condition: s}\n---\n\
                title: c\nname: c\ndetection: {s: {t: dns}, condition: not s}\n---\n\
                title: d\nname: d\nlogsource: {product: zeek}\ndetection: {s: {t: flow}, condition: s}\n";
    let set = load_one(text).unwrap();
    let index = set.index();
    let scope = index.scope(&set.covering(&LogSource::default()));
    let mut found = Candidates::default();
    for (json, expected) in
        [(r#"{"t":"FLOW"}"#, vec![0, 2]), (r#"{"t":["x","dns"]}"#, vec![1, 2]), (r#"{}"#, vec![2])]
    {
        index.candidates(&scope, &signal(json), &mut found);
        assert_eq!(found.numbers(), expected, "{json}");
    }
}

#[test]
fn filters_are_added_to_their_rules() {
    let base = "title: a\nname: a\nlogsource: {product: windows, category: x}\ndetection: {s: {t: dns}, condition: s}\n---\n\
                title: b\nname: b\ndetection: {s: {t: dns}, condition: s}\n---\n";
    let filter = |head: &str, rules: &str| {
        format!(
            "{base}title: f\nname: f\n{head}filter: {{rules: {rules}, s: {{user: adm*}}, condition: not s}}\n"
        )
    };
    let matching = |text: &str, json: &str| -> Vec<bool> {
        let set = load_one(text).unwrap_or_else(|m| panic!("{m:?}"));
        set.rules().iter().map(|rule| rule.program.matches(&signal(json))).collect()
    };
    let (adm, other) = (r#"{"t":"dns","user":"adm1"}"#, r#"{"t":"dns","user":"eve"}"#);
    for (head, rules, expected) in [
        ("", "[a, b]", [false, false]),
        ("", "b", [true, false]),
        ("", "any", [false, false]),
        ("logsource: {product: windows}\n", "any", [false, true]),
        ("logsource: {product: windows}\n", "a", [false, true]),
    ] {
        let text = filter(head, rules);
        assert_eq!(matching(&text, adm), expected, "{text}");
        assert_eq!(matching(&text, other), [true, true], "{text}");
    }
    let wrong = mistakes(&filter("logsource: {product: linux}\n", "[a, f]"));
    assert!(wrong[0].contains("`a` is for another log source"), "{wrong:?}");
    assert!(wrong[1].contains("`f` is no detection"), "{wrong:?}");
}

#[test]
fn placeholders_are_read_from_any_file() {
    let rule = "title: t\ndetection: {s: {a|expand: '%Hosts%'}, condition: s}\n";
    let files = [("a.yml", rule), ("z.yml", "placeholders:\n  Hosts: [dc1, 'srv*']\n")];
    let files = files.map(|(file, text)| (file.to_string(), text.to_string()));
    let set = load(&files).unwrap();
    for (json, expected) in [(r#"{"a":"DC1"}"#, true), (r#"{"a":"srv9"}"#, true), (r#"{"a":"pc"}"#, false)] {
        assert_eq!(set.rules()[0].program.matches(&signal(json)), expected, "{json}");
    }
    assert_eq!(heads(&files).unwrap().len(), 1);
}

#[test]
fn sound_rules_are_kept_beside_those_with_mistakes() {
    let text = "title: good\nname: good\ndetection: {s: {a: x}, condition: s}\n---\n\
                title: bad\nname: bad\ndetection: {s: {a|frob: x}, condition: s}\n---\n\
                title: c\nname: c\ncorrelation: {type: event_count, rules: [good, bad], timespan: 5s, condition: {gte: 2}}\n---\n\
                title: d\nname: d\ncorrelation: {type: temporal, rules: c, timespan: 5s}\n---\n\
                title: good\nname: good\ndetection: {s: {a: y}, condition: s}\n";
    let loaded = load_sound(&[("r.yml".to_string(), text.to_string())]);
    assert_eq!((loaded.set.rules().len(), loaded.set.correlations().len(), loaded.refused), (1, 0, 4));
    let found: Vec<_> = loaded.mistakes.iter().map(|mistake| mistake.line).collect();
    assert_eq!(found, [7, 17], "{:#?}", loaded.mistakes);
    assert!(loaded.set.rules()[0].emits);
}

#[test]
fn correlations_come_after_those_that_they_refer_to() {
    let text = format!(
        "title: late\nname: late\ncorrelation: {{type: temporal_ordered, rules: [one, failed], timespan: 5m, \
         group-by: [user], aliases: {{user: {{one: name}}}}}}\n---\n{PAIR}"
    );
    let set = load_one(&text).unwrap();
    let names: Vec<_> = set.correlations().iter().map(|rule| (&*rule.head.name, rule.emits)).collect();
    assert_eq!(names[1], ("late", true));
    assert!(!names[0].1);
    assert_eq!(set.correlations()[0].feeds, [Feed { correlation: 1, position: 0 }]);
    assert_eq!(set.correlations()[1].chained, [0]);
    assert_eq!(set.correlations()[1].keys, [vec![FieldName::new("name")], vec![FieldName::new("user")]]);
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "(?s).{0,200}") {
        let _ = load_one(&text);
    }

    #[test]
    fn no_rule_like_text_makes_the_loader_panic(
        key in "[a-z|.*]{0,12}", value in "[-a-z0-9*?\\\\{}\\[\\]:, '\"]{0,30}", condition in "[a-z1 ()*|]{0,30}"
    ) {
        let _ = load_one(&format!("title: t\ndetection:\n  s:\n    {key}: {value}\n  condition: {condition}\n"));
    }
}
