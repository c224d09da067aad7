//! An order of slots by last use: everything is O(1).

const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Link {
    older: u32,
    newer: u32,
}

/// Slots from the least to the most recently used. A doubly linked list over indices.
#[derive(Debug)]
pub struct Lru {
    links: Vec<Link>,
    oldest: u32,
    newest: u32,
}

impl Default for Lru {
    fn default() -> Self {
        Lru { links: Vec::new(), oldest: NONE, newest: NONE }
    }
}

impl Lru {
    /// The slot that was not used for the longest time.
    pub fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// Adds a slot that is not in the order, as the newest.
    pub fn push(&mut self, slot: u32) {
        let index = slot as usize;
        if self.links.len() <= index {
            self.links.resize(index + 1, Link { older: NONE, newer: NONE });
        }
        if let Some(link) = self.links.get_mut(index) {
            *link = Link { older: self.newest, newer: NONE };
        }
        match self.links.get_mut(self.newest as usize) {
            Some(newest) => newest.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
    }

    /// Takes a slot out of the order.
    pub fn remove(&mut self, slot: u32) {
        let Some(Link { older, newer }) = self.links.get(slot as usize).copied() else { return };
        match self.links.get_mut(older as usize) {
            Some(link) => link.newer = newer,
            None => self.oldest = newer,
        }
        match self.links.get_mut(newer as usize) {
            Some(link) => link.older = older,
            None => self.newest = older,
        }
    }

    /// Makes a slot the newest.
    pub fn touch(&mut self, slot: u32) {
        if self.newest != slot {
            self.remove(slot);
            self.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_a_naive_list(actions in proptest::collection::vec((0u32..6, any::<bool>()), 0..60)) {
            let (mut lru, mut naive) = (Lru::default(), Vec::new());
            for (slot, take) in actions {
                let known = naive.contains(&slot);
                naive.retain(|other| *other != slot);
                match (known, take) {
                    (true, true) => lru.remove(slot),
                    (true, false) => lru.touch(slot),
                    (false, _) => lru.push(slot),
                }
                if !(known && take) {
                    naive.push(slot);
                }
                prop_assert_eq!(lru.oldest(), naive.first().copied());
            }
            while let Some(slot) = lru.oldest() {
                prop_assert_eq!(slot, naive.remove(0));
                lru.remove(slot);
            }
            prop_assert!(naive.is_empty());
        }
    }
}
