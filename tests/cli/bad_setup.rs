//! Mistakes in setup files, through the real binary: each is named with file, line and column.

use std::fs;
use std::path::Path;

use crate::run::{SETUP, SIGNALS, expect};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        match path.is_dir() {
            true => copy(&path, &to.join(name)),
            false => fs::copy(&path, to.join(name)).map(|_| ()).unwrap(),
        }
    }
}

const HEAD: &str = "workflow: mine\n";

fn step(text: &str) -> String {
    format!(
        "{HEAD}steps:\n  - {{ id: a, role: APEX, action: log_incident, undo: \"none: it stays\", {text} }}\n"
    )
}

/// Each anchor stands for ten of the one before it.
fn alias_bomb() -> String {
    let names = ["b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    let mut before = "a";
    for name in names {
        text += &format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 10].join(", "));
        before = name;
    }
    text
}

const RULE: &str = "title: T\nid: 5b8f6f0e-6f2c-4f7e-9a57-0d4f5a1c7e99\nname: mine\nlogsource: { product: zeek }\nlevel: low\n";

#[test]
fn each_mistake_is_named_where_it_is() {
    let setup = tempfile::tempdir().unwrap();
    let with = "with: { text: \"x\" }";
    let circle = "steps:\n  - { id: a, role: APEX, action: log_incident, with: { text: x }, undo: \"none: it stays\", needs: [b] }\n  - { id: b, role: APEX, action: log_incident, with: { text: x }, undo: \"none: it stays\", needs: [a] }\n";
    for (file, text, at, expected) in [
        ("workflows/mine.yaml", format!("{}colour: red\n", step(with)), "4:1", "unknown key `colour`"),
        ("workflows/mine.yaml", format!("{HEAD}{circle}"), "", "steps need each other in a circle"),
        ("workflows/mine.yaml", step(with).replace("APEX", "NOBODY"), "3:20", "there is no role `NOBODY`"),
        ("workflows/mine.yaml", step("with: { text: \"${inputs.who}\" }"), "", "there is no input `who`"),
        ("workflows/mine.yaml", step("with: { text: \"${nothing}\" }"), "", "${nothing}"),
        (
            "workflows/mine.yaml",
            step(with) + "description: a\ndescription: b\n",
            "",
            "`description` comes twice",
        ),
        ("workflows/mine.yaml", format!("{HEAD}steps:\n\t- id: a\n"), "3:2", "tabs disallowed"),
        ("workflows/mine.yaml", format!("workflow: {}", "[".repeat(20_000)), "1:", "recursion limit"),
        ("workflows/mine.yaml", alias_bomb(), "", "too large or too complex"),
        ("workflows/mine.yaml", String::new(), "1:1", "expected a mapping (a workflow), found nothing"),
        ("workflows/mine.yaml", "workflow: a\0b\n".to_owned(), "1:12", "unexpected character"),
        ("workflows/mine.yaml", format!("{HEAD}# {}", "x".repeat(2_000_000)), "1:1", "are read"),
        ("agents/mine.yaml", alias_bomb(), "", "too large or too complex"),
        ("rules/mine.yml", alias_bomb(), "", "too large or too complex"),
        (
            "rules/mine.yml",
            format!("{RULE}detection:\n  s:\n    user|sounds_like: root\n  condition: s\n"),
            "8:",
            "unknown modifier `sounds_like`",
        ),
        (
            "rules/mine.yml",
            format!("{RULE}detection:\n  s: {{ user: root }}\n  condition: t\n"),
            "",
            "no search identifier `t`",
        ),
        ("settings.yaml", alias_bomb(), "", "too large or too complex"),
        ("notes.txt", "hello\n".to_owned(), "1:1", "this is no part of a setup"),
    ] {
        let folder = setup.path().join("setup");
        let _ = fs::remove_dir_all(&folder);
        copy(Path::new(SETUP), &folder);
        fs::write(folder.join(file), text).unwrap();
        let folder = folder.to_str().unwrap();
        let (out, _) = expect(&["check", folder], 2);
        let named = out.lines().find(|line| line.contains(expected));
        let named = named.unwrap_or_else(|| panic!("{expected} is not in:\n{out}"));
        assert!(named.starts_with(&format!("{folder}/{file}:{at}")), "{named}");
        // The same when it is to be used, and then nothing runs.
        let (out, err) = expect(&["replay", SIGNALS, "--config", folder], 2);
        assert!(out.is_empty() && err.contains(expected), "{out}{err}");
    }
}

#[test]
fn a_file_that_is_no_text_is_named() {
    let setup = tempfile::tempdir().unwrap();
    copy(Path::new(SETUP), setup.path());
    fs::write(setup.path().join("agents/mine.yaml"), b"agents:\n  - name: \xff\xfe\n").unwrap();
    fs::create_dir(setup.path().join("workflows/mine.yaml")).unwrap();
    let (out, _) = expect(&["check", setup.path().to_str().unwrap()], 2);
    assert!(out.contains("agents/mine.yaml:1:1: the file is not UTF-8 text (line 2)"), "{out}");
    assert!(out.contains("workflows/mine.yaml:1:1: this is not a file"), "{out}");
}
