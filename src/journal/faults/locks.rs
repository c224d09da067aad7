//! Who holds what of a file, and the memory that connections share about its log, as `os_unix.c` does it
//! within one process.

use std::collections::BTreeMap;

use super::vfs::Region;
use super::volume::Trouble;

/// Locks of the shared memory (`SQLITE_SHM_NLOCK`).
pub const SLOTS: usize = 8;
/// Levels of locks of a database, from `SQLITE_LOCK_NONE` up.
pub const SHARED: i32 = 1;
pub const RESERVED: i32 = 2;
pub const PENDING: i32 = 3;
pub const EXCLUSIVE: i32 = 4;

/// The locks of one file.
#[derive(Debug, Default)]
pub struct Locks {
    levels: BTreeMap<u64, i32>,
    slots: [BTreeMap<u64, bool>; SLOTS],
    mapped: BTreeMap<u64, ()>,
    regions: Vec<Region>,
}

impl Locks {
    fn highest_of_others(&self, handle: u64) -> i32 {
        self.levels.iter().filter(|(other, _)| **other != handle).map(|(_, level)| *level).max().unwrap_or(0)
    }

    /// Raises the lock of a handle.
    pub fn raise(&mut self, handle: u64, level: i32) -> Result<(), Trouble> {
        let (own, others) = (self.levels.get(&handle).copied().unwrap_or(0), self.highest_of_others(handle));
        if own >= level {
            return Ok(());
        }
        let may = match level {
            SHARED => others < PENDING,
            RESERVED => others < RESERVED,
            _ => others == 0,
        };
        if !may {
            if level == EXCLUSIVE && others < RESERVED {
                self.levels.insert(handle, PENDING);
            }
            return Err(Trouble::Busy);
        }
        self.levels.insert(handle, level);
        Ok(())
    }

    pub fn lower(&mut self, handle: u64, level: i32) {
        if level == 0 {
            self.levels.remove(&handle);
        } else if self.levels.get(&handle).is_some_and(|own| *own > level) {
            self.levels.insert(handle, level);
        }
    }

    pub fn is_reserved(&self) -> bool {
        self.levels.values().any(|level| *level >= RESERVED)
    }

    /// Takes slots of the shared memory, for this handle alone or with others.
    pub fn take(&mut self, handle: u64, slots: std::ops::Range<usize>, alone: bool) -> Result<(), Trouble> {
        let free = |slot: &BTreeMap<u64, bool>| {
            slot.iter().filter(|(other, _)| **other != handle).all(|(_, other_alone)| !alone && !other_alone)
        };
        if !self.slots[slots.clone()].iter().all(free) {
            return Err(Trouble::Busy);
        }
        for slot in &mut self.slots[slots] {
            slot.insert(handle, alone);
        }
        Ok(())
    }

    pub fn release(&mut self, handle: u64, slots: std::ops::Range<usize>) {
        for slot in &mut self.slots[slots] {
            slot.remove(&handle);
        }
    }

    /// A piece of the shared memory; `None` if it is not there and is not to be made.
    pub fn map(&mut self, handle: u64, index: usize, size: usize, make: bool) -> Option<&Region> {
        self.mapped.insert(handle, ());
        while make && self.regions.len() <= index {
            self.regions.push(Region::new(size));
        }
        self.regions.get(index)
    }

    pub fn is_mapped(&self, index: usize) -> bool {
        index < self.regions.len()
    }

    /// The memory goes with the last one who shares it: what opens next finds none and recovers.
    pub fn unmap(&mut self, handle: u64) {
        self.release(handle, 0..SLOTS);
        self.mapped.remove(&handle);
        if self.mapped.is_empty() {
            self.regions.clear();
        }
    }

    pub fn close(&mut self, handle: u64) {
        self.levels.remove(&handle);
        self.unmap(handle);
    }
}
