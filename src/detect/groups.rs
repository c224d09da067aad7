//! The groups of one correlation: a bounded table from the values of its group-by fields.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::baseline::Baseline;
use super::correlate::Place;
use super::episode::Episode;
use super::events::Events;
use super::evidence::Recent;
use super::lru::Lru;
use super::numbers::{Figure, Numbers};
use super::sequence::Sequence;
use super::values::Values;
use super::{Limits, Reach};
use crate::model::Timestamp;
use crate::rule::indicator::Hit;
use crate::rule::{Correlation, Counted};

/// What a signal brings into a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Item {
    pub weight: u64,
    /// The hash of its value, or the position of its rule.
    pub value: u64,
    /// Its value in millionths.
    pub number: i128,
}

/// What a window amounts to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// What the bounds of the correlation are about.
    pub measure: f64,
    /// Signals, distinct values or rules within.
    pub count: u64,
}

impl Reading {
    fn of_count(count: u64) -> Reading {
        Reading { measure: count as f64, count }
    }
}

/// A window with something in it: what it amounts to, its first and its last signal.
pub type Found = (Reading, Timestamp, Timestamp);

/// What a group counts.
#[derive(Debug, Clone)]
pub enum Window {
    Events(Events),
    Values(Values),
    /// Distinct rules, by position.
    Rules(Values),
    Numbers(Figure, Numbers),
    Sequence(Sequence),
    Baseline(Baseline),
}

impl Window {
    fn new(rule: &Correlation, hasher: &FixedState) -> Window {
        let numbers = |figure| Window::Numbers(figure, Numbers::new(figure));
        match &rule.counted {
            Counted::Events => Window::Events(Events::default()),
            Counted::Values(_) => Window::Values(Values::new(hasher.clone())),
            Counted::Rules(_) => Window::Rules(Values::new(hasher.clone())),
            Counted::Sequence => Window::Sequence(Sequence::new(rule.keys.len())),
            Counted::Sum(_) => numbers(Figure::Sum),
            Counted::Average(_) => numbers(Figure::Average),
            Counted::Percentile(_, rank) => numbers(Figure::Percentile(*rank)),
            Counted::Anomaly(_) => Window::Baseline(Baseline::default()),
        }
    }

    /// The time of the newest signal.
    pub fn newest(&self) -> Option<Timestamp> {
        match self {
            Window::Events(events) => events.newest(),
            Window::Values(values) | Window::Rules(values) => values.newest(),
            Window::Numbers(_, numbers) => numbers.newest(),
            Window::Sequence(sequence) => sequence.newest(),
            Window::Baseline(baseline) => baseline.newest(),
        }
    }

    /// The first signal of the window that ends at the newest.
    pub fn since(&self, reach: &Reach) -> Option<Timestamp> {
        match self {
            Window::Events(events) => events.since(),
            Window::Values(values) | Window::Rules(values) => values.since(),
            Window::Numbers(_, numbers) => numbers.since(),
            Window::Sequence(sequence) => sequence.longest(reach.span).1,
            Window::Baseline(baseline) => baseline.newest(),
        }
    }

    /// Adds a signal; says what the newest window amounts to.
    pub fn insert(&mut self, at: Timestamp, item: &Item, rule: &Correlation, reach: &Reach) -> Reading {
        match self {
            Window::Events(events) => return Reading::of_count(events.insert(at, item.weight, reach)),
            Window::Values(values) => return Reading::of_count(values.insert(at, item.value, reach)),
            Window::Rules(values) => drop(values.insert(at, item.value, reach)),
            Window::Numbers(_, numbers) => numbers.insert(at, item.number, item.weight, reach),
            Window::Sequence(sequence) => sequence.insert(at, item.value as u32, reach),
            Window::Baseline(baseline) => baseline.insert(at, item, rule),
        }
        self.reading(rule, reach)
    }

    /// What the newest window amounts to.
    fn reading(&self, rule: &Correlation, reach: &Reach) -> Reading {
        match self {
            Window::Events(events) => Reading::of_count(events.count()),
            Window::Values(values) => Reading::of_count(values.count()),
            Window::Rules(values) => {
                let reading = Reading::of_count(values.count());
                match &rule.counted {
                    Counted::Rules(Some(condition)) => {
                        let holds = condition.holds(&mut |position| values.has(position as u64, reach));
                        Reading { measure: f64::from(u8::from(holds)), ..reading }
                    }
                    _ => reading,
                }
            }
            Window::Numbers(figure, numbers) => {
                Reading { measure: numbers.figure(*figure), count: numbers.count() }
            }
            Window::Sequence(sequence) => Reading::of_count(sequence.longest(reach.span).0),
            Window::Baseline(baseline) => Reading { measure: baseline.measure(), count: baseline.count() },
        }
    }

    /// The fullest window around an instant. A condition over rules is asked of the newest window only.
    pub fn fullest_around(&self, at: Timestamp, rule: &Correlation, reach: &Reach) -> Found {
        let counted = |(count, since, until)| (Reading::of_count(count), since, until);
        let least = rule.bounds.least() as u64;
        match self {
            Window::Events(events) => counted(events.fullest_around(at, reach)),
            Window::Values(values) => counted(values.fullest_around(at, least, reach)),
            Window::Rules(values) if rule.counted == Counted::Rules(None) => {
                counted(values.fullest_around(at, least, reach))
            }
            Window::Rules(values) => {
                let until = values.newest().unwrap_or(at);
                (self.reading(rule, reach), values.since().unwrap_or(at), until)
            }
            Window::Numbers(figure, numbers) => {
                let found = numbers.fullest_around(at, *figure, |value| rule.bounds.hold(value), reach);
                match found {
                    Some((measure, count, since, until)) => (Reading { measure, count }, since, until),
                    None => (Reading { measure: f64::NAN, count: 0 }, at, at),
                }
            }
            Window::Sequence(sequence) => counted(sequence.longest_around(at, reach)),
            // What came late changes nothing about what was found then.
            Window::Baseline(_) => (Reading { measure: f64::NAN, count: 0 }, at, at),
        }
    }

    fn len(&self) -> usize {
        match self {
            Window::Events(events) => events.len(),
            Window::Values(values) | Window::Rules(values) => values.len(),
            Window::Numbers(_, numbers) => numbers.len(),
            Window::Sequence(sequence) => sequence.len(),
            Window::Baseline(_) => 1,
        }
    }

    /// Makes room when the group is full; says how many entries were given up or joined.
    fn shrink(&mut self, limit: usize, reach: &Reach) -> u64 {
        let before = self.len();
        if before > limit {
            match self {
                Window::Events(events) => events.coarsen(reach),
                Window::Values(values) | Window::Rules(values) => values.drop_oldest(),
                Window::Numbers(_, numbers) => numbers.coarsen(reach),
                Window::Sequence(sequence) => sequence.drop_oldest(),
                Window::Baseline(_) => {}
            }
        }
        (before - self.len()) as u64
    }
}

/// One group.
#[derive(Debug, Clone)]
pub struct Group {
    pub key: Box<[u8]>,
    hash: u64,
    /// Tells this group from an earlier one in the same slot.
    pub birth: u64,
    touched: Timestamp,
    pub window: Window,
    /// The window that is over its threshold now.
    pub episode: Option<Box<Episode>>,
    /// The one before it, for signals that come late.
    pub past: Option<Box<Episode>>,
    pub recent: Recent,
    /// The last source that was proven, and when.
    pub proven: Option<(IpAddr, Timestamp)>,
    /// The entry of an indicator list that a signal was on last.
    pub hit: Option<Arc<Hit>>,
}

impl Group {
    /// Whether a source was proven since an instant.
    pub fn has_proven(&self, source: Option<IpAddr>, since: Timestamp) -> bool {
        self.proven.is_some_and(|(proven, at)| source == Some(proven) && since <= at)
    }

    /// When a signal entered it last.
    pub fn touched(&self) -> Timestamp {
        self.touched
    }
}

/// All groups of one correlation.
#[derive(Debug)]
pub struct Groups {
    table: HashTable<u32>,
    slots: Vec<Option<Group>>,
    free: Vec<u32>,
    order: Lru,
    entries: usize,
    births: u64,
    hasher: FixedState,
    /// Groups and entries that were given up for room.
    pub evicted: u64,
}

impl Groups {
    pub fn new(seed: u64) -> Self {
        Groups {
            table: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            order: Lru::default(),
            entries: 0,
            births: 0,
            hasher: FixedState::with_seed(seed),
            evicted: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Entries of all of them.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Every group, in no order that means something.
    pub fn iter(&self) -> impl Iterator<Item = &Group> {
        self.slots.iter().flatten()
    }

    /// The seeded hash of a value.
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        self.hasher.hash_one(bytes)
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Group> {
        self.slots.get_mut(slot as usize).and_then(Option::as_mut)
    }

    /// The group of this key, made if it is new.
    pub fn enter(&mut self, key: &[u8], rule: &Correlation, now: Timestamp) -> u32 {
        let hash = self.hash(key);
        let slots = &self.slots;
        let same = |slot: &u32| {
            let group = slots.get(*slot as usize).and_then(Option::as_ref);
            group.is_some_and(|group| group.hash == hash && *group.key == *key)
        };
        if let Some(slot) = self.table.find(hash, same).copied() {
            if let Some(group) = self.get_mut(slot) {
                group.touched = group.touched.max(now);
            }
            self.order.touch(slot);
            return slot;
        }
        self.births += 1;
        let group = Group {
            key: key.into(),
            hash,
            birth: self.births,
            touched: now,
            window: Window::new(rule, &self.hasher),
            episode: None,
            past: None,
            recent: Recent::default(),
            proven: None,
            hit: None,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(group);
        }
        let slots = &self.slots;
        self.table.insert_unique(hash, slot, |slot| {
            slots.get(*slot as usize).and_then(Option::as_ref).map_or(0, |group| group.hash)
        });
        self.order.push(slot);
        slot
    }

    /// Adds a signal to a group and keeps the group within its limit.
    pub fn insert(&mut self, slot: u32, at: Timestamp, item: &Item, place: &Place) -> Reading {
        let Some(group) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) else {
            return Reading::default();
        };
        let reach = place.reach();
        let before = group.window.len();
        let reading = group.window.insert(at, item, place.rule, &reach);
        self.evicted += group.window.shrink(place.limits.entries_per_group, &reach);
        self.entries = (self.entries + group.window.len()).saturating_sub(before);
        reading
    }

    /// Takes out a group that was not touched since `idle`, so that no late signal can bring it back;
    /// or, over a limit, the one not touched for the longest time. Call it until it gives none.
    pub fn retire(&mut self, idle: Timestamp, limits: &Limits) -> Option<Group> {
        let slot = self.order.oldest()?;
        let over =
            self.len() > limits.groups_per_rule || (self.entries > limits.entries_per_rule && self.len() > 1);
        let spent = self.get_mut(slot).is_none_or(|group| group.touched < idle);
        self.evicted += u64::from(over && !spent);
        if over || spent { self.remove(slot) } else { None }
    }

    fn remove(&mut self, slot: u32) -> Option<Group> {
        let group = self.slots.get_mut(slot as usize)?.take()?;
        if let Ok(entry) = self.table.find_entry(group.hash, |other| *other == slot) {
            entry.remove();
        }
        self.order.remove(slot);
        self.free.push(slot);
        self.entries = self.entries.saturating_sub(group.window.len());
        Some(group)
    }
}
