//! `quell trigger`: one workflow, by hand. In the engine at work in the state folder, if there is one.

mod there;

use super::Verdict;
use super::alone::{self, Work};
use super::args::Trigger;
use super::ask;
use super::error::Error;
use super::place::Place;
use super::setup;
use super::speed::Speed;
use crate::config::Loaded;
use crate::engine::{JournalKind, Request};
use crate::model::{Map, RunId, Value};

/// Runs the verb.
///
/// # Errors
/// What [`Error`] says; also if the request was refused.
pub fn run(args: &Trigger) -> Result<Verdict, Error> {
    if let Some(folder) = &args.place.state
        && let Some(client) = ask::engine(folder, None)?
    {
        return there::run(args, folder, client);
    }
    let loaded = setup::load(args.place.config.as_deref())?;
    let kind = loaded.setup.kind;
    if kind == JournalKind::Real && args.speed != Speed::Times(1.0) {
        return Err(
            Error::usage("--speed is for drills: the world has a pace of its own").hint("leave it out")
        );
    }
    let inputs = inputs(args, &loaded)?;
    if kind == JournalKind::Real && args.place.state.is_none() {
        let folder = ask::folder(None)?;
        if let Some(client) = ask::engine(&folder, Some(kind))? {
            return there::run(args, &folder, client);
        }
    }
    let place = Place::of(kind, args.place.state.as_deref())?;
    let request = Request::Trigger { workflow: args.workflow.as_str().into(), inputs };
    let work = Work {
        title: format!("trigger {}", args.workflow),
        speed: args.speed,
        seed: args.place.seed,
        config: args.place.config.clone(),
        shown: &args.shown,
    };
    let (text, state) = alone::work(&loaded, &place, request, work)?;
    alone::verdict(named(&text), &state)
}

/// The run that an answer begins with.
fn named(answer: &str) -> Option<RunId> {
    answer.split_whitespace().next()?.parse().ok()
}

/// Checks the workflow and its inputs before anything is started.
fn inputs(args: &Trigger, loaded: &Loaded) -> Result<Map, Error> {
    let workflows = &loaded.setup.workflows;
    let Some(workflow) = workflows.get(args.workflow.as_str()) else {
        let names: Vec<&str> = workflows.keys().map(AsRef::as_ref).collect();
        let what = format!("there is no workflow `{}`", args.workflow);
        return Err(Error::usage(what).hint(format!("there are: {}", names.join(", "))));
    };
    let takes = || {
        let inputs = workflow.inputs.iter();
        let shown: Vec<String> = inputs
            .map(|input| {
                let text = format!("{}={}", input.name, input.kind.name().to_uppercase());
                if input.required && input.default.is_none() { text } else { format!("[{text}]") }
            })
            .collect();
        format!("quell trigger {} {}", workflow.name, shown.join(" "))
    };
    let given = given(args).map_err(|error| error.hint(takes()))?;
    workflow.inputs_given(&given).map_err(|why| Error::usage(why).hint(takes()))?;
    Ok(given)
}

/// The inputs as they are typed.
fn given(args: &Trigger) -> Result<Map, Error> {
    let mut given = Map::new();
    for text in &args.inputs {
        let Some((key, value)) = text.split_once('=') else {
            return Err(Error::usage(format!("expected KEY=VALUE, found `{text}`")));
        };
        if given.insert(key.to_owned(), Value::from(value)).is_some() {
            return Err(Error::usage(format!("input `{key}` is given twice")));
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_its_run() {
        assert_eq!(named("run-7 started"), Some(RunId(7)));
        assert_eq!(named("nothing"), None);
    }
}
