//! `quell explain`: why each thing of a run was done, or was not, from the records alone.

mod agent;
mod began;
mod course;
mod show;
mod steps;
mod words;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::args::Explain;
use super::error::Error;
use super::output::print;
use super::{ask, journal, records};
use crate::engine::{Event, IllegalEvent, Record, Run, State};
use crate::model::{RunId, SafeText};
use began::Began;
use course::Moment;

/// Things that are told of one run; what comes after them is counted.
const MOST_MOMENTS: usize = 5_000;

/// Explains a run.
///
/// # Errors
/// There is neither an engine nor a journal, the run is not in it, or nobody reads.
pub fn run(args: &Explain) -> Result<(), Error> {
    let id = named(&args.run)?;
    let folder = ask::folder(args.state.as_deref())?;
    let explanation = read(&folder, id)?;
    print(&if args.json { show::json(&explanation) } else { show::text(&explanation) })
}

fn named(text: &str) -> Result<RunId, Error> {
    text.parse().map_err(|_| {
        let what = format!("`{}` is no run: only runs are explained so far", SafeText(text).cut(60));
        Error::usage(what).hint("`quell runs` lists them; then, for example, `quell explain run-7`")
    })
}

fn read(folder: &Path, id: RunId) -> Result<Explanation, Error> {
    let mut explainer = Explainer::of(id);
    let before = records::before(folder)?;
    explainer.state = before.state;
    records::past(folder, |record| explainer.take(record).map_err(|illegal| journal::unreadable(&illegal)))?;
    explainer.finish().ok_or_else(|| {
        if let Some(archive) = &before.archive {
            let what = format!("how {id} began is in no record of the journal");
            return Error::failed(what)
                .hint(format!("{}: `quell journal show FILE`", journal::elsewhere(archive)));
        }
        let what = format!("{id} is in no record of {}", SafeText(&folder.display().to_string()));
        Error::failed(what).hint("`quell runs` lists the runs that there are")
    })
}

/// What is to be said of a run.
#[derive(Debug)]
pub struct Explanation {
    /// How it stands, or stood when it left the state.
    pub run: Run,
    /// Why it began.
    pub began: Began,
    /// What happened, in order.
    pub course: Vec<Moment>,
    /// What happened after that is not kept.
    pub cut: usize,
    /// After the last record.
    pub state: State,
}

/// Gathers what is to be said of one run while the journal is folded. What was decided is explained by
/// the state that it was decided in.
struct Explainer {
    id: RunId,
    state: State,
    began: Option<Began>,
    course: Vec<Moment>,
    cut: usize,
    /// The run as it left the state.
    retired: Option<Run>,
    /// The run that ended last, and the record that says so.
    ended: Option<(RunId, u64)>,
}

impl Explainer {
    fn of(id: RunId) -> Self {
        let (state, course) = (State::new(), Vec::new());
        Explainer { id, state, began: None, course, cut: 0, retired: None, ended: None }
    }

    fn take(&mut self, record: &Record) -> Result<(), IllegalEvent> {
        match &record.event {
            Event::RunCreated(new) if new.run == self.id => {
                // What a bad end sets off comes right after it, but for the text of a workflow.
                let after = self.ended.filter(|(_, seq)| record.seq - seq <= 2).map(|(run, _)| run);
                self.began = Some(Began::of(new, record, &self.state, after));
            }
            Event::RunFailed { run, .. } | Event::RollbackCompleted { run } => {
                self.ended = Some((*run, record.seq));
            }
            Event::Retired { runs, .. } if runs.contains(&self.id) => {
                self.retired = self.state.run(self.id).cloned();
            }
            _ => {}
        }
        if let Some(began) = &self.began
            && self.retired.is_none()
            && let Some(moment) = course::moment(record, self.id, &self.state, began)
        {
            match self.course.len() < MOST_MOMENTS {
                true => self.course.push(moment),
                false => self.cut += 1,
            }
        }
        self.state.apply(record)
    }

    fn finish(self) -> Option<Explanation> {
        let run = self.state.run(self.id).cloned().or(self.retired)?;
        Some(Explanation { run, began: self.began?, course: self.course, cut: self.cut, state: self.state })
    }
}
