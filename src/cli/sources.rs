//! What is watched live: named on the command line, or by the setup.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;

use super::args::{From, Sources};
use super::engine::Live;
use super::error::Error;
use super::outputs::keep_apart;
use super::place::Place;
use crate::config::{Loaded, Named, SourceSpec};
use crate::journal::Cursors;
use crate::runtime::live::decoding::{Aside, Reading};
use crate::runtime::live::reader::Kind;
use crate::runtime::live::{SOURCES, Source};
use crate::source::decode;
use crate::source::follow::Start;
use crate::source::quarantine::Quarantine;
use crate::source::socket::{Address, Listener};

/// The sources of a verb: those that are named, else those of the setup.
///
/// # Errors
/// One of them cannot be watched, or there are too many.
pub fn of(args: &Sources, loaded: &Loaded) -> Result<Vec<Source>, Error> {
    if args.sources.is_empty() { configured(loaded) } else { named(args, loaded) }
}

/// Has sources begin where an earlier start was, opens the sockets among them, and what is written about them. `out` is written
/// too.
///
/// # Errors
/// What is written is one of the sources, or cannot be written; what was kept cannot be read; a socket cannot
/// be had.
pub fn open(
    mut sources: Vec<Source>,
    args: &Sources,
    place: &Place,
    out: Option<&Path>,
) -> Result<Live, Error> {
    let paths: Vec<PathBuf> = sources.iter().filter_map(|source| source.path().map(PathBuf::from)).collect();
    keep_apart(&paths, &[("--out", out), ("--quarantine", args.quarantine.as_deref())])?;
    let cursors = cursors(place, &mut sources)?;
    sources.iter_mut().try_for_each(listen)?;
    let kept = args.quarantine.as_deref().map(appended).transpose()?;
    let aside = Aside { quarantine: Arc::new(Mutex::new(Quarantine::new(kept))), ..Aside::default() };
    let folder = place.is_kept().then(|| place.path().to_owned());
    Ok(Live { sources, aside, cursors, folder })
}

/// Has the pipes among them stay when their last writer goes: another one may come.
pub fn keep_open(sources: &mut [Source]) {
    for source in sources {
        if let Kind::Pipe(path) = &source.kind
            && std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
        {
            source.kind = Kind::OpenPipe(path.clone());
        }
    }
}

/// Their names, for people.
pub fn names(sources: &[Source]) -> String {
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    names.join(", ")
}

/// Opens a socket.
fn listen(source: &mut Source) -> Result<(), Error> {
    let Kind::Socket(address) = &source.kind else { return Ok(()) };
    let opened = Listener::open(address.clone());
    source.listener = Some(opened.map_err(|error| Error::usage(error.message).hint(error.hint))?);
    Ok(())
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

fn named(args: &Sources, loaded: &Loaded) -> Result<Vec<Source>, Error> {
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
        let name = if name == "-" { "stdin" } else { name };
        let name = match &kind {
            Kind::Socket(address) => address.to_string(),
            _ => name.to_owned(),
        };
        let blindness = loaded.settings.blindness;
        add(&mut sources, Source { name, kind, reading, blindness, listener: None })?;
    }
    Ok(sources)
}

fn configured(loaded: &Loaded) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::new();
    for spec in &loaded.settings.sources {
        let SourceSpec { what, format, from_start, year, tz, blindness } = spec;
        let name = what.to_string();
        let kind = match what {
            Named::Socket(address) => Kind::Socket(address.clone()),
            Named::File(_) | Named::Pipe(_) => {
                let start = if *from_start { Start::Beginning } else { Start::End };
                of_path(&name, matches!(what, Named::Pipe(_)), start)?
            }
        };
        let tz = tz.clone().unwrap_or_else(|| loaded.settings.time.tz.clone());
        let reading = Reading { format: *format, year: *year, tz, lateness: loaded.settings.lateness };
        add(&mut sources, Source { name, kind, reading, blindness: *blindness, listener: None })?;
    }
    Ok(sources)
}

/// A file or a pipe, as the settings say.
fn of_path(name: &str, pipe: bool, start: Start) -> Result<Kind, Error> {
    match kind(name, true, start).map_err(|error| error.hint("`sources` in settings.yaml"))? {
        Kind::File(..) if pipe => {
            let error = Error::usage(format!("{name} is no pipe"));
            Err(error.hint("make it: mkfifo; or say `follow` in `sources` of settings.yaml"))
        }
        Kind::Pipe(_) if !pipe => {
            let error = Error::usage(format!("{name} is a pipe"));
            Err(error.hint("say `pipe` in `sources` of settings.yaml"))
        }
        kind => Ok(kind),
    }
}

fn add(sources: &mut Vec<Source>, source: Source) -> Result<(), Error> {
    if sources.iter().any(|other| is_same(&other.kind, &source.kind)) {
        return Err(Error::usage(format!("{} is named twice", source.name)));
    }
    sources.push(source);
    Ok(())
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
    if Address::is_meant(name) && !Path::new(name).exists() {
        let address = name.parse().map_err(|why: String| Error::usage(format!("`{name}`: {why}")))?;
        return Ok(Kind::Socket(address));
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

fn path(kind: &Kind) -> Option<&Path> {
    match kind {
        Kind::File(path, _) | Kind::Pipe(path) | Kind::OpenPipe(path) => Some(path),
        Kind::Socket(Address::Datagram(path)) => Some(path),
        Kind::Socket(_) | Kind::Stdin => None,
    }
}

fn is_same(one: &Kind, other: &Kind) -> bool {
    let number = |path: &Path| std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    match (one, other) {
        (Kind::Stdin, Kind::Stdin) => true,
        (Kind::Socket(one), Kind::Socket(other)) if one == other => true,
        _ => match (path(one), path(other)) {
            (Some(one), Some(other)) => {
                one == other || number(one).is_some_and(|one| Some(one) == number(other))
            }
            _ => false,
        },
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
            ("syslog:udp://127.0.0.1:5514", (Syslog, "udp://127.0.0.1:5514")),
            ("tcp://127.0.0.1:5514", (Json, "tcp://127.0.0.1:5514")),
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
            ("udp://5514", false, Ok("Socket(Udp(127.0.0.1:5514))")),
            ("unix:///run/quell/log", true, Ok("Socket(Datagram(")),
            ("tcp:5514", false, Err("expected udp://ADDRESS:PORT")),
        ] {
            match (kind(name, follow, Start::End), expected) {
                (Ok(kind), Ok(word)) => assert!(format!("{kind:?}").starts_with(word), "{name}: {kind:?}"),
                (Err(error), Err(word)) => assert!(error.to_string().contains(word), "{name}: {error}"),
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
    }
}
