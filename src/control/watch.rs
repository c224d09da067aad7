//! One console in another process: all that it shows, as it happens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::follow::{Follower, GLANCE};
use super::hub::After;
use super::message::ToClient;
use super::wire::WireError;
use crate::detect;
use crate::engine::State;
use crate::runtime::clock::instant;
use crate::runtime::gauges::Gauges;
use crate::runtime::link::Catalogue;

/// Bytes of a snapshot in one frame. As a text in JSON they may become twice as many.
const PART: usize = 4 * 1024 * 1024;
/// How often figures are sent that go on.
const OFTEN: Duration = Duration::from_millis(250);
/// How often they are sent while nothing happens.
const SELDOM: Duration = Duration::from_secs(1);

/// Sends what a console shows.
pub(super) struct Watcher {
    follower: Follower,
    /// What it was told last.
    catalogue: Option<Arc<Catalogue>>,
    rules: Option<Arc<detect::Figures>>,
    received: u64,
    /// When it hears figures again, at the latest.
    next: Instant,
}

/// As [`ToClient::Catalogue`] and [`ToClient::Gauges`], without copies.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Told<'a> {
    Catalogue(&'a Catalogue),
    Gauges { gauges: &'a Gauges, rules: Option<&'a detect::Figures> },
}

impl Watcher {
    pub(super) fn new(follower: Follower) -> Self {
        Watcher { follower, catalogue: None, rules: None, received: 0, next: instant() }
    }

    pub(super) fn run(mut self) {
        // One who does not take it in time, or is gone, gets no more of it.
        let _ = self.watch();
        self.follower.out.close();
    }

    fn watch(&mut self) -> Result<(), WireError> {
        self.figures()?;
        self.snapshot()?;
        while !self.follower.is_gone() {
            let patience = self.next.saturating_duration_since(instant());
            if patience.is_zero() {
                self.figures()?;
                continue;
            }
            match self.follower.shared.hub.after(self.follower.sent, patience.min(GLANCE)) {
                After::Records(batches) => {
                    self.follower.send_all(&batches)?;
                    self.next = self.next.min(instant() + OFTEN);
                }
                // What it missed is of no interest to a screen.
                After::InJournal => self.snapshot()?,
                After::Nothing => {}
                After::End => {
                    self.figures()?;
                    return self.follower.out.send(&ToClient::End);
                }
            }
        }
        Ok(())
    }

    fn snapshot(&mut self) -> Result<(), WireError> {
        let state = self.follower.shared.hub.look(State::clone);
        let seq = state.seq();
        let text = state.into_text().ok().and_then(|text| String::from_utf8(text).ok());
        let Some(mut text) = text.as_deref() else {
            return self.follower.out.refuse("the state has no text");
        };
        while !text.is_empty() {
            let (part, rest) = text.split_at(text.floor_char_boundary(PART));
            text = rest;
            let part = ToClient::Snapshot { part: part.to_owned(), last: text.is_empty() };
            self.follower.out.send(&part)?;
        }
        self.follower.sent = seq;
        Ok(())
    }

    /// Figures, and what has changed of what can be started.
    fn figures(&mut self) -> Result<(), WireError> {
        let catalogue = self.follower.shared.catalogue();
        if self.catalogue.as_ref().is_none_or(|told| !Arc::ptr_eq(told, &catalogue)) {
            self.follower.out.send(&Told::Catalogue(&catalogue))?;
            self.catalogue = Some(catalogue);
        }
        let gauges = self.follower.shared.board.read();
        let rules = Arc::clone(&gauges.rules);
        let news = self.rules.as_ref().is_none_or(|told| **told != *rules);
        self.follower.out.send(&Told::Gauges { gauges: &gauges, rules: news.then_some(&*rules) })?;
        self.rules = Some(rules);
        let moved = gauges.books.received != self.received;
        self.received = gauges.books.received;
        self.next = instant() + if moved { OFTEN } else { SELDOM };
        Ok(())
    }
}
