//! Plants mistakes in the core and says which of them no test notices.
//!
//! `cargo run --manifest-path tests/mutants/Cargo.toml -- FOLDER [--re REGEX]…`, at the root:
//! what follows the folder goes to `cargo mutants --list`, whose settings (`.cargo/mutants.toml`) say what
//! is left out. In FOLDER it builds and writes `fates.json`; what did not compile there is not tried
//! again. With `--again` in front of the folder only what was missed before is tried.

mod build;
mod list;
mod run;
mod weave;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use build::Refused;
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
        return Err("usage: mutants [--again] FOLDER [--re REGEX]…".to_owned());
    }
    let work = PathBuf::from(args.remove(0));
    fs::create_dir_all(&work).map_err(|e| format!("{}: {e}", work.display()))?;
    let work = work.canonicalize().map_err(|e| e.to_string())?;
    let written = work.join("fates.json");
    let mutants = keyed(list::list(".", &args)?);
    let mut fates = read(&written)?;
    let known: BTreeSet<&String> = mutants.iter().map(|(key, _)| key).collect();
    fates.retain(|key, fate| known.contains(key) && (again || fate.is_refused()));
    let (mut left, mut keys, mut refused) = (Vec::new(), Vec::new(), Refused::default());
    for (number, (key, mutant)) in (1..).zip(mutants) {
        match fates.get(&key) {
            Some(Fate::Unviable(code)) => drop(refused.unviable.insert(number, code.clone())),
            Some(Fate::NotWoven(code)) => drop(refused.not_woven.insert(number, code.clone())),
            Some(Fate::Caught(_) | Fate::Timeout) => continue,
            Some(Fate::Missed(_)) | None => keys.push((number, key)),
        }
        left.push((number, mutant));
    }
    let built = build::build(Path::new("."), &work, &left, refused)?;
    let reached = run::reach(&built, &work)?;
    let names: BTreeMap<u32, &Mutant> = left.iter().map(|(number, mutant)| (*number, mutant)).collect();
    let mut missed = 0;
    for (done, (number, key)) in keys.iter().enumerate() {
        let fate = match (built.refused.unviable.get(number), built.refused.not_woven.get(number)) {
            (Some(code), _) => Fate::Unviable(code.clone()),
            (None, Some(code)) => Fate::NotWoven(code.clone()),
            (None, None) => {
                let tests = reached.get(number).map_or(&[][..], Vec::as_slice);
                run::attempt(&built, *number, tests)?
            }
        };
        if let Fate::Missed(tests) = fate {
            missed += 1;
            println!("missed, with {tests} tests that reach it: {}", names[number].name);
        }
        fates.insert(key.clone(), fate);
        if done % 20 == 0 || done + 1 == keys.len() {
            eprintln!("{} of {}, {missed} missed", done + 1, keys.len());
            let text = serde_json::to_string_pretty(&fates).map_err(|e| e.to_string())?;
            fs::write(&written, text).map_err(|e| format!("{}: {e}", written.display()))?;
        }
    }
    table(&fates);
    Ok(missed == 0)
}

/// What became of the mutants before, if there was a time before.
fn read(path: &Path) -> Result<BTreeMap<String, Fate>, String> {
    match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(e) => Err(format!("{}: {e}", path.display())),
    }
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
