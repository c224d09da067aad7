//! `quell detect`: recorded signals against rules, without an engine.

mod work;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::json;

use super::args::{Detect, Routing as Asked};
use super::error::Error;
use super::output::{Sink, tell};
use super::outputs::keep_apart;
use super::rules::{read, summed_up};
use crate::bench::usage::Stopwatch;
use crate::config;
use crate::detect::Routing;
use crate::model::{Detection, Map, SafeText, Value};
use crate::rule::{self, Loaded, RuleSet};
use crate::source::{Files, Options};
use work::{Place, Shown, Stopped, Totals, Work};

/// Mistakes of rules that are told; of the others the number.
const MISTAKES_SHOWN: usize = 10;

/// Runs the verb.
///
/// # Errors
/// A file cannot be read, no rule is sound, or the output cannot be written.
pub fn run(args: &Detect) -> Result<(), Error> {
    let tz = TimeZone::get(&args.tz).map_err(|_| {
        Error::usage(format!("--tz: `{}` is not a time zone", SafeText(&args.tz)))
            .hint("use a name such as UTC or Europe/Berlin")
    })?;
    let loading = Stopwatch::start();
    let lists = config::named_lists(&args.indicators).map_err(|wrong| {
        let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        Error::usage(lines.join("\n"))
    })?;
    let loaded = rule::load_sound_with(&read(&args.rules)?, &lists);
    let rules = sound(loaded)?;
    let loading = loading.stop();
    let files = Files::open(args.files.clone()).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Error::failed(lines.join("\nquell: "))
    })?;
    keep_apart(&args.files, &[("--out", args.out.as_deref())])?;
    let mut report = Report::new(args, &rules)?;
    let work = Work {
        rules: rules.clone(),
        routing: match args.routing {
            Asked::Auto => Routing::Auto,
            Asked::Off => Routing::Off,
        },
        threads: args.threads.into(),
        format: args.format,
        options: Options { year: args.year, tz },
    };
    let watch = Stopwatch::start();
    let totals = work.run(files, &mut |place, found| report.found(place, found)).map_err(stopped)?;
    let usage = watch.stop();
    let figures = Figures {
        rules: rules.rules().len() + rules.correlations().len(),
        load_seconds: loading.took.as_secs_f64(),
        seconds: usage.took.as_secs_f64(),
        memory_mb: usage.memory.peak.max(loading.memory.peak),
    };
    Ok(report.end(&totals, &figures)?)
}

fn stopped(why: Stopped) -> Error {
    match why {
        Stopped::File(error) => Error::failed(error.to_string()),
        Stopped::Output(error) => error.into(),
        Stopped::Thread => Error::failed("a thread that reads or matches is gone"),
    }
}

/// The sound rules; what is wrong with the others is told.
fn sound(loaded: Loaded) -> Result<Arc<RuleSet>, Error> {
    let told: Vec<String> = loaded.mistakes.iter().take(MISTAKES_SHOWN).map(ToString::to_string).collect();
    if !told.is_empty() {
        tell(&told.join("\n"));
        let more = loaded.mistakes.len() - told.len();
        let and = if more > 0 { format!("{more} more mistakes; ") } else { String::new() };
        tell(&format!("quell: {and}{}", summed_up(&loaded)));
    }
    if loaded.set.rules().is_empty() {
        return Err(
            Error::usage("there is no sound rule").hint("`quell rules --check --rules PATH` says why")
        );
    }
    Ok(Arc::new(loaded.set))
}

struct Figures {
    rules: usize,
    load_seconds: f64,
    seconds: f64,
    memory_mb: f64,
}

/// What is printed.
struct Report {
    sink: Sink,
    json: bool,
    files: Vec<String>,
    /// The group-by fields of each correlation, by id.
    groups: BTreeMap<Arc<str>, Vec<Box<str>>>,
    shown: Shown,
    matches: u64,
}

impl Report {
    fn new(args: &Detect, rules: &RuleSet) -> Result<Self, Error> {
        let shown = |path: &Path| path.display().to_string();
        let groups = rules.correlations().iter();
        let mut report = Report {
            sink: Sink::open(args.out.as_deref())?,
            json: args.json,
            files: args.files.iter().map(|path| shown(path)).collect(),
            groups: groups.map(|rule| (rule.head.id.clone(), rule.group_by.clone())).collect(),
            shown: Shown::default(),
            matches: 0,
        };
        if !report.json {
            writeln!(
                report.sink,
                "{:>8} {:<27} {:<13} {:<44} {:<24} AUTHOR",
                "LINE", "TIME", "LEVEL", "RULE", "ABOUT"
            )?;
        }
        Ok(report)
    }

    fn found(&mut self, place: Place, found: &Detection) -> io::Result<()> {
        let groups = self.groups.get(&found.rule.id);
        let new = groups.is_none() || self.shown.is_new(found);
        self.matches += u64::from(new);
        if self.json {
            let of = |name: &str| Some((name.to_owned(), found.fields.get(name)?.clone()));
            let groups: Map = groups.into_iter().flatten().filter_map(|name| of(name)).collect();
            let file = self.files.get(place.file).map(String::as_str).unwrap_or_default();
            return writeln!(self.sink, "{}", line(place, file, new, groups, found));
        }
        if !new {
            return Ok(());
        }
        let author = found.rule.author.as_deref().unwrap_or("-");
        writeln!(
            self.sink,
            "{:>8} {:<27} {:<13} {:<44} {:<24} {}",
            place.line,
            found.at.to_string(),
            found.rule.level.name(),
            SafeText(&found.rule.title).cut(44),
            SafeText(&found.key).cut(24),
            SafeText(author).cut(60),
        )
    }

    fn end(mut self, totals: &Totals, figures: &Figures) -> io::Result<()> {
        let per_second = totals.processed as f64 / figures.seconds.max(1e-9);
        if self.json {
            let summary = json!({
                "type": "summary",
                "received": totals.received,
                "processed": totals.processed,
                "undecodable": totals.undecodable,
                "too_long": totals.too_long,
                "matches": self.matches,
                "rules": figures.rules,
                "rules_asked": totals.asked,
                "late": totals.late,
                "evicted": totals.evicted,
                "load_seconds": rounded(figures.load_seconds),
                "seconds": rounded(figures.seconds),
                "signals_per_second": per_second.round(),
                "memory_mb": rounded(figures.memory_mb),
            });
            writeln!(self.sink, "{summary}")?;
        } else {
            writeln!(
                self.sink,
                "{} matches in {} signals of {} lines; {} rules, loaded in {:.2} s; {:.2} s, {:.0} signals/s, {:.0} MiB",
                self.matches,
                totals.processed,
                totals.received,
                figures.rules,
                figures.load_seconds,
                figures.seconds,
                per_second,
                figures.memory_mb
            )?;
        }
        self.sink.flush()
    }
}

fn rounded(figure: f64) -> f64 {
    (figure * 1e3).round() / 1e3
}

fn line(place: Place, file: &str, new: bool, groups: Map, found: &Detection) -> Value {
    let rule = &found.rule;
    json!({
        "type": if new { "match" } else { "update" },
        "line": place.line,
        "file": file,
        "rule": rule.id,
        "rule_name": rule.name,
        "title": rule.title,
        "level": rule.level.name(),
        "author": rule.author,
        "time": found.at.to_string(),
        "since": found.since.to_string(),
        "groups": groups,
        "about": found.key,
        "count": found.count,
        "id": found.id.to_string(),
    })
}
