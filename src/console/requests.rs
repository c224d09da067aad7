//! What was asked and not answered yet.

use std::collections::BTreeMap;

use super::model::Model;
use super::theme::Tone;
use super::update::Todo;
use crate::engine::{Answer, Request};
use crate::model::{RequestId, Seq, Span};

/// How long an answer may take.
pub const PATIENCE: Span = Span::from_secs(5);

/// Requests under way: what they are called, and when they are given up.
#[derive(Debug, Default)]
pub struct Requests {
    waiting: BTreeMap<RequestId, (String, Span)>,
}

impl Requests {
    /// When the next one is given up.
    pub fn deadline(&self) -> Option<Span> {
        self.waiting.values().map(|(_, until)| *until).min()
    }
}

/// Asks for something; refused at once where the console must not, or nobody is there.
pub fn ask(model: &mut Model, seen: Option<Seq>, request: Request, what: String) -> Vec<Todo> {
    if let Err(why) = may_ask(model) {
        model.say(format!("✗ {what}: {why}"), Tone::Bad);
        return Vec::new();
    }
    model.say(format!("{what}: sent"), Tone::Busy);
    vec![Todo::Send { seen, request, what }]
}

/// Whether requests can be sent at all.
pub fn may_ask(model: &Model) -> Result<(), String> {
    match (model.read_only, model.connected) {
        (true, _) => Err("this console is read-only".to_owned()),
        (_, false) => Err("the engine has stopped".to_owned()),
        _ => Ok(()),
    }
}

/// It was sent, or could not be.
pub fn on_sent(model: &mut Model, id: Option<RequestId>, what: String) {
    match id {
        Some(id) => {
            let until = Span(model.now.0.saturating_add(PATIENCE.0));
            model.requests.waiting.insert(id, (what, until));
        }
        None => model.say(format!("✗ {what}: the engine has stopped"), Tone::Bad),
    }
}

/// It was answered.
pub fn on_answer(model: &mut Model, id: RequestId, answer: Answer) {
    let what = model.requests.waiting.remove(&id).map_or_else(|| id.to_string(), |(what, _)| what);
    match answer {
        Answer::Accepted(text) if text.is_empty() => model.say(format!("✓ {what}: accepted"), Tone::Good),
        Answer::Accepted(text) => model.say(format!("✓ {what}: accepted, {text}"), Tone::Good),
        Answer::Refused(why) => model.say(format!("✗ {what}: refused: {why}"), Tone::Bad),
    }
}

/// Time passed: gives up what took too long.
pub fn on_clock(model: &mut Model) {
    let now = model.now;
    let late = |(_, until): &(String, Span)| *until <= now;
    let given_up: Vec<RequestId> =
        model.requests.waiting.iter().filter(|(_, entry)| late(entry)).map(|(id, _)| *id).collect();
    for id in given_up {
        if let Some((what, _)) = model.requests.waiting.remove(&id) {
            model.say(format!("✗ {what}: timed out, no answer within {PATIENCE}"), Tone::Bad);
        }
    }
}
