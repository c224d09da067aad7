//! Work that blocks and cannot be ended: asking the system for the addresses of a name, reading a file.

use std::io;

use tokio::sync::{Semaphore, oneshot};

/// Threads of this kind at once, at most; more of them wait.
const THREADS: usize = 16;
static TURNS: Semaphore = Semaphore::const_new(THREADS);

/// Does it on a thread of its own. Whoever stops waiting leaves it alone; so does a quell that ends.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let turn = TURNS.acquire().await.map_err(io::Error::other)?;
    let (sender, done) = oneshot::channel();
    std::thread::Builder::new().name("lookup".to_owned()).spawn(move || {
        let _turn = turn;
        let _ = sender.send(work());
    })?;
    done.await.map_err(io::Error::other)
}
