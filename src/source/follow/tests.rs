use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::{Duration, SystemTime};

use super::*;

/// A log with a writer, in a folder of its own. Times of files are set by hand, so that no test depends
/// on how fast it runs.
struct Log {
    folder: tempfile::TempDir,
    tick: u64,
}

impl Log {
    fn new() -> Self {
        Log { folder: tempfile::tempdir().unwrap(), tick: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn stamp(&mut self, name: &str) {
        self.tick += 1;
        let file = OpenOptions::new().append(true).open(self.path(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + self.tick)).unwrap();
    }

    fn append_to(&mut self, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        self.stamp(name);
    }

    fn append(&mut self, text: &str) {
        self.append_to("log", text);
    }

    fn rename(&mut self, to: &str) {
        fs::rename(self.path("log"), self.path(to)).unwrap();
    }

    fn copy(&mut self, to: &str) {
        fs::copy(self.path("log"), self.path(to)).unwrap();
        self.stamp(to);
    }

    fn truncate(&mut self) {
        File::create(self.path("log")).unwrap();
        self.stamp("log");
    }

    fn follow(&self, start: Start) -> Follower {
        Follower::new(&self.path("log"), 1024, start)
    }
}

/// Everything that is there now, and how it stands then. Known lines have a `~` in front.
fn read(follower: &mut Follower, seconds: u64) -> (Vec<String>, Step) {
    let mut lines = Vec::new();
    loop {
        match follower.step(Duration::from_secs(seconds), &mut |_| ()) {
            Step::Line => {
                let mark = if follower.place().known { "~" } else { "" };
                lines.push(match follower.line() {
                    Line::Bytes(bytes) => format!("{mark}{}", String::from_utf8_lossy(bytes)),
                    Line::TooLong(bytes) => format!("{mark}too long, {}", bytes.len()),
                });
            }
            step => return (lines, step),
        }
    }
}

fn spot(follower: &Follower) -> Spot {
    let (_, offset) = follower.position().unwrap();
    Spot { file: follower.identity().unwrap().1.clone(), offset }
}

fn cursor(again: Spot, furthest: Spot) -> Start {
    cursor_of(again, furthest, (i64::MAX, 0))
}

fn cursor_of(again: Spot, furthest: Spot, changed: (i64, i64)) -> Start {
    Start::Cursor(Cursor { source: "log".to_owned(), again, furthest, changed })
}

/// Long enough that two of them tell a copy by its head.
fn long(text: &str) -> String {
    format!("{text:-<64}\n")
}

#[test]
fn only_whole_lines_are_lines() {
    let mut log = Log::new();
    let mut follower = log.follow(Start::Beginning);
    assert_eq!(read(&mut follower, 0), (vec![], Step::Missing));
    log.append("one\ntwo\nthr");
    assert_eq!(read(&mut follower, 0), (vec!["one".into(), "two".into()], Step::AtEnd));
    log.append("ee");
    assert_eq!(read(&mut follower, 0), (vec![], Step::AtEnd));
    log.append("\n\n \nfour\n");
    assert_eq!(read(&mut follower, 0), (vec!["three".into(), "four".into()], Step::AtEnd));
    let place = Place { file: 1, start: 17, end: 22, number: 6, known: false };
    assert_eq!(follower.place(), place);
    assert_eq!(follower.notes(), vec![]);
}

#[test]
fn a_long_line_is_counted_once_and_the_next_is_whole() {
    let mut log = Log::new();
    let mut follower = log.follow(Start::Beginning);
    let mut whole = Vec::new();
    log.append(&"x".repeat(200_000));
    assert_eq!(follower.step(Duration::ZERO, &mut |piece| whole.extend_from_slice(piece)), Step::AtEnd);
    log.append("xy\nz\n");
    assert_eq!(follower.step(Duration::ZERO, &mut |piece| whole.extend_from_slice(piece)), Step::Line);
    assert_eq!(follower.line(), Line::TooLong("x".repeat(1025).as_bytes()));
    assert_eq!(whole.len(), 200_002);
    assert_eq!(read(&mut follower, 0), (vec!["z".into()], Step::AtEnd));
}

#[test]
fn from_the_end_means_from_the_end_of_the_last_whole_line() {
    let mut log = Log::new();
    log.append("old\nha");
    let mut follower = log.follow(Start::End);
    log.append("lf\nnew\n");
    assert_eq!(read(&mut follower, 0), (vec!["half".into(), "new".into()], Step::AtEnd));
    let mut log = Log::new();
    let mut follower = log.follow(Start::End);
    log.append("new file\n");
    assert_eq!(read(&mut follower, 0).0, ["new file"]);
}

#[test]
fn a_rotated_file_is_read_to_its_end_first() {
    let mut log = Log::new();
    log.append("a\n");
    let mut follower = log.follow(Start::Beginning);
    assert_eq!(read(&mut follower, 0).0, ["a"]);
    log.rename("log.1");
    assert_eq!(read(&mut follower, 0), (vec![], Step::Missing));
    log.append_to("log.1", "b\n");
    log.append("d\n");
    assert_eq!(read(&mut follower, 1), (vec!["b".into()], Step::AtEnd));
    // Its writer still had it.
    log.append_to("log.1", "c");
    assert_eq!(read(&mut follower, 2), (vec![], Step::AtEnd));
    assert_eq!(read(&mut follower, 3), (vec!["c".into(), "d".into()], Step::AtEnd));
    assert_eq!(follower.notes(), [Note::Rotated]);
    assert_eq!(follower.place().file, 2);
}

#[test]
fn a_file_that_is_replaced_deleted_and_made_again_goes_on() {
    let mut log = Log::new();
    log.append("a\n");
    let mut follower = log.follow(Start::Beginning);
    assert_eq!(read(&mut follower, 0).0, ["a"]);
    log.append_to("new", "b\n");
    fs::rename(log.path("new"), log.path("log")).unwrap();
    assert_eq!(read(&mut follower, 0).0, [""; 0]);
    assert_eq!(read(&mut follower, 1).0, ["b"]);
    fs::remove_file(log.path("log")).unwrap();
    assert_eq!(read(&mut follower, 2).1, Step::Missing);
    log.append("c\n");
    assert_eq!(read(&mut follower, 3).1, Step::AtEnd);
    assert_eq!(read(&mut follower, 4).0, ["c"]);
}

#[test]
fn a_link_is_followed_to_where_it_leads_now() {
    let mut log = Log::new();
    log.append_to("first", "a\n");
    log.append_to("second", "b\n");
    std::os::unix::fs::symlink("first", log.path("log")).unwrap();
    let mut follower = log.follow(Start::Beginning);
    assert_eq!(read(&mut follower, 0).0, ["a"]);
    fs::remove_file(log.path("log")).unwrap();
    std::os::unix::fs::symlink("second", log.path("log")).unwrap();
    read(&mut follower, 1);
    assert_eq!(read(&mut follower, 2).0, ["b"]);
}

#[test]
fn a_truncated_file_begins_anew() {
    let mut log = Log::new();
    log.append("a\nhalf");
    let mut follower = log.follow(Start::Beginning);
    assert_eq!(read(&mut follower, 0).0, ["a"]);
    log.truncate();
    assert_eq!(read(&mut follower, 0).0, ["half"]);
    assert_eq!(follower.notes(), [Note::Truncated(6)]);
    log.append("b\n");
    assert_eq!(read(&mut follower, 0).0, ["b"]);
    // More was written since than was read before: only the text tells.
    log.truncate();
    log.append("cc\ndd\nee\n");
    assert_eq!(read(&mut follower, 0).0, ["cc", "dd", "ee"]);
}

#[test]
fn what_a_truncation_cut_off_is_read_from_the_copy() {
    let mut log = Log::new();
    log.append(&long("a"));
    let mut follower = log.follow(Start::Beginning);
    read(&mut follower, 0);
    log.append(&(long("b") + "c"));
    log.copy("log.1");
    log.truncate();
    log.append("d\n");
    let lines = read(&mut follower, 0).0;
    assert_eq!(lines, [long("b").trim_end(), "c", "d"]);
    assert_eq!(follower.notes(), [Note::TruncatedCopied(log.path("log.1")), Note::Rotated]);
}

#[test]
fn c5_a_restart_goes_on_where_it_was() {
    let mut log = Log::new();
    log.append("a\nb\n");
    let mut follower = log.follow(Start::Beginning);
    follower.step(Duration::ZERO, &mut |_| ());
    let again = spot(&follower);
    read(&mut follower, 0);
    let furthest = spot(&follower);
    let mut follower = log.follow(cursor(again.clone(), furthest.clone()));
    assert!(!follower.is_past_known());
    assert_eq!(read(&mut follower, 0), (vec!["~b".into()], Step::AtEnd));
    assert!(follower.is_past_known());
    log.append("c\n");
    assert_eq!(read(&mut follower, 0).0, ["c"]);
    log.append("d\n");
    log.rename("log.2");
    log.append_to("log.1", "e\n");
    log.append("f\n");
    let mut follower = log.follow(cursor(again, furthest));
    assert_eq!(read(&mut follower, 0).0, ["~b", "c", "d", "e", "f"]);
    assert!(follower.notes().iter().all(|note| !note.is_loss()));
}

#[test]
fn c5_what_is_lost_is_said() {
    let mut log = Log::new();
    log.append(&long("a"));
    let mut follower = log.follow(Start::Beginning);
    read(&mut follower, 0);
    let old = spot(&follower);
    log.rename("log.1");
    log.append(&long("b"));
    read(&mut follower, 1);
    read(&mut follower, 2);
    let new = spot(&follower);
    fs::remove_file(log.path("log.1")).unwrap();
    let mut follower = log.follow(cursor(old.clone(), new.clone()));
    assert_eq!(read(&mut follower, 0).0, [format!("~{}", long("b").trim_end())]);
    assert_eq!(follower.notes(), [Note::WindowsLost]);
    // Another file under the name, also if it were given the same number.
    fs::remove_file(log.path("log")).unwrap();
    log.append("other\n");
    let mut follower = log.follow(cursor(old, new));
    assert_eq!(read(&mut follower, 0).0, ["other"]);
    assert_eq!(follower.notes(), [Note::Lost(65)]);
    assert!(follower.is_past_known());
}

#[test]
fn c5_rotated_files_that_came_after_a_lost_one_are_read() {
    let mut log = Log::new();
    log.append("a\n");
    let mut follower = log.follow(Start::Beginning);
    read(&mut follower, 0);
    let (at, changed) = (spot(&follower), follower.changed().unwrap());
    log.append_to("log.3", "older\n");
    let older = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    File::open(log.path("log.3")).unwrap().set_modified(older).unwrap();
    log.rename("log.2");
    log.append("b\n");
    log.rename("log.1");
    log.append("c\n");
    fs::remove_file(log.path("log.2")).unwrap();
    drop(follower);
    let mut follower = log.follow(cursor_of(at.clone(), at, changed));
    assert_eq!(read(&mut follower, 0).0, ["b", "c"]);
    assert!(follower.notes().contains(&Note::Lost(2)));
}

#[test]
fn c5_packed_files_are_named_as_lost() {
    let mut log = Log::new();
    log.append(&long("a"));
    let mut follower = log.follow(Start::Beginning);
    read(&mut follower, 0);
    log.rename("log.2");
    log.append_to("log.1.gz", "packed");
    log.append("b\n");
    read(&mut follower, 0);
    assert_eq!(read(&mut follower, 1).0, ["b"]);
    assert_eq!(follower.notes(), [Note::Rotated, Note::Packed(vec![log.path("log.1.gz")])]);
}

/// A small generator of its own, so that a seed is a bug report.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % n
    }
}

/// What was written, and what is there of it.
struct Model {
    log: Log,
    dice: Dice,
    /// Every whole line, in the order in which it has to be delivered.
    written: Vec<String>,
    /// A line that was begun.
    half: String,
    count: u32,
    rotated: u32,
}

impl Model {
    fn write(&mut self, name: &str) {
        for _ in 0..=self.dice.below(4) {
            self.count += 1;
            let line =
                format!("{}line {} {}", self.half, self.count, "x".repeat(self.dice.below(60) as usize));
            self.log.append_to(name, &format!("{}\n", &line[self.half.len()..]));
            self.half.clear();
            self.written.push(line);
        }
        if self.dice.below(3) == 0 {
            self.half = format!("half {}", self.count);
            let half = self.half.clone();
            self.log.append_to(name, &half);
        }
    }

    /// The file is left: what was begun is all that there will be.
    fn leave(&mut self) -> String {
        if !self.half.is_empty() {
            self.written.push(std::mem::take(&mut self.half));
        }
        self.rotated += 1;
        format!("log.{:03}", self.rotated)
    }

    fn rotate(&mut self) {
        let name = self.log.path("log");
        if !name.exists() {
            return;
        }
        let keeps_on = self.dice.below(3) == 0;
        let to = format!("log.{:03}", self.rotated + 1);
        self.log.rename(&to);
        if keeps_on {
            self.write(&to);
        }
        self.leave();
    }

    fn copy_and_truncate(&mut self) {
        if self.log.path("log").exists() {
            let to = self.leave();
            self.log.copy(&to);
            self.log.truncate();
        }
    }
}

/// Random appends, rotations, copies, truncations, deletions and restarts: what is delivered is what was
/// written, in order, each line once.
fn simulate(seed: u64) {
    let log = Log::new();
    let dice = Dice(seed);
    let (written, half) = (Vec::new(), String::new());
    let mut model = Model { log, dice, written, half, count: 0, rotated: 0 };
    // What was rotated before anybody looked is not known to belong to it.
    model.log.append("");
    let mut follower = model.log.follow(Start::Beginning);
    follower.step(Duration::ZERO, &mut |_| ());
    let (mut delivered, mut now) = (Vec::new(), 0);
    // Places that a cursor may name as the one to read again from, with the lines delivered by then.
    let mut places: Vec<(Spot, usize)> = Vec::new();
    let mut trace = Vec::new();
    for _ in 0..40 {
        now += model.dice.below(2);
        let number = fs::metadata(model.log.path("log")).ok().map(|metadata| metadata.ino());
        let has_it = number.is_some() && number == follower.identity().map(|(_, identity)| identity.inode);
        let caught_up = delivered.len() == model.written.len() && has_it;
        let told = follower.identity().is_some_and(|(_, identity)| identity.head.bytes >= 64);
        let op = model.dice.below(12);
        match op {
            0..=3 => model.write("log"),
            4 => model.rotate(),
            5 if told => model.copy_and_truncate(),
            6 if caught_up && model.half.is_empty() => model.log.truncate(),
            7 if caught_up => {
                fs::remove_file(model.log.path("log")).unwrap();
                model.leave();
            }
            8 if told
                && follower.is_past_known()
                && find(&model.log.path("log"), &spot(&follower)).is_some() =>
            {
                let far = spot(&follower);
                let (again, from) = match places.len() as u64 {
                    0 => (far.clone(), delivered.len()),
                    n => places[model.dice.below(n) as usize].clone(),
                };
                follower = model.log.follow(cursor(again, far));
                if model.dice.below(2) == 0 {
                    // While it was down.
                    model.write("log");
                    model.rotate();
                    model.write("log");
                    model.rotate();
                    model.write("log");
                }
                trace.push(format!("restart at {from} of {}", delivered.len()));
            }
            _ => {}
        }
        trace.push(format!("{op}"));
        let mut patience = model.dice.below(12);
        while patience > 0 && follower.step(Duration::from_secs(now), &mut |_| ()) == Step::Line {
            patience -= 1;
            let Line::Bytes(bytes) = follower.line() else { panic!("seed {seed}") };
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            if follower.place().known {
                assert!(delivered.contains(&text), "seed {seed}: {text} is not known; {trace:?}");
                continue;
            }
            delivered.push(text);
            if follower.is_past_known() {
                places.push((spot(&follower), delivered.len()));
            }
        }
    }
    // A file that was rotated away is left once there is another one.
    model.write("log");
    for more in 2..8 {
        let (lines, _) = read(&mut follower, now + more);
        delivered.extend(lines.into_iter().filter(|line| !line.starts_with('~')));
    }
    let differs = delivered.iter().zip(&model.written).take_while(|(one, other)| one == other).count();
    assert!(
        delivered == model.written,
        "seed {seed}: {:?} in place of {:?}; {trace:?} {:?}",
        delivered.get(differs),
        model.written.get(differs),
        follower.notes()
    );
}

#[test]
fn c5_what_is_followed_is_what_was_written() {
    for seed in 0..400 {
        simulate(seed);
    }
}
