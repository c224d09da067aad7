//! `quell attach`: the console of an engine in another process.

use std::sync::mpsc::channel;

use super::args::Attach;
use super::error::Error;
use super::output::tell;
use super::{Verdict, ask, environment, logging};
use crate::config::Role;
use crate::console::{self, Ended, Options};
use crate::control::remote::Remote;
use crate::runtime::shutdown::{self, Stop};

/// Runs the verb.
///
/// # Errors
/// There is no engine, no terminal, or the engine does not want to talk.
pub fn run(args: &Attach) -> Result<Verdict, Error> {
    if !environment::has_terminal() {
        let hint = "without one: quell runs, incidents, ledger, events --follow --json";
        return Err(Error::failed("a console needs a terminal").hint(hint));
    }
    logging::to_console();
    let folder = ask::folder(args.state.as_deref())?;
    let signals = shutdown::catch();
    let signals = signals.map_err(|error| Error::failed("cannot catch signals").because(error))?;
    let remote = Remote::open(&folder).map_err(|error| ask::failed(&folder, error))?;
    let Remote { link, welcome } = remote.ok_or_else(|| ask::nobody(&folder))?;
    let (stop, stopped) = channel();
    let listening = signals.listen(move |signal, before| {
        if before > 0 || stop.send(asked(signal)).is_err() {
            console::session::restore();
            shutdown::leave(signal.code(), || {});
        }
    });
    listening.map_err(|error| Error::failed("cannot listen for signals").because(error))?;
    let options = Options {
        theme: environment::theme(),
        frames_per_second: environment::frames_per_second(),
        read_only: args.read_only || !welcome.may.iter().any(|role| *role != Role::View),
        attached: true,
        stop: stopped,
    };
    let shown = console::run(link, options);
    console::session::take_panics().iter().for_each(|report| tell(report));
    match shown {
        Ok(Ended::Quit) => Ok(Verdict::Fine),
        Ok(Ended::Stopped(stop)) => Ok(Verdict::Stopped(signal(stop))),
        Ok(Ended::TerminalLost) => Ok(Verdict::Stopped(Stop::HangUp)),
        Err(error) => Err(Error::failed("cannot show the console").because(error)),
    }
}

fn asked(signal: Stop) -> console::Stop {
    match signal {
        Stop::Terminate => console::Stop::Terminate,
        Stop::Interrupt => console::Stop::Interrupt,
        Stop::HangUp => console::Stop::HangUp,
    }
}

fn signal(stop: console::Stop) -> Stop {
    match stop {
        console::Stop::Terminate => Stop::Terminate,
        console::Stop::Interrupt => Stop::Interrupt,
        console::Stop::HangUp => Stop::HangUp,
    }
}
