//! Killed at any moment, again and again.

use std::thread;
use std::time::Duration;

use rustix::process::{Signal, kill_process};

use super::books::{self, Figures};
use super::service::{Service, Started, now};

/// Kills in one state folder, at most.
const IN_A_ROW: usize = 50;
/// Folders for a small number of kills.
const FOLDERS: usize = 4;

/// splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// A number from the environment of this test.
#[expect(clippy::disallowed_methods, reason = "how many kills, and which, is said to this test")]
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Who hears of it.
#[derive(Debug, Clone, Copy)]
enum How {
    /// Quell alone.
    Alone,
    /// Quell first, then its programs, as systemd does.
    WithPrograms,
    /// Its programs first.
    ProgramsFirst,
    /// Quell, told to stop before.
    InDrain,
    /// Quell, before it is ready.
    AtStart,
    /// It was no service.
    Run,
}

fn how(dice: &mut Dice) -> How {
    match dice.below(100) {
        0..42 => How::Alone,
        42..50 => How::Run,
        50..65 => How::AtStart,
        65..80 => How::WithPrograms,
        80..90 => How::ProgramsFirst,
        _ => How::InDrain,
    }
}

fn feed(service: &mut Service, dice: &mut Dice) {
    for _ in 0..dice.below(4) {
        let workflow = match dice.below(100) {
            0..35 => "alpha",
            35..65 => "beta",
            65..75 => "gamma",
            75..92 => "delta",
            _ => "omega",
        };
        let (host, user) = (format!("h-{}", service.fed.len()), format!("pool-{}", dice.below(3)));
        service.feed(workflow, &host, &user);
    }
}

fn kill_programs(service: &Service) {
    for program in service.programs() {
        let _ = kill_process(program, Signal::KILL);
    }
}

/// One life: from its start to its end. How long it took to be ready, if it came to that.
fn live(service: &mut Service, dice: &mut Dice, start: Duration) -> Option<Duration> {
    let how = how(dice);
    let moment = Duration::from_micros(dice.below(300_000));
    let part = u32::try_from(dice.below(1_000)).unwrap();
    feed(service, dice);
    let since = now();
    if matches!(how, How::Run) {
        service.spawn_as(&["run", "--headless"]);
        thread::sleep(start + moment);
        service.kill();
        return None;
    }
    service.spawn();
    if matches!(how, How::AtStart) {
        thread::sleep(start * part / 1_000);
        service.kill();
        return None;
    }
    let took = match service.started(since) {
        Started::Ready(took) => took,
        Started::Ended(status) => panic!("it does not start: {status}\n{}", service.log()),
    };
    feed(service, dice);
    thread::sleep(moment);
    match how {
        How::WithPrograms => {
            service.kill();
            kill_programs(service);
        }
        How::ProgramsFirst => {
            kill_programs(service);
            service.kill();
        }
        How::InDrain => {
            service.signal(Signal::TERM);
            thread::sleep(Duration::from_millis(50) * part / 1_000);
            service.kill();
        }
        How::Alone | How::AtStart | How::Run => service.kill(),
    }
    Some(took)
}

#[test]
fn c18_killed_at_any_moment_nothing_is_lost_done_twice_or_forgotten() {
    let kills = usize::try_from(number("QUELL_KILLS", 40)).unwrap();
    let seed = number("QUELL_KILL_SEED", 1);
    println!("QUELL_KILLS={kills} QUELL_KILL_SEED={seed}");
    let mut dice = Dice(seed);
    let (mut left, mut figures, mut ready) = (kills, Figures::default(), Vec::new());
    while left > 0 {
        let here = left.min(kills.div_ceil(FOLDERS)).min(IN_A_ROW);
        left -= here;
        let mut service = Service::new();
        let mut start = service.start();
        service.kill();
        for _ in 1..here {
            let took = live(&mut service, &mut dice, start);
            start = took.unwrap_or(start);
            ready.extend(took);
        }
        ready.push(service.start());
        service.settle_and_stop();
        figures.add(books::check(&service));
    }
    ready.sort_unstable();
    let at = |percent: usize| ready[(ready.len() - 1) * percent / 100];
    println!("{kills} kills: {figures:?}");
    println!("ready after: p50 {:?}, p99 {:?}, max {:?} of {}", at(50), at(99), at(100), ready.len());
    assert!(figures.restarts * 2 >= kills, "{figures:?}");
    assert!(figures.effects > kills && figures.in_doubt > 0, "{figures:?}");
}
