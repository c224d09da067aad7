//! `quell answer`: what came of a step that a person does.

use super::Verdict;
use super::alone::{self, Work};
use super::args::{Answer, Word};
use super::ask;
use super::error::Error;
use super::place::Place;
use super::setup;
use super::speed::Speed;
use crate::engine::Request;

/// Runs the verb.
///
/// # Errors
/// What [`Error`] says; also if the answer was refused.
pub fn run(args: &Answer) -> Result<Verdict, Error> {
    let request = Request::Answer {
        run: args.run,
        step: args.step.as_str().into(),
        undo: args.undo,
        done: args.word == Word::Done,
        text: args.text.clone(),
    };
    if let Some(verdict) = ask::if_at_work(args.place.state.as_deref(), &request, args.shown.json)? {
        return Ok(verdict);
    }
    let loaded = setup::load(args.place.config.as_deref())?;
    let place = Place::unattended(loaded.setup.kind, args.place.state.as_deref())?;
    ask::has_journal(place.path())?;
    let title = format!("answer {} {}", args.run, args.step);
    let config = args.place.config.clone();
    let work = Work { title, speed: Speed::Times(1.0), seed: args.place.seed, config, shown: &args.shown };
    let (_, state) = alone::work(&loaded, &place, request, work)?;
    alone::verdict(Some(args.run), &state)
}
