//! A small world for the tests of the runtime, and the tests that need all of its parts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::clock::{Clock, instant};
use super::feed::{FeedItem, Subscription};
use super::gauges::{Board, BookTotals};
use super::hold::OpenJournal;
use super::inbox::{Inbox, Message};
use super::intake;
use super::link::Answered;
use super::real_time::{Parts, RealTime, Until};
use super::start::{Folded, Recipe, Watched};
use super::stream::{Opened, Reading, Stream, Watch};
use super::virtual_time::{Ending, RunError, VirtualReplay};
use crate::agent::Tools;
use crate::engine::*;
use crate::journal::{Journal, JournalError, MemoryJournal, SqliteJournal, for_each, journal_path};
use crate::model::*;
use crate::workflow;

/// A signal at some second that says nothing.
pub(crate) fn signal(second: i64) -> Signal {
    Signal {
        at: Timestamp::from_secs(second),
        weight: 1,
        origin: LogSource::default(),
        common: Common::default(),
        document: Document::of_line("".into()),
        threat: None,
    }
}

/// Its times are so long that no machine is too slow for them, however fast its clock runs.
const STOP: &str = "
workflow: stop
trigger: { rule: alpha }
dedup: '${detection.key}'
timeout: 30d
steps:
  - { id: block, role: WALL, action: block, with: { x: '${detection.key}' }, timeout: 10d }
  - { id: tell, role: WALL, action: tell, needs: [block], with: { x: '${detection.key}' }, timeout: 10d, undo: 'none: said is said' }
  - { id: seal, role: WALL, action: block, needs: [tell], with: { x: '${detection.key}' }, timeout: 10d }
";

/// One drill agent; `tell` fails for the key `key-2`.
fn setup() -> Arc<Setup> {
    let drill = |fail_if: Option<&str>| DrillSpec {
        latency_min: Span::from_millis(100),
        latency_max: Span::from_millis(900),
        fail_permille: 0,
        hang_permille: 0,
        fail_first: 0,
        fail_if: fail_if.map(|value| ("x".into(), value.into())),
        message: "refused".into(),
        output: Map::new(),
    };
    let action = |undo: Option<&str>, fail_if| ActionSpec {
        lifts: None,
        takes: vec![("x".into(), ValueType::Text)],
        optional: vec![],
        target: Some("x".into()),
        idempotent: true,
        undo: undo.map(Arc::from),
        means: Means::Drill(drill(fail_if)),
        probe: None,
    };
    let actions = [
        ("block", action(Some("unblock"), None)),
        ("unblock", action(None, None)),
        ("tell", action(None, Some("key-2"))),
    ];
    let agent = AgentSpec {
        name: "wall-1".into(),
        role: "WALL".into(),
        capabilities: vec![],
        kind: AgentKind::Drill,
        concurrency: 4,
        actions: actions.into_iter().map(|(name, action)| (name.into(), action)).collect(),
    };
    let stop = workflow::parse("stop.yaml", STOP).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    Arc::new(Setup {
        kind: JournalKind::Exercise,
        acts: Acts::Always,
        agents: vec![agent],
        workflows: BTreeMap::from([(Arc::from("stop"), Arc::new(stop))]),
        limits: Limits::default(),
        own: Arc::default(),
        protected: Arc::default(),
    })
}

fn recipe() -> Recipe {
    Recipe { setup: setup(), version: "test", seed: 7, tools: Tools::at(Path::new("/nonexistent"), |_| {}) }
}

/// Signals at second 1000, 1001, …
struct Seconds(std::ops::Range<i64>, u64);

impl Seconds {
    fn opened(count: i64) -> Opened {
        Opened::new(Box::new(Seconds(1000..1000 + count, 0)))
    }
}

impl Stream for Seconds {
    fn next(&mut self) -> Option<Signal> {
        let second = self.0.next()?;
        self.1 += 1;
        Some(signal(second))
    }
    fn books(&self) -> BookTotals {
        BookTotals { received: self.1, ..BookTotals::default() }
    }
    fn progress(&self) -> Option<f64> {
        None
    }
}

/// Finds something in the first five signals, each time about something else.
struct FirstFive;

impl Watch for FirstFive {
    fn renew(&mut self, _: crate::detect::Detector) {}

    fn observe(&mut self, signal: &Signal, found: &mut Vec<Detection>) {
        let n = signal.at.split().0 - 1000;
        if n >= 5 {
            return;
        }
        let rule = RuleHead {
            id: "alpha".into(),
            name: "alpha".into(),
            title: "Alpha".into(),
            level: Severity::High,
            tags: vec![],
            author: None,
        };
        found.push(Detection {
            id: DetectionId([n as u8; 8]),
            rule: Arc::new(rule),
            at: signal.at,
            since: signal.at,
            key: format!("key-{n}").into(),
            count: 1,
            fields: Map::new(),
            evidence: vec![],
        });
    }
    fn settle(&mut self, _: Timestamp, _: &mut Vec<Detection>) {}
    fn next_due(&self) -> Option<Timestamp> {
        None
    }
    fn finish(&mut self, _: &mut Vec<Detection>) {}
    fn late(&self) -> u64 {
        0
    }
}

/// A memory journal that outlives its handle, and that fails once, at a commit of choice; it opens again
/// when it is told to.
#[derive(Clone)]
struct Disk {
    inner: Arc<Mutex<MemoryJournal>>,
    fails_at: Arc<Mutex<Option<u64>>>,
    opens: Arc<Mutex<bool>>,
}

fn no_space() -> JournalError {
    JournalError::Disk { doing: "write to", why: "no space left".to_owned() }
}

impl Disk {
    fn new(fails_at: Option<u64>) -> Self {
        Disk {
            inner: Arc::default(),
            fails_at: Arc::new(Mutex::new(fails_at)),
            opens: Arc::new(Mutex::new(true)),
        }
    }

    fn records(&self) -> Vec<Record> {
        self.inner.lock().unwrap().read(1, usize::MAX).unwrap()
    }
}

impl Journal for Disk {
    fn append(&mut self, batches: &[Arc<Vec<Record>>]) -> Result<Seq, JournalError> {
        let mut inner = self.inner.lock().unwrap();
        let mut fails_at = self.fails_at.lock().unwrap();
        if *fails_at == Some(inner.commits()) {
            *fails_at = None;
            return Err(no_space());
        }
        inner.append(batches)
    }
    fn read(&mut self, from: Seq, limit: usize) -> Result<Vec<Record>, JournalError> {
        self.inner.lock().unwrap().read(from, limit)
    }
    fn last(&self) -> Seq {
        self.inner.lock().unwrap().last()
    }
    fn commits(&self) -> u64 {
        self.inner.lock().unwrap().commits()
    }
}

fn fold(records: &[Record]) -> State {
    let mut state = State::new();
    records.iter().for_each(|record| state.apply(record).unwrap());
    state
}

/// Five runs ended: the third was rolled back, the others completed; no step was done twice.
fn all_is_well(records: &[Record]) {
    let counts = fold(records).counts();
    assert_eq!((counts.live_runs, counts.completed, counts.rolled_back), (0, 4, 1));
    let mut done: Vec<_> = records
        .iter()
        .filter_map(|record| match &record.event {
            // Runs on one target share its effect: those after the first join it.
            Event::StepSucceeded { run, step, .. } | Event::StepJoined { run, step, .. } => {
                Some((*run, *step))
            }
            _ => None,
        })
        .collect();
    let all = done.len();
    done.sort();
    done.dedup();
    assert_eq!((all, done.len()), (13, 13));
}

fn replay(journal: impl Journal + 'static, count: i64) -> Result<Ending, RunError> {
    let mut journal: Box<dyn Journal> = Box::new(journal);
    let recipe = recipe();
    let stream = Seconds::opened(count);
    let folded = Folded::read(journal.as_mut(), &recipe.setup, true).unwrap();
    let now = folded.last_at().into_iter().chain(stream.begins()).max().unwrap();
    let started = folded.start(&recipe, journal.as_mut(), now, Watched::Not).unwrap();
    let door = (Inbox::default(), Board::default());
    VirtualReplay::new(started, journal, stream, Box::new(FirstFive), door, now).run(false)
}

#[test]
fn two_replays_on_virtual_time_are_equal() {
    let (one, two) = (Disk::new(None), Disk::new(None));
    let endings = (replay(one.clone(), 50).unwrap(), replay(two.clone(), 50).unwrap());
    assert_eq!(one.records(), two.records());
    assert_eq!(endings.0, endings.1);
    assert!(endings.0.records_hash.is_some() && !endings.0.interrupted);
    all_is_well(&one.records());
}

#[test]
fn a_replay_that_ends_early_waits_for_its_runs() {
    let disk = Disk::new(None);
    replay(disk.clone(), 5).unwrap();
    all_is_well(&disk.records());
    assert!(fold(&disk.records()).now() > Timestamp::from_secs(1004));
}

#[test]
fn c6_c8_a_replay_that_lost_its_disk_resumes_anywhere() {
    let commits = {
        let disk = Disk::new(None);
        replay(disk.clone(), 50).unwrap().commits
    };
    assert!(commits > 12, "{commits}");
    for fails_at in 1..commits {
        let disk = Disk::new(Some(fails_at));
        let failed = replay(disk.clone(), 50).unwrap_err();
        assert!(matches!(failed, RunError::Journal(_)), "{failed}");
        replay(disk.clone(), 50).unwrap();
        all_is_well(&disk.records());
    }
}

#[test]
fn c8_a_replay_resumes_from_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = journal_path(folder.path());
    replay(SqliteJournal::open(&path).unwrap(), 3).unwrap();
    replay(SqliteJournal::open(&path).unwrap(), 50).unwrap();
    let mut records = vec![];
    for_each(&mut SqliteJournal::open_read_only(&path).unwrap(), |record| {
        records.push(record);
        Ok::<_, JournalError>(())
    })
    .unwrap();
    all_is_well(&records);
}

/// A recording that plays at some speed, on threads of its own.
struct Playing {
    inbox: Inbox,
    board: Board,
    feed: Subscription,
    thread: std::thread::JoinHandle<Ending>,
}

fn play(disk: &Disk, count: i64, speed: f64, until: Until) -> Playing {
    play_by(disk, count, until, |origin| Clock::paced(origin, speed))
}

fn play_by(disk: &Disk, count: i64, until: Until, clock: impl Fn(Timestamp) -> Clock) -> Playing {
    let recipe = recipe();
    let (inbox, board, reading) = (Inbox::default(), Board::default(), Reading::default());
    let mut journal: Box<dyn Journal> = Box::new(disk.clone());
    let stream = Seconds::opened(count);
    let folded = Folded::read(journal.as_mut(), &recipe.setup, false).unwrap();
    let origin = folded.last_at().into_iter().chain(stream.begins()).max().unwrap();
    let mut started = folded.start(&recipe, journal.as_mut(), origin, Watched::ByReport).unwrap();
    let feed = started.subscription.take().unwrap();
    let clock = clock(origin);
    let again = disk.clone();
    let open: OpenJournal = Box::new(move || match *again.opens.lock().unwrap() {
        true => Ok(Box::new(again.clone())),
        false => Err(no_space()),
    });
    let parts = Parts {
        recipe,
        open,
        clock,
        watch: Box::new(FirstFive),
        inbox: inbox.clone(),
        board: board.clone(),
        reading: reading.clone(),
        live: None,
        streaming: true,
        until,
    };
    let real = RealTime::new(started, journal, parts).unwrap();
    intake::spawn(stream, clock, inbox.clone(), reading).unwrap();
    Playing { inbox, board, feed, thread: std::thread::spawn(move || real.run()) }
}

impl Playing {
    fn ask(&self, request: Request) -> Receiver<Answered> {
        let (reply, answers) = channel();
        let by = Actor("tester".into());
        self.inbox.send(Message::Request { id: RequestId(9), by, seen: None, request, reply });
        answers
    }

    /// What a subscriber saw, to the end.
    fn watch(self) -> (State, Ending) {
        let mut shown = State::new();
        loop {
            match self.feed.next_within(Duration::from_secs(20)).expect("the feed goes on") {
                FeedItem::Snapshot(state) => shown = *state,
                FeedItem::Records(records) => records.iter().for_each(|r| shown.apply(r).unwrap()),
                FeedItem::Lost(_) | FeedItem::End => break,
            }
        }
        (shown, self.thread.join().unwrap())
    }
}

#[test]
fn a_recording_plays_at_its_pace_and_ends() {
    let disk = Disk::new(None);
    let playing = play(&disk, 50, 200.0, Until::Settled);
    let board = playing.board.clone();
    let (shown, ending) = playing.watch();
    all_is_well(&disk.records());
    assert_eq!(shown, fold(&disk.records()), "what was shown is what is durable");
    assert!(!ending.interrupted && ending.commits > 5);
    let gauges = board.read();
    assert_eq!((gauges.books.received, gauges.books.processed, gauges.books.queued), (50, 50, 0));
    assert!(gauges.ended && gauges.now >= Timestamp::from_secs(1049));
}

#[test]
fn requests_are_answered_once_they_are_durable() {
    let disk = Disk::new(None);
    let playing = play(&disk, 1, 1000.0, Until::Told);
    let request = Request::Trigger { workflow: "nothing".into(), inputs: Map::new() };
    let Answered { id, seq, answer } = playing.ask(request).recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(id, RequestId(9));
    assert!(matches!(&answer, Answer::Refused(why) if why.contains("nothing")), "{answer:?}");
    let records = disk.records();
    let refused = records.iter().find(|r| matches!(r.event, Event::RequestRefused { .. })).unwrap();
    assert!(refused.seq <= seq, "the answer comes behind its record");
    playing.inbox.send(Message::Quit);
    playing.watch();
}

#[test]
fn c6_a_sick_disk_stops_effects_until_it_is_back() {
    let disk = Disk::new(Some(4));
    *disk.opens.lock().unwrap() = false;
    let playing = play(&disk, 50, 200.0, Until::Settled);
    let board = playing.board.clone();
    let since = instant();
    while board.read().on_hold.is_none_or(|why| !why.contains("no space left")) {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not hold");
        std::thread::sleep(Duration::from_millis(1));
    }
    let pause = Request::Pause { run: RunId(1) };
    let Answered { answer, .. } = playing.ask(pause).recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(matches!(&answer, Answer::Refused(why) if why.starts_with("on hold")), "{answer:?}");
    *disk.opens.lock().unwrap() = true;
    let (shown, _) = playing.watch();
    all_is_well(&disk.records());
    assert_eq!(shown, fold(&disk.records()));
    assert_eq!(board.read().on_hold, None);
}

/// C22: the times in the journal go on from those that are in it; how far off the wall is is said.
#[test]
fn c22_a_clock_that_is_elsewhere_is_recorded() {
    let jumps = |records: &[Record]| {
        let jumps = records.iter().filter_map(|record| match record.event {
            Event::ClockJumped { by, ahead } => Some((by, ahead)),
            _ => None,
        });
        jumps.collect::<Vec<_>>()
    };
    let disk = Disk::new(None);
    play_by(&disk, 3, Until::Settled, Clock::live_from).watch();
    let told = jumps(&disk.records());
    assert!(matches!(told[..], [(by, ahead)] if by == ahead && by > 1_000_000_000_000), "{told:?}");
    // A recording has its own time.
    let disk = Disk::new(None);
    play(&disk, 3, 1.0, Until::Settled).watch();
    assert_eq!(jumps(&disk.records()), []);
}

#[test]
fn c18_a_drain_ends_intake_and_finishes_what_was_begun() {
    let disk = Disk::new(None);
    let playing = play(&disk, 1_000_000, 200.0, Until::Settled);
    while playing.board.read().books.processed < 5 {
        std::thread::sleep(Duration::from_millis(1));
    }
    playing.inbox.send(Message::Drain);
    let board = playing.board.clone();
    let (left, ending) = playing.watch();
    assert!(ending.interrupted && board.read().draining);
    let begun = |step: &&StepState| step.status() == StepStatus::Running;
    assert_eq!(left.runs().flat_map(|run| run.steps()).filter(begun).count(), 0);
    // What was not begun any more is begun by the next who has the journal.
    play(&disk, 50, 200.0, Until::Settled).watch();
    all_is_well(&disk.records());
}
