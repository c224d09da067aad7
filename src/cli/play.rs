//! `quell` and `quell replay`: recorded signals through the whole of quell, on drills.

use std::fs::File;
use std::path::Path;
use std::sync::PoisonError;

use jiff::tz::TimeZone;

use super::args::{Play, Replay};
use super::engine::{self, Job};
use super::environment;
use super::error::Error;
use super::headless::{self, Format};
use super::output::totals::needs_person;
use super::output::{Sink, tell};
use super::outputs::keep_apart;
use super::place::{Marker, Place};
use super::setup;
use super::speed::Speed;
use super::{Verdict, logging, screen};
use crate::config::Loaded;
use crate::runtime::inbox::Inbox;
use crate::runtime::recording::{Lines, Recording};
use crate::runtime::start::Watched;
use crate::source::decode::{self, Options};
use crate::source::file::{Files, LineReader};

/// The recording that ships.
const EXERCISE: &str = include_str!("../../fixtures/signals/exercise.log");
const EXERCISE_NAME: &str = "exercise.log";

/// What is played.
struct Material<'a> {
    title: String,
    /// Name and size of each file.
    files: Vec<(String, u64)>,
    lines: Lines,
    format: decode::Format,
    options: Options,
    quarantine: Option<&'a Path>,
}

/// `quell` without a verb.
///
/// # Errors
/// What [`Error`] says.
pub fn exercise(args: &Play) -> Result<Verdict, Error> {
    let loaded = setup::replayed(args.place.config.as_deref())?;
    let time = &loaded.settings.time;
    let bytes = EXERCISE.len() as u64;
    let material = Material {
        title: EXERCISE_NAME.to_owned(),
        files: vec![(EXERCISE_NAME.to_owned(), bytes)],
        lines: Lines::Text(EXERCISE_NAME, LineReader::new(EXERCISE.as_bytes()), bytes),
        format: decode::Format::Auto,
        options: Options { year: time.year, tz: time.tz.clone() },
        quarantine: None,
    };
    play(args, &loaded, material)
}

/// `quell replay FILE…`.
///
/// # Errors
/// What [`Error`] says.
pub fn replay(args: &Replay) -> Result<Verdict, Error> {
    let loaded = setup::replayed(args.play.place.config.as_deref())?;
    let options = options(args, &loaded)?;
    let files = Files::open(args.files.clone()).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Error::failed(lines.join("\nquell: "))
    })?;
    let written = [("--out", args.play.out.as_deref()), ("--quarantine", args.quarantine.as_deref())];
    keep_apart(&args.files, &written)?;
    let files = files.limited(loaded.settings.lines.max_bytes);
    let sizes = engine::sizes(&args.files);
    let bytes = sizes.iter().map(|(_, bytes)| bytes).sum();
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let title = match args.files.as_slice() {
        [one] => name(one),
        [first, rest @ ..] => format!("{} and {} more", name(first), rest.len()),
        [] => String::new(),
    };
    let material = Material {
        title,
        files: sizes,
        lines: Lines::Files(files, bytes),
        format: args.format,
        options,
        quarantine: args.quarantine.as_deref(),
    };
    play(&args.play, &loaded, material)
}

fn options(args: &Replay, loaded: &Loaded) -> Result<Options, Error> {
    let time = &loaded.settings.time;
    let tz = match &args.tz {
        None => time.tz.clone(),
        Some(name) => TimeZone::get(name).map_err(|_| {
            Error::usage(format!("--tz: `{name}` is not a time zone"))
                .hint("use a name such as UTC or Europe/Berlin")
        })?,
    };
    Ok(Options { year: args.year.unwrap_or(time.year), tz })
}

fn quarantine(path: &Path) -> Result<File, Error> {
    let failed = |error| Error::failed(format!("cannot write {}", path.display())).because(error);
    File::create(path).map_err(failed)
}

/// How the work is shown.
pub enum Shown {
    /// On the console.
    Console,
    /// By what is printed.
    Headless(Format),
}

/// Decides how the work is shown: `headless` if that was asked for.
pub fn shown(json: bool, headless: bool) -> Shown {
    if json {
        return Shown::Headless(Format::Json);
    }
    if headless {
        return Shown::Headless(Format::Summary);
    }
    if environment::has_terminal() {
        return Shown::Console;
    }
    tell("quell: no terminal: running headless");
    Shown::Headless(Format::Summary)
}

fn play(args: &Play, loaded: &Loaded, material: Material<'_>) -> Result<Verdict, Error> {
    let place = Place::open(args.place.state.as_deref(), args.fresh)?;
    let mut marker = Marker { files: material.files, finished: false };
    place.claim(&marker)?;
    // Nothing that is there is written over before it is sure that there is work to do.
    let sink = Sink::open(args.out.as_deref())?;
    let quarantine = material.quarantine.map(quarantine).transpose()?;
    let recording = Recording::new(material.lines, material.format, material.options, quarantine);
    let shown = shown(args.json, args.headless || args.out.is_some());
    let console = matches!(shown, Shown::Console);
    match console {
        true => screen::prepare(),
        false => logging::to_stderr(),
    }
    let job = Job {
        title: format!("replay {}", material.title),
        recording: Some(recording),
        live: None,
        speed: args.speed.unwrap_or(if console { Speed::Times(1.0) } else { Speed::Max }),
        stay: console,
        watched: if console { Watched::ByScreen } else { Watched::ByReport },
        seed: args.place.seed,
        say: if console { |line| tracing::info!(target: "notify", "{line}") } else { tell },
        config: args.place.config.clone(),
    };
    let inbox = Inbox::new(loaded.settings.queue.signals);
    let running = engine::start(loaded, &place, inbox, job)?;
    let Shown::Headless(format) = shown else {
        let (board, findings) = (running.board.clone(), running.findings.clone());
        screen::run(running, loaded)?;
        let failure =
            findings.and_then(|all| all.lock().unwrap_or_else(PoisonError::into_inner).failure.take());
        if let Some(why) = failure {
            return Err(Error::failed(why));
        }
        marker.finished = board.read().ended;
        place.mark(&marker)?;
        return Ok(Verdict::Fine);
    };
    let result = headless::run(running, format, sink)?;
    if let Some(why) = result.findings.failure {
        return Err(Error::failed(why));
    }
    let counts = result.state.counts();
    let left = result.ending.interrupted && counts.live_runs > 0;
    let waits = needs_person(&counts) || left || result.state.halt().is_some();
    marker.finished = !result.ending.interrupted && !waits;
    place.mark(&marker)?;
    Ok(if waits { Verdict::Person } else { Verdict::Fine })
}
