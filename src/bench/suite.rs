//! Which benchmarks there are, and how one of them is run.

use super::BenchError;
use super::live::{self, Store, folder_on_disk};
use super::result::{Measured, Report, Work};
use super::rig::Watcher;
use super::workflow;

/// A group of benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// Whole workflows.
    Workflow,
}

impl Suite {
    /// Every suite, in the order in which they are run.
    pub const ALL: &'static [Suite] = &[Suite::Workflow];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Suite::Workflow => "workflow",
        }
    }
}

/// How to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How many times the work.
    pub scale: u64,
    /// Also with every record on a disk.
    pub durable: bool,
    /// Also the bare loop of the same work.
    pub floor: bool,
    /// How often; the result with the median of operations in a second counts.
    pub repeat: u32,
}

/// Runs a suite.
///
/// # Errors
/// A benchmark cannot be run to its end.
pub fn run(suite: Suite, options: Options) -> Result<Vec<Measured>, BenchError> {
    match suite {
        Suite::Workflow => workflows(options),
    }
}

/// What a benchmark is called, and what its figures are of.
struct Title {
    name: &'static str,
    durable: bool,
    operation: &'static str,
    latency_of: &'static str,
}

/// Runs it as often as asked, and keeps the run in the middle.
fn median(
    title: &Title,
    options: Options,
    mut once: impl FnMut() -> Result<Work, BenchError>,
) -> Result<Measured, BenchError> {
    let work = middle(options.repeat, &mut once)?;
    let report = Report {
        name: title.name.into(),
        scale: options.scale,
        durable: title.durable,
        operation: title.operation.into(),
        latency_of: title.latency_of.into(),
        figures: work.figures(),
        floor: None,
        ratio_to_floor: None,
        parts: Vec::new(),
    };
    Ok(Measured { report, samples: work.samples })
}

/// Of so many runs, the one with the median of operations in a second.
fn middle(times: u32, once: &mut dyn FnMut() -> Result<Work, BenchError>) -> Result<Work, BenchError> {
    let mut works = (0..times.max(1)).map(|_| once()).collect::<Result<Vec<_>, _>>()?;
    let rate = |work: &Work| work.operations as f64 / work.usage.took.as_secs_f64();
    works.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
    Ok(works.swap_remove((works.len() - 1) / 2))
}

const STEP: &str = "step";
const FROM_REQUEST: &str = "one workflow: from the request to its durable completion";

fn workflows(options: Options) -> Result<Vec<Measured>, BenchError> {
    let setup = workflow::five()?;
    let count = workflow::AT_ONCE * options.scale;
    let title = |name, durable| Title { name, durable, operation: STEP, latency_of: FROM_REQUEST };
    let mut found = Vec::new();
    for (name, watcher) in [("workflow", Watcher::Headless), ("workflow/replica", Watcher::Replica)] {
        found.push(median(&title(name, false), options, || {
            workflow::in_memory(&setup, count, workflow::AT_ONCE, watcher)
        })?);
    }
    found.push(median(&title("workflow/threads", false), options, || {
        live::run(&setup, count, workflow::AT_ONCE, Store::Memory)
    })?);
    if options.durable {
        for (name, at_once, share) in [("workflow", workflow::AT_ONCE, 1), ("workflow/alone", 1, 10)] {
            found.push(median(&title(name, true), options, || {
                let folder = folder_on_disk()?;
                live::run(&setup, (count / share).max(1), at_once, Store::Disk(folder.path()))
            })?);
        }
    }
    Ok(found)
}
