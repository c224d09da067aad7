//! Signals of the system: what they mean is for those who listen (C18).

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

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

/// Whether the process is on its way out by [`leave`].
static LEAVING: AtomicBool = AtomicBool::new(false);

/// Ends the process at once, after one last thing. What that sets off on other threads decides nothing
/// any more, if they [`stand_aside`] before they end the process themselves.
pub fn leave(code: i32, last: impl FnOnce()) -> ! {
    LEAVING.store(true, Ordering::SeqCst);
    last();
    std::process::exit(code)
}

/// Waits for the end, if another thread is about to end the process.
pub fn stand_aside() {
    while LEAVING.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// Requests to stop, caught from here on: none of them ends the process by itself any more, and none is
/// lost before somebody listens.
#[derive(Debug)]
pub struct Signals {
    runtime: Runtime,
    term: Signal,
    int: Signal,
    hup: Signal,
}

/// Begins to catch them. To be called before there is work that a signal must not tear apart.
///
/// # Errors
/// The system gives no handler.
pub fn catch() -> std::io::Result<Signals> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (term, int, hup) = {
        let _within = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?)
    };
    Ok(Signals { runtime, term, int, hup })
}

impl Signals {
    /// Starts the thread that listens. `each` is called with every request, and how many came before it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn listen(self, mut each: impl FnMut(Stop, u32) + Send + 'static) -> std::io::Result<JoinHandle<()>> {
        let Signals { runtime, mut term, mut int, mut hup } = self;
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
}
