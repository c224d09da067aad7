//! `quell arm` and `quell disarm`: whether the runs of a workflow act (C31).

use std::sync::Arc;

use super::args::Arm;
use super::error::Error;
use super::output::{Sink, json, print, tell};
use super::place::Place;
use super::{ask, guard, identity, logging, setup};
use crate::config::Loaded;
use crate::engine::{Actor, Answer, Request};
use crate::journal::{Journal, for_each};
use crate::runtime::clock;
use crate::runtime::start::{Folded, Recipe};

/// Runs the verb.
///
/// # Errors
/// What [`Error`] says; also if it was refused.
pub fn run(args: &Arm, arm: bool) -> Result<(), Error> {
    let workflow = Arc::from(args.workflow.as_str());
    let request = if arm { Request::Arm { workflow } } else { Request::Disarm { workflow } };
    if ask::if_at_work(args.place.state.as_deref(), &request, args.json)?.is_some() {
        return Ok(());
    }
    let loaded = setup::load(args.place.config.as_deref())?;
    logging::to_stderr();
    let place = Place::unattended(loaded.setup.kind, args.place.state.as_deref())?;
    let (mut asked, answer) = put(&loaded, &place, &args.place, identity::actor(), request)?;
    if args.json {
        records(asked.journal.as_mut(), asked.before)?;
    }
    match answer {
        Answer::Accepted(text) if args.json => {
            tell(&format!("quell: {text}"));
            Ok(())
        }
        Answer::Accepted(text) => print(&format!("{text}\n")),
        Answer::Refused(why) => Err(Error::failed(format!("refused: {why}"))),
    }
}

/// The journal that was asked, and its last record before that.
pub struct Asked {
    journal: Box<dyn Journal>,
    before: u64,
}

/// Puts a request that sets nothing off to the journal of a folder in which nobody works.
///
/// # Errors
/// The journal cannot be opened or taken up.
pub fn put(
    loaded: &Loaded,
    place: &Place,
    args: &super::args::Place,
    by: Actor,
    request: Request,
) -> Result<(Asked, Answer), Error> {
    let recipe = Recipe {
        setup: Arc::new(loaded.setup.clone()),
        version: env!("CARGO_PKG_VERSION"),
        seed: setup::seed(args.seed, loaded),
        tools: guard::tools(loaded, place, tell),
    };
    let mut open = place.journal(loaded.settings.journal);
    let mut journal = open()?;
    let before = journal.last();
    let folded = Folded::read(journal.as_mut(), &recipe.setup, false)?;
    let now = folded.last_at().into_iter().chain([clock::wall()]).max().unwrap_or_default();
    let answer = folded.ask(&recipe, journal.as_mut(), now, by, request)?;
    Ok((Asked { journal, before }, answer))
}

/// Prints what came of it.
fn records(journal: &mut dyn Journal, before: u64) -> Result<(), Error> {
    use std::io::Write as _;
    let (mut state, mut out) = (journal.origin()?, Sink::open(None)?);
    for_each(journal, |record| {
        state.apply(&record).map_err(|illegal| Error::failed(illegal.to_string()))?;
        match record.seq > before {
            true => json::line(&record, &state, &mut out).map_err(Error::from),
            false => Ok(()),
        }
    })?;
    Ok(out.flush()?)
}
