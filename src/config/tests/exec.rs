//! Actions that run programs.

use super::*;
use crate::engine::ExecSpec;
use crate::model::{Argument, Span};

const REAL: &str = "setup: test\nexercise: false\n";

/// A real setup whose only agent has these actions, from line 6 on.
fn with_actions(actions: &str) -> Result<Loaded, Vec<String>> {
    let text =
        format!("agents:\n  - name: wall-1\n    role: WALL\n    kind: exec\n    actions:\n{actions}\n");
    load_texts(&[("settings.yaml", REAL), ("agents/a.yaml", &text)])
}

fn exec(actions: &str, name: &str) -> ExecSpec {
    let loaded = with_actions(actions).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    match &loaded.setup.agents[0].actions[name].means {
        Means::Exec(exec) => exec.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_command_line_is_read() {
    let block = "      block:
        takes: { address: address, expires: duration, note: text }
        optional: [expires, note]
        target: address
        idempotent: true
        undo: unblock
        grace: 500ms
        exits: [0, 3]
        run: [/usr/sbin/nft, add, element, inet, quell, \"blocked${address.family}\", \"{ ${address} }\", [--for, \"${expires.seconds}\"], [\"--note=${note}\"]]
      unblock: { takes: { address: address }, run: [/usr/sbin/nft, delete, \"${address}\"] }";
    let spec = exec(block, "block");
    assert_eq!((&*spec.command.program, spec.grace), ("/usr/sbin/nft", Span::from_millis(500)));
    assert_eq!((&spec.exits, &exec(block, "unblock").exits), (&vec![0, 3], &vec![0]));
    assert_eq!(spec.command.arguments.len(), 8);
    assert!(matches!(&spec.command.arguments[6], Argument::Group(words) if words.len() == 2));
    let render = |args: serde_json::Value| spec.command.render(&serde_json::from_value(args).unwrap());
    let short = ["add", "element", "inet", "quell", "blocked4", "{ 192.0.2.1 }"];
    assert_eq!(render(json!({"address": "192.0.2.1"})).unwrap(), short);
    let long = ["add", "element", "inet", "quell", "blocked6", "{ ::1 }", "--for", "60", "--note=-x y"];
    assert_eq!(render(json!({"address": "::1", "expires": "1m", "note": "-x y"})).unwrap(), long);
    assert_eq!(exec(block, "unblock").grace, Span::from_secs(5), "the default");
}

#[test]
fn mistakes_in_command_lines_are_named_with_their_place() {
    let cases = [
        ("x: { takes: {} }", "6:10: `run` is missing in the action of an exec agent"),
        ("x: { run: [] }", "6:17: `run` is empty\n  hint: it begins with the path of a program"),
        ("x: { run: /bin/true }", "6:17: expected a list (a program and its arguments), found `/bin/true`"),
        (
            "x: { run: [true] }",
            "6:18: expected a program as text, found `true` (true or false)\n  hint: put it in quotes",
        ),
        (
            "x: { run: [nft, add] }",
            "6:18: expected the absolute path of a program, found `nft`\n  hint: write it out, for example /usr/sbin/nft: no PATH is searched",
        ),
        (
            "x: { run: [./nft] }",
            "6:18: expected the absolute path of a program, found `./nft`\n  hint: write it out, for example /usr/sbin/nft: no PATH is searched",
        ),
        (
            "x: { takes: { path: path }, run: [\"${path}\"] }",
            "6:41: the program is fixed: a placeholder cannot choose it",
        ),
        ("x: { run: [\"/bin/a\\0b\"] }", "6:18: the path of a program has no control characters"),
        (
            "x: { takes: { address: ipv4 }, run: [/bin/x, \"${adress}\"] }",
            "6:52: the action takes no `adress`\n  hint: did you mean `address`?",
        ),
        (
            "x: { takes: { user: user }, run: [/bin/x, [-u, \"${user.family}\"]] }",
            "6:54: only an address or a prefix has a `.family`: `user` is user",
        ),
        (
            "x: { takes: { user: user }, run: [/bin/x, \"${user.name}\"] }",
            "6:49: no value has a `.name`: there are `.family` and `.seconds`",
        ),
        ("x: { run: [/bin/x, \"${\"] }", "6:26: `${` without `}`; write `$${` for the text itself"),
        ("x: { run: [/bin/x, \"a\\0\"] }", "6:26: a control character"),
        ("x: { run: [/bin/x, []] }", "6:26: an empty list\n  hint: remove it"),
        ("x: { run: [/bin/x, [[a]]] }", "6:27: expected an argument of the program, found a list"),
        (
            "x: { run: [/bin/x, 5] }",
            "6:26: expected an argument of the program as text, found the number 5\n  hint: put it in quotes",
        ),
        (
            "x: { takes: { user: user }, optional: [user], run: [/bin/x, \"${user}\"] }",
            "6:67: `user` is optional: there may be nothing to put here\n  hint: put the words that go with it into a list of their own",
        ),
        ("x: { run: [/bin/x], grace: 61s }", "6:34: `grace` is at most 1m, found 61s"),
        (
            "x: { run: [/bin/x], exits: [0, 256] }",
            "6:38: expected an exit code: a whole number from 0 to 255, found the number 256",
        ),
        ("x: { run: [/bin/x], exits: [] }", "6:34: an action needs an exit code that means that it is done"),
        (
            "x: { run: [/bin/x], drill: {} }",
            "6:27: `drill` is how an agent of kind `drill` acts\n  hint: remove it: this agent is of kind `exec`",
        ),
        (
            "x: { run: [/bin/x], builtin: log }",
            "6:27: `builtin` is how an agent of kind `builtin` acts\n  hint: remove it: this agent is of kind `exec`",
        ),
        ("x: { run: [/bin/x], undo: y }", "6:33: the agent has no action `y`\n  hint: did you mean `x`?"),
        (
            "x: { run: [/bin/x], shell: true }",
            "6:27: unknown key `shell` in an action\n  hint: known keys: takes, optional, target, idempotent, lifts, undo, probe, run, grace, exits",
        ),
    ];
    let mut wrong = Vec::new();
    for (action, want) in cases {
        let found = with_actions(&format!("      {action}")).err().unwrap_or_default();
        let want = format!("t/agents/a.yaml:{want}");
        if found != [want.as_str()] {
            wrong.push(format!("{action}\n want {want:?}\n  got {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let many = with_actions("      x: { run: [nft, \"${a}\", \"${b.c}\", []] }").unwrap_err();
    assert_eq!(many.len(), 4, "{many:#?}");
}

#[test]
fn c25_an_exercise_runs_no_program() {
    let text = "agents:\n  - { name: n, role: R, kind: exec, actions: { x: { run: [/bin/true] } } }\n";
    let wrong = load_texts(&[("agents/b.yaml", text)]).unwrap_err();
    let want = "t/agents/b.yaml:2:31: an exercise touches nothing, and this agent runs programs\n  hint: use `drill` (it pretends), or say `exercise: false` in settings.yaml";
    assert_eq!(wrong, [want]);
}

#[test]
fn programs_that_are_not_here_are_warned_about() {
    let loaded = with_actions(
        "      here: { run: [/bin/sh] }\n      gone: { run: [/nonexistent/nft] }\n      folder: { run: [/etc] }\n      plain: { run: [/etc/passwd] }",
    );
    let folder = Folder::from_texts("t", [("settings.yaml", REAL)]);
    let said = report(&folder, &loaded.map_err(|_| Vec::new()), &Secrets::default());
    assert!(said.starts_with("t: fine\n"), "{said}");
    let warnings: Vec<&str> = said.lines().filter(|line| line.starts_with("warning: ")).collect();
    let want = [
        "warning: t/agents/a.yaml:8:7: `folder` cannot run /etc on this machine: it is not a file",
        "warning: t/agents/a.yaml:7:7: `gone` cannot run /nonexistent/nft on this machine: No such file or directory (os error 2)",
        "warning: t/agents/a.yaml:9:7: `plain` cannot run /etc/passwd on this machine: Permission denied (os error 13)",
    ];
    assert_eq!(warnings, want);
}
