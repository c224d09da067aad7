//! Many worlds at a time.

use std::io::IsTerminal;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use quell::runtime::clock::instant;
use quell::sim::{Report, Violation};

use crate::args::Args;
use crate::summary::Summary;

/// How often it says how far it is.
const PROGRESS: Duration = Duration::from_secs(10);

/// Lives every seed, and returns what they came to; the violation of the lowest seed if there is one.
pub fn sail(
    seeds: Range<u64>,
    args: &Args,
    live: impl Fn(u64) -> Result<Report, Violation> + Sync,
) -> Result<String, String> {
    let (next, end) = (AtomicU64::new(seeds.start), AtomicU64::new(seeds.end));
    let broken: Mutex<Option<Violation>> = Mutex::new(None);
    let failed = AtomicU64::new(0);
    let total = Mutex::new(Summary::default());
    let (begun, said) = (instant(), Mutex::new(instant()));
    let worker = || {
        let mut mine = Summary::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            // After a violation only what comes before it is still of interest.
            if seed >= end.load(Ordering::Relaxed) {
                break;
            }
            match live(seed) {
                Ok(report) => mine.add(report),
                Err(violation) if args.keep_going => {
                    eprintln!("{}: {}", violation.case, violation.what);
                    failed.fetch_add(1, Ordering::Relaxed);
                }
                Err(violation) => {
                    end.fetch_min(seed, Ordering::Relaxed);
                    let mut broken = broken.lock().unwrap();
                    if broken.as_ref().is_none_or(|other| violation.case.seed < other.case.seed) {
                        *broken = Some(violation);
                    }
                }
            }
            tell(&said, begun, seed - seeds.start, seeds.end - seeds.start);
        }
        total.lock().unwrap().merge(mine);
    };
    thread::scope(|scope| (0..args.threads()).for_each(|_| drop(scope.spawn(worker))));
    if let Some(violation) = broken.into_inner().unwrap() {
        return Err(violation.to_string());
    }
    let total = total.into_inner().unwrap();
    let said = total.text(begun.elapsed());
    if failed.load(Ordering::Relaxed) > 0 {
        return Err(format!("{said}\n{} seeds break a promise, see above", failed.into_inner()));
    }
    match args.all_faults() {
        true => total.is_lively().map(|()| said.clone()).map_err(|why| format!("{said}\n{why}")),
        false => Ok(said),
    }
}

fn tell(said: &Mutex<Instant>, begun: Instant, done: u64, of: u64) {
    let Ok(mut last) = said.try_lock() else { return };
    if last.elapsed() < PROGRESS {
        return;
    }
    *last = instant();
    let rate = done as f64 / begun.elapsed().as_secs_f64();
    let end = if std::io::stderr().is_terminal() { '\r' } else { '\n' };
    eprint!("{done} of {of} seeds, {rate:.0} a second{end}");
}
