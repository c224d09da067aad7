//! The file of signals that is followed: lines come late, out of order and twice; after a crash it is
//! read again from the cursor that was on disk (C5).

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::{START, World};
use crate::detect::{Detector, LATENESS};
use crate::engine::Input;
use crate::journal::{Cursors, Head, Identity};
use crate::model::{
    Common, Detection, DetectionId, Digest, Document, LogSource, Seq, Signal, Span, Timestamp,
};
use crate::rule::{self, RuleSet};
use crate::runtime::live::account::{Account, Track};
use crate::sim::dice::Dice;
use crate::sim::fault::Fault;
use crate::sim::trace::note;
use crate::source::follow::Place;

const RULES: &str = "
title: alpha
name: alpha
level: high
detection: { s: { service: alpha }, condition: s }
---
title: beat
name: beat
detection: { s: { service: beta }, condition: s }
---
title: tick
name: tick
detection: { s: { service: gamma }, condition: s }
---
title: beta
name: beta
level: high
correlation: { type: event_count, rules: beat, group-by: [user], timespan: 30s, condition: { gte: 3 } }
---
title: gamma
name: gamma
level: high
correlation: { type: value_count, rules: tick, group-by: [user], timespan: 1m, condition: { field: source_ip, gte: 2 } }
---
title: delta
name: delta
level: high
correlation: { type: temporal, rules: [beat, tick], group-by: [user], timespan: 1m }
";

static PARSED: LazyLock<Arc<RuleSet>> = LazyLock::new(|| {
    let rules = rule::load(&[("simulated.yml".to_owned(), RULES.to_owned())]);
    Arc::new(rules.unwrap_or_else(|mistakes| panic!("the simulated rules are wrong: {mistakes:?}")))
});

/// Bytes of a line, for places in the file.
const LINE: u64 = 10;
/// How often it is written how far the file was read.
const CURSOR_EVERY: Span = Span::from_secs(1);

/// A line of the file.
#[derive(Debug)]
struct Line {
    /// When it is written.
    at: Timestamp,
    signal: Signal,
}

/// How far it was read, to be written once everything that was said about it is in the journal.
#[derive(Debug)]
struct Candidate {
    cursors: Cursors,
    told: Option<u64>,
    needs: Option<Seq>,
}

/// The file, and who reads it.
pub(super) struct Stream {
    lines: Vec<Line>,
    /// What a detector finds that is never disturbed: how much, at last.
    pub expected: BTreeMap<DetectionId, Detection>,
    detector: Detector,
    /// When a signal was looked at last, and what event time was then.
    looked: Timestamp,
    event: Timestamp,
    next: usize,
    /// Lines before this were looked at by an earlier process.
    known: usize,
    track: Track,
    account: Account,
    candidate: Option<Candidate>,
    next_cursor: Timestamp,
    /// The cursor on disk, and one that may not be there yet.
    kept: Option<Cursors>,
    given: Option<Cursors>,
}

fn detector(seed: u64) -> Detector {
    Detector::new(Arc::clone(&PARSED), LATENESS, seed)
}

fn account() -> Account {
    let account = Account::new("signals".to_owned(), Some("/signals".to_owned()));
    let head = Head { bytes: 0, hash: Digest([0; 32]) };
    account.lock().files = BTreeMap::from([(1, Identity { device: 1, inode: 1, head })]);
    account
}

fn signal(number: usize, service: &str, key: u64, source: u64, at: Timestamp) -> Signal {
    let common = Common {
        source_ip: (service == "gamma").then(|| [192, 0, 2, source as u8].into()),
        user: Some(format!("k{key}").into()),
        host: Some(format!("k{key}").into()),
        service: Some(service.into()),
        ..Common::default()
    };
    let document = Document::of_line(format!("{number} {service} k{key} {source}").into());
    Signal { at, weight: 1, origin: LogSource::default(), common, document, threat: None }
}

/// Some come when the hour of the first is over.
const LATER: Span = Span::from_secs(4_500);

impl Stream {
    /// By the dice.
    pub fn new(seed: u64, dice: &mut Dice, wrong: &mut dyn FnMut(Fault, bool) -> bool) -> Self {
        let mut lines = Vec::new();
        let later = dice.chance(25);
        for _ in 0..5 + dice.below(10) {
            let (service, most) = [("alpha", 1), ("beta", 9), ("gamma", 6)][dice.below(3) as usize];
            let (key, mut at) = (1 + dice.below(3), START + Span::from_millis(dice.below(600_000)));
            if later && dice.chance(40) {
                at = at + LATER;
            }
            for _ in 0..1 + dice.below(most) {
                at = at + Span::from_millis(dice.below(9_000));
                let mut said = at;
                let (unordered, late) = (dice.chance(10), dice.chance(4));
                if wrong(Fault::OutOfOrder, unordered) {
                    said = said - Span::from_millis(dice.below(50_000));
                } else if wrong(Fault::LateSignal, late) {
                    said = said - Span::from_millis(60_000 + dice.below(100_000));
                }
                let signal = signal(lines.len(), service, key, dice.below(4), said);
                let again = dice.chance(8);
                if wrong(Fault::LineTwice, again) {
                    let at = at + Span::from_millis(dice.below(3_000));
                    lines.push(Line { at, signal: signal.clone() });
                }
                lines.push(Line { at, signal });
            }
        }
        lines.sort_by_key(|line| line.at);
        let (mut calm, mut found) = (detector(seed), Vec::new());
        lines.iter().for_each(|line| calm.observe(&line.signal, &mut found));
        calm.finish(&mut found);
        let mut expected = BTreeMap::<DetectionId, Detection>::new();
        for one in found {
            let before = expected.get(&one.id).map_or(0, |before| before.count);
            if one.count > before {
                expected.insert(one.id, one);
            }
        }
        Stream {
            lines,
            expected,
            detector: detector(seed),
            looked: START,
            event: START,
            next: 0,
            known: 0,
            track: Track::default(),
            account: account(),
            candidate: None,
            next_cursor: START,
            kept: None,
            given: None,
        }
    }

    /// When a line comes, or a finding that was held back.
    pub fn next_at(&self) -> Option<Timestamp> {
        let line = self.lines.get(self.next).map(|line| line.at);
        line.into_iter().chain(self.due()).min()
    }

    fn lag(&self) -> Span {
        self.looked.since(self.event)
    }

    fn due(&self) -> Option<Timestamp> {
        self.detector.next_due().map(|due| due + self.lag())
    }

    fn read(&mut self, now: Timestamp, found: &mut Vec<Detection>) {
        let Some(line) = self.lines.get(self.next).filter(|line| line.at <= now) else { return };
        let (start, known) = (self.next as u64 * LINE, self.next < self.known);
        self.next += 1;
        let place = Place { file: 1, start, end: start + LINE, number: self.next as u64, known };
        let mut account = self.account.lock();
        account.offered += 1;
        account.read_to = Some((1, place.end));
        account.past_known = self.next >= self.known;
        drop(account);
        self.track.took(&place, line.signal.at);
        if known {
            return self.detector.prime(&line.signal);
        }
        self.detector.observe(&line.signal, found);
        (self.looked, self.event) = (now, self.detector.now());
    }

    fn settle(&mut self, now: Timestamp, found: &mut Vec<Detection>) {
        while let Some(due) = self.detector.next_due().filter(|due| *due + self.lag() <= now) {
            self.detector.send_held(due, found);
        }
    }

    fn cursors(&mut self) -> Cursors {
        let sources = self.track.cursor(&self.account, self.detector.horizon()).into_iter().collect();
        Cursors::new(sources, self.detector.checkpoint())
    }

    /// Goes on from what is on disk.
    fn restart(&mut self, seed: u64, now: Timestamp) {
        let kept = self.kept.clone();
        self.given.clone_from(&kept);
        self.detector = detector(seed);
        self.candidate = None;
        self.account = account();
        (self.looked, self.event, self.next_cursor) = (now, now, now);
        (self.next, self.known, self.track) = (0, 0, Track::default());
        let Some(kept) = kept else {
            self.account.lock().past_known = true;
            return;
        };
        self.detector.resume(kept.detection);
        if let Some(cursor) = kept.sources.first() {
            self.next = (cursor.again.offset / LINE) as usize;
            self.known = (cursor.furthest.offset / LINE) as usize;
            self.track = Track::new(Some(cursor.clone()));
        }
        self.account.lock().past_known = self.next >= self.known;
    }
}

impl World {
    /// Reads a line, if there is one, and says what was found.
    pub(super) fn read_signals(&mut self) {
        let mut found = Vec::new();
        if let Some(line) = self.stream.lines.get(self.stream.next).filter(|line| line.at <= self.now) {
            let known = if self.stream.next < self.stream.known { " again" } else { "" };
            note!(self, "{} > line {} of {}{known}", self.now.clock(), line.signal.raw(), line.signal.at);
        }
        self.stream.read(self.now, &mut found);
        self.stream.settle(self.now, &mut found);
        found.into_iter().for_each(|detection| self.tell(detection));
    }

    /// Tells the engine what was found.
    pub(super) fn tell(&mut self, detection: Detection) {
        let Detection { rule, key, id, count, .. } = &detection;
        note!(self, "{} > detection {} {key} {id} x{count}", self.now.clock(), rule.name);
        self.handle(Input::Detection(detection.clone()));
        self.unacknowledged.keep(self.engine.state().seq(), detection);
    }

    /// Sees to the cursor, as the driver does: it goes to disk once everything that the engine said about
    /// the lines before it is in the journal, repeats that are held back included.
    pub(super) fn tend_stream(&mut self) {
        let stream = &mut self.stream;
        if stream.candidate.is_none() && self.now >= stream.next_cursor {
            stream.next_cursor = self.now + CURSOR_EVERY;
            let mut found = Vec::new();
            stream.detector.finish(&mut found);
            let cursors = stream.cursors();
            if stream.given.as_ref() != Some(&cursors) && !cursors.sources.is_empty() {
                stream.candidate = Some(Candidate { cursors, told: None, needs: None });
            }
            return found.into_iter().for_each(|detection| self.tell(detection));
        }
        let Some(candidate) = &mut stream.candidate else { return };
        let told = *candidate.told.get_or_insert_with(|| self.engine.repeats_mark());
        if candidate.needs.is_none() && !self.engine.holds_repeats_before(told) {
            candidate.needs = Some(self.engine.state().seq());
        }
        if candidate.needs.is_some_and(|seq| seq <= self.disk.reported())
            && let Some(Candidate { cursors, .. }) = stream.candidate.take()
        {
            // It is replaced as a whole: after a crash it is the one before, or this one.
            stream.kept = stream.given.replace(cursors);
        }
    }

    /// The engine was thrown away: what it said about a cursor that waits is not in the journal.
    pub(super) fn stream_holds(&mut self) {
        self.stream.candidate = None;
    }

    /// The process is gone: the file is read again.
    pub(super) fn stream_restarts(&mut self) {
        if self.dice.chance(50) {
            self.stream.kept.clone_from(&self.stream.given);
        }
        self.stream.restart(self.case.seed, self.now);
    }

    /// Before it is stopped in good order: what detection holds back is told.
    pub(super) fn finish_stream(&mut self) {
        let mut found = Vec::new();
        self.stream.detector.finish(&mut found);
        found.into_iter().for_each(|detection| self.tell(detection));
    }

    /// It is stopped in good order, and everything is in the journal.
    pub(super) fn keep_last_cursor(&mut self) {
        let cursors = self.stream.cursors();
        self.stream.given = Some(cursors.clone());
        self.stream.kept = Some(cursors);
    }
}
