//! The picture in the README: the shipped exercise as the console shows it.

use std::path::Path;
use std::sync::Arc;

use super::super::Model;
use super::super::theme::Theme;
use crate::agent::Tools;
use crate::config::{Folder, Loaded, load};
use crate::detect::Detector;
use crate::engine::{Event, Record, Run, RunStatus, State};
use crate::journal::MemoryJournal;
use crate::model::{Span, Timestamp};
use crate::runtime::feed::FeedItem;
use crate::runtime::gauges::{Board, Gauges, Stage};
use crate::runtime::inbox::Inbox;
use crate::runtime::link::Catalogue;
use crate::runtime::recording::{Lines, Recording};
use crate::runtime::start::{Folded, Recipe, Watched};
use crate::runtime::stream::{Opened, Stream};
use crate::runtime::virtual_time::VirtualReplay;
use crate::source::decode::{Format, Options};
use crate::source::file::LineReader;

const EXERCISE: &str = include_str!("../../../fixtures/signals/exercise.log");

fn recording(loaded: &Loaded) -> Recording {
    let lines = Lines::Text("exercise.log", LineReader::new(EXERCISE.as_bytes()), EXERCISE.len() as u64);
    let time = &loaded.settings.time;
    Recording::new(lines, Format::Auto, Options { year: time.year, tz: time.tz.clone() }, None)
}

/// Every record of the exercise.
fn records(loaded: &Loaded) -> Vec<Record> {
    let folder = tempfile::tempdir().unwrap();
    let (setup, seed) = (Arc::new(loaded.setup.clone()), loaded.settings.seed.unwrap_or(1));
    let recipe =
        Recipe { setup: Arc::clone(&setup), version: "0", seed, tools: Tools::at(folder.path(), |_| {}) };
    let mut journal: Box<MemoryJournal> = Box::default();
    let stream = Opened::new(Box::new(recording(loaded)));
    let now = stream.begins().unwrap();
    let folded = Folded::read(journal.as_mut(), &setup, false).unwrap();
    let mut started = folded.start(&recipe, journal.as_mut(), now, Watched::ByReport).unwrap();
    let feed = started.subscription.take().unwrap();
    let watch = Box::new(Detector::new(Arc::clone(&loaded.rules), loaded.settings.lateness, seed));
    let door = (Inbox::default(), Board::default());
    let replay = VirtualReplay::new(started, journal, stream, watch, door, now);
    let thread = std::thread::spawn(move || replay.run(false));
    let mut records = Vec::new();
    while let Some(item) = feed.next_within(std::time::Duration::from_secs(20)) {
        match item {
            FeedItem::Records(batch) => records.extend(batch.iter().cloned()),
            FeedItem::Snapshot(_) => {}
            FeedItem::Lost(_) | FeedItem::End => break,
        }
    }
    thread.join().unwrap().unwrap();
    records
}

/// The figures at a time. Those that are measured by the clock of the machine are left out: the picture
/// is to be the same everywhere.
fn figures(loaded: &Loaded, records: &[Record], now: Timestamp) -> Gauges {
    let mut stream = recording(loaded);
    let mut gauges = Gauges { now, virtual_time: true, speed: Some(1.0), ..Gauges::default() };
    gauges.source = "replay exercise.log".to_owned();
    gauges.queue = (0, loaded.settings.queue.signals);
    gauges.started = records.first().map_or(now, |record| record.at);
    let second = |at: Timestamp| at.since(gauges.started).0 as usize / 1_000_000;
    gauges.per_second = vec![0; second(now) + 1];
    while let Some(signal) = stream.next()
        && signal.at <= now
    {
        gauges.progress = stream.progress();
        gauges.books.received += 1;
        gauges.books.processed += 1;
        gauges.per_second[second(signal.at)] += 1;
    }
    for (i, record) in records.iter().enumerate() {
        let began = |wanted: &dyn Fn(&Event) -> bool| {
            records[..i]
                .iter()
                .rev()
                .find(|earlier| wanted(&earlier.event))
                .map(|earlier| record.at.since(earlier.at))
        };
        let (stage, took) = match &record.event {
            Event::StepSucceeded { run, step, .. } | Event::StepFailed { run, step, .. } => {
                let wanted = (run, step);
                let start =
                    |e: &Event| matches!(e, Event::StepStarted { run, step, .. } if (run, step) == wanted);
                (Stage::Step, began(&start))
            }
            Event::UndoSucceeded { run, step, .. } | Event::UndoFailed { run, step, .. } => {
                let wanted = (run, step);
                let start =
                    |e: &Event| matches!(e, Event::UndoStarted { run, step, .. } if (run, step) == wanted);
                (Stage::RollbackStep, began(&start))
            }
            _ => continue,
        };
        if let Some(took) = took {
            gauges.latencies.record(stage, took);
        }
    }
    gauges
}

/// The exercise a second after a host began to be cut off; one response was rolled back before.
fn picture() -> String {
    let loaded = load(&Folder::embedded()).unwrap_or_else(|all| panic!("{all:#?}"));
    let mut records = records(&loaded);
    let mut state = State::new();
    for record in &records {
        state.apply(record).unwrap();
        let under_way = |run: &Run| run.status() == RunStatus::Running && run.progress().0 > 0;
        let undone = |run: &Run| run.status() == RunStatus::RolledBack;
        if state.runs().any(under_way) && state.runs().any(undone) {
            break;
        }
    }
    let now = state.now() + Span::from_secs(1);
    records.retain(|record| record.at <= now);
    let shown = usize::try_from(state.seq()).unwrap();
    records[shown..].iter().for_each(|record| state.apply(record).unwrap());
    let mut model = Model::new(Catalogue::of(&loaded.setup), false, 120, 40);
    model.live_gauges = figures(&loaded, &records, now);
    model.live = state;
    model.settle();
    super::press(&mut model, "jj");
    super::picture(&model, &Theme::default())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment to write what it wants")]
fn the_picture_in_the_readme_is_what_the_console_shows() {
    let wanted = picture();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("```text\n").expect("the README has a picture");
    let (there, after) = rest.split_once("```").expect("the picture has an end");
    if there == wanted {
        return;
    }
    if std::env::var_os("QUELL_UPDATE_README").is_some() {
        std::fs::write(&path, format!("{before}```text\n{wanted}```{after}")).unwrap();
        return;
    }
    panic!(
        "README.md shows another picture; run this test with QUELL_UPDATE_README=1 to put this in:\n{wanted}"
    );
}
