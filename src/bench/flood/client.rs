//! Somebody who asks over the control socket while the flood goes on, one thing after the other.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::plant::ERRAND;
use crate::bench::BenchError;
use crate::bench::result::Part;
use crate::bench::samples::Samples;
use crate::control::client::{Client, ClientError};
use crate::control::message::{Asked, Table};
use crate::control::obligations::Wanted;
use crate::engine::Request;
use crate::model::{Map, RunId};
use crate::runtime::clock::instant;

/// Between two questions: a person is not the fastest.
const PAUSE: Duration = Duration::from_millis(1);
/// Rows of a table.
const ROWS: usize = 50;

/// What is asked, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Trigger,
    Pause,
    Runs,
    Resume,
    Run,
    Incidents,
    Ledger,
    Figures,
}

const ALL: [(What, &str); 8] = [
    (What::Trigger, "trigger"),
    (What::Pause, "pause"),
    (What::Runs, "rows of runs"),
    (What::Resume, "resume"),
    (What::Run, "one run"),
    (What::Incidents, "rows of incidents"),
    (What::Ledger, "ledger"),
    (What::Figures, "figures"),
];

/// What was asked and how long it took.
#[derive(Debug, Default)]
pub struct Heard {
    /// Every latency.
    pub samples: Samples,
    /// Questions, and those that were answered as they should.
    pub asked: u64,
    #[allow(missing_docs)]
    pub answered: u64,
    /// Runs that were triggered.
    pub triggered: u64,
    each: [(Samples, u64, u64); ALL.len()],
    /// What was answered otherwise, the first of it.
    pub wrong: Option<String>,
}

impl Heard {
    /// By what was asked.
    pub fn parts(&self, took: Duration) -> Vec<Part> {
        let part = |((_, name), (samples, asked, answered)): (&(What, &str), &(Samples, u64, u64))| Part {
            name: (*name).into(),
            operations: *asked,
            succeeded: *answered,
            operations_per_second: *asked as f64 / took.as_secs_f64().max(1e-9),
            latency_ms: samples.latency(),
        };
        ALL.iter().zip(&self.each).map(part).collect()
    }
}

/// The asking side.
pub struct Asking {
    client: Client,
    heard: Heard,
    run: RunId,
}

impl Asking {
    /// Connects to the engine of a folder.
    ///
    /// # Errors
    /// It cannot be reached.
    pub fn connect(folder: &Path) -> Result<Self, BenchError> {
        let client = Client::connect(folder, None).map_err(|error| error.to_string())?;
        let client = client.ok_or("nobody listens on the control socket")?;
        Ok(Asking { client, heard: Heard::default(), run: RunId(0) })
    }

    /// Asks until it is told that the flood is over; then no run is left paused.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn ask_until(mut self, over: &AtomicBool) -> Result<Heard, BenchError> {
        while !over.load(Ordering::Acquire) {
            for (number, (what, name)) in ALL.iter().enumerate() {
                let begun = instant();
                let answer = self.ask(*what).map_err(|error| format!("{name}: {error}"))?;
                let took = instant().duration_since(begun);
                self.heard.asked += 1;
                self.heard.samples.add(took);
                if let Some((samples, asked, answered)) = self.heard.each.get_mut(number) {
                    samples.add(took);
                    *asked += 1;
                    *answered += u64::from(answer.is_ok());
                }
                match answer {
                    Ok(()) => self.heard.answered += 1,
                    Err(why) => {
                        self.heard.wrong.get_or_insert_with(|| format!("{name}: {why}"));
                    }
                }
                std::thread::sleep(PAUSE);
            }
        }
        Ok(self.heard)
    }

    fn ask(&mut self, what: What) -> Result<Result<(), String>, ClientError> {
        let run = self.run;
        match what {
            What::Trigger => {
                let text = self.request(Request::Trigger { workflow: ERRAND.into(), inputs: Map::new() })?;
                Ok(text.and_then(|text| {
                    let id = text.split(' ').next().and_then(|word| word.parse().ok());
                    self.run = id.ok_or(format!("no run in `{text}`"))?;
                    self.heard.triggered += 1;
                    Ok(())
                }))
            }
            What::Pause => Ok(self.request(Request::Pause { run })?.map(drop)),
            What::Resume => Ok(self.request(Request::Resume { run })?.map(drop)),
            What::Runs => self.rows(Table::Runs),
            What::Incidents => self.rows(Table::Incidents),
            What::Run => Ok(match self.client.run(run)? {
                Some(detail) if detail.row.id == run.to_string() => Ok(()),
                found => Err(format!("asked for {run}, found {found:?}")),
            }),
            What::Ledger => {
                let wanted = Wanted { limit: ROWS, ..Wanted::default() };
                let listed = self.client.ledger(&wanted)?;
                Ok(if listed.rows.len() <= ROWS { Ok(()) } else { Err("too many rows".to_owned()) })
            }
            What::Figures => {
                let books = self.client.figures()?;
                // At any time (C20).
                let sum = books.processed
                    + books.deduplicated
                    + books.undecodable
                    + books.too_long
                    + books.overflow
                    + books.queued;
                Ok(match sum == books.received {
                    true => Ok(()),
                    false => Err(format!("received {}, accounted for {sum}", books.received)),
                })
            }
        }
    }

    fn request(&mut self, request: Request) -> Result<Result<String, String>, ClientError> {
        let id = format!("flood-{}", self.heard.asked);
        let given = self.client.ask(&Asked { id, seen: None, request })?;
        Ok(if given.accepted { Ok(given.text) } else { Err(given.text) })
    }

    fn rows(&mut self, of: Table) -> Result<Result<(), String>, ClientError> {
        let (rows, all) = self.client.rows(of, ROWS)?;
        let fits = rows.len() == all.min(ROWS);
        Ok(if fits { Ok(()) } else { Err(format!("{} rows of {all}", rows.len())) })
    }
}
