//! The writer: a thread that may wait for a slow terminal, so that nobody else has to.
//!
//! Its mailbox holds one frame. A frame is the difference to the frame before it, so none may be lost:
//! the console only draws when the last frame has gone out, and keeps what is new in mind until then.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The giving side.
pub struct Writer {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    slot: Mutex<Slot>,
    changed: Condvar,
}

#[derive(Default)]
struct Slot {
    frame: Option<Vec<u8>>,
    writing: bool,
    /// The console has something to draw and waits for its turn.
    wanted: bool,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the writer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// There is room for a frame that was wanted.
    Room,
    /// The sink failed: nothing will be written any more.
    Failed,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(
        sink: impl Write + Send + 'static,
        tell: impl Fn(Told) + Send + 'static,
    ) -> std::io::Result<Writer> {
        let shared = Arc::new(Shared::default());
        let other = Arc::clone(&shared);
        thread::Builder::new().name("console-writer".into()).spawn(move || write(&other, sink, tell))?;
        Ok(Writer { shared })
    }

    /// Whether a frame can be given now; if not, [`Told::Room`] will say when.
    pub fn ready(&self) -> bool {
        let mut slot = self.shared.lock();
        let ready = slot.frame.is_none() && !slot.writing;
        slot.wanted = !ready;
        ready
    }

    /// Gives a frame.
    pub fn put(&self, frame: Vec<u8>) {
        let mut slot = self.shared.lock();
        match &mut slot.frame {
            Some(waiting) => waiting.extend(frame),
            None => slot.frame = Some(frame),
        }
        self.shared.changed.notify_all();
    }

    /// Waits until everything has gone out, at most `patience`.
    pub fn finish(&self, patience: Duration) -> bool {
        let slot = self.shared.lock();
        let busy = |slot: &mut Slot| (slot.frame.is_some() || slot.writing) && !slot.closed;
        let waited = self.shared.changed.wait_timeout_while(slot, patience, busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

fn write(shared: &Shared, mut sink: impl Write, tell: impl Fn(Told)) {
    loop {
        let mut slot = shared.lock();
        while slot.frame.is_none() && !slot.closed {
            slot = shared.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
        let Some(frame) = slot.frame.take() else { return };
        slot.writing = true;
        drop(slot);
        let failed = sink.write_all(&frame).and_then(|()| sink.flush()).is_err();
        let mut slot = shared.lock();
        slot.writing = false;
        slot.closed |= failed;
        let wanted = std::mem::take(&mut slot.wanted);
        drop(slot);
        shared.changed.notify_all();
        if failed {
            return tell(Told::Failed);
        }
        if wanted {
            tell(Told::Room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A terminal that takes a write only when it is told to.
    struct Slow(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stalled_terminal_holds_up_nobody_and_loses_nothing() {
        let ((go, gone), (out, written), (tell, told)) = (channel(), channel(), channel());
        let writer = Writer::start(Slow(gone, out), move |t| tell.send(t).unwrap_or_default()).unwrap();
        assert!(writer.ready());
        writer.put(b"one".to_vec());
        assert!(!writer.ready());
        assert!(!writer.finish(Duration::from_millis(20)));
        go.send(()).unwrap();
        assert_eq!(told.recv(), Ok(Told::Room));
        assert!(writer.ready());
        writer.put(b"two".to_vec());
        go.send(()).unwrap();
        assert!(writer.finish(Duration::from_secs(10)));
        assert_eq!(written.try_iter().collect::<Vec<_>>(), [b"one".to_vec(), b"two".to_vec()]);
        assert!(told.try_recv().is_err(), "nobody asked");
        writer.put(b"three".to_vec());
        drop(go);
        assert_eq!(told.recv(), Ok(Told::Failed));
    }
}
