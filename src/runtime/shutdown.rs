//! Signals of the system: what they mean is for those who listen (C18).

use std::thread::JoinHandle;

use tokio::signal::unix::{SignalKind, signal};

/// A request of the system to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// TERM.
    Terminate,
    /// INT.
    Interrupt,
    /// HUP: the terminal is going.
    HangUp,
}

impl Stop {
    /// The exit code of a process that ended because of it: 128 and the signal's number.
    pub fn code(self) -> i32 {
        match self {
            Stop::Terminate => 143,
            Stop::Interrupt => 130,
            Stop::HangUp => 129,
        }
    }
}

/// Starts the thread that listens. `each` is called with every request, and how many came before it.
///
/// # Errors
/// The system gives no thread, or no handler.
pub fn listen(mut each: impl FnMut(Stop, u32) + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut term, mut int, mut hup) = {
        let _within = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async move {
            for before in 0.. {
                let stop = tokio::select! {
                    _ = term.recv() => Stop::Terminate,
                    _ = int.recv() => Stop::Interrupt,
                    _ = hup.recv() => Stop::HangUp,
                };
                each(stop, before);
            }
        });
    })
}
