//! What happens to the model: one message in, things to do out. Reads no clock, does no I/O.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind};
use ratatui::layout::Rect;

use super::actions::{Action, ActionId, Chord, lookup};
use super::layout::Class;
use super::model::{Mode, Model};
use super::theme::Tone;
use super::{Ended, Stop, dialogs, perform, requests};
use crate::engine::Request;
use crate::model::{RequestId, Seq, Span};
use crate::runtime::feed::FeedItem;
use crate::runtime::gauges::Gauges;
use crate::runtime::link::{Answered, Catalogue};

/// What can happen to a console.
#[derive(Debug)]
pub enum Msg {
    /// A key.
    Key(KeyEvent),
    /// Text that was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize(u16, u16),
    /// Records, in order.
    Feed(Vec<FeedItem>),
    /// The figures, newly read.
    Gauges(Box<Gauges>),
    /// Time since the console started.
    Clock(Span),
    /// A request went out; `None`: nobody took it.
    Sent(Option<RequestId>, String),
    /// A request was answered.
    Answer(Answered),
    /// The setup was read anew: what can be started.
    Catalogue(Catalogue),
    /// Somebody outside wants the console to end.
    Stop(Stop),
    /// The terminal is gone.
    Lost,
    /// The writer has room again.
    Drained,
}

/// What is to be done about it.
#[derive(Debug, Clone, PartialEq)]
pub enum Todo {
    /// Send a request; `what` is what a toast calls it.
    Send { seen: Option<Seq>, request: Request, what: String },
    /// Hand a text to the clipboard of the terminal.
    Copy(String),
    /// Draw everything anew.
    Redraw,
    /// Give the terminal back to the shell until it says `fg`.
    Suspend,
    /// Leave.
    End(Ended),
}

/// Takes one message.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Todo> {
    match msg {
        Msg::Key(key) if key.kind == KeyEventKind::Release => {}
        Msg::Key(key) => return on_key(model, key),
        Msg::Paste(text) => dialogs::on_paste(model, &text),
        Msg::Resize(width, height) => {
            model.screen = Rect::new(0, 0, width, height);
            return vec![Todo::Redraw];
        }
        Msg::Feed(items) => {
            items.into_iter().for_each(|item| on_feed(model, item));
            requests::on_records(model);
        }
        Msg::Gauges(gauges) => model.live_gauges = *gauges,
        Msg::Clock(now) => {
            model.now = now;
            requests::on_clock(model);
        }
        Msg::Sent(id, what) => requests::on_sent(model, id, what),
        Msg::Answer(answered) => requests::on_answer(model, answered),
        Msg::Catalogue(catalogue) => on_catalogue(model, catalogue),
        Msg::Stop(stop) => return vec![Todo::End(Ended::Stopped(stop))],
        Msg::Lost => return vec![Todo::End(Ended::TerminalLost)],
        Msg::Drained => {}
    }
    Vec::new()
}

/// A form, or a choice, that was about another setup is closed.
fn on_catalogue(model: &mut Model, catalogue: Catalogue) {
    if catalogue == model.catalogue {
        return;
    }
    model.catalogue = catalogue;
    if matches!(model.mode, Mode::Pick { .. } | Mode::Form(_)) {
        model.mode = Mode::Normal;
        model.say("the setup was read anew: t begins again".to_owned(), Tone::Wait);
    }
}

fn on_feed(model: &mut Model, item: FeedItem) {
    match item {
        FeedItem::Snapshot(state) => {
            (model.live, model.connected) = (*state, true);
            if model.lost.take().is_some() {
                model.say("✓ the engine is there again".to_owned(), Tone::Good);
            }
        }
        FeedItem::Records(records) => {
            for record in records.iter() {
                if let Err(error) = model.live.apply(record) {
                    model.connected = false;
                    model.say(format!("✗ the feed cannot be followed: {error}"), Tone::Critical);
                    return;
                }
            }
        }
        FeedItem::Lost(why) => (model.connected, model.lost) = (false, Some(why)),
        FeedItem::End => model.connected = false,
    }
}

fn on_key(model: &mut Model, key: KeyEvent) -> Vec<Todo> {
    let chord = Chord::of(key);
    let action = lookup(chord);
    // These must work wherever one is.
    if let Some(action) = action
        && chord.ctrl
        && matches!(action.id, ActionId::Quit | ActionId::Suspend | ActionId::Redraw)
    {
        return perform::perform(model, action.id);
    }
    if model.layout().class == Class::Small {
        // Keys whose effect cannot be seen do nothing; leaving works.
        return match action.map(|action| action.id) {
            Some(ActionId::Quit) if model.mode == Mode::Normal => perform::perform(model, ActionId::Quit),
            _ => Vec::new(),
        };
    }
    if model.mode != Mode::Normal {
        return dialogs::on_key(model, chord);
    }
    match action {
        Some(action) => try_action(model, action),
        None => {
            if let KeyCode::Char(_) = chord.code {
                model.say(format!("{chord} does nothing here · ? shows the keys"), Tone::Dim);
            }
            Vec::new()
        }
    }
}

/// Does an action, or says why it cannot be done now.
pub fn try_action(model: &mut Model, action: &Action) -> Vec<Todo> {
    match (action.when)(model) {
        Ok(()) => perform::perform(model, action.id),
        Err(why) => {
            model.say(format!("✗ {}: {why}", action.title), Tone::Wait);
            Vec::new()
        }
    }
}
