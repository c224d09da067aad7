//! What the console knows: a replica of the engine's state, the latest figures, and where one looks.

use std::collections::BTreeMap;
use std::sync::Arc;

use ratatui::layout::Rect;

use super::field::Field;
use super::layout::{Class, Layout, Pane};
use super::list::{List, Newest};
use super::requests::Requests;
use super::sort::Sort;
use super::theme::Tone;
use crate::engine::{Settled, State};
use crate::model::{AgentId, IncidentId, ObligationId, RunId, Seq, Span, StepIx, Timestamp};
use crate::runtime::gauges::{Gauges, Stage};
use crate::runtime::link::Catalogue;

/// Everything that a frame is drawn from.
pub struct Model {
    /// The folded feed.
    pub(super) live: State,
    /// The latest figures.
    pub(super) live_gauges: Gauges,
    /// What is shown in their place while the view is frozen.
    pub(super) frozen: Option<Box<(State, Gauges)>>,
    /// Whether the engine is still there.
    pub(super) connected: bool,
    /// Whether the engine is another process: leaving is nothing to it.
    pub(super) attached: bool,
    /// Why the way to the engine is lost, if it is.
    pub(super) lost: Option<Arc<str>>,
    pub(super) catalogue: Catalogue,
    pub(super) read_only: bool,
    /// Time since the console started; for toasts and patience, never for what is true.
    pub(super) now: Span,
    pub(super) screen: Rect,
    pub(super) focus: Pane,
    pub(super) zoom: bool,
    pub(super) log: bool,
    pub(super) agents: List<AgentId>,
    pub(super) runs: List<RunId>,
    pub(super) incidents: List<IncidentId>,
    pub(super) obligations: List<ObligationId>,
    pub(super) filters: BTreeMap<Pane, String>,
    pub(super) sorts: BTreeMap<Pane, Sort>,
    pub(super) latency: LatencyView,
    /// Seconds that the throughput pane shows.
    pub(super) window: usize,
    pub(super) page: Option<Detail>,
    pub(super) mode: Mode,
    pub(super) requests: Requests,
    pub(super) toast: Option<Toast>,
    pub(super) logs: super::pane::log::LogView,
}

/// How the latency pane is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencyView {
    /// What is measured.
    pub stage: Stage,
    /// Heights by logarithm, else in proportion.
    pub log: bool,
}

/// A page about one thing, in place of the panes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detail {
    /// About what.
    pub subject: Subject,
    /// Lines above the first that is shown.
    pub scroll: usize,
}

/// What a page can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Subject {
    Run(RunId),
    Incident(IncidentId),
    Agent(AgentId),
    Obligation(ObligationId),
    Rules,
}

/// Who gets the keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Mode {
    /// The table of actions.
    Normal,
    /// The list of keys: what is searched for, and the entry under the cursor.
    Help { query: Field, at: usize },
    /// The actions by a few of their letters.
    Palette { query: Field, at: usize },
    /// A question with y and n; n is what every other key means.
    Confirm(Question),
    /// The id of a run has to be typed before it is abandoned.
    Abandon { run: RunId, seen: Seq, field: Field },
    /// A word has to be typed before the kill switch is released.
    Release { field: Field },
    /// Which workflow to start.
    Pick { at: usize },
    /// Its inputs.
    Form(Form),
    /// How an incident is closed.
    Close { incident: IncidentId, seen: Seq, nothing: bool, field: Field },
    /// The name of a workflow has to be typed before its runs act.
    Arm { workflow: Arc<str>, field: Field },
    /// What came of what a person was asked to do.
    Answer { reply: Reply, field: Field },
    /// What people have to decide. With a field, why not.
    Approvals { at: Option<super::approvals::Chosen>, deny: Option<Field> },
    /// What comes of a step in doubt, or of an undo that failed, and why.
    Settle { settling: Settling, field: Field },
    /// What rows are searched for. `before` comes back with Esc.
    Filter { pane: Pane, field: Field, before: String },
}

/// What is asked before harm is done. Bound to an id and to what was seen of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Cancel and roll back?
    Cancel { run: RunId, seen: Seq },
    /// Undo what is in force?
    Lift { obligation: ObligationId, seen: Seq },
    /// Undo what a dismissed incident caused?
    LiftOf(IncidentId),
    /// Halt everything?
    Halt,
    /// Leave although real runs are live?
    Quit,
}

/// What came of a step, or of its undo, that a person does. Bound to its question and to what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Reply {
    pub run: RunId,
    pub step: Arc<str>,
    pub undo: bool,
    pub seen: Seq,
    /// It could not be done.
    pub failed: bool,
}

/// What a person says of a step in doubt, or of an undo that failed. Bound to what was seen of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Settling {
    pub run: RunId,
    pub step: StepIx,
    pub seen: Seq,
    /// As what; `None` leaves it as it is.
    pub picked: Option<Settled>,
}

/// The inputs of a run to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// Which entry of the catalogue.
    pub workflow: usize,
    /// What was typed, one for each input.
    pub fields: Vec<Field>,
    /// What is wrong with it.
    pub errors: Vec<Option<String>>,
    /// The field under the cursor; behind the last one lies `Start`.
    pub at: usize,
}

/// A line for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Toast {
    /// What is said.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
    /// Until when.
    pub until: Span,
}

/// How long a toast stays.
const TOAST: Span = Span::from_secs(8);

/// The windows of the throughput pane, in seconds.
pub(super) const WINDOWS: [usize; 5] = [30, 60, 120, 300, 600];

impl Model {
    /// Before anything came by the feed.
    pub fn new(catalogue: Catalogue, read_only: bool, width: u16, height: u16) -> Self {
        Model {
            live: State::new(),
            live_gauges: Gauges::default(),
            frozen: None,
            connected: true,
            attached: false,
            lost: None,
            catalogue,
            read_only,
            now: Span::ZERO,
            screen: Rect::new(0, 0, width, height),
            focus: Pane::Workflows,
            zoom: false,
            log: false,
            agents: List::new(Newest::Top),
            runs: List::new(Newest::Top),
            incidents: List::new(Newest::Bottom),
            obligations: List::new(Newest::Top),
            filters: BTreeMap::new(),
            sorts: BTreeMap::new(),
            latency: LatencyView { stage: Stage::Step, log: true },
            window: WINDOWS[1],
            page: None,
            mode: Mode::Normal,
            requests: Requests::default(),
            toast: None,
            logs: super::pane::log::LogView::default(),
        }
    }

    /// What is shown of the engine.
    pub fn state(&self) -> &State {
        self.frozen.as_deref().map_or(&self.live, |(state, _)| state)
    }

    /// The figures that are shown.
    pub fn gauges(&self) -> &Gauges {
        self.frozen.as_deref().map_or(&self.live_gauges, |(_, gauges)| gauges)
    }

    /// The engine's now, as far as it is shown.
    pub fn engine_now(&self) -> Timestamp {
        self.gauges().now.max(self.state().now())
    }

    /// Where everything is.
    pub fn layout(&self) -> Layout {
        Layout::new(self.screen, self.focus, self.zoom, self.log)
    }

    /// The panes that Tab goes through: of the grid only those in it, since the others take the whole
    /// screen.
    pub fn panes(&self) -> impl Iterator<Item = Pane> {
        let (log, focus, grid) = (self.log, self.focus, self.layout().class == Class::Grid);
        let is_next = move |pane: Pane| pane == focus || pane.in_grid() || !grid;
        Pane::ALL.into_iter().filter(move |pane| is_next(*pane) && (*pane != Pane::Log || log))
    }

    /// Says something in the line for answers.
    pub fn say(&mut self, text: impl Into<String>, tone: Tone) {
        let until = Span(self.now.0.saturating_add(TOAST.0));
        self.toast = Some(Toast { text: text.into(), tone, until });
    }

    /// When something on the screen, or a request, runs out.
    pub fn expires(&self) -> Option<Span> {
        let toast = self.toast.as_ref().map(|toast| toast.until);
        toast.into_iter().chain(self.requests.deadline()).min()
    }

    /// The name of an agent.
    pub fn agent_name(&self, id: AgentId) -> &str {
        self.state().agent(id).map_or("?", |agent| agent.name())
    }

    /// Brings lists and pages in line with what is there now. Called before a frame is drawn.
    pub fn settle(&mut self) {
        if self.toast.as_ref().is_some_and(|toast| toast.until <= self.now) {
            self.toast = None;
        }
        let layout = self.layout();
        let state = self.frozen.as_deref().map_or(&self.live, |(state, _)| state);
        let filter = |pane: Pane| self.filters.get(&pane).map_or("", String::as_str);

        let sort = |pane: Pane| self.sorts.get(&pane).copied().unwrap_or_default();

        let agents = super::pane::agents::ids(state, filter(Pane::Agents), sort(Pane::Agents));
        self.agents.set_newest(sort(Pane::Agents).newest(Newest::Top));
        self.agents.refresh(agents, self.now, layout.list_rows(Pane::Agents), |_, _| 1);
        let runs = super::pane::workflows::ids(state, filter(Pane::Workflows), sort(Pane::Workflows));
        self.runs.set_newest(sort(Pane::Workflows).newest(Newest::Top));
        let height = |id, selected| super::pane::workflows::height(state, id, selected);
        self.runs.refresh(runs, self.now, layout.list_rows(Pane::Workflows), height);
        let incidents = super::pane::incidents::ids(state, filter(Pane::Incidents), sort(Pane::Incidents));
        self.incidents.set_newest(sort(Pane::Incidents).newest(Newest::Bottom));
        self.incidents.refresh(incidents, self.now, layout.list_rows(Pane::Incidents), |_, _| 1);

        // It may be long, and is not always on the screen.
        if layout.pane(Pane::Ledger).is_some() {
            let obligations = super::pane::ledger::ids(state, filter(Pane::Ledger), sort(Pane::Ledger));
            self.obligations.set_newest(sort(Pane::Ledger).newest(Newest::Top));
            self.obligations.refresh(obligations, self.now, layout.list_rows(Pane::Ledger), |_, _| 1);
        }

        if let Some(Detail { subject, scroll }) = self.page {
            let lines = super::detail::rows(self, subject, usize::from(layout.body.width)).len();
            let shown = usize::from(layout.body.height.saturating_sub(2));
            self.page = Some(Detail { subject, scroll: scroll.min(lines.saturating_sub(shown)) });
        }
    }
}

/// Whether a row with this text passes a filter: all words, in any order; `!` inverts.
pub(super) fn passes(filter: &str, row: impl FnOnce() -> String) -> bool {
    let (inverse, words) = match filter.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, filter),
    };
    if words.trim().is_empty() {
        return true;
    }
    let row = row().to_lowercase();
    let found = words.split_whitespace().all(|word| row.contains(&word.to_lowercase()));
    found != inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_search_words_and_invert() {
        let row = || "run-42 contain-scan RUNNING".to_owned();
        for (filter, shown) in [
            ("", true),
            ("!", true),
            ("scan", true),
            ("running run-4", true),
            ("brute", false),
            ("!brute", true),
            ("!scan", false),
        ] {
            assert_eq!(passes(filter, row), shown, "{filter}");
        }
    }
}
