//! Blindness is an alarm: a source that is silent, whose lines cannot be decoded, or whose queue ages. It
//! is told as a detection of a built-in rule with the source as its key, once for each time it begins, so
//! that an incident opens and workflows can be triggered.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::detect::identity;
use crate::model::{Detection, Map, RuleHead, SafeText, Severity, Span, Timestamp};

/// When a source counts as blind; `None` is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Nothing came for so long.
    pub silent_after: Option<Span>,
    /// More lines than this are no signals, in permille of those of the last [`WINDOW`].
    pub undecodable_above: Option<u32>,
    /// What waits has waited for so long.
    pub queue_age: Option<Span>,
}

impl Default for Thresholds {
    /// 10 minutes, 5 %, 30 seconds.
    fn default() -> Self {
        Thresholds {
            silent_after: Some(Span::from_secs(600)),
            undecodable_above: Some(50),
            queue_age: Some(Span::from_secs(30)),
        }
    }
}

/// Over which time undecodable lines are a share.
pub const WINDOW: Span = Span::from_secs(300);
/// Of fewer lines, or of fewer that are no signals, nothing is said.
pub const LEAST: u64 = 20;
#[allow(missing_docs)]
pub const LEAST_BAD: u64 = 5;
/// How often a source is looked at.
const EVERY: Span = Span::from_secs(1);
/// Time that passed unseen, in a machine that slept or was stopped, is no silence.
const MOST: Span = Span::from_secs(5);
/// How often the counts of the window are taken.
const SLOT: Span = Span::from_secs(10);

/// How a source is blind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blindness {
    /// Nothing comes.
    Silent,
    /// What comes cannot be decoded.
    Undecodable,
    /// What comes waits for too long.
    QueueAges,
}

impl Blindness {
    /// Each of them.
    pub const ALL: [Blindness; 3] = [Blindness::Silent, Blindness::Undecodable, Blindness::QueueAges];

    /// The name of its rule, by which workflows are triggered.
    pub fn rule(self) -> &'static str {
        match self {
            Blindness::Silent => "quell.source_silent",
            Blindness::Undecodable => "quell.source_undecodable",
            Blindness::QueueAges => "quell.source_late",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Blindness::Silent => "A source is silent",
            Blindness::Undecodable => "The lines of a source cannot be decoded",
            Blindness::QueueAges => "The signals of a source wait for too long",
        }
    }
}

/// What is known of a source at a look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Lines received, and those of them that are no signals.
    pub received: u64,
    #[allow(missing_docs)]
    pub undecodable: u64,
    /// How long the oldest of what waits has waited.
    pub age: Span,
    /// It has ended in good order: nothing is to come.
    pub ended: bool,
}

/// One way of being blind: since when, and what is the matter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Since {
    at: Timestamp,
    figure: Figure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figure {
    Silent(Span),
    Permille(u64),
    Age(Span),
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Figure::Silent(span) => write!(f, "silent for {}", Span::from_secs(span.0 / 1_000_000)),
            Figure::Permille(share) => write!(f, "{}.{} % undecodable", share / 10, share % 10),
            Figure::Age(span) => write!(f, "signals wait for {}", Span::from_secs(span.0 / 1_000_000)),
        }
    }
}

/// Watches over one source.
#[derive(Debug)]
pub struct Lookout {
    name: String,
    thresholds: Thresholds,
    looked: Option<Timestamp>,
    received: u64,
    silent: Span,
    /// Counts of received and undecodable lines, one for each slot of the window.
    slots: VecDeque<(Timestamp, u64, u64)>,
    blind: [Option<Since>; 3],
}

impl Lookout {
    /// Over a source of this name.
    pub fn new(name: &str, thresholds: Thresholds) -> Self {
        Lookout {
            name: name.to_owned(),
            thresholds,
            looked: None,
            received: 0,
            silent: Span::ZERO,
            slots: VecDeque::new(),
            blind: [None, None, None],
        }
    }

    /// Looks, once a second; what begins is added to `found`.
    pub fn look(&mut self, seen: Seen, now: Timestamp, found: &mut Vec<Detection>) {
        let passed = self.looked.map_or(Span::ZERO, |looked| now.since(looked));
        if self.looked.is_some() && passed < EVERY {
            return;
        }
        self.looked = Some(now);
        let news = seen.received != self.received || seen.ended;
        self.received = seen.received;
        self.silent = if news { Span::ZERO } else { Span(self.silent.0.saturating_add(passed.min(MOST).0)) };
        let of = self.thresholds;
        let silent = of.silent_after.filter(|after| self.silent >= *after);
        self.set(Blindness::Silent, silent.map(|_| Figure::Silent(self.silent)), now, found);
        let share = self.undecodable(seen, now);
        let above = of.undecodable_above.zip(share).filter(|(most, share)| *share > u64::from(*most));
        self.set(Blindness::Undecodable, above.map(|(_, share)| Figure::Permille(share)), now, found);
        let late = of.queue_age.filter(|most| seen.age >= *most);
        self.set(Blindness::QueueAges, late.map(|_| Figure::Age(seen.age)), now, found);
    }

    /// The share of lines of the window that are no signals, in permille.
    fn undecodable(&mut self, seen: Seen, now: Timestamp) -> Option<u64> {
        if self.slots.back().is_none_or(|(at, ..)| now.since(*at) >= SLOT) {
            self.slots.push_back((now, seen.received, seen.undecodable));
        }
        // The first that stays is the last one before the window.
        while self.slots.get(1).is_some_and(|(at, ..)| now.since(*at) >= WINDOW) {
            self.slots.pop_front();
        }
        let (_, received, undecodable) = self.slots.front()?;
        let received = seen.received.saturating_sub(*received);
        let undecodable = seen.undecodable.saturating_sub(*undecodable);
        (received >= LEAST && undecodable >= LEAST_BAD).then(|| undecodable.saturating_mul(1000) / received)
    }

    fn set(&mut self, how: Blindness, is: Option<Figure>, now: Timestamp, found: &mut Vec<Detection>) {
        let name = SafeText(&self.name).to_string();
        let Some(was) = self.blind.get_mut(how as usize) else { return };
        match (&mut *was, is) {
            (Some(since), Some(figure)) => since.figure = figure,
            (None, Some(figure)) => {
                let at = match figure {
                    Figure::Silent(span) | Figure::Age(span) => now - span,
                    Figure::Permille(_) => now - WINDOW,
                };
                tracing::error!(target: "source", "{name}: {figure}");
                *was = Some(Since { at, figure });
                found.push(detection(&self.name, how, at, figure, now));
            }
            (Some(since), None) => {
                let gone = match how {
                    Blindness::Silent => "lines come again",
                    Blindness::Undecodable => "its lines can be decoded again",
                    Blindness::QueueAges => "its signals no longer wait",
                };
                tracing::info!(target: "source", "{name}: {gone}; since {} it was: {}", since.at, since.figure);
                *was = None;
            }
            (None, None) => {}
        }
    }

    /// How it is blind, in words; `None` if it is not.
    pub fn blind(&self) -> Option<String> {
        let all: Vec<String> = self.blind.iter().flatten().map(|since| since.figure.to_string()).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

fn detection(source: &str, how: Blindness, since: Timestamp, figure: Figure, now: Timestamp) -> Detection {
    let rule = RuleHead {
        id: Arc::from(how.rule()),
        name: Arc::from(how.rule()),
        title: Arc::from(how.title()),
        level: Severity::High,
        tags: Vec::new(),
        author: None,
    };
    let mut fields = Map::new();
    fields.insert("source".to_owned(), source.into());
    match figure {
        Figure::Silent(span) => fields.insert("silent_seconds".to_owned(), (span.0 / 1_000_000).into()),
        Figure::Permille(share) => fields.insert("undecodable_permille".to_owned(), share.into()),
        Figure::Age(span) => fields.insert("waiting_seconds".to_owned(), (span.0 / 1_000_000).into()),
    };
    Detection {
        id: identity(&[how.rule().as_bytes(), source.as_bytes(), &now.0.to_le_bytes()]),
        rule: Arc::new(rule),
        at: now,
        since,
        key: Arc::from(source),
        count: 1,
        fields,
        evidence: vec![Arc::from(format!("{source}: {figure}"))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds {
        silent_after: Some(Span::from_secs(60)),
        undecodable_above: Some(100),
        queue_age: Some(Span::from_secs(30)),
    };

    struct Course {
        lookout: Lookout,
        now: Timestamp,
        seen: Seen,
        found: Vec<Detection>,
    }

    impl Course {
        fn new(thresholds: Thresholds) -> Self {
            let lookout = Lookout::new("auth.log", thresholds);
            Course { lookout, now: Timestamp::from_secs(1000), seen: Seen::default(), found: Vec::new() }
        }

        /// Seconds, in each of which so many lines come, and so many that are no signals.
        fn seconds(&mut self, seconds: u64, good: u64, bad: u64) -> &mut Self {
            for _ in 0..seconds {
                self.now = self.now + Span::from_secs(1);
                self.seen.received += good + bad;
                self.seen.undecodable += bad;
                self.lookout.look(self.seen, self.now, &mut self.found);
            }
            self
        }

        fn rules(&self) -> Vec<&str> {
            self.found.iter().map(|detection| &*detection.rule.name).collect()
        }
    }

    #[test]
    fn silence_is_told_once_for_each_time_it_begins() {
        let mut course = Course::new(THRESHOLDS);
        course.seconds(60, 0, 0);
        assert_eq!(course.rules(), [""; 0]);
        course.seconds(300, 0, 0);
        assert_eq!(course.rules(), ["quell.source_silent"]);
        assert_eq!(course.lookout.blind().as_deref(), Some("silent for 359s"));
        course.seconds(1, 1, 0);
        assert_eq!(course.lookout.blind(), None);
        course.seconds(61, 0, 0);
        assert_eq!(course.rules(), ["quell.source_silent"; 2]);
        let [first, second] = &course.found[..] else { panic!() };
        assert_eq!((&*first.key, first.rule.level), ("auth.log", Severity::High));
        assert_eq!(first.at.since(first.since), Span::from_secs(60));
        assert_ne!(first.id, second.id);
    }

    #[test]
    fn a_machine_that_slept_saw_no_silence() {
        let mut course = Course::new(THRESHOLDS);
        course.seconds(30, 1, 0);
        course.now = course.now + Span::from_secs(8 * 3600);
        course.seconds(50, 0, 0);
        assert_eq!(course.rules(), [""; 0]);
        course.seconds(10, 0, 0);
        assert_eq!(course.rules(), ["quell.source_silent"]);
    }

    #[test]
    fn a_source_that_has_ended_is_not_silent() {
        let mut course = Course::new(THRESHOLDS);
        course.seen.ended = true;
        course.seconds(600, 0, 0);
        assert_eq!(course.rules(), [""; 0]);
    }

    #[test]
    fn too_many_lines_that_are_no_signals() {
        for (good, bad, told) in [(9, 1, 0), (8, 2, 1), (0, 1, 1)] {
            let mut course = Course::new(THRESHOLDS);
            course.seconds(100, good, bad);
            assert_eq!(course.found.len(), told, "{good} {bad}");
        }
        let mut course = Course::new(THRESHOLDS);
        course.seconds(1, 0, 0).seconds(1, 16, 4);
        assert_eq!(course.rules(), [""; 0], "of a few bad ones nothing is said");
        let mut course = Course::new(THRESHOLDS);
        course.seconds(1, 100, 0).seconds(19, 0, 1);
        assert_eq!(course.rules(), [""; 0], "of a few lines nothing is said");
        course.seconds(1, 0, 1);
        assert_eq!(course.lookout.blind().as_deref(), Some("100.0 % undecodable"));
        // What is older than the window counts no more.
        course.seconds(1, 100, 0).seconds(320, 1, 0);
        assert_eq!((course.lookout.blind(), course.found.len()), (None, 1));
    }

    #[test]
    fn a_queue_that_ages() {
        let mut course = Course::new(THRESHOLDS);
        course.seen.age = Span::from_secs(29);
        course.seconds(5, 1, 0);
        course.seen.age = Span::from_secs(30);
        course.seconds(5, 1, 0);
        assert_eq!(course.rules(), ["quell.source_late"]);
        assert_eq!(course.lookout.blind().as_deref(), Some("signals wait for 30s"));
    }

    #[test]
    fn what_is_switched_off_is_never_told() {
        let off = Thresholds { silent_after: None, undecodable_above: None, queue_age: None };
        let mut course = Course::new(off);
        course.seen.age = Span::from_secs(3600);
        course.seconds(1000, 0, 0).seconds(100, 0, 10);
        assert_eq!(course.rules(), [""; 0]);
    }
}
