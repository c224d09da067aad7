//! How verbs reach an engine: by the control socket, if one owns the state folder.

use std::path::{Path, PathBuf};

use super::error::Error;
use super::output::{print, tell};
use super::{Verdict, environment};
use crate::control::client::{Client, ClientError};
use crate::control::message::{Asked, Given, is_id};
use crate::engine::{JournalKind, Request};
use crate::journal::{journal_path, platform_state_folder};
use crate::model::{SafeText, Seq};
use crate::runtime::clock;

/// How often a request is sent, if the connection is lost: under one id, so that it is done once.
const TRIES: u32 = 3;

/// The folder that a verb is about: that of `--state`, else the platform's.
///
/// # Errors
/// The platform names none.
pub fn folder(state: Option<&Path>) -> Result<PathBuf, Error> {
    let folder = state.map(Path::to_owned).or_else(platform_state_folder);
    folder.ok_or_else(|| {
        Error::failed("there is no home directory with a state folder in it")
            .hint("name the folder with --state")
    })
}

/// The engine that owns a folder, if one does.
///
/// # Errors
/// It does not want to talk.
pub fn engine(folder: &Path, kind: Option<JournalKind>) -> Result<Option<Client>, Error> {
    Client::connect(folder, kind).map_err(|error| failed(folder, error))
}

/// What went wrong with an engine.
pub fn failed(folder: &Path, error: ClientError) -> Error {
    match error {
        ClientError::Refused(why) => Error::failed(format!("refused: {}", shown(&why))),
        ClientError::Connect(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let what = format!("the engine in {} may not be called by you", folder.display());
            Error::failed(what).because(error).hint("it takes the user of the engine, or its group `quell`")
        }
        other => Error::failed(format!("cannot talk to the engine in {}", folder.display())).because(other),
    }
}

/// That nobody is at work in a folder.
pub fn nobody(folder: &Path) -> Error {
    Error::failed(format!("no engine is at work in {}", folder.display()))
        .hint("name its state folder with --state")
}

/// Refuses a folder without a journal: there is nothing in it to act on.
///
/// # Errors
/// As it says.
pub fn has_journal(folder: &Path) -> Result<(), Error> {
    if journal_path(folder).exists() {
        return Ok(());
    }
    let what = format!("there is no journal in {}, and no engine at work", folder.display());
    Err(Error::failed(what).hint("name the state folder with --state"))
}

/// A request with the id that was given, or with a new one.
///
/// # Errors
/// What was given is no id.
pub fn asked(id: Option<&str>, seen: Option<Seq>, request: Request) -> Result<Asked, Error> {
    let new = || format!("{}-{}", std::process::id(), clock::wall().0);
    let id = id.map_or_else(new, str::to_owned);
    if !is_id(&id) {
        let what = format!("--id: `{}` is not an id", SafeText(&id).cut(70));
        return Err(Error::usage(what).hint("use 1 to 64 letters, digits, `_`, `-` and `.`"));
    }
    Ok(Asked { id, seen, request })
}

/// Has an engine do something; `None` if none owns the folder.
///
/// # Errors
/// The connection is lost, again and again.
pub fn ask(folder: &Path, asked: &Asked) -> Result<Option<Given>, Error> {
    let mut tried = 0;
    loop {
        tried += 1;
        let Some(mut client) = engine(folder, None)? else { return Ok(None) };
        match client.ask(asked) {
            Ok(given) => return Ok(Some(given)),
            Err(ClientError::Wire(_)) if tried < TRIES => {}
            Err(error) => return Err(failed(folder, error)),
        }
    }
}

/// As [`ask`] for a verb that opens the folder itself if no engine is at work, with the answer printed.
///
/// # Errors
/// It was refused, or the connection is lost.
pub fn if_at_work(state: Option<&Path>, request: &Request, json: bool) -> Result<Option<Verdict>, Error> {
    let Ok(folder) = folder(state) else { return Ok(None) };
    match ask(&folder, &asked(None, None, request.clone())?)? {
        Some(given) => report(&given, json).map(Some),
        None => Ok(None),
    }
}

/// Text of an engine, line by line, safe for a terminal.
pub fn shown(text: &str) -> String {
    text.lines().map(|line| SafeText(line).to_string()).collect::<Vec<_>>().join("\n")
}

/// Prints an answer.
///
/// # Errors
/// It was refused, or nobody reads.
pub fn report(given: &Given, json: bool) -> Result<Verdict, Error> {
    if json {
        let Given { id, accepted, text, seq } = given;
        let line =
            serde_json::json!({ "type": "answer", "id": id, "accepted": accepted, "text": text, "seq": seq });
        print(&format!("{line}\n"))?;
    }
    match given.accepted {
        true if json => Ok(Verdict::Fine),
        true => print(&format!("{}\n", shown(&given.text))).map(|()| Verdict::Fine),
        false => Err(Error::failed(format!("refused: {}", shown(&given.text)))),
    }
}

/// Has a person type the id of what cannot be taken back.
///
/// # Errors
/// They typed something else, or there is nobody to type.
pub fn typed(id: &str, option: &str, given: Option<&str>) -> Result<(), Error> {
    let said = match given {
        Some(said) => said.to_owned(),
        None if environment::has_terminal() => {
            tell(&format!("nothing of {id} will be undone. Type {id} to go on:"));
            let mut line = String::new();
            let read = std::io::stdin().read_line(&mut line);
            read.map_err(|error| Error::failed("cannot read what was typed").because(error))?;
            line.trim().to_owned()
        }
        None => {
            let what = format!("nothing of {id} would be undone: say so with {option} {id}");
            return Err(Error::usage(what));
        }
    };
    match said == id {
        true => Ok(()),
        false => Err(Error::usage(format!("`{}` is not {id}: nothing is done", SafeText(&said).cut(40)))),
    }
}
