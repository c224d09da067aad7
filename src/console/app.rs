//! The console's own thread: one place to wait, one place to draw.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use ratatui::crossterm::terminal;

use super::inlets::{self, Feeder};
use super::model::Model;
use super::screen::Screen;
use super::session::{self, Frames, Session};
use super::theme::Theme;
use super::update::{Msg, Todo, update};
use super::writer::{Told, Writer};
use super::{Ended, Options, Stop};
use crate::model::Span;
use crate::runtime::gauges::Board;
use crate::runtime::link::{Asker, Link};

/// Messages that wait for the console's thread at most; those who bring more wait themselves.
const INBOX: usize = 1024;

/// How long leaving waits for the last frame.
const LAST_FRAME: Duration = Duration::from_millis(300);

/// Runs the console on this thread until somebody ends it.
///
/// # Errors
/// If there is no terminal, or a thread cannot be started.
pub fn run(link: Link, options: Options) -> io::Result<Ended> {
    let (width, height) = terminal::size()?;
    let Link { feed, board, answers, asker, catalogue, news } = link;
    let mut model = Model::new(catalogue, options.read_only, width, height);
    model.attached = options.attached;
    // The first frame should show something: the snapshot is there at once.
    if let Some(item) = feed.next_within(Duration::from_millis(10)) {
        update(&mut model, Msg::Feed(vec![item]));
    }
    let session = Session::enter()?;
    session::hook_panics();
    let (sender, inbox) = sync_channel(INBOX);
    let frame = Duration::from_secs(1) / options.frames_per_second.clamp(1, 60);
    let feeder = Feeder::start(feed, sender.clone(), frame)?;
    inlets::forward(answers, sender.clone(), "console-answers", Msg::Answer)?;
    inlets::forward(news, sender.clone(), "console-setup", Msg::Catalogue)?;
    inlets::forward(options.stop, sender.clone(), "console-stop", Msg::Stop)?;
    inlets::read_keys(sender.clone())?;
    inlets::watch_terminal(sender.clone())?;
    let writer = Writer::start(Frames, move |told| {
        // A full inbox wakes the console anyway.
        let _ = match told {
            Told::Room => sender.try_send(Msg::Drained).is_ok(),
            Told::Failed => sender.send(Msg::Lost).is_ok(),
        };
    })?;
    let screen = Screen::new(Session::opening());
    let mut app = App::new(model, options.theme, screen, writer, (asker, feeder, board), frame);
    let ended = app.live(&inbox, session)?;
    Ok(ended)
}

struct App {
    model: Model,
    theme: Theme,
    screen: Screen,
    writer: Writer,
    asker: Asker,
    feeder: Feeder,
    board: Board,
    started: Instant,
    /// Shortest time between two frames that only data asked for.
    frame: Duration,
    last_frame: Instant,
    /// When the figures are read although nothing happened: the clock has to go on.
    next_look: Instant,
    /// Something changed that can wait for the next frame.
    dirty: bool,
    /// Something changed that should be seen at once.
    urgent: bool,
}

impl App {
    #[expect(clippy::disallowed_methods, reason = "the console decides when to draw")]
    fn new(
        model: Model,
        theme: Theme,
        screen: Screen,
        writer: Writer,
        (asker, feeder, board): (Asker, Feeder, Board),
        frame: Duration,
    ) -> Self {
        let now = Instant::now();
        App {
            model,
            theme,
            screen,
            writer,
            asker,
            feeder,
            board,
            started: now,
            frame,
            last_frame: now,
            next_look: now,
            dirty: true,
            urgent: true,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the console decides when to draw")]
    fn live(&mut self, inbox: &Receiver<Msg>, mut session: Session) -> io::Result<Ended> {
        loop {
            let now = Instant::now();
            if now >= self.next_look {
                self.look(now);
            }
            if self.urgent || (self.dirty && now >= self.last_frame + self.frame) {
                self.draw(now);
            }
            let first = match inbox.recv_timeout(self.patience(now)) {
                Ok(msg) => Some(msg),
                Err(RecvTimeoutError::Timeout) => None,
                // The input thread holds a sender as long as it lives.
                Err(RecvTimeoutError::Disconnected) => return Ok(Ended::TerminalLost),
            };
            self.take(Msg::Clock(Span::from(self.started.elapsed())));
            for msg in first.into_iter().chain(inbox.try_iter().take(INBOX)) {
                for todo in self.take(msg) {
                    if let Some(ended) = self.act(todo, &mut session)? {
                        match ended {
                            Ended::TerminalLost => session::lose(),
                            // A signal alone does not mean that the terminal is gone.
                            Ended::Quit | Ended::Stopped(_) => _ = self.writer.finish(LAST_FRAME),
                        }
                        return Ok(ended);
                    }
                }
            }
        }
    }

    /// Brings one message to the model and notes how soon it has to be seen.
    fn take(&mut self, msg: Msg) -> Vec<Todo> {
        match &msg {
            Msg::Key(_) | Msg::Paste(_) | Msg::Resize(..) | Msg::Sent(..) => self.urgent = true,
            Msg::Feed(_) | Msg::Gauges(_) | Msg::Catalogue(_) => self.dirty = true,
            Msg::Clock(now) => self.dirty |= self.model.expires().is_some_and(|at| at <= *now),
            Msg::Answer(_) | Msg::Stop(_) | Msg::Lost | Msg::Drained => {}
        }
        let before = self.model.requests.under_way();
        let todos = update(&mut self.model, msg);
        let under_way = self.model.requests.under_way();
        self.urgent |= under_way < before;
        self.feeder.hurry(under_way > 0);
        todos
    }

    fn act(&mut self, todo: Todo, session: &mut Session) -> io::Result<Option<Ended>> {
        match todo {
            Todo::Send { seen, request, what } => {
                self.feeder.hurry(true);
                let id = self.asker.send(seen, request);
                self.take(Msg::Sent(id, what));
            }
            Todo::Copy(text) => self.writer.put(session::clipboard(&text)),
            Todo::Redraw => self.screen.restart(Session::opening()),
            Todo::Suspend => {
                self.writer.finish(LAST_FRAME);
                session.suspend()?;
                if let Ok((width, height)) = terminal::size() {
                    self.take(Msg::Resize(width, height));
                }
                self.screen.restart(Session::opening());
            }
            Todo::End(ended) => return Ok(Some(ended)),
        }
        Ok(None)
    }

    /// Reads the figures.
    fn look(&mut self, now: Instant) {
        let gauges = self.board.read();
        let moved = gauges.now != self.model.live_gauges.now;
        let second = u64::from(gauges.now.split().1);
        // At the turn of the shown second, if it goes on by itself; else once a second.
        let wait = match gauges.speed {
            Some(speed) if speed != 1.0 => 1_000_000,
            _ if moved => (1_000_000 - second).max(200_000),
            _ => 1_000_000,
        };
        self.next_look = now + Duration::from_micros(wait);
        self.take(Msg::Gauges(Box::new(gauges)));
    }

    /// Draws a frame, if the last one has gone out; else the writer says when.
    fn draw(&mut self, now: Instant) {
        if !self.writer.ready() {
            // Until then there is nothing to wait for but messages.
            (self.urgent, self.last_frame) = (false, now);
            self.dirty = true;
            return;
        }
        if self.dirty {
            let gauges = self.board.read();
            update(&mut self.model, Msg::Gauges(Box::new(gauges)));
        }
        self.model.settle();
        if self.model.log {
            tui_logger::move_events();
        }
        if let Some(bytes) = self.screen.draw(&self.model, &self.theme) {
            self.writer.put(bytes);
        }
        (self.dirty, self.urgent, self.last_frame) = (false, false, now);
    }

    /// How long nothing has to be done if nothing happens.
    fn patience(&self, now: Instant) -> Duration {
        let frame = self.dirty.then(|| self.last_frame + self.frame);
        let expiry = self.model.expires().map(|at| self.started + Duration::from(at));
        let next = [frame, expiry].into_iter().flatten().fold(self.next_look, Instant::min);
        next.saturating_duration_since(now)
    }
}

/// Why somebody outside ends the console; a name for the sending side of [`Options::stop`].
pub type StopSender = std::sync::mpsc::Sender<Stop>;
