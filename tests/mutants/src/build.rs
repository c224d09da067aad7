//! Builds the core with all of its mutants, less those that do not compile.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use serde::Deserialize;

use crate::list::Mutant;
use crate::weave::weave;

/// The crate that is built, relative to the root.
const CORE: &str = "tests/core";

/// Tells whether a mutant is the one that is tried; writes down which test comes by which mutant.
const SWITCH: &str = r#"
use std::cell::RefCell;
use std::io::Write as _;
use std::sync::{LazyLock, Mutex};

/// Whether this mutant is to be.
#[doc(hidden)]
pub fn mutant(number: u32) -> bool {
    static CHOSEN: LazyLock<u32> =
        LazyLock::new(|| std::env::var("MUTANT").ok().and_then(|text| text.parse().ok()).unwrap_or(0));
    static REACHED: LazyLock<Option<Mutex<std::fs::File>>> = LazyLock::new(|| {
        let path = std::env::var_os("MUTANTS_REACHED")?;
        Some(Mutex::new(std::fs::File::create(path).expect("a file for what is reached")))
    });
    thread_local!(static SEEN: RefCell<Vec<bool>> = const { RefCell::new(Vec::new()) });
    let is_new = |seen: &mut Vec<bool>| {
        let at = number as usize;
        seen.resize(seen.len().max(at + 1), false);
        !std::mem::replace(&mut seen[at], true)
    };
    if let Some(file) = &*REACHED
        && SEEN.with_borrow_mut(is_new)
    {
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        file.lock().unwrap().write_all(format!("{number} {test}\n").as_bytes()).unwrap();
    }
    *CHOSEN == number
}
"#;

/// What came of building.
pub struct Built {
    /// The tests.
    pub program: PathBuf,
    /// Where they have to run.
    pub folder: PathBuf,
    /// What is not in it.
    pub refused: Refused,
}

/// Mutants that the compiler refuses.
#[derive(Default)]
pub struct Refused {
    /// They do not compile, with the code of the error.
    pub unviable: BTreeMap<u32, String>,
    /// They compile alone, perhaps, but not behind a switch.
    pub not_woven: BTreeMap<u32, String>,
}

#[derive(Deserialize)]
struct Line {
    message: Option<Diagnostic>,
    executable: Option<PathBuf>,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    message: String,
    code: Option<Code>,
    spans: Vec<Span>,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    byte_start: usize,
    is_primary: bool,
}

/// What an error says about the switch, not about the mutant: a constant cannot ask for it, and a value
/// that is used in two branches may be borrowed longer.
const OF_THE_SWITCH: [&str; 9] =
    ["E0015", "E0282", "E0283", "E0381", "E0382", "E0499", "E0502", "E0505", "E0716"];

/// Copies what the core needs into `work`, weaves the mutants in and builds, again without those that
/// the compiler refuses.
///
/// # Errors
/// What cannot be read or written, or the error of a build that no mutant is the cause of.
pub fn build(
    root: &Path,
    work: &Path,
    mutants: &[(u32, Mutant)],
    Refused { mut unviable, mut not_woven }: Refused,
) -> Result<Built, String> {
    let told = |e: io::Error| format!("{}: {e}", work.display());
    copy(&root.join("src"), &work.join("src")).map_err(told)?;
    copy(&root.join(CORE), &work.join(CORE)).map_err(told)?;
    let lib = work.join(CORE).join("src/lib.rs");
    let text = fs::read_to_string(&lib).map_err(told)?;
    // Many a mutant has dead code beside it.
    let docs = text.lines().take_while(|line| line.starts_with("//!")).count();
    let lines: Vec<&str> = text.lines().collect();
    let (docs, rest) = (lines[..docs].join("\n"), lines[docs..].join("\n"));
    fs::write(&lib, format!("{docs}\n#![allow(warnings, clippy::all, unconditional_recursion, arithmetic_overflow, overflowing_literals)]\n{rest}\n{SWITCH}"))
        .map_err(told)?;

    for round in 1.. {
        let mut places = BTreeMap::<String, Vec<(Range<usize>, Vec<u32>)>>::new();
        let files: BTreeSet<&String> = mutants.iter().map(|(_, mutant)| &mutant.file).collect();
        for file in files {
            let left = mutants.iter().filter(|(number, mutant)| {
                mutant.file == *file && !unviable.contains_key(number) && !not_woven.contains_key(number)
            });
            let left: Vec<_> = left.map(|(number, mutant)| (*number, mutant)).collect();
            let text = fs::read_to_string(root.join(file)).map_err(|e| format!("{file}: {e}"))?;
            let woven = weave(&text, &left).map_err(|e| format!("{file}: {e}"))?;
            unviable.extend(woven.unviable.into_iter().map(|number| (number, "let".to_owned())));
            not_woven.extend(woven.lost.into_iter().map(|number| (number, "not found".to_owned())));
            fs::write(work.join(file), woven.text).map_err(told)?;
            places.insert(file.clone(), woven.places);
        }
        let output = Command::new("cargo")
            .args(["test", "--offline", "--no-run", "--message-format=json", "--manifest-path"])
            .arg(work.join(CORE).join("Cargo.toml"))
            .env("CARGO_TARGET_DIR", work.join("target"))
            // Built once, run thousands of times.
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
            .stderr(std::process::Stdio::inherit())
            .output()
            .map_err(told)?;
        let mut refused = 0;
        let mut program = None;
        let mut unplaced = Vec::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Ok(line) = serde_json::from_str::<Line>(line) else { continue };
            if line.profile.is_some_and(|profile| profile.test) {
                program = line.executable.or(program);
            }
            let Some(error) = line.message.filter(|message| message.level == "error") else { continue };
            let code = error.code.map_or(error.message.clone(), |code| code.code);
            // What is pointed at beside the place of the error may be what causes it.
            let (first, others): (Vec<_>, Vec<_>) = error.spans.iter().partition(|span| span.is_primary);
            let numbers = first.into_iter().chain(others).find_map(|span| {
                let (_, places) = places.iter().find(|(file, _)| span.file_name.ends_with(*file))?;
                places.iter().find(|(range, _)| range.contains(&span.byte_start)).map(|(_, numbers)| numbers)
            });
            match numbers {
                None if error.message.starts_with("aborting due to") || error.spans.is_empty() => {}
                None => unplaced.push(error.rendered.unwrap_or(error.message)),
                Some(numbers) => {
                    let whose = if OF_THE_SWITCH.contains(&&*code) || numbers.len() > 1 {
                        &mut not_woven
                    } else {
                        &mut unviable
                    };
                    for number in numbers {
                        refused += usize::from(whose.insert(*number, code.clone()).is_none());
                    }
                }
            }
        }
        eprintln!("build {round}: {refused} mutants refused, {} errors elsewhere", unplaced.len());
        if let Some(program) = program.filter(|_| output.status.success()) {
            return Ok(Built { program, folder: work.join(CORE), refused: Refused { unviable, not_woven } });
        }
        if refused == 0 {
            return Err(format!("the core does not build\n{}", unplaced.join("\n")));
        }
    }
    unreachable!("each round but the last takes mutants away")
}

/// Copies a folder; what did not change keeps its time, so that it is not built again.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            // What cargo built is marked so.
            if !from.join("CACHEDIR.TAG").exists() {
                copy(&from, &to)?;
            }
        } else if fs::read(&from).ok() != fs::read(&to).ok() {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}
