//! `settings.yaml`.

use std::sync::Arc;

use crate::engine::Limits;
use crate::engine::protect::Entry;
use crate::flow::fault::Fault;
use crate::flow::reader::{Later, Reader};
use crate::flow::yaml::{Node, Place};
use crate::model::{Mistake, Span};
use crate::runtime::live::blindness::Thresholds;
use crate::source;

use super::{
    Folder, Operator, Own, SourceSpec, blindness, budgets, indicators, operators, own, protected, sources,
};

const KEYS: [&str; 16] = [
    "blindness",
    "budgets",
    "setup",
    "exercise",
    "seed",
    "lateness",
    "time",
    "limits",
    "queue",
    "lines",
    "journal",
    "operators",
    "protected",
    "sources",
    "own",
    "indicators",
];
const LATER: [Later; 5] = ["escalation", "notify", "console", "failure_handling", "pools"];

/// What `settings.yaml` says.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What the setup is called.
    pub setup: Arc<str>,
    /// Whether only drills and builtins act.
    pub exercise: bool,
    /// Where drills and jitter begin.
    pub seed: Option<u64>,
    /// How much older than the newest one a signal may be and still be placed in its windows.
    pub lateness: Span,
    /// For log lines that leave out year or zone.
    pub time: source::Options,
    /// Limits of the engine.
    pub limits: Limits,
    /// Where the settings name the action of each budget of the limits.
    pub(super) budgets_at: Vec<Place>,
    /// Sizes of queues.
    pub queue: Queues,
    /// Limits of lines.
    pub lines: Lines,
    /// How the journal is kept.
    pub journal: Keeping,
    /// Who may steer the engine from outside. Without any: root and the engine's own user.
    pub operators: Vec<Operator>,
    /// What is never acted against, beside what the machine says (C27).
    pub protected: Vec<Entry>,
    /// What `run` and `serve` watch, if nothing is named to them.
    pub sources: Vec<SourceSpec>,
    /// When a source that says nothing of it counts as blind.
    pub blindness: Thresholds,
    /// By what quell knows itself in signals (C36).
    pub own: Own,
    /// Indicator lists beside those of the folder, or how those are read.
    pub indicators: Vec<indicators::Named>,
}

/// Sizes of queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queues {
    /// Signals between sources and detector.
    pub signals: usize,
}

/// Limits of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// Bytes of the longest line that is decoded.
    pub max_bytes: usize,
}

/// How the journal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// Records after which a snapshot of the state is taken; 0 is never.
    pub snapshot_every: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            setup: Arc::from("?"),
            exercise: true,
            seed: None,
            lateness: Span::from_secs(60),
            time: source::Options::default(),
            limits: Limits::default(),
            budgets_at: Vec::new(),
            queue: Queues { signals: 1024 },
            lines: Lines { max_bytes: 1024 * 1024 },
            journal: Keeping { snapshot_every: 100_000 },
            operators: Vec::new(),
            protected: Vec::new(),
            sources: Vec::new(),
            blindness: Thresholds::default(),
            own: Own::default(),
            indicators: Vec::new(),
        }
    }
}

/// Reads the settings; what could not be read keeps its default.
pub(super) fn read(folder: &Folder, mistakes: &mut Vec<Mistake>) -> Settings {
    let mut settings = Settings::default();
    let Some((path, text)) = folder.file("settings.yaml") else {
        let message = "there is no settings.yaml in this folder";
        mistakes.push(Place::START.mistake(folder.name(), message, None));
        return settings;
    };
    let mut reader = Reader::new(&path);
    if let Some(node) = reader.document(text) {
        read_all(&mut reader, &node, &mut settings);
    }
    mistakes.extend(reader.into_mistakes());
    settings
}

fn read_all(reader: &mut Reader<'_>, node: &Node, settings: &mut Settings) {
    if reader.mapping(node, "settings", &KEYS, &LATER).is_none() {
        return;
    }
    if let Some(name) = reader.required(node, "setup", "the settings").and_then(|n| reader.name(n, "a setup"))
    {
        settings.setup = Arc::from(name);
    }
    if let Some(flag) =
        reader.required(node, "exercise", "the settings").and_then(|n| reader.flag(n, "exercise"))
    {
        settings.exercise = flag;
    }
    if let Some(seed) = node.get("seed").and_then(|n| reader.whole(n, "seed", 0, u64::MAX)) {
        settings.seed = Some(seed);
    }
    if let Some(span) = node.get("lateness").and_then(|n| reader.span_or_zero(n, "lateness")) {
        settings.lateness = span;
    }
    if let Some(node) = node.get("time") {
        read_time(reader, node, &mut settings.time);
    }
    if let Some(node) = node.get("limits") {
        read_limits(reader, node, &mut settings.limits);
    }
    if let Some(node) = node.get("budgets") {
        (settings.budgets_at, settings.limits.budgets) = budgets::read(reader, node).into_iter().unzip();
    }
    if let Some(node) = node.get("queue") {
        reader.mapping(node, "queue", &["signals"], &[]);
        set(&mut settings.queue.signals, reader, node, "signals", 1, 1_000_000);
    }
    if let Some(node) = node.get("journal") {
        reader.mapping(node, "journal", &["snapshot_every"], &[]);
        set(&mut settings.journal.snapshot_every, reader, node, "snapshot_every", 0, 1_000_000_000);
    }
    if let Some(node) = node.get("protected") {
        settings.protected = protected::read(reader, node);
    }
    if let Some(node) = node.get("lines") {
        reader.mapping(node, "lines", &["max_bytes"], &[]);
        set(&mut settings.lines.max_bytes, reader, node, "max_bytes", 1024, 16 * 1024 * 1024);
    }
    if let Some(node) = node.get("operators") {
        settings.operators = operators::read(reader, node);
    }
    if let Some(node) = node.get("blindness") {
        reader.mapping(node, "blindness", &blindness::KEYS, &[]);
        settings.blindness = blindness::override_with(reader, node, settings.blindness);
    }
    if let Some(node) = node.get("sources") {
        settings.sources = sources::read(reader, node, settings.blindness);
    }
    if let Some(node) = node.get("own") {
        settings.own = own::read(reader, node);
    }
    if let Some(node) = node.get("indicators") {
        settings.indicators = indicators::settings(reader, node);
    }
}

fn set(to: &mut usize, reader: &mut Reader<'_>, node: &Node, key: &str, least: u64, most: u64) {
    if let Some(n) = node.get(key).and_then(|n| reader.whole(n, key, least, most)) {
        *to = usize::try_from(n).unwrap_or(usize::MAX);
    }
}

fn read_time(reader: &mut Reader<'_>, node: &Node, time: &mut source::Options) {
    reader.mapping(node, "time", &["year", "tz"], &[]);
    if let Some(year) = node.get("year").and_then(|n| reader.whole(n, "year", 1970, 9999)) {
        time.year = i16::try_from(year).unwrap_or(time.year);
    }
    if let Some(tz) = node.get("tz").and_then(|node| zone(reader, node)) {
        time.tz = tz;
    }
}

/// The zone of times without one.
pub(super) fn zone(reader: &mut Reader<'_>, node: &Node) -> Option<jiff::tz::TimeZone> {
    let name = reader.text(node, "a time zone")?;
    let found = jiff::tz::TimeZone::get(name).ok();
    if found.is_none() {
        let shown = crate::model::SafeText(name).cut(40);
        let fault = Fault::new(format!("`{shown}` is not a time zone"));
        reader.wrong(node.at, fault.hint("use a name such as `UTC` or `Europe/Berlin`"));
    }
    found
}

fn read_limits(reader: &mut Reader<'_>, node: &Node, limits: &mut Limits) {
    let keys = ["finished", "finished_for", "live_runs", "in_force", "agent_recovery", "reopen", "echo"];
    reader.mapping(node, "limits", &keys, &[]);
    set(&mut limits.finished, reader, node, "finished", 1, 10_000_000);
    set(&mut limits.live_runs, reader, node, "live_runs", 1, 1_000_000);
    set(&mut limits.in_force, reader, node, "in_force", 1, 1_000_000);
    let spans = [
        ("finished_for", &mut limits.finished_for),
        ("agent_recovery", &mut limits.agent_recovery),
        ("reopen", &mut limits.reopen),
        ("echo", &mut limits.echo),
    ];
    for (key, to) in spans {
        if let Some(span) = node.get(key).and_then(|n| reader.span(n, key)) {
            *to = span;
        }
    }
}
