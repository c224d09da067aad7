//! The README against the binary: its tables, its examples, its picture of the lifecycles.

#[path = "cli/run.rs"]
mod run;

use std::fs;
use std::path::Path;

use run::{SETUP, expect};

const README: &str = include_str!("../README.md");

/// The blocks between ``` of one language.
fn blocks(language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = README.lines();
    while let Some(line) = lines.next() {
        let Some(found) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if found == language {
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

/// Every `quell VERB …` that stands in the text between backticks, or at the start of a line of a block
/// for a shell.
fn commands() -> Vec<String> {
    let quoted = README.split('`').filter(|text| text.starts_with("quell")).map(str::to_owned);
    let typed = blocks("sh").into_iter().flat_map(|block| {
        let lines: Vec<String> = block.lines().map(str::to_owned).collect();
        lines.into_iter().filter(|line| line.starts_with("quell"))
    });
    quoted.chain(typed).collect()
}

#[test]
fn the_lifecycles_are_those_of_the_binary() {
    let (states, _) = expect(&["states"], 0);
    let shown = blocks("text").into_iter().find(|block| block.starts_with("agent: begins as"));
    let shown = shown.expect("the README has a ```text block with the output of `quell states`");
    assert_eq!(
        shown.trim_end(),
        states.trim_end(),
        "\nThe block under \"Lifecycles\" in README.md is not what `quell states` prints.\n\
         Replace it: cargo run -- states\n"
    );
}

#[test]
fn every_verb_and_option_exists() {
    let (help, _) = expect(&["--help"], 0);
    let commands = commands();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        let named = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase());
        let verb = words.first().copied().filter(|word| named(word));
        let help = match verb {
            None => help.clone(),
            Some(verb) => {
                assert!(help.contains(&format!("\n  {verb} ")), "`{command}`: there is no verb `{verb}`");
                let deeper = words.get(1).copied().filter(|_| verb == "journal");
                let args: Vec<&str> = [Some(verb), deeper, Some("--help")].into_iter().flatten().collect();
                expect(&args, 0).0
            }
        };
        for option in words.iter().filter(|word| word.starts_with("--")) {
            let option = option.trim_end_matches([',', ';', '.']);
            assert!(help.contains(option), "`{command}`: there is no option {option}");
        }
    }
}

/// Options that a row of the table of verbs names belong to the verb of the row.
#[test]
fn options_in_the_table_belong_to_the_verb_of_their_row() {
    let rows = README.lines().filter(|line| line.starts_with("| `quell"));
    let mut checked = 0;
    for row in rows {
        let mut quoted = row.split('`').skip(1).step_by(2);
        let command = quoted.next().unwrap();
        let verb =
            command.split_whitespace().nth(1).filter(|word| word.chars().all(|c| c.is_ascii_lowercase()));
        let args: Vec<&str> = verb.into_iter().chain(["--help"]).collect();
        let (help, _) = expect(&args, 0);
        for option in
            quoted.filter_map(|text| text.split_whitespace().next()).filter(|text| text.starts_with("--"))
        {
            assert!(help.contains(option), "{option} in {row}");
            checked += 1;
        }
    }
    assert!(checked >= 2);
}

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

/// Agents that act on the world, in a setup that has nothing else: an exercise refuses them.
fn accepted_for_real(example: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("settings.yaml"), "setup: real\nexercise: false\n").unwrap();
    copy(&Path::new(SETUP).join("rules"), &folder.path().join("rules"));
    fs::create_dir(folder.path().join("agents")).unwrap();
    fs::write(folder.path().join("agents/example.yaml"), example).unwrap();
    let (out, _) = expect(&["check", folder.path().to_str().unwrap()], 0);
    assert!(out.contains(": fine") && out.contains("(real)"), "{out}");
    let lacks = match example.contains("kind: http\n") {
        true => "secret env:FW_TOKEN is not set",
        false => "cannot run /usr/local/bin/ticket on this machine",
    };
    assert!(out.contains("warning: ") && out.contains(lacks), "{out}");
}

/// The indicator lists that examples name.
fn lists(setup: &Path) {
    fs::create_dir(setup.join("indicators")).unwrap();
    fs::write(setup.join("indicators/blocklist.txt"), "192.0.2.0/24\n").unwrap();
    fs::write(setup.join("indicators/hosts.csv"), "indicator,host\n1,bad.example\n").unwrap();
}

/// An example of what `settings.yaml` may say beside what the shipped one says.
fn accepted_in_settings(example: &str) {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(SETUP), folder.path());
    lists(folder.path());
    let path = folder.path().join("settings.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n{example}\n")).unwrap();
    let (out, _) = expect(&["check", folder.path().to_str().unwrap()], 0);
    assert!(out.contains("fine"), "{out}");
}

/// Rules beside those of the shipped setup.
fn accepted_as_rules(example: &str) {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(SETUP), folder.path());
    lists(folder.path());
    fs::write(folder.path().join("rules/example.yml"), example).unwrap();
    let (out, _) = expect(&["check", folder.path().to_str().unwrap()], 0);
    assert!(out.contains("fine"), "{out}");
}

/// Each YAML example takes the place of what the shipped setup has of that name, and is accepted.
#[test]
fn the_yaml_examples_are_accepted() {
    let examples = blocks("yaml");
    assert!(examples.len() >= 2, "{examples:?}");
    let (settings, examples): (Vec<_>, Vec<_>) = examples.into_iter().partition(|example| {
        ["operators:", "protected:", "sources:", "budgets:", "own:", "indicators:"]
            .iter()
            .any(|key| example.starts_with(key))
    });
    settings.iter().for_each(|example| accepted_in_settings(example));
    let (real, exercise): (Vec<_>, Vec<_>) = examples
        .into_iter()
        .partition(|example| ["kind: exec\n", "kind: http\n"].iter().any(|kind| example.contains(kind)));
    assert_eq!(real.len(), 2);
    real.iter().for_each(|example| accepted_for_real(example));
    let (rules, exercise): (Vec<_>, Vec<_>) =
        exercise.into_iter().partition(|example| example.starts_with("title:"));
    assert!(!rules.is_empty());
    rules.iter().for_each(|example| accepted_as_rules(example));
    for example in exercise {
        let folder = tempfile::tempdir().unwrap();
        copy(Path::new(SETUP), folder.path());
        let (below, key) = match example.lines().find_map(|line| line.strip_prefix("workflow: ")) {
            Some(name) => ("workflows", format!("workflow: {name}")),
            None => {
                let name = example.lines().find_map(|line| line.trim().strip_prefix("- name: "));
                let name = name.unwrap_or_else(|| panic!("neither a workflow nor agents:\n{example}"));
                ("agents", format!("name: {name}"))
            }
        };
        let below = folder.path().join(below);
        for entry in fs::read_dir(&below).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default());
            if lines.map(|line| line.trim().trim_start_matches("- ")).any(|line| line == key) {
                fs::remove_file(path).unwrap();
            }
        }
        fs::write(below.join("example.yaml"), &example).unwrap();
        let (out, _) = expect(&["check", folder.path().to_str().unwrap()], 0);
        assert!(out.contains("fine"), "{out}");
        // And it does its work in the exercise.
        let (out, _) = expect(&["replay", run::SIGNALS, "--config", folder.path().to_str().unwrap()], 0);
        assert!(out.contains("runs 4: 3 completed, 1 rolled back"), "{out}\n{example}");
    }
}

/// Commands of the README that need nothing of the reader's are tried as they stand.
#[test]
fn the_commands_work() {
    let (out, _) = expect(&["--headless", "--speed", "max"], 0);
    assert!(README.contains("`quell --headless --speed max`") && out.contains("runs 4"));
    for name in ["fixtures", "config/exercise", ".ci/run", "tests/simulation", "benches/workflow.rs"] {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(name).exists(), "{name}");
    }
    for left in ["@STATES@", "@TODO@", "TODO"] {
        assert!(!README.contains(left), "{left} is left in the README");
    }
}
