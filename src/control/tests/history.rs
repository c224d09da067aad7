//! Many clients at once are one history: the records are the linear order, and every answer is what a
//! single writer says at one point of it, between the moment of asking and that of answering (C23).

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::config::{Role, Who};
use crate::engine::{Actor, RollbackCause, RunStatus};
use crate::flow::machine::Status as _;
use crate::model::{IncidentId, Seq};
use crate::runtime::inbox::Arrived;
use crate::source::{Decoder, Format, Options};

const CLIENTS: u32 = 8;
/// Requests of each client, unless `QUELL_TEST_REQUESTS` says how many.
const REQUESTS: usize = 60;
const INCIDENTS: u8 = 4;
/// The users that clients are, if the test may choose.
const FIRST_USER: u32 = 47_110;

/// A request and its answer, and between which records it was done.
#[derive(Debug)]
struct Done {
    by: Actor,
    asked: Asked,
    given: Given,
    after: Seq,
}

/// What a request did, as a record says it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trace {
    Created(RunId),
    Paused(RunId),
    Resumed(RunId),
    Cancelled(RunId),
    Changed(IncidentId, String),
    Refused(String),
}

fn trace(record: &Record) -> Option<(Trace, String)> {
    let (trace, by) = match &record.event {
        Event::RunCreated(new) if new.incident.is_none() => (Trace::Created(new.run), &new.by),
        Event::RunPaused { run, by } => (Trace::Paused(*run), by),
        Event::RunResumed { run, by } => (Trace::Resumed(*run), by),
        Event::RollbackStarted { run, cause: RollbackCause::Cancel, by, .. } => (Trace::Cancelled(*run), by),
        Event::IncidentChanged { incident, to, by, .. } if by.0.contains("uid") => {
            (Trace::Changed(*incident, to.to_string()), by)
        }
        Event::RequestRefused { by, request, why } => (Trace::Refused(format!("{request:?}: {why}")), by),
        _ => return None,
    };
    Some((trace, by.0.to_string()))
}

impl Done {
    /// What it says that it did; `None` if it says that nothing had to be done.
    fn claims(&self) -> Option<Trace> {
        let text = &self.given.text;
        if !self.given.accepted {
            return Some(Trace::Refused(format!("{:?}: {text}", self.asked.request)));
        }
        match &self.asked.request {
            Request::Trigger { .. } => {
                text.strip_suffix(" started").map(|run| Trace::Created(run.parse().unwrap()))
            }
            Request::Pause { run } => text.ends_with("what runs will finish").then_some(Trace::Paused(*run)),
            Request::Resume { run } => text.ends_with(" goes on").then_some(Trace::Resumed(*run)),
            Request::Cancel { run } => Some(Trace::Cancelled(*run)),
            Request::Acknowledge { incident } | Request::Dismiss { incident, .. } => {
                // A dismissal may go on with what can be lifted now.
                let text = text.split(';').next().unwrap_or(text);
                let to = text.strip_prefix(&format!("{incident} is ")).filter(|to| !to.contains(' '));
                to.map(|to| Trace::Changed(*incident, to.to_owned()))
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Who did what to an object, by the number of the record after which it was so.
#[derive(Default)]
struct Told {
    runs: BTreeMap<RunId, Vec<(Seq, RunStatus, String)>>,
    incidents: BTreeMap<IncidentId, Vec<(Seq, String)>>,
}

/// The single writer: folds the records one after the other, and notes what it would tell.
fn told(records: &[Record]) -> Told {
    let (mut state, mut told) = (State::new(), Told::default());
    for record in records {
        state.apply(record).unwrap();
        for run in state.runs().filter(|run| run.changed() == record.seq) {
            let by = run.changed_by().map_or(String::new(), |by| format!(" by {by}"));
            let status = run.status().name().replace('_', " ");
            let text = format!("{status} since {}{by}", run.since().clock());
            told.runs.entry(run.id()).or_default().push((record.seq, run.status(), text));
        }
        for incident in state.incidents().filter(|incident| incident.changed() == record.seq) {
            let owner = incident.owner().map_or(String::new(), |by| format!(", by {by}"));
            let by = incident.changed_by().map_or(String::new(), |by| format!(" by {by}"));
            let text = format!("{} since {}{by}; owner{owner}", incident.status(), incident.since().clock());
            told.incidents.entry(incident.id()).or_default().push((record.seq, text));
        }
    }
    told
}

/// Those that were so at some point from `after` to `until`.
fn within<T>(all: &[T], seq: impl Fn(&T) -> Seq, after: Seq, until: Seq) -> &[T] {
    let first = all.partition_point(|one| seq(one) <= after).saturating_sub(1);
    let end = all.partition_point(|one| seq(one) <= until);
    all.get(first..end).unwrap_or_default()
}

/// Whether what a request is told about its object was so while it was asked.
fn is_so(done: &Done, told: &Told, after: Seq, until: Seq) -> bool {
    let text = &done.given.text;
    match (&done.asked.request, done.asked.request.run()) {
        (Request::Trigger { .. }, _) => {
            let run: RunId = text.split(' ').next().unwrap().parse().unwrap();
            let mut states = within(&told.runs[&run], |told| told.0, after, until).iter();
            states.any(|(_, status, _)| !status.is_terminal())
        }
        (_, Some(run)) => {
            let states = within(&told.runs[&run], |told| told.0, after, until);
            let status =
                |status: &RunStatus| text.contains(&format!("{run} is {}, not paused", status.name()));
            states.iter().any(|(_, now, told)| {
                text.contains(told.as_str()) || status(now) || {
                    // The table's own words name the status, too.
                    text.contains(now.name()) && !done.given.accepted
                }
            })
        }
        (request, None) => {
            let incident = request.incident().unwrap();
            let mut states = within(&told.incidents[&incident], |told| told.0, after, until).iter();
            let owner = text.split_once(" already, by ").map(|(_, by)| format!("owner, by {by}"));
            states.any(|(_, told)| match &owner {
                Some(owner) => told.ends_with(owner.as_str()),
                None => {
                    let told = told.split("; owner").next().unwrap_or_default();
                    text.contains(told) || text.contains(told.split(' ').next().unwrap_or_default())
                }
            })
        }
    }
}

/// Every claim has a record of its own, and every record its claim; earliest ends first.
fn check(done: &[Done], records: &[Record], first: Seq) {
    let mut claims: BTreeMap<(Trace, String), Vec<&Done>> = BTreeMap::new();
    for one in done {
        if let Some(claim) = one.claims() {
            claims.entry((claim, one.by.0.to_string())).or_default().push(one);
        }
    }
    let told = told(records);
    let about = |one: &Done, at: Seq| is_so(one, &told, at - 1, at - 1);
    for record in records.iter().filter(|record| record.seq > first) {
        let Some(key) = trace(record) else { continue };
        let open = claims.entry(key).or_default();
        let candidates =
            open.iter().enumerate().filter(|(_, one)| one.after < record.seq && record.seq <= one.given.seq);
        let next = candidates.min_by_key(|(_, one)| one.given.seq).map(|(i, _)| i);
        let Some(next) = next else { panic!("nobody was told of {record:?}") };
        let one = open.remove(next);
        if !one.given.accepted {
            assert!(about(one, record.seq), "refused for what was not so: {one:?} at {record:?}");
        }
    }
    let rest: Vec<&Done> = claims.into_values().flatten().collect();
    assert!(rest.is_empty(), "no record says that it was done: {rest:#?}");
    for one in done.iter().filter(|one| one.claims().is_none()) {
        assert!(is_so(one, &told, one.after, one.given.seq), "what was told was never so: {one:#?}");
    }
}

/// What clients share.
struct Table {
    /// Everything up to this record had happened when somebody was answered.
    known: AtomicU64,
    runs: Mutex<Vec<RunId>>,
}

/// One client: asks at random, sends one of four again over a new connection.
fn ask(world: &World, table: &Table, who: u32, requests: usize) -> Vec<Done> {
    if rustix::process::geteuid().is_root() {
        let uid = rustix::process::Uid::from_raw(FIRST_USER + who);
        rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
    }
    let mut client = world.client();
    let by = Actor(client.welcome().you.as_str().into());
    let mut dice = u64::from(who) * 7919 + 1;
    let mut roll = move |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    let mut all = Vec::new();
    for i in 0..requests {
        let run = {
            let runs = table.runs.lock().unwrap();
            let latest = runs.len().saturating_sub(4);
            runs[latest + usize::try_from(roll(4)).unwrap().min(runs.len() - latest - 1)]
        };
        let incident = IncidentId(1 + roll(u64::from(INCIDENTS)));
        let request = match roll(40) {
            0..10 => trigger(u8::try_from(10 + roll(6)).unwrap()),
            10..22 => Request::Pause { run },
            22..34 => Request::Resume { run },
            34..36 => Request::Cancel { run },
            36..38 => Request::Acknowledge { incident },
            _ => Request::Dismiss { incident, reason: "known".to_owned() },
        };
        let after = table.known.load(Ordering::SeqCst);
        let seen = (roll(4) == 0).then(|| after.saturating_sub(roll(6)));
        let asked = Asked { seen, ..asked(&format!("{who}-{i}"), request) };
        let given = client.ask(&asked).unwrap();
        table.known.fetch_max(given.seq, Ordering::SeqCst);
        if let Some(run) = given.text.strip_suffix(" started") {
            table.runs.lock().unwrap().push(run.parse().unwrap());
        }
        if roll(4) == 0 {
            client = world.client();
            assert_eq!(client.ask(&asked).unwrap(), given, "one effect, one answer");
        }
        all.push(Done { by: by.clone(), asked, given, after });
    }
    all
}

fn trigger(n: u8) -> Request {
    let inputs: Map = [("address".to_owned(), Value::from(format!("192.0.2.{n}")))].into_iter().collect();
    Request::Trigger { workflow: "block-address".into(), inputs }
}

/// Everybody may open the socket, as members of its group may.
fn let_in(world: &World) {
    use std::os::unix::fs::PermissionsExt as _;
    for (path, mode) in [(world.folder.path().to_owned(), 0o755), (socket::path(world.folder.path()), 0o666)]
    {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn open_incidents(world: &World) {
    let mut decoder = Decoder::new(Format::Json, Options::default());
    for n in 1..=INCIDENTS {
        let at = crate::runtime::clock::wall();
        let source = format!("\"source_ip\":\"198.51.100.{n}\"");
        let line =
            format!("{{\"time\":\"{at}\",\"event_type\":\"port_scan\",\"severity\":\"high\",{source}}}");
        let signal = decoder.decode(line.as_bytes()).unwrap();
        world.inbox.offer(Arrived { signal, at: instant(), from: None });
    }
    let opened = |records: &[Record]| about(records, |event| matches!(event, Event::IncidentOpened { .. }));
    let until = instant() + Duration::from_secs(20);
    while opened(&world.records()) < usize::from(INCIDENTS) {
        assert!(instant() < until, "no incident is opened");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn c23_eight_clients_at_once_are_one_history() {
    #[expect(clippy::disallowed_methods, reason = "how much is done is for whoever runs the test")]
    let wanted = std::env::var("QUELL_TEST_REQUESTS").ok().and_then(|text| text.parse().ok());
    let requests = wanted.unwrap_or(REQUESTS);
    let user =
        |who: u32| Operator { who: Who::User((FIRST_USER + who).to_string().into()), may: vec![Role::Run] };
    let mut world = World::of(false, (0..CLIENTS).map(user).collect(), super::SPEED);
    open_incidents(&world);
    let_in(&world);
    let runs = Mutex::new((1..=4).map(|n| world.trigger(n)).collect());
    let first = world.client().welcome().seq;
    let table = Table { known: AtomicU64::new(first), runs };
    let done: Vec<Done> = std::thread::scope(|scope| {
        let (world, table) = (&world, &table);
        let client = |who| scope.spawn(move || ask(world, table, who, requests));
        let threads: Vec<_> = (0..CLIENTS).map(client).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(done.len(), requests * CLIENTS as usize);
    world.stop();
    check(&done, &world.records(), first);
    let refused = done.iter().filter(|one| !one.given.accepted).count();
    let idle = done.iter().filter(|one| one.claims().is_none()).count();
    let all = done.len();
    assert!(refused > 0 && idle > 0, "{all} requests: {refused} refused, {idle} had nothing to do");
}
