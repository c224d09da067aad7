//! What the process used while something ran: time, processor and memory.

use std::fs;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::runtime::clock::instant;

/// How often the memory is looked at.
const EVERY: Duration = Duration::from_millis(5);

/// Resident memory of the whole process in MiB. What it had before is `base`: the program itself and
/// what the allocator kept from earlier work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Memory {
    pub peak: f64,
    pub mean: f64,
    pub base: f64,
}

/// What was used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Real time.
    pub took: Duration,
    /// Processor time of every thread of the process, and of no child.
    pub cpu: Duration,
    /// Resident memory.
    pub memory: Memory,
}

impl Usage {
    /// With the time from the first of these beginnings to the last of these ends: to start threads is
    /// no part of their work.
    pub fn within(self, laps: impl Iterator<Item = (Instant, Instant)>) -> Usage {
        let all = laps.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        all.map_or(self, |(begun, ended)| Usage { took: ended.duration_since(begun), ..self })
    }

    /// Both, one after the other.
    pub fn and(self, next: Usage) -> Usage {
        let (took, cpu) = (self.took + next.took, self.cpu + next.cpu);
        if self.took.is_zero() {
            return Usage { took, cpu, memory: next.memory };
        }
        let share = next.took.as_secs_f64() / took.as_secs_f64().max(1e-9);
        let memory = Memory {
            peak: self.memory.peak.max(next.memory.peak),
            mean: self.memory.mean * (1.0 - share) + next.memory.mean * share,
            base: self.memory.base,
        };
        Usage { took, cpu, memory }
    }
}

/// Looks at the memory until its door is closed, then says what it saw.
type Sampler = (Sender<()>, JoinHandle<Seen>);

/// Looks at the memory.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    sum: f64,
    count: u32,
    most: f64,
}

impl Seen {
    fn look(&mut self) {
        if let Some(now) = resident() {
            (self.sum, self.count, self.most) = (self.sum + now, self.count + 1, self.most.max(now));
        }
    }
}

/// Runs from its start to [`Stopwatch::stop`].
#[derive(Debug)]
pub struct Stopwatch {
    base: f64,
    peak_known: bool,
    sampler: Option<Sampler>,
    cpu: Duration,
    begun: Instant,
}

impl Stopwatch {
    /// Begins.
    pub fn start() -> Self {
        let base = resident().unwrap_or(0.0);
        // `5` sets the peak back to what is resident now: see proc(5), `/proc/pid/clear_refs`.
        let peak_known = fs::write("/proc/self/clear_refs", "5").is_ok();
        let sampler = sampler();
        Stopwatch { base, peak_known, sampler, cpu: cpu(), begun: instant() }
    }

    /// Ends, and says what was used.
    pub fn stop(self) -> Usage {
        let (took, cpu) = (instant().duration_since(self.begun), cpu().saturating_sub(self.cpu));
        let sampler = self.sampler.and_then(|(stop, thread)| {
            drop(stop);
            thread.join().ok()
        });
        let mut seen = sampler.unwrap_or_default();
        seen.look();
        let peak = self.peak_known.then(peak).flatten().unwrap_or(seen.most);
        let mean = (self.base + seen.sum) / f64::from(seen.count + 1);
        Usage { took, cpu, memory: Memory { peak, mean, base: self.base } }
    }
}

fn sampler() -> Option<Sampler> {
    let (stop, stopped) = channel();
    let work = move || {
        let mut seen = Seen::default();
        while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
            seen.look();
        }
        seen
    };
    let thread = std::thread::Builder::new().name("memory".to_owned()).spawn(work).ok()?;
    Some((stop, thread))
}

/// Processor time of the process so far.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Resident memory now; `None` where there is no `/proc`.
fn resident() -> Option<f64> {
    mebibytes("VmRSS")
}

/// The most that was resident since it was set back.
fn peak() -> Option<f64> {
    mebibytes("VmHWM")
}

fn mebibytes(name: &str) -> Option<f64> {
    let kib: f64 = line_of("/proc/self/status", name)?.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

/// The value behind `name:` in a file of lines such as those of `/proc/cpuinfo`.
fn line_of(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// What a benchmark ran on, for people: figures of two machines are not comparable.
pub fn machine() -> Arc<str> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processor = line_of("/proc/cpuinfo", "model name");
    let processor = processor.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = line_of("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .map_or(String::new(), |kib| format!(", {:.0} GiB", kib / 1024.0 / 1024.0));
    format!("{processor}, {cores} cores{memory}, {} {}", std::env::consts::OS, release.trim()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_used_and_given_back_is_in_the_peak() {
        // Without a `/proc` there is nothing to look at.
        if resident().is_none() {
            return;
        }
        let watch = Stopwatch::start();
        drop(std::hint::black_box(vec![1_u8; 64 << 20]));
        let usage = watch.stop();
        assert!(usage.memory.peak >= usage.memory.base + 60.0, "{usage:?}");
        assert!(usage.cpu > Duration::ZERO && usage.took > Duration::ZERO);
    }

    #[test]
    fn a_machine_has_a_name() {
        assert!(machine().contains(" core"), "{}", machine());
    }
}
