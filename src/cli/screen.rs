//! Work with the console.

use std::sync::mpsc::channel;

use super::engine::Running;
use super::error::Error;
use super::identity;
use super::output::tell;
use super::{environment, logging};
use crate::config::Loaded;
use crate::console::{self, Ended, Options};
use crate::runtime::inbox::Message;
use crate::runtime::link::{Catalogue, Link};
use crate::runtime::shutdown::{self, Stop};
use crate::runtime::virtual_time::Ending;

/// Log lines belong to the console from here on; called before the engine starts.
pub fn prepare() {
    logging::to_console();
}

/// Shows the console until its operator leaves it, then ends the engine.
///
/// # Errors
/// There is no terminal, or the engine could not go on.
pub fn run(mut running: Running, loaded: &Loaded) -> Result<(Ending, bool), Error> {
    let (inbox, board) = (running.inbox.clone(), running.board.clone());
    let (stop, stopped) = channel();
    let (told, programs) = (inbox.clone(), running.programs.clone());
    running.on_signal(move |signal, before| {
        let asked = match signal {
            Stop::Terminate => console::Stop::Terminate,
            Stop::Interrupt => console::Stop::Interrupt,
            Stop::HangUp => console::Stop::HangUp,
        };
        let drains = told.send(Message::Drain);
        if before > 0 || (stop.send(asked).is_err() && !drains) {
            console::session::restore();
            shutdown::leave(signal.code(), || programs.kill_all());
        }
    })?;
    let (reply, answers) = channel();
    let (by, asked) = (identity::actor(), inbox.clone());
    let ask = Box::new(move |id, seen, request| {
        asked.send(Message::Request {
            id,
            by: by.clone(),
            seen,
            request: identity::asked(request),
            reply: reply.clone(),
        })
    });
    let (feed, thread) = running.split();
    let link = Link::new(feed, board, answers, ask, Catalogue::of(&loaded.setup));
    let options = Options {
        theme: environment::theme(),
        frames_per_second: environment::frames_per_second(),
        read_only: false,
        attached: false,
        stop: stopped,
    };
    let shown = console::run(link, options);
    let ended = match &shown {
        Ok(Ended::Quit) | Err(_) => Message::Quit,
        Ok(Ended::Stopped(_) | Ended::TerminalLost) => Message::Drain,
    };
    let quit = matches!(shown, Ok(Ended::Quit));
    inbox.send(ended);
    let ending = Running::join(thread)?;
    console::session::take_panics().iter().for_each(|report| tell(report));
    match shown {
        Ok(_) => Ok((ending, quit)),
        Err(error) => Err(Error::failed("cannot show the console")
            .because(error)
            .hint("--headless works without a terminal")),
    }
}
