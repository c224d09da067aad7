//! What was asked and not answered yet.

use std::collections::BTreeMap;

use super::model::Model;
use super::theme::Tone;
use super::update::Todo;
use crate::engine::{Answer, Request};
use crate::model::{IncidentId, RequestId, Seq, Span};
use crate::runtime::link::Answered;

/// How long an answer may take.
pub const PATIENCE: Span = Span::from_secs(5);

/// Requests under way.
#[derive(Debug, Default)]
pub struct Requests {
    waiting: BTreeMap<RequestId, Waiting>,
    /// The incident that the request dismisses which is sent next.
    pub dismissing: Option<IncidentId>,
}

/// One of them.
#[derive(Debug)]
struct Waiting {
    /// What a toast calls it.
    what: String,
    /// When it is given up.
    until: Span,
    /// Its answer, while the replica is behind the records that the answer is about.
    answered: Option<(Seq, Answer)>,
    /// The incident that it dismisses.
    dismisses: Option<IncidentId>,
}

impl Requests {
    /// When the next one is given up.
    pub fn deadline(&self) -> Option<Span> {
        self.waiting.values().map(|waiting| waiting.until).min()
    }

    /// How many there are: while there is one, news are urgent.
    pub fn under_way(&self) -> usize {
        self.waiting.len()
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
        (_, false) if model.lost.is_some() => Err("the engine cannot be reached".to_owned()),
        (_, false) => Err("the engine has stopped".to_owned()),
        _ => Ok(()),
    }
}

/// It was sent, or could not be.
pub fn on_sent(model: &mut Model, id: Option<RequestId>, what: String) {
    let dismisses = model.requests.dismissing.take();
    match id {
        Some(id) => {
            let until = Span(model.now.0.saturating_add(PATIENCE.0));
            model.requests.waiting.insert(id, Waiting { what, until, answered: None, dismisses });
        }
        None => model.say(format!("✗ {what}: the engine has stopped"), Tone::Bad),
    }
}

/// It was answered. What is said of it waits until the replica has the records that go with it: else
/// the next key would act on a picture that the operator's own request has made old.
pub fn on_answer(model: &mut Model, answered: Answered) {
    let Answered { id, seq, answer } = answered;
    match model.requests.waiting.get_mut(&id) {
        Some(waiting) => waiting.answered = Some((seq, answer)),
        // Given up already; better late than never.
        None => say(model, &id.to_string(), answer),
    }
    on_records(model);
}

/// The replica went on: says what was waiting for it.
pub fn on_records(model: &mut Model) {
    let (seq, connected) = (model.live.seq(), model.connected);
    // Without an engine nothing more will come.
    let is_due =
        |waiting: &Waiting| waiting.answered.as_ref().is_some_and(|(at, _)| *at <= seq || !connected);
    settle(model, is_due);
}

/// Time passed: gives up what took too long.
pub fn on_clock(model: &mut Model) {
    let now = model.now;
    settle(model, |waiting| waiting.until <= now);
}

/// Ends the requests that are due, with their answers or without.
fn settle(model: &mut Model, is_due: impl Fn(&Waiting) -> bool) {
    let due: Vec<RequestId> = {
        let due = model.requests.waiting.iter().filter(|(_, waiting)| is_due(waiting));
        due.map(|(id, _)| *id).collect()
    };
    for id in due {
        match model.requests.waiting.remove(&id) {
            Some(Waiting { what, answered: Some((_, answer)), dismisses, .. }) => {
                let accepted = matches!(answer, Answer::Accepted(_));
                say(model, &what, answer);
                if let Some(incident) = dismisses.filter(|_| accepted) {
                    super::lift::offer(model, incident);
                }
            }
            Some(Waiting { what, .. }) => {
                model.say(format!("✗ {what}: timed out, no answer within {PATIENCE}"), Tone::Bad);
            }
            None => {}
        }
    }
}

fn say(model: &mut Model, what: &str, answer: Answer) {
    match answer {
        Answer::Accepted(text) if text.is_empty() => model.say(format!("✓ {what}: accepted"), Tone::Good),
        Answer::Accepted(text) => model.say(format!("✓ {what}: accepted, {text}"), Tone::Good),
        Answer::Refused(why) => model.say(format!("✗ {what}: refused: {why}"), Tone::Bad),
    }
}
