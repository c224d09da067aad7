//! A console's link over the socket: it shows what an engine within the process would.

use std::sync::mpsc::TryRecvError;

use super::*;
use crate::control::remote::Remote;
use crate::engine::{Answer, RunStatus};
use crate::runtime::feed::FeedItem;
use crate::runtime::link::{Answered, Link};

const PATIENCE: Duration = Duration::from_secs(60);

/// What a console would hold.
struct Console {
    link: Link,
    state: State,
    snapshots: u32,
    lost: Option<Arc<str>>,
}

impl Console {
    fn open(folder: &Path) -> Console {
        let link = Remote::open(folder).unwrap().expect("an engine is at work").link;
        Console { link, state: State::new(), snapshots: 0, lost: None }
    }

    /// Folds the feed until something is so.
    fn until(&mut self, so: impl Fn(&Console) -> bool) {
        while !so(self) {
            match self.link.feed.next_within(PATIENCE).expect("something comes") {
                FeedItem::Snapshot(state) => {
                    (self.state, self.lost) = (*state, None);
                    self.snapshots += 1;
                }
                FeedItem::Records(records) => records.iter().for_each(|r| self.state.apply(r).unwrap()),
                FeedItem::Lost(why) => self.lost = Some(why),
                FeedItem::End => panic!("a remote link does not end"),
            }
        }
    }

    fn ask(&mut self, request: Request) -> Answered {
        let id = self.link.asker.send(None, request).unwrap();
        let answered = self.link.answers.recv_timeout(PATIENCE).unwrap();
        assert_eq!(answered.id, id);
        answered
    }

    fn trigger(&mut self) -> Answered {
        let inputs = Map::from_iter([("address".to_owned(), Value::from("192.0.2.7"))]);
        self.ask(Request::Trigger { workflow: "block-address".into(), inputs })
    }
}

#[test]
fn two_consoles_see_the_same_and_what_they_asked_for() {
    let world = World::new();
    let (mut one, mut two) = (Console::open(world.folder.path()), Console::open(world.folder.path()));
    let offered =
        |console: &Console| console.link.catalogue.workflows.iter().any(|w| &*w.name == "block-address");
    assert!(offered(&one) && offered(&two));
    let answered = one.trigger();
    assert!(matches!(&answered.answer, Answer::Accepted(text) if text.contains("run-1")), "{answered:?}");
    let done =
        |console: &Console| console.state.run(RunId(1)).is_some_and(|r| r.status() == RunStatus::Completed);
    one.until(done);
    two.until(done);
    let seq = one.state.seq().max(two.state.seq());
    for console in [&mut one, &mut two] {
        console.until(|console| console.state.seq() >= seq);
        assert_eq!(console.snapshots, 1);
    }
    assert_eq!(one.state, two.state);
    // The figures of the engine are on the board of each, and its clock goes on between two of them.
    let now = one.link.board.read().now;
    assert!(now > crate::model::Timestamp(0));
    std::thread::sleep(Duration::from_millis(2));
    assert!(one.link.board.read().now > now);
}

#[test]
fn the_loser_of_two_contrary_requests_is_told() {
    let world = World::new();
    let (mut one, mut two) = (Console::open(world.folder.path()), Console::open(world.folder.path()));
    one.trigger();
    one.until(|console| console.state.run(RunId(1)).is_some_and(|r| r.status() == RunStatus::Completed));
    let answers = [one.ask(Request::Pause { run: RunId(1) }), two.ask(Request::Cancel { run: RunId(99) })];
    for answered in answers {
        assert!(matches!(&answered.answer, Answer::Refused(why) if why.contains("run-")), "{answered:?}");
    }
}

#[test]
fn an_engine_that_comes_back_is_found_again() {
    let mut world = World::new();
    let mut console = Console::open(world.folder.path());
    console.trigger();
    console.until(|console| console.state.run(RunId(1)).is_some_and(|r| r.status() == RunStatus::Completed));
    world.stop();
    console.until(|console| console.lost.is_some());
    let answered = console.trigger();
    assert!(matches!(answered.answer, Answer::Refused(_)), "{answered:?}");
    (world.inbox, world.engine) = {
        let (inbox, engine) = start(world.folder.path(), false, vec![], SPEED);
        (inbox, Some(engine))
    };
    console.until(|console| console.snapshots == 2 && console.lost.is_none());
    assert!(console.state.run(RunId(1)).is_some(), "what was before is there");
    assert!(matches!(console.trigger().answer, Answer::Accepted(_)));
    assert!(console.link.news.try_recv().is_ok(), "what can be started is told anew");
    assert!(matches!(console.link.news.try_recv(), Err(TryRecvError::Empty)));
}

#[test]
fn nobody_at_work_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Remote::open(folder.path()).unwrap().is_none());
}
