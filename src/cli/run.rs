//! `quell run SOURCE…`: live signals, in real time.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;

use super::args::{From, Run};
use super::engine::{self, Job, Live};
use super::error::Error;
use super::headless::{self, Format};
use super::output::totals::needs_person;
use super::output::{Sink, tell};
use super::outputs::keep_apart;
use super::place::Place;
use super::play::{Shown, shown};
use super::speed::Speed;
use super::{Verdict, logging, screen, setup};
use crate::config::Loaded;
use crate::journal::Cursors;
use crate::runtime::inbox::Inbox;
use crate::runtime::live::decoding::{Aside, Reading};
use crate::runtime::live::reader::Kind;
use crate::runtime::live::{SOURCES, Source};
use crate::runtime::start::Watched;
use crate::source::decode;
use crate::source::follow::Start;
use crate::source::quarantine::Quarantine;

/// Runs the verb.
///
/// # Errors
/// What [`Error`] says.
pub fn run(args: &Run) -> Result<Verdict, Error> {
    let loaded = setup::load(args.place.config.as_deref())?;
    let mut sources = sources(args, &loaded)?;
    let paths: Vec<PathBuf> = sources.iter().filter_map(|source| source.path().map(PathBuf::from)).collect();
    let written = [("--out", args.out.as_deref()), ("--quarantine", args.quarantine.as_deref())];
    keep_apart(&paths, &written)?;
    let place = Place::of(loaded.setup.kind, args.place.state.as_deref())?;
    let cursors = cursors(&place, &mut sources)?;
    let sink = Sink::open(args.out.as_deref())?;
    let aside = Aside {
        quarantine: Arc::new(Mutex::new(Quarantine::new(
            args.quarantine.as_deref().map(appended).transpose()?,
        ))),
        ..Aside::default()
    };
    let shown = shown(args.json, args.headless || args.out.is_some());
    let console = matches!(shown, Shown::Console);
    match console {
        true => screen::prepare(),
        false => logging::to_stderr(),
    }
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let title = format!("run {}", names.join(", "));
    if place.is_kept() && sources.iter().any(|source| source.path().is_none()) {
        let why = "a pipe cannot be read again: after a crash, what it said last is lost";
        if console { tracing::warn!(target: "source", "{why}") } else { tell(&format!("quell: {why}")) }
    }
    let watched = match shown {
        // A report of every record is complete; whoever reads it must not stop.
        Shown::Headless(Format::Json) => Watched::ByReport,
        _ => Watched::ByScreen,
    };
    let folder = place.is_kept().then(|| place.path().to_owned());
    let job = Job {
        title,
        recording: None,
        live: Some(Live { sources, aside, cursors, folder }),
        speed: Speed::Times(1.0),
        stay: console,
        watched,
        seed: args.place.seed,
        say: if console { |line| tracing::info!(target: "notify", "{line}") } else { tell },
        config: args.place.config.clone(),
    };
    let inbox = Inbox::new(loaded.settings.queue.signals);
    let running = engine::start(&loaded, &place, inbox, job)?;
    let Shown::Headless(format) = shown else {
        let findings = running.findings.clone();
        screen::run(running, &loaded)?;
        let why = findings.and_then(|all| all.lock().unwrap_or_else(PoisonError::into_inner).failure.take());
        return why.map_or(Ok(Verdict::Fine), |why| Err(Error::failed(why)));
    };
    let result = headless::run(running, format, sink)?;
    if let Some(why) = result.findings.failure {
        return Err(Error::failed(why));
    }
    Ok(if needs_person(&result.state.counts()) { Verdict::Person } else { Verdict::Fine })
}

/// Lines of earlier starts stay.
fn appended(path: &Path) -> Result<File, Error> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|error| Error::failed(format!("cannot write {}", path.display())).because(error))
}

/// Lets each source begin where an earlier start was.
fn cursors(place: &Place, sources: &mut [Source]) -> Result<Option<Cursors>, Error> {
    if !place.is_kept() {
        return Ok(None);
    }
    let cursors = Cursors::read(place.path()).map_err(|error| {
        Error::failed(error.to_string()).hint(
            "delete it, and the sources are read as --from says: what was written meanwhile may be missed",
        )
    })?;
    for source in sources {
        let known = source.path().and_then(|path| cursors.as_ref()?.of(&path).cloned());
        if let Some(cursor) = known {
            source.go_on(cursor);
        }
    }
    Ok(cursors)
}

fn sources(args: &Run, loaded: &Loaded) -> Result<Vec<Source>, Error> {
    if args.sources.len() > SOURCES {
        return Err(Error::usage(format!(
            "{} sources are named, {SOURCES} is the limit",
            args.sources.len()
        )));
    }
    let tz = match &args.tz {
        None => loaded.settings.time.tz.clone(),
        Some(name) => TimeZone::get(name).map_err(|_| {
            Error::usage(format!("--tz: `{name}` is not a time zone"))
                .hint("use a name such as UTC or Europe/Berlin")
        })?,
    };
    let start = match args.from {
        Some(From::Start) => Start::Beginning,
        Some(From::End) | None => Start::End,
    };
    let mut sources: Vec<Source> = Vec::new();
    for named in &args.sources {
        let (format, name) = format_of(named, args.format);
        let reading = Reading { format, year: args.year, tz: tz.clone(), lateness: loaded.settings.lateness };
        let kind = kind(name, args.follow, start.clone())?;
        if sources.iter().any(|other| is_same(&other.kind, &kind)) {
            return Err(Error::usage(format!("{name} is named twice")));
        }
        let name = if name == "-" { "stdin" } else { name };
        sources.push(Source { name: name.to_owned(), kind, reading });
    }
    Ok(sources)
}

/// `eve:/var/log/suricata/eve.json`: the format of one source. A file of such a name goes before.
fn format_of(named: &str, otherwise: decode::Format) -> (decode::Format, &str) {
    let split = named.split_once(':').filter(|_| !Path::new(named).exists());
    match split.and_then(|(word, path)| Some((word.parse().ok()?, path))) {
        Some((format, path)) if !path.is_empty() => (format, path),
        _ => (otherwise, named),
    }
}

fn kind(name: &str, follow: bool, start: Start) -> Result<Kind, Error> {
    if name == "-" {
        return Ok(Kind::Stdin);
    }
    let path = std::path::absolute(name)
        .map_err(|error| Error::usage(format!("`{name}` is no path")).because(error))?;
    let metadata = match std::fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && follow => {
            return Ok(Kind::File(path, start));
        }
        Err(error) => {
            let failed = Error::usage(format!("cannot read {name}")).because(error);
            return Err(failed.hint("--follow waits for a file that is not there yet"));
        }
    };
    let kind = metadata.file_type();
    if kind.is_fifo() || kind.is_char_device() {
        return Ok(Kind::Pipe(path));
    }
    if !kind.is_file() {
        return Err(Error::usage(format!("{name} is neither a file nor a pipe")).hint("name the files in it"));
    }
    if !follow {
        return Err(Error::usage(format!("{name} is a file, and files end"))
            .hint("--follow to watch it grow, `quell replay` to play it"));
    }
    Ok(Kind::File(path, start))
}

fn is_same(one: &Kind, other: &Kind) -> bool {
    let number = |path: &Path| std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    match (one, other) {
        (Kind::Stdin, Kind::Stdin) => true,
        (Kind::File(one, _) | Kind::Pipe(one), Kind::File(other, _) | Kind::Pipe(other)) => {
            one == other || number(one).is_some_and(|one| Some(one) == number(other))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_may_name_its_format() {
        use decode::Format::*;
        for (named, expected) in [
            ("eve:/var/log/eve.json", (Eve, "/var/log/eve.json")),
            ("sshd:-", (Sshd, "-")),
            ("/var/log/eve.json", (Json, "/var/log/eve.json")),
            ("c:/eve.json", (Json, "c:/eve.json")),
            ("eve:", (Json, "eve:")),
        ] {
            assert_eq!(format_of(named, Json), expected, "{named}");
        }
    }

    #[test]
    fn files_need_follow_and_pipes_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        std::fs::write(&file, "").unwrap();
        let file = file.to_str().unwrap();
        let missing = folder.path().join("missing");
        let missing = missing.to_str().unwrap();
        for (name, follow, expected) in [
            (file, true, Ok("File")),
            (file, false, Err("--follow to watch it grow, `quell replay` to play it")),
            (missing, true, Ok("File")),
            (missing, false, Err("--follow waits for a file")),
            (folder.path().to_str().unwrap(), true, Err("neither a file nor a pipe")),
            ("-", false, Ok("Stdin")),
            ("/dev/null", false, Ok("Pipe")),
        ] {
            match (kind(name, follow, Start::End), expected) {
                (Ok(kind), Ok(word)) => assert!(format!("{kind:?}").starts_with(word), "{name}: {kind:?}"),
                (Err(error), Err(word)) => assert!(error.to_string().contains(word), "{name}: {error}"),
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
    }
}
