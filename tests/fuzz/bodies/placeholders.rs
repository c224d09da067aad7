//! Placeholders and conditions: what was read says the same when it is written and read again, and to
//! evaluate it never panics, is the same each time, and makes no more than its parts are long.

use std::sync::{Arc, OnceLock};

use quell::engine::Question;
use quell::engine::protect::Prefix;
use quell::model::{Args, Map, Network, RunId, Span, Value, ValueType};
use quell::model::{CommandLine, Word};
use quell::workflow::{Condition, Path, Scope, StepView, Template};
use serde_json::json;

/// One text, read as each of them.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    template(&text);
    condition(&text);
    word(&text);
    question(&text);
    values(&text);
}

struct World {
    inputs: Map,
    detection: Map,
    output: Map,
}

fn map(value: Value) -> Map {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World {
        inputs: map(json!({
            "address": "192.0.2.7", "port": 22, "odd": "${run.id}", "none": null, "list": [1, "x", [2]],
            "a": -9_223_372_036_854_775_808_i64, "b": u64::MAX, "c": 1e308, "d": true, "e": "",
        })),
        detection: map(json!({
            "source_ip": "198.51.100.9", "count": 12, "ok": true, "id.orig_h": "dotted", "user": "root",
            "id": {"orig_h": "nested", "orig_p": 4242}, "list": [{"a": 1}, 2], "text": "x".repeat(1000),
        })),
        output: map(json!({"ports": [22, 80], "host": {"name": "web-1"}, "a": {"b": {"c": [{"d": 1}]}}})),
    })
}

/// Gives a scope to look at: with `assumed`, every step is taken to have succeeded.
fn with_scope<T>(assumed: bool, look: impl FnOnce(&Scope<'_>) -> T) -> T {
    let world = world();
    let steps = move |id: &str| match (id, assumed) {
        (_, true) => Some(StepView { status: "succeeded", output: None, assumed: true }),
        ("scan" | "a", _) => Some(StepView { status: "succeeded", output: Some(&world.output), assumed }),
        ("later" | "b", _) => Some(StepView { status: "pending", output: None, assumed }),
        _ => None,
    };
    look(&Scope {
        inputs: &world.inputs,
        detection: Some(&world.detection),
        run: Some(RunId(42)),
        steps: &steps,
    })
}

fn template(text: &str) {
    let Ok(template) = Template::parse(text) else { return };
    let paths: Vec<&Path> = template.paths().collect();
    assert!(paths.len() <= 64);
    for path in &paths {
        let written = path.to_string();
        assert_eq!(Path::parse(&written).as_ref(), Ok(*path), "{written}");
        assert_eq!(
            Template::parse(&format!("${{{written}}}")).ok().and_then(|t| t.as_path().cloned()).as_ref(),
            Some(*path)
        );
    }
    if paths.is_empty() {
        let Some(Value::String(plain)) = template.as_constant() else {
            panic!("{text:?} is no constant text")
        };
        assert_eq!(Template::parse(&plain.replace('$', "$$")), Ok(Template::constant(plain.as_str().into())));
    }
    let rendered = with_scope(false, |scope| template.render(scope));
    assert_eq!(with_scope(false, |scope| template.render(scope)), rendered);
    if let Ok(Value::String(made)) = &rendered {
        assert!(made.len() <= text.len() + paths.len() * 1_100, "{} bytes of {text:?}", made.len());
    }
    if let Err(why) = rendered {
        assert!(!paths.is_empty() && why.len() <= 4_000, "{why}");
    }
    let unknown = with_scope(true, |scope| template.is_unknown(scope));
    assert_eq!(unknown, paths.iter().any(|path| matches!(path, Path::Output(..))));
}

fn condition(text: &str) {
    let Ok(condition) = Condition::compile(text) else { return };
    assert_eq!(condition.source(), text);
    let again = Condition::compile(condition.source()).expect("it was understood before");
    assert_eq!(again.reads(), condition.reads());
    for assumed in [false, true] {
        let holds = with_scope(assumed, |scope| condition.holds(scope));
        // Which of two faults is told may differ, since maps of the library are hashed.
        assert_eq!(with_scope(assumed, |scope| again.holds(scope)).ok(), holds.clone().ok(), "{text}");
        if let Err(why) = holds {
            assert!(why.len() <= text.len() + 10_000, "{why}");
        }
        assert_eq!(
            with_scope(assumed, |scope| condition.is_undecided(scope)),
            assumed && !condition.reads().outputs.is_empty()
        );
    }
}

/// A word of a command line: what a value brings in never makes another argument or an option (C25).
fn word(text: &str) {
    let takes: Vec<(Arc<str>, ValueType)> =
        ValueType::ALL.iter().map(|(kind, name)| (Arc::from(*name), *kind)).collect();
    let Ok(word) = Word::parse(text, &takes) else { return };
    let plain: usize = word.plain().map(str::len).sum();
    for value in ["-rf", "x\ny", "192.0.2.1", "10.0.0.0/8", "30s", "", "$(id)", "a b; c"] {
        let args: Args = takes.iter().map(|(name, _)| (Arc::clone(name), Value::from(value))).collect();
        let line = CommandLine {
            program: "/bin/x".into(),
            arguments: vec![quell::model::Argument::One(word.clone())],
        };
        let Ok(made) = line.render(&args) else { continue };
        let [made] = made.as_slice() else { panic!("{made:?} is not one argument") };
        assert!(made.len() <= plain + word.names().count() * 20);
        let begins_itself = word.plain().next().is_some_and(|first| first.starts_with('-'));
        assert!(begins_itself || !made.starts_with('-'), "{made:?} of {text:?}");
        assert!(word.names().next().is_none() || !value.contains('\n'), "{made:?} of {text:?}");
    }
}

fn question(text: &str) {
    let Ok(question) = Question::parse(text) else { return };
    assert_eq!(
        question.to_string().parse::<String>().as_deref().map(Question::parse),
        Ok(Ok(question.clone()))
    );
    let args: Args = question.arguments().map(|name| (Arc::from(name), Value::from("${host}"))).collect();
    let _ = question.render(&args);
}

/// Values that people write: what was read is written so that it is the same when it is read again.
fn values(text: &str) {
    if let Ok(span) = text.parse::<Span>() {
        assert_eq!(span.to_string().parse(), Ok(span));
    }
    if let Ok(prefix) = text.parse::<Prefix>() {
        assert_eq!(prefix.to_string().parse(), Ok(prefix));
        let network = Network::parse(text);
        assert!(network.is_some() || !text.contains('/'), "{text}");
    }
    for (kind, _) in ValueType::ALL {
        let Ok(fitted) = kind.fit(text.into()) else { continue };
        assert_eq!(kind.check(&fitted), Ok(()), "{kind} {text:?}");
        assert_eq!(kind.fit(fitted.clone()).as_ref(), Ok(&fitted), "{kind} {text:?}");
        let word = Word::parse("${x}", &[("x".into(), *kind)]).expect("a placeholder");
        let args: Args = [(Arc::from("x"), fitted)].into_iter().collect();
        if let Ok(Some(argument)) = word.render(&args) {
            assert!(!argument.starts_with('-') && !argument.contains(char::is_control), "{kind} {text:?}");
        }
    }
}
