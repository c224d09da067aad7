//! A console's link to an engine in another process: it looks the same as one within.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel};
use std::thread;
use std::time::Duration;

use super::client::{Client, ClientError, Shown};
use super::message::{Asked, Given, Welcome};
use crate::engine::{Answer, State};
use crate::model::SafeText;
use crate::runtime::clock;
use crate::runtime::feed::{FeedItem, Subscription};
use crate::runtime::gauges::Board;
use crate::runtime::link::{Answered, Ask, Asker, Catalogue, Link};

/// How long an engine may say nothing: it sends figures every second.
const SILENCE: Duration = Duration::from_secs(10);
/// How long one waits before a lost engine is looked for again.
const AGAIN: Duration = Duration::from_secs(1);
/// Requests that wait for their answers at most.
const UNDER_WAY: usize = 16;
/// How often a request is sent, if the connection is lost: under one id, so that it is done once (C23).
const TRIES: u32 = 3;

/// A link, and what the engine said of itself.
pub struct Remote {
    /// For the console.
    pub link: Link,
    /// What the engine said when it was called first.
    pub welcome: Welcome,
}

/// What an engine shows at first.
struct First {
    catalogue: Catalogue,
    state: Box<State>,
}

impl Remote {
    /// Calls the engine that owns a state folder; `None` if there is none. From then on a lost engine is
    /// called again until it is there.
    ///
    /// # Errors
    /// It does not want to talk, or the system gives no thread.
    pub fn open(folder: &Path) -> Result<Option<Remote>, ClientError> {
        let board = Board::default();
        let Some((client, first)) = call(folder, &board)? else { return Ok(None) };
        let welcome = client.welcome().clone();
        let (items, feed) = Subscription::pipe();
        let (tell, news) = channel();
        let (reply, answers) = channel();
        let _ = items.send(FeedItem::Snapshot(first.state));
        let listener = Listener { folder: folder.to_owned(), items, board: board.clone(), tell };
        let spawned = thread::Builder::new().name("attach".to_owned()).spawn(move || listener.run(client));
        spawned.map_err(ClientError::Connect)?;
        let asker = Asker::new(asks(folder.to_owned(), reply));
        let link = Link { feed, board, answers, asker, catalogue: first.catalogue, news };
        Ok(Some(Remote { link, welcome }))
    }
}

/// Calls an engine, and waits for the first picture.
fn call(folder: &Path, board: &Board) -> Result<Option<(Client, First)>, ClientError> {
    let Some(mut client) = Client::connect(folder, None)? else { return Ok(None) };
    client.watch()?;
    let (mut catalogue, mut text) = (Catalogue::default(), String::new());
    loop {
        match client.watched(SILENCE)? {
            Shown::Catalogue(new) => catalogue = new,
            Shown::Gauges(gauges, rules) => paint(board, *gauges, rules),
            Shown::Snapshot(part, last) => {
                text.push_str(&part);
                if last {
                    let state = Box::new(state(&text)?);
                    return Ok(Some((client, First { catalogue, state })));
                }
            }
            Shown::Records(_) => {}
            Shown::End => return Ok(None),
        }
    }
}

fn state(text: &str) -> Result<State, ClientError> {
    let wrong =
        |error| io::Error::new(io::ErrorKind::InvalidData, format!("its state cannot be read: {error}"));
    State::from_text(text.as_bytes()).map_err(|error| ClientError::Connect(wrong(error)))
}

fn paint(
    board: &Board,
    mut gauges: crate::runtime::gauges::Gauges,
    rules: Option<Box<crate::detect::Figures>>,
) {
    gauges.rules = match rules {
        Some(rules) => Arc::new(*rules),
        None => board.read().rules,
    };
    board.copy(gauges);
}

/// Hands on what an engine shows.
struct Listener {
    folder: PathBuf,
    items: SyncSender<FeedItem>,
    board: Board,
    tell: Sender<Catalogue>,
}

/// The console is gone.
struct Gone;

impl Listener {
    /// Until the console is gone.
    fn run(self, mut client: Client) {
        loop {
            let Ok(why) = self.listen(&mut client) else { return };
            match self.call_again(why) {
                Ok(again) => client = again,
                Err(Gone) => return,
            }
        }
    }

    fn give(&self, item: FeedItem) -> Result<(), Gone> {
        self.items.send(item).map_err(|_| Gone)
    }

    /// Hands on until the engine is lost; says why.
    fn listen(&self, client: &mut Client) -> Result<String, Gone> {
        let mut text = String::new();
        loop {
            match client.watched(SILENCE) {
                Ok(Shown::Records(records)) => self.give(FeedItem::Records(Arc::new(records)))?,
                Ok(Shown::Gauges(gauges, rules)) => paint(&self.board, *gauges, rules),
                Ok(Shown::Catalogue(catalogue)) => self.tell.send(catalogue).map_err(|_| Gone)?,
                Ok(Shown::Snapshot(part, last)) => {
                    text.push_str(&part);
                    if last {
                        match state(&std::mem::take(&mut text)) {
                            Ok(state) => self.give(FeedItem::Snapshot(Box::new(state)))?,
                            Err(error) => return Ok(error.to_string()),
                        }
                    }
                }
                Ok(Shown::End) => return Ok("it has stopped".to_owned()),
                Err(error) => return Ok(error.to_string()),
            }
        }
    }

    /// Looks for the engine until it is there.
    fn call_again(&self, why: String) -> Result<Client, Gone> {
        let mut told = String::new();
        let mut why = why;
        loop {
            if why != told {
                tracing::warn!(target: "attach", "the engine is lost: {}", SafeText(&why));
                self.give(FeedItem::Lost(Arc::from(why.as_str())))?;
                told.clone_from(&why);
            }
            thread::sleep(AGAIN);
            why = match call(&self.folder, &self.board) {
                Ok(Some((client, first))) => {
                    self.tell.send(first.catalogue).map_err(|_| Gone)?;
                    self.give(FeedItem::Snapshot(first.state))?;
                    return Ok(client);
                }
                Ok(None) => "nobody is at work there".to_owned(),
                Err(error) => error.to_string(),
            };
        }
    }
}

/// Each request goes out over a connection of its own: one that is not answered holds up no other.
fn asks(folder: PathBuf, reply: Sender<Answered>) -> Ask {
    let under_way = Arc::new(AtomicUsize::new(0));
    let name = format!("console-{}-{}", std::process::id(), clock::wall().0);
    Box::new(move |id, seen, request| {
        let refuse = |why: &str| {
            let answer = Answer::Refused(why.to_owned());
            reply.send(Answered { id, seq: 0, answer }).is_ok()
        };
        if under_way.fetch_add(1, Ordering::AcqRel) >= UNDER_WAY {
            under_way.fetch_sub(1, Ordering::AcqRel);
            return refuse("too many requests wait for their answers");
        }
        let asked = Asked { id: format!("{name}-{}", id.0), seen, request };
        let (folder, reply_to, waits) = (folder.clone(), reply.clone(), Arc::clone(&under_way));
        let spawned = thread::Builder::new().name("attach-ask".to_owned()).spawn(move || {
            let (seq, answer) = match ask(&folder, &asked) {
                Ok(Given { accepted: true, text, seq, .. }) => (seq, Answer::Accepted(text)),
                Ok(Given { text, seq, .. }) => (seq, Answer::Refused(text)),
                Err(why) => (0, Answer::Refused(why)),
            };
            let _ = reply_to.send(Answered { id, seq, answer });
            waits.fetch_sub(1, Ordering::AcqRel);
        });
        spawned.is_ok() || refuse("the system gives no thread")
    })
}

fn ask(folder: &Path, asked: &Asked) -> Result<Given, String> {
    let mut tried = 0;
    loop {
        tried += 1;
        let mut client = match Client::connect(folder, None) {
            Ok(Some(client)) => client,
            Ok(None) => return Err("no engine is at work".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        match client.ask(asked) {
            Ok(given) => return Ok(given),
            Err(ClientError::Wire(_)) if tried < TRIES => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}
