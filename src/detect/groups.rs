//! The groups of one correlation: a bounded table from the values of its group-by fields.

use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::episode::Episode;
use super::events::Events;
use super::evidence::Recent;
use super::lru::Lru;
use super::values::Values;
use super::{Limits, Reach};
use crate::model::Timestamp;
use crate::rule::Counted;

/// What a group counts.
#[derive(Debug, Clone)]
pub enum Window {
    Events(Events),
    Values(Values),
}

impl Window {
    fn new(counted: &Counted, hasher: &FixedState) -> Window {
        match counted {
            Counted::Events => Window::Events(Events::default()),
            Counted::Values(_) => Window::Values(Values::new(hasher.clone())),
        }
    }

    /// The time of the newest signal.
    pub fn newest(&self) -> Option<Timestamp> {
        match self {
            Window::Events(events) => events.newest(),
            Window::Values(values) => values.newest(),
        }
    }

    /// The first signal of the window that ends at the newest.
    pub fn since(&self) -> Option<Timestamp> {
        match self {
            Window::Events(events) => events.since(),
            Window::Values(values) => values.since(),
        }
    }

    /// Adds a signal (`value` is the hash of its value) and counts the newest window.
    pub fn insert(&mut self, at: Timestamp, weight: u64, value: u64, reach: &Reach) -> u64 {
        match self {
            Window::Events(events) => events.insert(at, weight, reach),
            Window::Values(values) => values.insert(at, value, reach),
        }
    }

    /// The fullest window around an instant: its count, first and last signal.
    pub fn fullest_around(&self, at: Timestamp, least: u64, reach: &Reach) -> (u64, Timestamp, Timestamp) {
        match self {
            Window::Events(events) => events.fullest_around(at, reach),
            Window::Values(values) => values.fullest_around(at, least, reach),
        }
    }

    fn len(&self) -> usize {
        match self {
            Window::Events(events) => events.len(),
            Window::Values(values) => values.len(),
        }
    }

    /// Makes room when the group is full; says how many entries were given up or joined.
    fn shrink(&mut self, limit: usize, reach: &Reach) -> u64 {
        let before = self.len();
        if before > limit {
            match self {
                Window::Events(events) => events.coarsen(reach),
                Window::Values(values) => values.drop_oldest(),
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
    pub fn enter(&mut self, key: &[u8], counted: &Counted, now: Timestamp) -> u32 {
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
            window: Window::new(counted, &self.hasher),
            episode: None,
            past: None,
            recent: Recent::default(),
            proven: None,
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
    pub fn insert(
        &mut self,
        slot: u32,
        at: Timestamp,
        weight: u64,
        value: u64,
        reach: &Reach,
        limits: &Limits,
    ) -> u64 {
        let Some(group) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) else { return 0 };
        let before = group.window.len();
        let count = group.window.insert(at, weight, value, reach);
        self.evicted += group.window.shrink(limits.entries_per_group, reach);
        self.entries = (self.entries + group.window.len()).saturating_sub(before);
        count
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
