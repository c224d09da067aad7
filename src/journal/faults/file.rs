//! One file of a simulated disk: what programs read, and what a power cut leaves of it.

use std::collections::BTreeSet;

use super::dice::Dice;

/// What a disk writes whole or not at all, in bytes.
pub const SECTOR: usize = 512;

/// What becomes of the writes that no sync has made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsynced {
    /// All of them reached the disk.
    Kept,
    /// None did.
    Lost,
    /// Each sector by itself did or did not, so that pages and frames are torn.
    Torn,
}

/// A file under a page cache.
#[derive(Debug, Clone, Default)]
pub struct File {
    /// What is read.
    cached: Vec<u8>,
    /// What the platter has.
    durable: Vec<u8>,
    /// Sectors that the next sync writes.
    dirty: BTreeSet<usize>,
}

impl File {
    /// A file that is on the disk as it is.
    pub fn durable(bytes: Vec<u8>) -> Self {
        File { cached: bytes.clone(), durable: bytes, dirty: BTreeSet::new() }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.cached
    }

    /// Returns how many bytes there were to read.
    pub fn read(&self, at: usize, out: &mut [u8]) -> usize {
        let rest = self.cached.get(at..).unwrap_or_default();
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        count
    }

    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = at + bytes.len();
        let first = at.min(self.cached.len());
        if self.cached.len() < end {
            self.cached.resize(end, 0);
        }
        self.cached[at..end].copy_from_slice(bytes);
        self.dirty.extend(first / SECTOR..=(end - 1) / SECTOR);
    }

    pub fn truncate(&mut self, length: usize) {
        let before = self.cached.len();
        self.cached.resize(length, 0);
        self.dirty.retain(|sector| sector * SECTOR < length);
        if before < length {
            self.dirty.extend(before / SECTOR..=(length - 1) / SECTOR);
        }
    }

    /// Everything that is dirty becomes durable.
    pub fn sync(&mut self) {
        self.durable.resize(self.cached.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            self.put(sector);
        }
    }

    /// A sync that failed: the cache takes the pages for clean from now on, and no later sync writes them.
    pub fn drop_dirty(&mut self) {
        self.dirty.clear();
    }

    fn put(&mut self, sector: usize) {
        let end = ((sector + 1) * SECTOR).min(self.cached.len()).min(self.durable.len());
        let start = (sector * SECTOR).min(end);
        self.durable[start..end].copy_from_slice(&self.cached[start..end]);
    }

    /// What a power cut leaves. What a failed sync has dropped is gone in any case.
    pub fn after_power_cut(mut self, unsynced: Unsynced, dice: &mut Dice) -> File {
        let (short, long) = (self.durable.len(), self.cached.len());
        let length = match unsynced {
            Unsynced::Kept => long,
            Unsynced::Lost => short,
            Unsynced::Torn => match dice.below(3) {
                0 => short,
                1 => long,
                _ => {
                    short.min(long) + dice.below((short.abs_diff(long) / SECTOR + 1) as u64) as usize * SECTOR
                }
            },
        };
        // Blocks that were given to a file and never written hold what was there before.
        let filler = if dice.below(2) == 0 { 0 } else { 0xa5 };
        self.durable.resize(length, filler);
        for sector in std::mem::take(&mut self.dirty) {
            let kept = match unsynced {
                Unsynced::Kept => true,
                Unsynced::Lost => false,
                Unsynced::Torn => dice.below(2) == 0,
            };
            if kept {
                self.put(sector);
            }
        }
        File::durable(self.durable)
    }
}
