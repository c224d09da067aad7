use super::super::StepView;
use super::*;
use crate::model::RunId;
use proptest::prelude::*;
use serde_json::json;

fn holds(source: &str) -> Result<bool, String> {
    let map = |value: Value| value.as_object().cloned().unwrap_or_default();
    let inputs = map(json!({"user": "alice", "n": 5, "big": u64::MAX}));
    let detection = map(json!({"count": 12, "a.b": 1, "list": [1, 2], "ratio": 0.5, "nothing": null}));
    let output = map(json!({"ports": [22, 80]}));
    let steps = |id: &str| match id {
        "scan" | "my-step" => Some(StepView { status: "succeeded", output: Some(&output), assumed: false }),
        "later" => Some(StepView { status: "skipped", output: None, assumed: false }),
        _ => None,
    };
    let scope = Scope { inputs: &inputs, detection: Some(&detection), run: Some(RunId(7)), steps: &steps };
    Condition::compile(source).map_err(|fault| fault.to_string())?.holds(&scope)
}

#[test]
fn conditions_hold_or_not() {
    for (source, want) in [
        ("true", true),
        ("detection.count > 10", true),
        ("detection.count == 12 && inputs.user != 'root'", true),
        ("inputs.n + 1 == 6", true),
        ("inputs.big > 1", true),
        ("detection.ratio < 1.0", true),
        ("detection['a.b'] == 1", true),
        ("has(detection.count) && !has(detection.user)", true),
        ("detection.nothing == null", true),
        ("22 in steps.scan.output.ports", true),
        ("size(steps.scan.output.ports) == 3", false),
        ("steps['my-step'].status == \"succeeded\"", true),
        ("steps.later.status == 'skipped' && !has(steps.later.output)", true),
        ("run.id == 'run-7'", true),
        ("inputs.user.startsWith('al') && inputs.user.contains('lic')", true),
        ("type(inputs.user) == string", true),
        ("int('12') == detection.count ? true : false", true),
    ] {
        assert_eq!(holds(source), Ok(want), "{source}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (source, why) in [
        ("", "the condition is empty"),
        ("1 +", "the condition was not understood at its end"),
        ("detection.count >\n > 10", "the condition was not understood at `> 10`"),
        ("inputs.user = 'x'", "the condition was not understood at `= 'x'`"),
        ("5", "this value is not a condition"),
        ("inputs.n", "`inputs.n` is not true or false but a int"),
        ("detection.user == 'x'", "`detection.user == 'x'`: there is no `user` (ask with `has(…)` first)"),
        ("inputs.user > 5", "`inputs.user > 5`: `>` does not work between string and int"),
        ("inputs.n / 0 == 1", "`inputs.n / 0 == 1`: division by zero"),
        ("int('x') == 1", "`int('x') == 1`: `int` cannot be worked out"),
        ("detection + 1 == 2", "`detection + 1 == 2`: its values do not go together"),
        ("detection.list[7] == 1", "`detection.list[7] == 1`: a list is shorter than that"),
        ("inputs.user[0] == 'a'", "`inputs.user[0] == 'a'`: "),
        (
            "user == 'x'",
            "`user` is unknown in a condition; known are inputs, detection, run, steps (a text is written in quotes",
        ),
        (
            "detections.count > 1",
            "`detections` is unknown in a condition; known are inputs, detection, run, steps (did you mean `detection`?)",
        ),
        ("steps.my-step.status == 'x'", "`step` is unknown in a condition"),
        ("steps == 1", "expected `steps.ID.status` or `steps.ID.output.NAME` in the condition"),
        ("inputs[detection.x] == 1", "expected `inputs.NAME`"),
        ("matches(inputs.user, 'a+')", "`matches` is not a function that conditions have"),
        (
            "inputs.user.startswith('a')",
            "`startswith` is not a function that conditions have (did you mean `startsWith`?)",
        ),
        (
            "detection.list.all(x, x > 1)",
            "`all`, `exists`, `exists_one`, `map` and `filter` are not supported",
        ),
        (
            "detection.list.map(x, x)[0] == 1",
            "`all`, `exists`, `exists_one`, `map` and `filter` are not supported",
        ),
        ("Thing{a: 1}.a == 1", "messages (`Name{…}`) are not supported"),
    ] {
        let found = holds(source).expect_err(source);
        assert!(found.starts_with(why), "{source}\n  want {why}\n   got {found}");
    }
}

#[test]
fn c26_size_and_depth_are_bounded() {
    for (source, why) in [
        ("a".repeat(5000), "the condition has more than 4096 bytes"),
        ("(".repeat(33), "the condition has more than 32 opening brackets"),
        ("!".repeat(4000), "the condition has more than 200 operators"),
        ("run".to_owned() + &".b".repeat(300), "the condition has more than 200 operators"),
        ("1 in ".repeat(300), "the condition has more than 200 operators"),
    ] {
        let fault = Condition::compile(&source).expect_err(why);
        assert_eq!(fault.message, why);
    }
    // As deep as the bounds allow: the stack of a test thread is smaller than that of any of quell's.
    for source in [
        "run".to_owned() + &".b".repeat(190),
        "run.a+".repeat(99) + "1",
        "run.a?1:".repeat(66) + "2",
        "(".repeat(32) + "true" + &")".repeat(32),
        "!(".repeat(32) + "true" + &")".repeat(32),
        "run[".repeat(32) + "1" + &"]".repeat(32),
        "size(".repeat(32) + "run" + &")".repeat(32),
        "!".repeat(190) + "true",
        "true&&".repeat(99) + "true",
    ] {
        let inputs = Map::new();
        let scope = Scope { inputs: &inputs, detection: None, run: None, steps: &|_| None };
        let _ = Condition::compile(&source).map(|condition| condition.holds(&scope));
    }
}

#[test]
fn what_it_reads_is_known() {
    let condition = Condition::compile("inputs.a == 1 && steps.b.output.c == steps['d-e'].status").unwrap();
    let reads = condition.reads();
    assert_eq!(reads.inputs.iter().collect::<Vec<_>>(), ["a"]);
    assert_eq!(reads.steps.iter().collect::<Vec<_>>(), ["b", "d-e"]);
    assert!(!reads.detection && !reads.run);
}

proptest! {
    #[test]
    fn c26_any_text_compiles_or_is_refused(source in ".{0,200}") {
        let _ = Condition::compile(&source);
    }

    #[test]
    fn c26_anything_like_cel_is_evaluated_or_refused(
        source in "((inputs|detection|steps|run|a|'b'|1|2u|3\\.5|\\.x|\\[0\\]|\\(|\\)|\\+|==|&&|\\|\\||!|\\?|:| in |size\\(|,|\\{|\\}|null|true) ?){1,20}"
    ) {
        let map = Map::new();
        let scope = Scope { inputs: &map, detection: Some(&map), run: None, steps: &|_| None };
        if let Ok(condition) = Condition::compile(&source) {
            let _ = condition.holds(&scope);
        }
    }
}
