//! Signals of the system: the first asks to drain, the second ends at once (C18).

use std::thread::JoinHandle;

use tokio::signal::unix::{SignalKind, signal};

use super::inbox::{Inbox, Message};

/// Starts the thread that listens for TERM, INT and HUP. `before_exit` runs before a second signal
/// ends the process: it restores the terminal.
///
/// # Errors
/// The system gives no thread, or no handler.
pub fn listen(inbox: Inbox, before_exit: fn()) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _within = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async move {
            let (mut term, mut int, mut hup) = signals;
            let mut asked = false;
            loop {
                let code = tokio::select! {
                    _ = term.recv() => 143,
                    _ = int.recv() => 130,
                    _ = hup.recv() => 129,
                };
                // A driver that is gone cannot drain: whoever holds the process up is told to end too.
                if asked || !inbox.send(Message::Drain) {
                    before_exit();
                    std::process::exit(code);
                }
                asked = true;
            }
        });
    })
}
