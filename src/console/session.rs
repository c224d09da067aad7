//! The terminal between entering and leaving: raw mode, the other screen, and every way back.

use std::io::{self, Write as _};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use ratatui::crossterm::clipboard::CopyToClipboard;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::queue;
use ratatui::crossterm::style::ResetColor;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{Action, tcflow};

/// Whether the terminal is ours.
static ACTIVE: AtomicBool = AtomicBool::new(false);
/// Whether the terminal is gone.
static LOST: AtomicBool = AtomicBool::new(false);
/// Held while bytes go out, so that leaving does not fall into the middle of a frame.
static OUTPUT: Mutex<()> = Mutex::new(());
/// Reports of panics outside of the console's own thread.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// How long leaving waits for a terminal that takes no bytes.
const PATIENCE: Duration = Duration::from_millis(300);

/// The terminal, until this is dropped.
#[derive(Debug)]
pub struct Session(());

impl Session {
    /// Takes the terminal. What switches the screen is in [`Session::opening`], so that it can go out
    /// together with the first frame.
    ///
    /// # Errors
    /// If there is no terminal.
    pub fn enter() -> io::Result<Session> {
        enable_raw_mode()?;
        ACTIVE.store(true, Ordering::SeqCst);
        LOST.store(false, Ordering::SeqCst);
        Ok(Session(()))
    }

    /// The bytes before the first frame.
    pub fn opening() -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing to memory cannot fail.
        let _ = queue!(
            bytes,
            EnterAlternateScreen,
            EnableBracketedPaste,
            Hide,
            ResetColor,
            Clear(ClearType::All)
        );
        bytes
    }

    /// Gives the terminal back to the shell until it says `fg`. The whole screen must be drawn anew
    /// afterwards, from [`Session::opening`] on.
    ///
    /// # Errors
    /// If the terminal cannot be taken again.
    pub fn suspend(&mut self) -> io::Result<()> {
        restore();
        // The group, as the shell would: a `cargo run` in between has to stop too.
        let _ = kill_current_process_group(Signal::TSTP);
        // Another thread may be the one that takes the signal: do not run on before it did.
        thread::sleep(Duration::from_millis(30));
        enable_raw_mode()?;
        ACTIVE.store(true, Ordering::SeqCst);
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        restore();
    }
}

/// The bytes that put a text on the clipboard of the terminal, also at the far end of SSH: OSC 52 of
/// xterm's control sequences, the text in base64.
pub fn clipboard(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _ = queue!(bytes, CopyToClipboard::to_clipboard_from(text));
    bytes
}

/// Gives the terminal back: cooked mode, the screen from before, a cursor. Does nothing if it is not
/// ours, or gone; never panics; may be called from anywhere, any number of times.
pub fn restore() {
    if !ACTIVE.swap(false, Ordering::SeqCst) || LOST.load(Ordering::SeqCst) {
        return;
    }
    // Output may be held by Ctrl-S; nothing could be written then.
    let _ = tcflow(rustix::stdio::stdout(), Action::OOn);
    let _held = wait_for_output();
    let mut bytes = Vec::new();
    let _ = queue!(bytes, ResetColor, DisableBracketedPaste, LeaveAlternateScreen, Show);
    if writable(PATIENCE) {
        let _ = Terminal.write_all(&bytes);
    }
    let _ = disable_raw_mode();
}

fn wait_for_output() -> Option<std::sync::MutexGuard<'static, ()>> {
    for _ in 0..30 {
        match OUTPUT.try_lock() {
            Ok(guard) => return Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => thread::sleep(PATIENCE / 30),
        }
    }
    None
}

fn writable(patience: Duration) -> bool {
    let stdout = rustix::stdio::stdout();
    let mut fds = [PollFd::new(&stdout, PollFlags::OUT)];
    let timeout = Timespec::try_from(patience).ok();
    matches!(poll(&mut fds, timeout.as_ref()), Ok(1)) && fds[0].revents().contains(PollFlags::OUT)
}

/// The terminal is gone: stands an empty pipe in for its input and the null device for its output.
/// crossterm reads without end from a terminal that has hung up; of an empty pipe it asks once.
pub fn lose() {
    if LOST.swap(true, Ordering::SeqCst) {
        return;
    }
    ACTIVE.store(false, Ordering::SeqCst);
    if let Ok((input, output)) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK) {
        let _ = rustix::stdio::dup2_stdin(&input);
        // Without a writer the pipe would be at its end, and not empty.
        std::mem::forget(output);
    }
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

/// Waits until the terminal hangs up; false if that cannot be told.
pub fn hung_up() -> bool {
    let stdout = rustix::stdio::stdout();
    loop {
        // Hanging up is reported although nothing is asked for.
        let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
        match poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
            Ok(_) => return true,
        }
    }
}

/// Bytes to the terminal. Writes nothing while the terminal is not ours.
#[derive(Debug)]
pub struct Frames;

impl io::Write for Frames {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _held = OUTPUT.lock().unwrap_or_else(PoisonError::into_inner);
        if ACTIVE.load(Ordering::SeqCst) { Terminal.write(bytes) } else { Ok(bytes.len()) }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The file descriptor itself: one call, one write.
struct Terminal;

impl io::Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stdout = rustix::stdio::stdout();
        loop {
            match rustix::io::write(stdout, bytes) {
                Ok(n) => return Ok(n),
                Err(rustix::io::Errno::INTR) => {}
                // Somebody else made the terminal non-blocking.
                Err(rustix::io::Errno::AGAIN) => {
                    let mut fds = [PollFd::new(&stdout, PollFlags::OUT)];
                    poll(&mut fds, None)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Puts a step before the present panic hook: a panic of this thread gives the terminal back before it
/// is reported; one of another thread is logged and kept for [`take_panics`], so that it does not
/// write over the screen.
pub fn hook_panics() {
    let own: ThreadId = thread::current().id();
    let next = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !ACTIVE.load(Ordering::SeqCst) {
            next(info);
        } else if thread::current().id() == own {
            restore();
            next(info);
        } else {
            let thread = thread::current();
            let report = format!("thread {}: {info}", thread.name().unwrap_or("without a name"));
            tracing::error!("{report}");
            if let Ok(mut panics) = PANICS.try_lock()
                && panics.len() < 16
            {
                panics.push(report);
            }
        }
    }));
}

/// Panics of other threads while the console had the terminal, to be printed after it.
pub fn take_panics() -> Vec<String> {
    std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner))
}
