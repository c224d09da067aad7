//! Arguments: help, verbs, what is refused.

use std::process::Command;

use serde_json::Value;

use crate::run::{BROKEN, SETUP, SIGNALS, expect, quell, text};

#[test]
fn help_of_each_verb_fits_its_job() {
    for (args, expected) in [
        (&["--help"][..], "quell replay eve.json auth.log"),
        (&["replay", "--help"], "quell replay auth.log --year 2024 --tz Europe/Berlin"),
        (&["trigger", "--help"], "quell trigger block-address address=192.0.2.7"),
        (&["check", "--help"], "quell check my-setup/"),
        (&["journal", "show", "--help"], "jq 'select("),
        (&["states", "--help"], "--json"),
        (&["bench", "--help"], "quell bench --scale 100 --repeat 5 --baseline base.json"),
        (&["completions", "--help"], "bash"),
        (&["serve", "--help"], "quell runs --state /var/lib/quell"),
        (&["pause", "--help"], "quell pause run-7"),
        (&["close", "--help"], "--dismiss"),
        (&["runs", "--help"], "--all --json"),
        (&["events", "--help"], "--follow"),
        (&["lift", "--help"], "quell lift ob-7"),
        (&["attach", "--help"], "ssh -t host quell attach"),
        (&["init", "--help"], "quell init my-setup/"),
        (&["reload", "--help"], "quell reload --state /var/lib/quell --json"),
    ] {
        let (out, _) = expect(args, 0);
        assert!(out.contains(expected), "{args:?}\n{out}");
    }
    assert_eq!(expect(&["--version"], 0).0, format!("quell {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_arguments_are_usage() {
    for (args, expected) in [
        (&["launch"][..], "unrecognized subcommand"),
        (&["replay"], "<FILE>..."),
        (&["replay", SIGNALS, "--speed", "fast"], "expected `max` or a number"),
        (&["replay", SIGNALS, "--speed", "0"], "expected `max` or a number"),
        (&["replay", SIGNALS, "--speed", "nan"], "expected `max` or a number"),
        (&["replay", SIGNALS, "--speed", "-1"], "expected `max` or a number"),
        (&["replay", SIGNALS, "--speed", "inf"], "expected `max` or a number"),
        (&["--speed", "fast"], "expected `max` or a number"),
        (&["replay", SIGNALS, "--year", "0"], "0 is not in 1970..=9999"),
        (&["replay", SIGNALS, "--year", "-5"], "-5 is not in 1970..=9999"),
        (&["completions", "tcsh"], "possible values: bash, elvish, fish"),
        (&["journal"], "Usage: quell journal"),
        (&["journal", "show"], "--state <DIR>"),
        (&["replay", SIGNALS, "--format", "xml"], "expected a format"),
        (&["replay", SIGNALS, "--tz", "Mars/Base"], "`Mars/Base` is not a time zone"),
        (&["replay", SIGNALS, "--year", "20000"], "20000"),
        (&["replay", SIGNALS, "--fresh"], "--state"),
        (&["replay", SIGNALS, "--config", BROKEN], "mistakes"),
        (&["replay", SIGNALS, "--config", "/nonexistent"], "/nonexistent"),
        (&["trigger", "nothing"], "there are: block-address"),
        (&["trigger", "block-address"], "block-address address=ADDRESS [for=DURATION] [why=TEXT]"),
        (&["trigger", "block-address", "address=::1", "for=soon"], "expected a duration such as 30s or 1h"),
        (&["replay", SIGNALS, "--seed", "-1"], "invalid value '-1' for '--seed <N>'"),
        (&["--json", "replay", SIGNALS], "the subcommand 'replay' cannot be used with '--json'"),
        (&["trigger", "block-address", "address"], "expected KEY=VALUE"),
        (&["trigger", "block-address", "address=everywhere"], "expected an"),
        (&["trigger", "block-address", "address=::1", "address=::2"], "given twice"),
        (&["trigger", "block-address", "address=::1", "addres=::2"], "addres"),
    ] {
        let (_, err) = expect(args, 2);
        assert!(err.contains(expected), "{args:?}\n{err}");
    }
}

#[test]
fn check_names_every_mistake() {
    let (out, _) = expect(&["check", SETUP], 0);
    assert!(out.contains("fine"), "{out}");
    let (out, _) = expect(&["check", BROKEN], 2);
    assert!(out.lines().filter(|line| line.contains(".yaml:")).count() > 5, "{out}");
    let (out, _) = expect(&["check", "/nonexistent"], 2);
    assert!(out.contains("/nonexistent"), "{out}");
}

#[test]
fn states_are_printed_from_the_tables() {
    let (out, _) = expect(&["states"], 0);
    for expected in ["agent: begins as initializing", "run: begins as created", "step: ", "incident: "] {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
    let tables: Value = serde_json::from_str(&expect(&["states", "--json"], 0).0).unwrap();
    assert_eq!(tables["run"]["initial"], "created");
}

/// Examples in the help that need no files of the reader's are tried as they stand.
#[test]
fn examples_in_the_help_work() {
    let folder = tempfile::tempdir().unwrap();
    let mut tried = 0;
    for verb in ["--help", "replay", "trigger", "check", "states", "journal", "completions"] {
        let help = match verb {
            "--help" => expect(&["--help"], 0).0,
            "journal" => expect(&["journal", "show", "--help"], 0).0,
            verb => expect(&[verb, "--help"], 0).0,
        };
        let examples: Vec<&str> = help.lines().filter(|line| line.starts_with("  quell ")).collect();
        assert!(!examples.is_empty(), "{verb}");
        for line in examples {
            // What is behind two blanks is a remark; what is behind `|` or `>` is for the shell.
            let command = line.trim().split("  ").next().unwrap().split(['|', '>']).next().unwrap();
            let args: Vec<&str> = command.split_whitespace().skip(1).collect();
            if !["trigger", "states", "completions"].contains(args.first().unwrap_or(&"")) {
                continue;
            }
            let state = args.iter().position(|arg| *arg == "work/");
            let own = folder.path().to_str().unwrap();
            let mut args: Vec<&str> =
                args.iter().enumerate().map(|(i, arg)| if Some(i) == state { own } else { arg }).collect();
            if args.first() == Some(&"trigger") {
                args.extend(["--speed", "max"]);
            }
            expect(&args, 0);
            tried += 1;
        }
    }
    assert!(tried >= 8, "{tried}");
}

#[test]
fn completions_know_every_verb() {
    let (help, _) = expect(&["--help"], 0);
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .filter(|verb| verb.chars().all(|c| c.is_ascii_lowercase()))
        .collect();
    assert!(verbs.len() >= 6, "{verbs:?}");
    for shell in ["bash", "zsh", "fish"] {
        let (script, _) = expect(&["completions", shell], 0);
        for verb in &verbs {
            assert!(script.contains(verb), "{shell}: {verb}");
        }
        // Where the shell is installed, it has to accept the script.
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), script).unwrap();
        if let Ok(output) = Command::new(shell).arg("-n").arg(path.path()).output() {
            assert!(output.status.success(), "{shell}: {}", text(&output.stderr));
        }
    }
}

#[test]
fn a_log_filter_that_is_wrong_is_said() {
    let output = quell(&["replay", SIGNALS]).env("QUELL_LOG", "a=b=c").output().unwrap();
    assert!(text(&output.stderr).contains("QUELL_LOG is ignored: a=b=c: "), "{}", text(&output.stderr));
    assert!(output.status.success());
}
