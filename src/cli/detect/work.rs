//! Lines → signals → rules that match → findings, in one thread or in several. The findings are the
//! same, and in the same order: signals come to the windows as they stand in the files.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::detect::{Detector, LATENESS, Limits, Matcher, Routing};
use crate::model::{Detection, Signal};
use crate::rule::RuleSet;
use crate::source::{Decoder, FileError, Files, Format, Line, Options};

/// Signals that are handed over at once, and batches that may wait before each thread.
const BATCH: usize = 512;
const WAITING: usize = 4;
/// Keys the tables of groups; what is found does not depend on it.
const SEED: u64 = 1;

/// What is to be done.
pub struct Work {
    pub rules: Arc<RuleSet>,
    pub routing: Routing,
    pub threads: usize,
    pub format: Format,
    pub options: Options,
}

/// Where a signal stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, by index.
    pub file: usize,
    /// The line, from 1.
    pub line: u64,
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub received: u64,
    pub processed: u64,
    pub undecodable: u64,
    pub too_long: u64,
    pub late: u64,
    pub evicted: u64,
    pub asked: u64,
}

/// Why work ended before its end.
#[derive(Debug)]
pub enum Stopped {
    /// A file cannot be read.
    File(FileError),
    /// The output cannot be written.
    Output(std::io::Error),
    /// A thread is gone.
    Thread,
}

/// Takes what was found, with the place of the signal that brought it.
pub type Each<'e> = dyn FnMut(Place, &Detection) -> std::io::Result<()> + 'e;

impl Work {
    /// Does it.
    pub fn run(self, files: Files, each: &mut Each<'_>) -> Result<Totals, Stopped> {
        match self.threads {
            0 | 1 => self.in_turn(files, each),
            _ => self.side_by_side(files, each),
        }
    }

    fn matcher(&self) -> Matcher {
        Matcher::new(self.rules.clone(), self.routing, Limits::default().routes, SEED)
    }

    fn in_turn(self, files: Files, each: &mut Each<'_>) -> Result<Totals, Stopped> {
        let (mut matcher, mut found) = (self.matcher(), Vec::new());
        let mut gathering = Gathering::new(&self.rules);
        let mut intake = Intake::new(files, self.format, self.options);
        while let Some((place, signal)) = intake.next()? {
            matcher.find(&signal, &mut found);
            gathering.take(place, &signal, &found, each)?;
            intake.decoder.reuse(signal);
        }
        gathering.end(intake.totals, matcher.asked(), each)
    }

    fn side_by_side(self, files: Files, each: &mut Each<'_>) -> Result<Totals, Stopped> {
        let intake = Intake::new(files, self.format, self.options.clone());
        let mut gathering = Gathering::new(&self.rules);
        std::thread::scope(|scope| {
            let mut to_match = Vec::with_capacity(self.threads);
            let mut matched = Vec::with_capacity(self.threads);
            let mut first = self.matcher();
            for _ in 0..self.threads {
                let (give, take) = sync_channel(WAITING);
                let (give_on, take_on) = sync_channel(WAITING);
                let matcher = first.another();
                scope.spawn(move || match_batches(matcher, &take, &give_on));
                to_match.push(give);
                matched.push(take_on);
            }
            let reader = scope.spawn(move || intake.deal(&to_match));
            let mut asked = 0;
            // Batches are dealt in turn, so they are taken back in turn.
            'all: loop {
                for take in &matched {
                    let Ok(batch) = take.recv() else { break 'all };
                    asked += batch.asked;
                    for (place, signal, found) in &batch.signals {
                        gathering.take(*place, signal, found, each)?;
                    }
                }
            }
            // What waits in the channels of the others lies before the end of this one.
            drop(matched);
            let totals = reader.join().map_err(|_| Stopped::Thread)??;
            gathering.end(totals, asked, each)
        })
    }
}

/// Signals with the rules that match them.
struct Batch {
    signals: Vec<(Place, Signal, Vec<u32>)>,
    asked: u64,
}

fn match_batches(mut matcher: Matcher, take: &Receiver<Vec<(Place, Signal)>>, give: &SyncSender<Batch>) {
    while let Ok(signals) = take.recv() {
        let before = matcher.asked();
        let find = |(place, signal): (Place, Signal)| {
            let mut found = Vec::new();
            matcher.find(&signal, &mut found);
            (place, signal, found)
        };
        let signals = signals.into_iter().map(find).collect();
        if give.send(Batch { signals, asked: matcher.asked() - before }).is_err() {
            return;
        }
    }
}

/// Lines → signals.
struct Intake {
    files: Files,
    decoder: Decoder,
    format: Format,
    options: Options,
    file: usize,
    totals: Totals,
}

impl Intake {
    fn new(files: Files, format: Format, options: Options) -> Self {
        let decoder = Decoder::new(format, options.clone());
        Intake { files, decoder, format, options, file: 0, totals: Totals::default() }
    }

    fn next(&mut self) -> Result<Option<(Place, Signal)>, Stopped> {
        while let Some((file, line, bytes)) = self.files.next_line().map_err(Stopped::File)? {
            if self.file != file {
                self.decoder = Decoder::new(self.format, self.options.clone());
                self.file = file;
            }
            self.totals.received += 1;
            match bytes {
                Line::TooLong(_) => self.totals.too_long += 1,
                Line::Bytes(bytes) => match self.decoder.decode(bytes) {
                    Ok(signal) => {
                        self.totals.processed += 1;
                        return Ok(Some((Place { file, line }, signal)));
                    }
                    Err(_) => self.totals.undecodable += 1,
                },
            }
        }
        Ok(None)
    }

    /// Deals batches out in turn. It ends early if nobody takes them.
    fn deal(mut self, to: &[SyncSender<Vec<(Place, Signal)>>]) -> Result<Totals, Stopped> {
        for give in to.iter().cycle() {
            let mut batch = Vec::with_capacity(BATCH);
            while batch.len() < BATCH {
                let Some(signal) = self.next()? else { break };
                batch.push(signal);
            }
            let last = batch.len() < BATCH;
            if give.send(batch).is_err() || last {
                break;
            }
        }
        Ok(self.totals)
    }
}

/// Rules that match → findings.
struct Gathering {
    detector: Detector,
    found: Vec<Detection>,
    last: Place,
}

impl Gathering {
    fn new(rules: &Arc<RuleSet>) -> Self {
        let detector = Detector::new(rules.clone(), LATENESS, SEED);
        Gathering { detector, found: Vec::new(), last: Place::default() }
    }

    fn take(
        &mut self,
        place: Place,
        signal: &Signal,
        found: &[u32],
        each: &mut Each<'_>,
    ) -> Result<(), Stopped> {
        self.detector.matched(signal, found, &mut self.found);
        self.last = place;
        self.hand_out(each)
    }

    fn hand_out(&mut self, each: &mut Each<'_>) -> Result<(), Stopped> {
        let last = self.last;
        self.found.drain(..).try_for_each(|found| each(last, &found)).map_err(Stopped::Output)
    }

    fn end(mut self, totals: Totals, asked: u64, each: &mut Each<'_>) -> Result<Totals, Stopped> {
        self.detector.finish(&mut self.found);
        self.hand_out(each)?;
        let stats = self.detector.stats();
        Ok(Totals { late: stats.late, evicted: stats.evicted, asked, ..totals })
    }
}

/// The detections that were shown already, so that one that goes on is told from a new one.
#[derive(Default)]
pub struct Shown {
    order: VecDeque<crate::model::DetectionId>,
    known: std::collections::HashSet<crate::model::DetectionId>,
}

impl Shown {
    /// Detections that are remembered; an older one that goes on counts as new.
    const MOST: usize = 100_000;

    /// Whether the detection is new.
    pub fn is_new(&mut self, found: &Detection) -> bool {
        if !self.known.insert(found.id) {
            return false;
        }
        self.order.push_back(found.id);
        if self.order.len() > Self::MOST
            && let Some(old) = self.order.pop_front()
        {
            self.known.remove(&old);
        }
        true
    }
}
