//! The three pipes of a program: all of them move at once, so that none can block another.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::output::Kept;

/// How long the pipes of a tree that is gone are read: one that could not be killed may hold them open.
const DRAIN: Duration = Duration::from_secs(1);

/// Pipes at work. Dropping them closes them.
pub(super) struct Streams {
    feeding: JoinSet<()>,
    reading: JoinSet<()>,
    stdout: Arc<Mutex<Kept>>,
    stderr: Arc<Mutex<Kept>>,
}

impl Streams {
    /// Begins to feed a program and to read what it says.
    pub(super) fn of(child: &mut Child, input: Vec<u8>) -> Streams {
        let mut streams = Streams {
            feeding: JoinSet::new(),
            reading: JoinSet::new(),
            stdout: Arc::default(),
            stderr: Arc::default(),
        };
        if let Some(pipe) = child.stdin.take() {
            streams.feeding.spawn(feed(pipe, input));
        }
        if let Some(pipe) = child.stdout.take() {
            streams.reading.spawn(drain(pipe, Arc::clone(&streams.stdout)));
        }
        if let Some(pipe) = child.stderr.take() {
            streams.reading.spawn(drain(pipe, Arc::clone(&streams.stderr)));
        }
        streams
    }

    /// What was said on stdout and stderr, once nobody is left to say more.
    pub(super) async fn end(mut self) -> (Kept, Kept) {
        self.feeding.abort_all();
        let all = async { while self.reading.join_next().await.is_some() {} };
        let _ = timeout(DRAIN, all).await;
        (take(&self.stdout), take(&self.stderr))
    }
}

fn take(kept: &Mutex<Kept>) -> Kept {
    std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn feed(mut pipe: ChildStdin, input: Vec<u8>) {
    // Whether the program wants to read it is its own affair.
    let _ = pipe.write_all(&input).await;
}

async fn drain(mut pipe: impl AsyncRead + Unpin, kept: Arc<Mutex<Kept>>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        kept.lock().unwrap_or_else(PoisonError::into_inner).add(&buffer[..count]);
    }
}
