//! `quell halt` and `quell release`: the kill switch (C30).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::args::{Halt, Release};
use super::error::Error;
use super::output::words::counted;
use super::output::{print, tell};
use super::place::Place;
use super::{Verdict, arm, ask, guard, identity, logging, setup};
use crate::agent::exec::Programs;
use crate::agent::halt::{HALT_FILE, Note, leave_note, take_note_away};
use crate::config::Loaded;
use crate::control::client::{Client, ClientError};
use crate::control::message::Given;
use crate::engine::{Actor, Answer, JournalKind, Request};
use crate::journal::{FolderError, StateFolder, journal_path};

/// How long programs that outlived a killed quell have between TERM and KILL.
const GRACE: Duration = Duration::from_millis(500);

/// What works in a state folder.
enum Owner {
    /// An engine, perhaps with its process.
    Engine(Option<u32>),
    /// Nobody: the journal may be written.
    Nobody(Box<Loaded>, Place),
    /// Nobody, and there is no journal, or its setup cannot be read: only the file is left.
    NoJournal(String),
}

/// `quell halt`: an engine at work is asked. If there is none, or it cannot be asked, the file comes
/// first: it needs neither setup nor journal.
///
/// # Errors
/// It is refused, there is no state folder, or the file cannot be written.
pub fn halt(args: &Halt) -> Result<Verdict, Error> {
    logging::to_stderr();
    let request = Request::Halt { reason: args.reason.clone() };
    if let Some(given) = asked(&args.place, request)? {
        return ask::report(&given, false).map(|_| Verdict::Person);
    }
    let by = identity::actor();
    let path = located(&args.place)?;
    std::fs::create_dir_all(&path).map_err(|error| cannot("make", &path, error))?;
    let note = Note { by: by.clone(), why: Arc::from(args.reason.as_str()) };
    leave_note(&path, &note).map_err(|error| cannot("write", &path.join(HALT_FILE), error))?;
    // While nobody else works there: what a killed quell left behind is in flight as well.
    let ended = StateFolder::open(&path).map_or(0, |_folder| Programs::new(&path).end_orphans(GRACE));
    let told = match owner(&args.place, &path)? {
        Owner::Engine(pid) => format!("halted: the engine{} begins nothing any more", process(pid)),
        Owner::Nobody(loaded, place) => {
            put(&loaded, &place, &args.place, by, Request::Halt { reason: args.reason.clone() })?
        }
        Owner::NoJournal(why) => format!("halted by the file {}; {why}", path.join(HALT_FILE).display()),
    };
    let ended = match ended {
        0 => String::new(),
        n => format!("; what a killed quell left at work is ended: {}", counted(n as u64, "program")),
    };
    print(&format!("{told}{ended}\n"))?;
    Ok(Verdict::Person)
}

/// `quell release`.
///
/// # Errors
/// It is refused, there is no state folder, or the file cannot be removed.
pub fn release(args: &Release) -> Result<(), Error> {
    logging::to_stderr();
    if let Some(given) = asked(&args.place, Request::Release)? {
        return ask::report(&given, false).map(|_| ());
    }
    let by = identity::actor();
    let path = located(&args.place)?;
    let take_away =
        || take_note_away(&path, &by).map_err(|error| cannot("remove", &path.join(HALT_FILE), error));
    let told = match owner(&args.place, &path)? {
        Owner::Engine(pid) => match take_away()? {
            true => format!("released: the engine{} goes on", process(pid)),
            false => "nothing is halted".to_owned(),
        },
        Owner::Nobody(loaded, place) => {
            let told = put(&loaded, &place, &args.place, by.clone(), Request::Release)?;
            // Last: until the journal has it, the halt stands.
            guard::tools(&loaded, &place, tell)
                .guard
                .switch
                .release()
                .map_err(|error| cannot("remove", &path, error))?;
            told
        }
        Owner::NoJournal(why) => match take_away()? {
            true => format!("released; {why}"),
            false => "nothing is halted".to_owned(),
        },
    };
    print(&format!("{told}\n"))
}

/// Asks the engine that owns the folder: once, since the file is quicker than patience. `None` if there
/// is none, or one that does not answer.
fn asked(place: &super::args::Place, request: Request) -> Result<Option<Given>, Error> {
    let Ok(folder) = ask::folder(place.state.as_deref()) else { return Ok(None) };
    let asked = ask::asked(None, None, request)?;
    let given = match Client::connect(&folder, None) {
        Ok(None) => return Ok(None),
        Ok(Some(mut client)) => client.ask(&asked),
        Err(error) => Err(error),
    };
    match given {
        Ok(given) => Ok(Some(given)),
        Err(ClientError::Wire(error)) => {
            tell(&format!("quell: the engine does not answer ({error}): it is told by the file"));
            Ok(None)
        }
        Err(error) => Err(ask::failed(&folder, error)),
    }
}

/// The state folder. With `--state`, not even the setup is needed.
fn located(place: &super::args::Place) -> Result<PathBuf, Error> {
    if let Some(path) = &place.state {
        return Ok(path.clone());
    }
    let kind = setup::load(place.config.as_deref())?.setup.kind;
    Place::located(kind, None)?.ok_or_else(|| {
        Error::usage("an exercise keeps nothing unless it is given a folder")
            .hint("give the folder that it was given with --state")
    })
}

fn owner(args: &super::args::Place, path: &Path) -> Result<Owner, Error> {
    match StateFolder::open(path) {
        Ok(_) => {}
        Err(FolderError::InUse { pid, .. }) => return Ok(Owner::Engine(pid)),
        Err(error) => return Err(error.into()),
    }
    if !journal_path(path).exists() {
        return Ok(Owner::NoJournal("there is no journal yet".to_owned()));
    }
    match setup::load(args.config.as_deref()) {
        Ok(loaded) => {
            let place = Place::unattended(JournalKind::Real, Some(path))?;
            Ok(Owner::Nobody(Box::new(loaded), place))
        }
        Err(error) => {
            Ok(Owner::NoJournal(format!("the setup cannot be read, so it is not recorded: {error}")))
        }
    }
}

/// Puts the request to the journal of a folder in which nobody works.
fn put(
    loaded: &Loaded,
    place: &Place,
    args: &super::args::Place,
    by: Actor,
    request: Request,
) -> Result<String, Error> {
    match arm::put(loaded, place, args, by, request)?.1 {
        Answer::Accepted(text) => Ok(text),
        Answer::Refused(why) => Err(Error::failed(format!("refused: {why}"))),
    }
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

fn cannot(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::failed(format!("cannot {what} {}", path.display())).because(error)
}
