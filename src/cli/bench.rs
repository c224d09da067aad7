//! `quell bench`: how fast the engine is, and whether it became slower.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;

use clap::ValueEnum;
use serde_json::json;

use super::args::Bench;
use super::error::Error;
use super::output::{Sink, tell};
use super::outputs::keep_apart;
use crate::bench::baseline;
use crate::bench::result::{Measured, Report, Results};
use crate::bench::suite::{self, Options, Suite};
use crate::bench::threshold;
use crate::bench::{table, usage};

impl ValueEnum for Suite {
    fn value_variants<'a>() -> &'a [Self] {
        Suite::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.name()))
    }
}

/// Runs the verb.
///
/// # Errors
/// A benchmark cannot be run, a threshold is missed, or something became slower than it may.
pub fn run(args: &Bench) -> Result<(), Error> {
    let read: Vec<_> = args.baseline.iter().cloned().collect();
    keep_apart(&read, &[("--out", args.out.as_deref()), ("--samples", args.samples.as_deref())])?;
    let old = args.baseline.as_deref().map(load).transpose()?;
    let mut sink = Sink::open(args.out.as_deref())?;
    let mut samples = args.samples.as_deref().map(create).transpose()?;
    let options =
        Options { scale: args.scale, durable: args.durable, floor: args.floor, repeat: args.repeat };
    let usual: Vec<Suite> = Suite::ALL.iter().copied().filter(|suite| suite.is_usual()).collect();
    let suites = if args.suites.is_empty() { &usual } else { &args.suites };
    let mut reports = Vec::new();
    for suite in suites {
        let measured = suite::run(*suite, options)
            .map_err(|error| Error::failed(format!("bench {}", suite.name())).because(error))?;
        for Measured { report, samples: kept } in measured {
            if let Some(file) = &mut samples {
                let nanoseconds: Option<Vec<f64>> = kept.nanoseconds().map(Iterator::collect);
                let (name, scale, durable) = report.key();
                let line =
                    json!({ "name": name, "scale": scale, "durable": durable, "nanoseconds": nanoseconds });
                writeln!(file, "{line}")?;
            }
            reports.push(report);
        }
    }
    if let Some(mut file) = samples {
        file.flush()?;
    }
    let changes = old.as_ref().map(|old| baseline::compare(old, &reports, args.tolerance));
    let results = Results { results: reports, machine: usage::machine(), version: version().into() };
    if args.json {
        let text =
            serde_json::to_string(&results).map_err(|error| Error::failed("no JSON").because(error))?;
        writeln!(sink, "{text}")?;
    } else {
        write!(sink, "{}", as_text(&results))?;
    }
    if let Some(changes) = &changes {
        let text = table::changes(changes, args.tolerance);
        if args.json { tell(text.trim_end()) } else { write!(sink, "\n{text}")? }
    }
    sink.flush()?;
    verdict(&results.results, changes.as_deref())
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn as_text(results: &Results) -> String {
    let debug = if cfg!(debug_assertions) { "\nnot a release build: these figures mean little" } else { "" };
    let scale = results.results.first().map_or(1, |report| report.scale);
    let head = format!("quell {} on {}, scale {scale}{debug}\n\n", results.version, results.machine);
    head + &table::results(&results.results)
}

/// Everything that must hold.
fn verdict(reports: &[Report], changes: Option<&[baseline::Change]>) -> Result<(), Error> {
    let missed = reports.iter().flat_map(threshold::missed);
    let worse = changes.unwrap_or_default().iter().filter(|change| change.regressed).map(|change| {
        format!("{}: {} was {:.4}, it is {:.4}", change.name, change.figure, change.old, change.new)
    });
    let wrong: Vec<String> = missed.chain(worse).collect();
    match changes {
        Some([]) => Err(Error::usage("the baseline has none of these benchmarks at this scale")
            .hint("make one with the same options: quell bench --json --out FILE")),
        _ if wrong.is_empty() => Ok(()),
        _ => Err(Error::failed(format!("bench:\n{}", wrong.join("\n")))),
    }
}

fn load(path: &Path) -> Result<Results, Error> {
    let wrong = || Error::usage(format!("cannot read the baseline {}", path.display()));
    let hint = "a baseline is what `quell bench --json --out FILE` wrote";
    let file = File::open(path).map_err(|error| wrong().because(error).hint(hint))?;
    serde_json::from_reader(BufReader::new(file)).map_err(|error| wrong().because(error).hint(hint))
}

fn create(path: &Path) -> Result<BufWriter<File>, Error> {
    let file = File::create(path)
        .map_err(|error| Error::failed(format!("cannot write {}", path.display())).because(error))?;
    Ok(BufWriter::new(file))
}
