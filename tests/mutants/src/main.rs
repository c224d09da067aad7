//! Plants mistakes in the core and says which of them no test notices.
//!
//! `cargo run --manifest-path tests/mutants/Cargo.toml -- FOLDER [-f GLOB]… [--re REGEX]…`, at the root:
//! what follows the folder goes to `cargo mutants --list`, whose settings (`.cargo/mutants.toml`) say what
//! is left out. In FOLDER it builds and writes `fates.json`. With `--again` in front of the folder
//! only what was missed before is tried.

mod build;
mod list;
mod run;
mod weave;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use list::Mutant;
use run::Fate;

fn main() -> ExitCode {
    match tried(std::env::args().skip(1).collect()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing was missed.
fn tried(mut args: Vec<String>) -> Result<bool, String> {
    let again = args.first().is_some_and(|arg| arg == "--again");
    if again {
        args.remove(0);
    }
    if args.is_empty() {
        return Err("usage: mutants [--again] FOLDER [-f GLOB]… [--re REGEX]…".to_owned());
    }
    let work = PathBuf::from(args.remove(0));
    fs::create_dir_all(&work).map_err(|e| format!("{}: {e}", work.display()))?;
    let work = work.canonicalize().map_err(|e| e.to_string())?;
    let written = work.join("fates.json");
    let mut mutants = keyed(list::list(".", &args)?);
    let mut fates = BTreeMap::<String, Fate>::new();
    if again {
        let text = fs::read_to_string(&written).map_err(|e| format!("{}: {e}", written.display()))?;
        fates = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        let known: BTreeSet<&String> = mutants.iter().map(|(key, _)| key).collect();
        fates.retain(|key, _| known.contains(key));
        mutants.retain(|(key, _)| matches!(fates.get(key), None | Some(Fate::Missed(_))));
    }
    let (keys, mutants): (Vec<String>, Vec<Mutant>) = mutants.into_iter().unzip();
    let mutants: Vec<(u32, Mutant)> = (1..).zip(mutants).collect();
    let built = build::build(Path::new("."), &work, &mutants)?;
    let reached = run::reach(&built, &work)?;
    let mut missed = 0;
    for (done, ((number, mutant), key)) in mutants.iter().zip(keys).enumerate() {
        let fate = match (built.unviable.get(number), built.not_woven.get(number)) {
            (Some(code), _) => Fate::Unviable(code.clone()),
            (None, Some(code)) => Fate::NotWoven(code.clone()),
            (None, None) => {
                let tests = reached.get(number).map_or(&[][..], Vec::as_slice);
                run::attempt(&built, *number, tests)?
            }
        };
        if let Fate::Missed(tests) = fate {
            missed += 1;
            println!("missed, with {tests} tests that reach it: {}", mutant.name);
        }
        fates.insert(key, fate);
        if done % 20 == 0 || done + 1 == mutants.len() {
            eprintln!("{} of {}, {missed} missed", done + 1, mutants.len());
            let text = serde_json::to_string_pretty(&fates).map_err(|e| e.to_string())?;
            fs::write(&written, text).map_err(|e| format!("{}: {e}", written.display()))?;
        }
    }
    table(&fates);
    Ok(missed == 0)
}

/// A name that stays when lines move: the file, the change, and which of several that are alike.
fn keyed(mutants: Vec<Mutant>) -> Vec<(String, Mutant)> {
    let mut seen = BTreeMap::<String, usize>::new();
    let key = |mutant: Mutant| {
        let change = mutant.name.splitn(4, ':').nth(3).unwrap_or(&mutant.name).to_owned();
        let change = format!("{}:{change}", mutant.file);
        let count = seen.entry(change.clone()).or_default();
        *count += 1;
        (format!("{change} #{count}"), mutant)
    };
    mutants.into_iter().map(key).collect()
}

fn table(fates: &BTreeMap<String, Fate>) {
    let mut files = BTreeMap::<&str, [usize; 5]>::new();
    for (name, fate) in fates {
        let file = name.split(':').next().unwrap_or(name);
        let column = match fate {
            Fate::Caught(_) => 0,
            Fate::Timeout => 1,
            Fate::Missed(_) => 2,
            Fate::Unviable(_) => 3,
            Fate::NotWoven(_) => 4,
        };
        files.entry(file).or_default()[column] += 1;
    }
    println!(
        "{:>7} {:>7} {:>7} {:>8} {:>9} {:>6}",
        "caught", "timeout", "missed", "unviable", "not woven", "score"
    );
    let mut sum = [0; 5];
    for (file, counts) in &files {
        line(counts, file);
        sum.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
    }
    line(&sum, "in all");
}

fn line([caught, timeout, missed, unviable, not_woven]: &[usize; 5], name: &str) {
    let tried = caught + timeout + missed;
    let score = if tried == 0 { 100.0 } else { 100.0 * (caught + timeout) as f64 / tried as f64 };
    println!("{caught:>7} {timeout:>7} {missed:>7} {unviable:>8} {not_woven:>9} {score:>5.1}% {name}");
}
