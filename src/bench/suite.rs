//! Which benchmarks there are, and how one of them is run.

use super::floor;
use super::live::{self, Store, folder_on_disk};
use super::result::{Measured, Report, Work};
use super::rig::Watcher;
use super::{
    BenchError, agents, detection, flood, halt, hostile, matching, processes, recovery, rollback,
    transitions, workflow,
};
use crate::journal::journal_path;

/// A group of benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// Whole workflows.
    Workflow,
    /// State machines.
    Transitions,
    /// From a signal to a response.
    Detection,
    /// From a line to what it matches.
    Match,
    /// Agents at work side by side.
    Agents,
    /// Undoing.
    Rollback,
    /// Programs.
    Processes,
    /// Starting from a journal.
    Recovery,
    /// The kill switch.
    Halt,
    /// Programs that do not want to end.
    Hostile,
    /// More signals than anybody wants.
    Flood,
}

impl Suite {
    /// Every suite, in the order in which they are run.
    pub const ALL: &'static [Suite] = &[
        Suite::Workflow,
        Suite::Transitions,
        Suite::Detection,
        Suite::Match,
        Suite::Agents,
        Suite::Rollback,
        Suite::Processes,
        Suite::Recovery,
        Suite::Halt,
        Suite::Hostile,
        Suite::Flood,
    ];

    /// Whether it is run when nobody says what is to be: it measures how fast quell is. The others look
    /// whether it holds.
    pub fn is_usual(self) -> bool {
        !matches!(self, Suite::Hostile | Suite::Flood)
    }

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Suite::Workflow => "workflow",
            Suite::Transitions => "transitions",
            Suite::Detection => "detection",
            Suite::Match => "match",
            Suite::Agents => "agents",
            Suite::Rollback => "rollback",
            Suite::Processes => "processes",
            Suite::Recovery => "recovery",
            Suite::Halt => "halt",
            Suite::Hostile => "hostile",
            Suite::Flood => "flood",
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
        Suite::Transitions => transitions(options),
        Suite::Detection => detection(options),
        Suite::Match => matches(options),
        Suite::Agents => agents(options),
        Suite::Rollback => rollback(options),
        Suite::Processes => processes(options),
        Suite::Recovery => recovery(options),
        Suite::Halt => halt(options),
        Suite::Hostile => hostile(options),
        Suite::Flood => flood(options),
    }
}

type Once<'a> = &'a mut dyn FnMut() -> Result<Work, BenchError>;
type Bare<'a> = (&'a str, &'a dyn Fn(&Work) -> Result<Work, BenchError>);

/// What a benchmark is called, and what its figures are of.
struct Title<'a> {
    name: &'a str,
    durable: bool,
    operation: &'a str,
    latency_of: &'a str,
}

impl Title<'_> {
    /// Runs it and its floor as often as asked, and keeps the run of each that is in the middle.
    fn measure(&self, options: Options, once: Once<'_>, floor: Bare<'_>) -> Result<Measured, BenchError> {
        let (what, bare) = floor;
        let (mut works, mut floors) = (Vec::new(), Vec::new());
        for _ in 0..options.repeat.max(1) {
            let work = once()?;
            // One after the other, so that both meet the same machine.
            if options.floor {
                floors.push(bare(&work)?);
            }
            works.push(work);
        }
        let work = middle(works).ok_or("nothing was measured")?;
        let report = Report {
            name: self.name.into(),
            scale: options.scale,
            durable: self.durable,
            operation: self.operation.into(),
            latency_of: self.latency_of.into(),
            figures: work.figures(),
            floor: None,
            ratio_to_floor: None,
            parts: work.parts.clone(),
            checks: work.checks.clone(),
        };
        let report = match middle(floors) {
            Some(floor) => report.above(what, &floor),
            None => report,
        };
        Ok(Measured { report, samples: work.samples })
    }
}

/// The one with the median of operations in a second.
fn middle(mut works: Vec<Work>) -> Option<Work> {
    let rate = |work: &Work| work.operations as f64 / work.usage.took.as_secs_f64();
    works.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
    let middle = works.len().checked_sub(1)? / 2;
    Some(works.swap_remove(middle))
}

/// The floor of work in memory.
const PUSHES: Bare<'_> = (floor::PUSHES, &|work| floor::pushes(work.records, work.operations, 1));

fn workflows(options: Options) -> Result<Vec<Measured>, BenchError> {
    let setup = workflow::five()?;
    let count = workflow::AT_ONCE * options.scale;
    let title = |name| Title {
        name,
        durable: false,
        operation: "step",
        latency_of: "a workflow, from the request to its durable completion",
    };
    let mut found = Vec::new();
    for (name, watcher) in [("workflow", Watcher::Headless), ("workflow/replica", Watcher::Replica)] {
        let mut once = || workflow::in_memory(&setup, count, workflow::AT_ONCE, watcher);
        found.push(title(name).measure(options, &mut once, PUSHES)?);
    }
    let mut threads = || live::run(&setup, count, workflow::AT_ONCE, Store::Memory);
    found.push(title("workflow/threads").measure(options, &mut threads, PUSHES)?);
    if !options.durable {
        return Ok(found);
    }
    // One after the other takes its time: a tenth of the work will do.
    for (name, at_once, count) in
        [("workflow", workflow::AT_ONCE, count), ("workflow/alone", 1, (count / 10).max(1))]
    {
        let title = Title { durable: true, ..title(name) };
        let stored = std::cell::Cell::new(None);
        let mut once = || {
            let folder = folder_on_disk()?;
            let work = live::run(&setup, count, at_once, Store::Disk(folder.path()))?;
            stored.set(Some(floor::stored(&journal_path(folder.path()))?));
            Ok(work)
        };
        let steps = u64::from(workflow::STEPS);
        // Each step waits for the one before it: a workflow alone needs a commit for each, and one more.
        let fewest = (steps + 1) * count.div_ceil(at_once);
        let bare = |_: &Work| {
            let folder = folder_on_disk()?;
            let stored = stored.get().ok_or("nothing was stored")?;
            floor::commits(folder.path(), stored, fewest, (count, steps))
        };
        found.push(title.measure(options, &mut once, (floor::COMMITS, &bare))?);
    }
    Ok(found)
}

fn transitions(options: Options) -> Result<Vec<Measured>, BenchError> {
    let count = transitions::TRANSITIONS * options.scale;
    let title = |name| Title {
        name,
        durable: false,
        operation: "transition",
        latency_of: "a transition: the mean of a batch of 100, with one reading of the clock in it",
    };
    let bare = |threads| move |work: &Work| floor::pushes(work.operations, work.operations, threads);
    let one = bare(1);
    let mut found = Vec::new();
    for kind in transitions::Kind::ALL {
        let name = match kind {
            transitions::Kind::Plain => "transitions",
            transitions::Kind::Guard => "transitions/guard",
            transitions::Kind::ComplexGuard => "transitions/complex-guard",
            transitions::Kind::Callback => "transitions/callback",
            transitions::Kind::History => "transitions/history",
        };
        let mut once = || Ok(transitions::run(*kind, count));
        found.push(title(name).measure(options, &mut once, (floor::PUSHES, &one))?);
    }
    if let Some(first) = found.first_mut() {
        first.report.parts.push(transitions::clock(count));
    }
    let all = bare(transitions::threads());
    let mut once = || transitions::concurrent(count);
    found.push(title("transitions/concurrent").measure(options, &mut once, (floor::PUSHES, &all))?);
    Ok(found)
}

fn detection(options: Options) -> Result<Vec<Measured>, BenchError> {
    let setup = detection::response()?;
    let title = |name| Title {
        name,
        durable: false,
        operation: "signal",
        latency_of: "a decoded signal, from its arrival to the release of the first step against it",
    };
    let mut found = Vec::new();
    for (name, rules) in [("detection", detection::RULES), ("detection/1000-rules", 1_000)] {
        let rules = detection::rules(rules)?;
        let signals = detection::SIGNALS * options.scale;
        let mut once = || detection::run(&setup, &rules, signals, Watcher::Headless);
        found.push(title(name).measure(options, &mut once, PUSHES)?);
    }
    Ok(found)
}

/// What the floor of `match` does.
const DECODING: &str = "the same lines are decoded, and no rule is asked";

fn matches(options: Options) -> Result<Vec<Measured>, BenchError> {
    let mut found = Vec::new();
    for stream in matching::Stream::ALL {
        let lines = matching::lines(*stream, matching::LINES * options.scale, 1);
        for count in matching::RULES {
            let rules = matching::rules(*stream, *count)?;
            let name = format!("match/{}/{count}-rules", stream.name());
            let title = Title {
                name: &name,
                durable: false,
                operation: "signal",
                latency_of: "a line, from its bytes to what it matches; every sixteenth",
            };
            let mut once = || matching::run(*stream, &lines, &rules);
            let bare = |_: &Work| Ok(matching::decode(&lines));
            found.push(title.measure(options, &mut once, (DECODING, &bare))?);
        }
    }
    Ok(found)
}

fn agents(options: Options) -> Result<Vec<Measured>, BenchError> {
    let setup = agents::lanes()?;
    let title = Title {
        name: "agents",
        durable: false,
        operation: "step",
        latency_of: "a step, from its durable intent to its durable outcome, 100 in flight",
    };
    let bare = |work: &Work| {
        let (tasks, at_once) = (u64::from(agents::AGENTS), u64::from(agents::AT_ONCE));
        floor::channels(tasks, at_once, work.operations / tasks)
    };
    let mut once = || agents::run(&setup, options.scale, Watcher::Headless);
    Ok(vec![title.measure(options, &mut once, (floor::CHANNELS, &bare))?])
}

fn rollback(options: Options) -> Result<Vec<Measured>, BenchError> {
    let setup = rollback::ten()?;
    let title = Title {
        name: "rollback",
        durable: false,
        operation: "undo",
        latency_of: "an undo, from its durable intent to its durable outcome, up to 100 in flight",
    };
    let mut once = || rollback::run(&setup, rollback::RUNS * options.scale, Watcher::Headless);
    Ok(vec![title.measure(options, &mut once, PUSHES)?])
}

fn processes(options: Options) -> Result<Vec<Measured>, BenchError> {
    let setup = processes::programs()?;
    let title = Title {
        name: "processes",
        durable: false,
        operation: "program",
        latency_of: "a workflow, from the request to its durable completion; 20 programs at once",
    };
    let count = processes::AT_ONCE * options.scale;
    let mut once = || processes::run(&setup, count);
    let bare = |work: &Work| processes::floor(work.operations);
    Ok(vec![title.measure(options, &mut once, (processes::SPAWNS, &bare))?])
}

fn halt(options: Options) -> Result<Vec<Measured>, BenchError> {
    let setup = halt::endless()?;
    let title = Title {
        name: "halt",
        durable: false,
        operation: "halt",
        latency_of: "a halt of 10,000 live runs, from the request to the beginning of the last effect",
    };
    let mut once = || halt::run(&setup, halt::HALTS * options.scale);
    Ok(vec![title.measure(options, &mut once, PUSHES)?])
}

fn hostile(options: Options) -> Result<Vec<Measured>, BenchError> {
    let title = Title {
        name: "hostile",
        durable: false,
        operation: "program",
        latency_of: "a program that ends by itself, from the request to its durable end; 20 at once",
    };
    let mut once = || hostile::run(hostile::PROGRAMS * options.scale);
    let bare = |work: &Work| processes::floor(work.operations);
    Ok(vec![title.measure(options, &mut once, (processes::SPAWNS, &bare))?])
}

fn flood(options: Options) -> Result<Vec<Measured>, BenchError> {
    let setup = flood::response()?;
    let title = Title {
        name: "flood",
        durable: true,
        operation: "signal",
        latency_of: "a request over the control socket, from being sent to its answer",
    };
    let mut once = || flood::run(&setup, flood::SIGNALS * options.scale);
    Ok(vec![title.measure(options, &mut once, PUSHES)?])
}

fn recovery(options: Options) -> Result<Vec<Measured>, BenchError> {
    let setup = workflow::five()?;
    let title = Title {
        name: "recovery",
        durable: true,
        operation: "record",
        latency_of: "the start, from opening the journal to an engine that may go on",
    };
    let folder = folder_on_disk()?;
    let written = recovery::write(&setup, folder.path(), recovery::RECORDS * options.scale)?;
    let mut once = || recovery::take_up(&setup, folder.path(), written);
    let bare = |_: &Work| floor::read(&journal_path(folder.path()), written);
    let mut measured = vec![title.measure(options, &mut once, (floor::READ, &bare))?];
    recovery::snapshot(folder.path(), written)?;
    let title = Title { name: "recovery/snapshot", ..title };
    measured.push(title.measure(options, &mut once, (floor::READ, &bare))?);
    let text = recovery::live(&setup, recovery::LIVE)?;
    let title = Title {
        name: "recovery/live",
        durable: false,
        operation: "live run",
        latency_of: "reading a state with 10,000 live runs from its text",
    };
    let mut once = || recovery::read(&text, recovery::LIVE, false);
    let bare = |_: &Work| recovery::read(&text, recovery::LIVE, true);
    measured.push(title.measure(options, &mut once, (PARSE, &bare))?);
    Ok(measured)
}

/// What the floor of `recovery/live` does.
const PARSE: &str = "the same text is read as JSON, and nothing is kept of it";
