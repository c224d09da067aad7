//! `quell trigger`: one workflow, by hand. In the engine at work in the state folder, if there is one.

mod there;

use std::sync::mpsc::channel;

use super::args::Trigger;
use super::engine::{self, Job};
use super::error::Error;
use super::headless::{self, Format};
use super::output::Sink;
use super::place::Place;
use super::setup;
use super::speed::Speed;
use super::{Verdict, ask, identity, logging};
use crate::config::Loaded;
use crate::engine::{Answer, JournalKind, Request, RunStatus, State};
use crate::model::{Map, RequestId, RunId, Value};
use crate::runtime::inbox::{Inbox, Message};
use crate::runtime::start::Watched;

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
    logging::to_stderr();
    let sink = Sink::open(args.out.as_deref())?;
    let place = Place::of(kind, args.place.state.as_deref())?;
    let inbox = Inbox::new(loaded.settings.queue.signals);
    let (reply, answers) = channel();
    let request = Request::Trigger { workflow: args.workflow.as_str().into(), inputs };
    let by = identity::actor();
    inbox.send(Message::Request { id: RequestId(1), by, seen: None, request, reply });
    let job = Job {
        title: format!("trigger {}", args.workflow),
        recording: None,
        speed: args.speed,
        stay: false,
        watched: Watched::ByReport,
        seed: args.place.seed,
        say: super::output::tell,
        config: args.place.config.clone(),
    };
    let running = engine::start(&loaded, &place, inbox, job)?;
    let format = if args.json { Format::Json } else { Format::Summary };
    let result = headless::run(running, format, sink)?;
    let run = match answers.try_recv().map(|answered| answered.answer) {
        Ok(Answer::Accepted(text)) => named(&text),
        Ok(Answer::Refused(why)) => return Err(Error::failed(format!("refused: {why}"))),
        Err(_) => return Err(Error::failed("the engine ended before it answered")),
    };
    verdict(&result.state, run)
}

/// How the verb ends, once its run is over or waits for a person.
fn verdict(state: &State, run: Option<RunId>) -> Result<Verdict, Error> {
    match run.and_then(|id| state.run(id)).map(|run| (run.id(), run.status())) {
        Some((_, RunStatus::Completed)) => Ok(Verdict::Fine),
        Some((_, status)) if !status.is_terminal() => Ok(Verdict::Person),
        Some((id, status)) => {
            let status = status.to_string().replace('_', " ");
            Err(Error::failed(format!("{id} did not complete: it is {status}")))
        }
        None => Err(Error::failed("the run is not known any more")),
    }
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
