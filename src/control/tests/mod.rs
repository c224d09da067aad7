//! A whole engine with its socket, and clients of every kind.

mod history;
mod remote;

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::client::{Client, ClientError, Followed};
use super::codec::{REQUEST_BYTES, encode};
use super::message::{Asked, Given, Hello, Table, ToServer};
use super::rows::Row;
use super::server::{CLIENTS_PER_USER, Parts as ServerParts, Reload, Reread, Server};
use super::socket;
use crate::agent::Tools;
use crate::agent::http::Secrets;
use crate::agent::protect::Origins;
use crate::config::{Folder, Operator, load};
use crate::detect::Detector;
use crate::engine::{Event, Record, Request, State};
use crate::journal::{Journal, SqliteJournal, for_each, journal_path};
use crate::model::{Map, RunId, Value};
use crate::runtime::clock::{Clock, instant};
use crate::runtime::gauges::Board;
use crate::runtime::inbox::{Inbox, Message};
use crate::runtime::link::Catalogue;
use crate::runtime::real_time::{Parts, RealTime, Until};
use crate::runtime::reload::Fresh;
use crate::runtime::start::{Folded, Recipe, Watched};
use crate::runtime::stream::Reading;

/// Drills take this much less time than they say.
const SPEED: f64 = 20.0;
/// No run ends while a test looks at it.
const SLOW: f64 = 0.001;

/// Reads the setup that ships, or finds a mistake in it.
struct Shipped {
    bad: bool,
}

impl Reload for Shipped {
    fn read(&mut self) -> Result<Reread, String> {
        if self.bad {
            return Err("the setup has 1 mistake\nhere: wrong".to_owned());
        }
        let loaded = load(&Folder::embedded()).map_err(|mistakes| format!("{mistakes:?}"))?;
        let fresh = Fresh {
            setup: Arc::new(loaded.setup),
            secrets: Secrets::default(),
            origins: Origins::default(),
            digest: loaded.digest,
            detector: None,
        };
        Ok(Reread { fresh, operators: vec![], note: "noted".to_owned() })
    }
    fn taken(&mut self) {}
}

struct World {
    folder: tempfile::TempDir,
    inbox: Inbox,
    engine: Option<JoinHandle<()>>,
}

impl World {
    fn new() -> World {
        World::with(false)
    }

    fn with(bad: bool) -> World {
        World::of(bad, vec![], SPEED)
    }

    fn of(bad: bool, operators: Vec<Operator>, speed: f64) -> World {
        let folder = tempfile::tempdir().unwrap();
        let (inbox, engine) = start(folder.path(), bad, operators, speed);
        World { folder, inbox, engine: Some(engine) }
    }

    fn client(&self) -> Client {
        Client::connect(self.folder.path(), None).unwrap().unwrap()
    }

    fn trigger(&self, n: u8) -> RunId {
        let inputs: Map = [("address".to_owned(), Value::from(format!("192.0.2.{n}")))].into_iter().collect();
        let request = Request::Trigger { workflow: "block-address".into(), inputs };
        let given = self.client().ask(&asked(&format!("start-{n}"), request)).unwrap();
        assert!(given.accepted, "{given:?}");
        given.text.split(' ').next().unwrap().parse().unwrap()
    }

    /// Waits for a status of the latest run.
    fn wait_for(&self, status: &str) {
        let since = instant();
        loop {
            let (rows, _) = self.client().rows(Table::Runs, 1).unwrap();
            match &rows[0] {
                Row::Run(row) if row.status == status => return,
                _ => assert!(since.elapsed() < Duration::from_secs(60), "{rows:?}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn records(&self) -> Vec<Record> {
        let mut records = vec![];
        let mut journal = SqliteJournal::open_read_only(&journal_path(self.folder.path())).unwrap();
        for_each::<crate::journal::JournalError>(&mut journal, |record| {
            records.push(record);
            Ok(())
        })
        .unwrap();
        records
    }

    fn stop(&mut self) {
        self.inbox.send(Message::Quit);
        if let Some(engine) = self.engine.take() {
            engine.join().unwrap();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
    }
}

fn start(folder: &Path, bad: bool, operators: Vec<Operator>, speed: f64) -> (Inbox, JoinHandle<()>) {
    let loaded = load(&Folder::embedded()).unwrap();
    let path = journal_path(folder);
    let catalogue = Catalogue::of(&loaded.setup);
    let recipe =
        Recipe { setup: Arc::new(loaded.setup), version: "test", seed: 7, tools: Tools::at(folder, |_| {}) };
    let mut journal: Box<dyn Journal> = Box::new(SqliteJournal::open(&path).unwrap());
    let (inbox, board, clock) =
        (Inbox::default(), Board::default(), Clock::paced(crate::runtime::clock::wall(), speed));
    let folded = Folded::read(journal.as_mut(), &recipe.setup, false).unwrap();
    let mut started = folded.start(&recipe, journal.as_mut(), clock.now(), Watched::Not).unwrap();
    let kind = recipe.setup.kind;
    let server = Server::start(
        folder,
        ServerParts {
            inbox: inbox.clone(),
            board: board.clone(),
            feed: started.driver.subscribe(),
            kind,
            operators,
            reload: Box::new(Shipped { bad }),
            catalogue,
        },
    )
    .unwrap();
    let parts = Parts {
        recipe,
        open: Box::new(move || Ok(Box::new(SqliteJournal::open(&path)?))),
        clock,
        watch: Box::new(Detector::new(loaded.rules, loaded.settings.lateness, 7)),
        inbox: inbox.clone(),
        board,
        reading: Reading::default(),
        streaming: false,
        live: None,
        until: Until::Told,
    };
    let real = RealTime::new(started, journal, parts).unwrap();
    let engine = std::thread::spawn(move || {
        real.run();
        drop(server);
    });
    (inbox, engine)
}

fn asked(id: &str, request: Request) -> Asked {
    Asked { id: id.to_owned(), seen: None, request }
}

fn about(records: &[Record], wanted: impl Fn(&Event) -> bool) -> usize {
    records.iter().filter(|record| wanted(&record.event)).count()
}

#[test]
fn a_client_sees_what_the_engine_does() {
    let mut world = World::new();
    let run = world.trigger(1);
    let mut client = world.client();
    let (rows, of) = client.rows(Table::Runs, 10).unwrap();
    let Row::Run(row) = &rows[0] else { panic!("{rows:?}") };
    assert_eq!((rows.len(), of, &*row.id, &*row.workflow), (1, 1, &*run.to_string(), "block-address"));
    assert!(client.rows(Table::Agents, 100).unwrap().1 > 5);
    assert_eq!(client.rows(Table::Incidents, 100).unwrap().1, 0);
    assert_eq!(client.figures().unwrap().latencies.len(), 4);
    assert_eq!(client.welcome().you, super::people::me().actor().0.to_string());
    // A replica folded from the records is the engine's state.
    client.subscribe(1).unwrap();
    let mut replica = State::new();
    while replica.run(run).is_none_or(|run| !run.status().is_terminal()) {
        match client.follow(Duration::from_secs(20)).unwrap() {
            Followed::Records(records, _) => records.iter().for_each(|record| replica.apply(record).unwrap()),
            other => panic!("{other:?}"),
        }
    }
    world.stop();
    let heard_the_end = (0..100).any(|_| matches!(client.follow(Duration::from_secs(1)), Ok(Followed::End)));
    assert!(heard_the_end);
    assert!(!socket::path(world.folder.path()).exists(), "a clean stop takes the socket away");
}

#[test]
fn c23_the_same_id_is_one_effect_and_of_two_the_loser_is_told_who_and_when() {
    let world = World::of(false, vec![], SLOW);
    let run = world.trigger(1);
    world.wait_for("running");
    let seen = world.client().welcome().seq;
    let first = Asked { seen: Some(seen), ..asked("p-1", Request::Pause { run }) };
    let given = world.client().ask(&first).unwrap();
    assert!(given.accepted, "{given:?}");
    // Sent again, as after a lost connection: the same answer, though the run has changed since.
    assert_eq!(world.client().ask(&first).unwrap(), given);
    let late = Asked { seen: Some(seen), ..asked("c-1", Request::Cancel { run }) };
    let lost = world.client().ask(&late).unwrap();
    let who = super::people::me().actor();
    assert!(!lost.accepted && lost.text.contains(&format!(" by {who}")), "{lost:?}");
    assert!(lost.text.contains("has changed since you looked: it is paused since "), "{lost:?}");
    let other = world.client().ask(&asked("p-1", Request::Resume { run })).unwrap();
    assert!(other.text.contains("another request"), "{other:?}");
    assert_eq!(about(&world.records(), |event| matches!(event, Event::RunPaused { .. })), 1);
}

#[test]
fn hostile_clients_cost_themselves_only() {
    let world = World::new();
    let path = socket::path(world.folder.path());
    let hello = encode(&ToServer::Hello(Hello::new(None)), REQUEST_BYTES).unwrap();
    let subscribe = encode(&ToServer::Subscribe { from: 1 }, REQUEST_BYTES).unwrap();
    let mut hostile = vec![];
    for piece in [
        &b"\0\0"[..],
        b"\0\0\x01\0{",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x01x",
        &[hello.as_slice(), &subscribe].concat(),
        &[hello.as_slice(), b"\0\0\0\x02{}"].concat(),
    ] {
        let mut stream = UnixStream::connect(&path).unwrap();
        let _ = stream.write_all(piece);
        hostile.push(stream);
    }
    // None of them ever reads. There is still room for somebody else, and work goes on.
    world.trigger(9);
    world.wait_for("completed");
    // Those who come when all places are taken are told so; those who are in are served.
    let mut inside = vec![];
    let why = loop {
        match Client::connect(world.folder.path(), None) {
            Ok(client) => {
                let mut client = client.unwrap();
                client.subscribe(1).unwrap();
                inside.push(client);
            }
            Err(ClientError::Refused(why)) => break why,
            Err(other) => panic!("{other}"),
        }
        assert!(inside.len() <= CLIENTS_PER_USER);
    };
    assert!(why.contains("too many clients") && !inside.is_empty(), "{why}");
    let many: Vec<_> = (0..1000).filter_map(|_| UnixStream::connect(&path).ok()).collect();
    assert!(many.len() > CLIENTS_PER_USER);
    assert!(matches!(inside[0].follow(Duration::from_secs(60)), Ok(Followed::Records(..))));
    drop((many, hostile, inside));
    let since = instant();
    while !matches!(Client::connect(world.folder.path(), None), Ok(Some(_))) {
        assert!(since.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn c17_a_bad_setup_changes_nothing_and_a_good_one_is_taken_with_a_record() {
    let world = World::with(true);
    let bad = world.client().ask(&asked("r", Request::Reload)).unwrap();
    assert!(!bad.accepted && bad.text.contains("1 mistake\nhere: wrong"), "{bad:?}");
    assert_eq!(about(&world.records(), |event| matches!(event, Event::SetupLoaded { .. })), 0);
    assert_eq!(about(&world.records(), |event| matches!(event, Event::RequestRefused { .. })), 1);
    drop(world);
    let world = World::new();
    let run = world.trigger(1);
    let before = about(&world.records(), |event| matches!(event, Event::AgentJoined { .. }));
    let good = world.client().ask(&asked("r", Request::Reload)).unwrap();
    assert!(good.accepted && good.text.ends_with("; noted"), "{good:?}");
    let records = world.records();
    assert_eq!(about(&records, |event| matches!(event, Event::SetupLoaded { .. })), 1);
    assert_eq!(
        about(&records, |event| matches!(event, Event::AgentJoined { .. })),
        before,
        "nobody joins twice"
    );
    let mut replica = State::new();
    records.iter().for_each(|record| replica.apply(record).unwrap());
    assert!(replica.run(run).is_some());
}

#[test]
fn who_is_of_another_version_or_kind_is_told() {
    let world = World::new();
    let refused = |hello: Hello| {
        let stream = UnixStream::connect(socket::path(world.folder.path())).unwrap();
        let frame = encode(&ToServer::Hello(hello), REQUEST_BYTES).unwrap();
        super::wire::send(&stream, &frame, Duration::from_secs(5)).unwrap();
        let mut incoming = super::wire::Incoming::new(stream, 10_000);
        let frame = incoming.next_frame(Duration::from_secs(5), Duration::from_secs(5)).unwrap();
        String::from_utf8(frame).unwrap()
    };
    let real = Some(crate::engine::JournalKind::Real);
    for (hello, why) in [
        (Hello { protocol: 2, ..Hello::new(None) }, "(protocol 2): use the same program"),
        (Hello { version: "9.9.9".into(), ..Hello::new(None) }, "you use quell 9.9.9"),
        (Hello::new(real), "the engine's journal is for exercise, your setup is for real"),
    ] {
        let said = refused(hello);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn one_run_is_told_with_its_steps_and_what_cannot_be_settled_is_refused() {
    let world = World::new();
    let run = world.trigger(1);
    let detail = loop {
        if let Some(detail) = world.client().run(run).unwrap() {
            break detail;
        }
    };
    assert_eq!((detail.row.id, detail.row.observed), (run.to_string(), false));
    assert!(detail.steps.len() > 1 && detail.steps.iter().all(|step| step.may_settle.is_empty()));
    assert_eq!(world.client().run(crate::model::RunId(99)).unwrap(), None);
    let (step, as_) = (detail.steps[0].id.as_str().into(), crate::engine::Settled::Skip);
    let request = Request::Settle { run, step, as_, reason: "no".to_owned() };
    let given = world.client().ask(&asked("s-1", request)).unwrap();
    assert!(!given.accepted && given.text.contains("there is nothing to settle about"), "{given:?}");
}
