//! Gathers what a report tells while the journal is folded.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::{acts, todo};
use crate::cli::journal::elsewhere;
use crate::cli::records::Before;
use crate::control::figures::Figures;
use crate::engine::{
    Actor, Event, IllegalEvent, Incident, JournalKind, Obligation, Record, Run, RunStatus, State,
};
use crate::flow::machine::Status;
use crate::model::{Span, Timestamp};

/// Entries of a list that are kept, the latest; the rest is counted.
pub const LISTED: usize = 100;

/// How far ahead a report looks for what ends by itself.
const AHEAD: Span = Span::from_secs(12 * 3600);

/// A list that keeps its latest entries.
#[derive(Debug, Serialize)]
pub struct Listed<T> {
    /// Entries ever added.
    pub count: u64,
    /// The latest.
    pub latest: VecDeque<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Listed { count: 0, latest: VecDeque::new() }
    }
}

impl<T> Listed<T> {
    fn add(&mut self, entry: T) {
        self.count += 1;
        if self.latest.len() == LISTED {
            self.latest.pop_front();
        }
        self.latest.push_back(entry);
    }
}

impl<T> FromIterator<T> for Listed<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        let mut listed = Listed::default();
        entries.into_iter().for_each(|entry| listed.add(entry));
        listed
    }
}

/// What somebody did, or asked and was refused.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Act {
    pub at: String,
    pub by: String,
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// An incident or a run in one line.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Line {
    pub id: String,
    pub status: String,
    pub since: String,
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Something that stands on the ledger.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct InForce {
    pub id: String,
    pub status: String,
    pub what: String,
    pub target: Option<String>,
    pub by: String,
    /// Runs that want it to last.
    pub holders: usize,
    pub since: Option<String>,
    pub until: Option<String>,
    /// What ends it.
    pub ends: &'static str,
    pub undo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Something that a person should do.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Todo {
    pub what: String,
    pub command: String,
}

/// The report.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Report {
    pub since: String,
    pub until: String,
    pub drill: bool,
    /// What to do first, the most urgent first.
    pub first: Vec<Todo>,
    pub halted: Option<Act>,
    pub incidents_opened: u64,
    pub incidents_opened_by_severity: BTreeMap<&'static str, u64>,
    pub incidents_open_by_severity: BTreeMap<&'static str, u64>,
    pub incidents_open: Listed<Line>,
    pub runs_begun: u64,
    /// Runs that ended, by status; those that only observed are `observed`.
    pub runs_ended: BTreeMap<&'static str, u64>,
    /// Runs that ended badly.
    pub runs_badly: Listed<Line>,
    /// Runs under way at the end.
    pub runs_live: Listed<Line>,
    pub in_force: Listed<InForce>,
    /// How many of them end within 12 h.
    pub ending_soon: usize,
    pub people: Listed<Act>,
    pub refused: Listed<Act>,
    /// How often quell was started again.
    pub restarts: u64,
    /// Where records of that time are that the journal has no more: the figures leave them out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<String>,
    /// The books of the sources, if an engine is at work.
    pub sources: Option<Figures>,
}

/// A report in the making.
pub struct Gathering {
    since: Timestamp,
    until: Timestamp,
    state: State,
    opened: BTreeMap<&'static str, u64>,
    begun: u64,
    ended: BTreeMap<&'static str, u64>,
    badly: Listed<Line>,
    people: Listed<Act>,
    refused: Listed<Act>,
    restarts: u64,
    archived: Option<String>,
}

impl Gathering {
    /// About the records from `since` on, up to `until`.
    pub fn of(since: Timestamp, until: Timestamp) -> Self {
        Gathering {
            since,
            until,
            state: State::new(),
            opened: BTreeMap::new(),
            begun: 0,
            ended: BTreeMap::new(),
            badly: Listed::default(),
            people: Listed::default(),
            refused: Listed::default(),
            restarts: 0,
            archived: None,
        }
    }

    /// Begins where the journal begins.
    pub fn after(mut self, before: Before) -> Self {
        let left_out = before.archive.filter(|_| before.state.now() >= self.since);
        self.archived = left_out.map(|archive| elsewhere(&archive));
        self.state = before.state;
        self
    }

    /// The next record. What came after the end is not looked at.
    ///
    /// # Errors
    /// It cannot follow the ones before it.
    pub fn take(&mut self, record: &Record) -> Result<(), IllegalEvent> {
        if record.at > self.until {
            return Ok(());
        }
        if record.at >= self.since {
            self.note(record);
        }
        self.state.apply(record)?;
        if record.at >= self.since {
            self.note_end(record);
        }
        Ok(())
    }

    fn note(&mut self, record: &Record) {
        match &record.event {
            Event::IncidentOpened { detection, .. } => {
                *self.opened.entry(detection.rule.level.name()).or_default() += 1;
            }
            Event::RunCreated(_) => self.begun += 1,
            Event::Recovered { .. } => self.restarts += 1,
            Event::RequestRefused { by, request, why } => {
                let what = acts::asked(request);
                self.refused.add(Act::of(record.at, by, what, Some(why.to_string())));
            }
            _ => {}
        }
        if let Some((by, what)) = acts::act(&record.event, &self.state) {
            self.people.add(Act::of(record.at, &by, what, None));
        }
    }

    fn note_end(&mut self, record: &Record) {
        let ended = match &record.event {
            Event::RunCompleted { run }
            | Event::RunFailed { run, .. }
            | Event::RollbackCompleted { run }
            | Event::RunAbandoned { run, .. } => *run,
            _ => return,
        };
        let Some(run) = self.state.run(ended) else { return };
        let word = if run.mode().is_live() { run.status().name() } else { "observed" };
        *self.ended.entry(word).or_default() += 1;
        if run.mode().is_live() && run.status() != RunStatus::Completed {
            self.badly.add(Line::run(run));
        }
    }

    /// The report, with what an engine at work says of its sources.
    pub fn finish(self, sources: Option<Figures>) -> Report {
        let state = &self.state;
        let open = || state.incidents().filter(|incident| incident.status().is_open());
        let mut by_severity = BTreeMap::new();
        open().for_each(|incident| *by_severity.entry(incident.severity().name()).or_default() += 1);
        let live = state.runs().filter(|run| !run.status().is_terminal());
        Report {
            since: self.since.to_string(),
            until: self.until.to_string(),
            drill: state.kind() == Some(JournalKind::Exercise),
            first: todo::first(state, self.until),
            halted: state.halt().map(|halt| {
                let why = Some(halt.why().to_owned()).filter(|why| !why.is_empty());
                Act::of(halt.at(), halt.by(), "halted everything".to_owned(), why)
            }),
            incidents_opened: self.opened.values().sum(),
            incidents_opened_by_severity: self.opened,
            incidents_open_by_severity: by_severity,
            incidents_open: open().map(Line::incident).collect(),
            runs_begun: self.begun,
            runs_ended: self.ended,
            runs_badly: self.badly,
            runs_live: live.map(Line::run).collect(),
            ending_soon: standing(state, self.until)
                .filter(|of| of.until().is_some_and(|at| at <= self.until + AHEAD))
                .count(),
            in_force: standing(state, self.until).map(InForce::of).collect(),
            people: self.people,
            refused: self.refused,
            restarts: self.restarts,
            archived: self.archived,
            sources,
        }
    }
}

impl Act {
    fn of(at: Timestamp, by: &Actor, what: String, why: Option<String>) -> Self {
        Act { at: at.to_string(), by: by.to_string(), what, why }
    }
}

impl Line {
    fn run(run: &Run) -> Self {
        let incident = run.incident().map_or(String::new(), |incident| format!(" for {incident}"));
        Line {
            id: run.id().to_string(),
            status: run.status().name().to_owned(),
            since: run.since().to_string(),
            what: format!("{}{incident}", run.workflow()),
            why: run.why().map(str::to_owned),
        }
    }

    fn incident(incident: &Incident) -> Self {
        let owner = incident.owner().map_or(String::new(), |owner| format!(", owner {owner}"));
        let echoes = match incident.echoes() {
            0 => String::new(),
            n => format!(", went on {n} times while it was answered"),
        };
        Line {
            id: incident.id().to_string(),
            status: incident.status().name().to_owned(),
            since: incident.opened_at().to_string(),
            what: format!(
                "{} {} {}, {} seen{owner}{echoes}",
                incident.severity(),
                incident.first().rule.name,
                incident.key(),
                incident.count()
            ),
            why: None,
        }
    }
}

impl InForce {
    fn of(of: &Obligation) -> Self {
        let (run, step) = of.origin();
        InForce {
            id: of.id().to_string(),
            status: of.status().name().to_owned(),
            what: of.action().name.to_string(),
            target: of.target().map(|target| target.to_string()),
            by: format!("{run}/{step}"),
            holders: of.holders().len(),
            since: of.in_force_since().map(|at| at.to_string()),
            until: of.until().map(|at| at.to_string()),
            ends: of.ends_by().name(),
            undo: of.undo().map(|undo| undo.name.to_string()),
            why: of.why().map(str::to_owned),
        }
    }
}

/// What stands at a time: what has ended by itself by then does not, though nobody has said so yet.
pub fn standing(state: &State, at: Timestamp) -> impl Iterator<Item = &Obligation> {
    state.ledger().standing().filter(move |of| of.ends_itself_at().is_none_or(|end| end > at))
}
