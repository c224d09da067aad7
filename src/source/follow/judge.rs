//! What happened to a file that is followed: a pure function of what is known and what is seen.

use crate::journal::{Head, Identity};

/// What is known of a file.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Which one it is.
    pub identity: &'a Identity,
    /// How much of it was read, in bytes.
    pub offset: u64,
}

/// What is there now, under a name or behind a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The device that it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its first bytes, as many as the known head has; `None` if it has fewer, or was not looked at
    /// because it is another file.
    pub head: Option<Head>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Unchanged,
    /// So many bytes were added.
    Grown(u64),
    /// It is the same file with less in it, or with other text: it begins anew.
    Truncated,
    /// It is another file.
    Replaced,
    /// There is none.
    Gone,
}

/// Compares.
pub fn judge(known: Known<'_>, seen: Option<&Seen>) -> Change {
    let Some(seen) = seen else { return Change::Gone };
    let Identity { device, inode, head } = known.identity;
    if (seen.device, seen.inode) != (*device, *inode) {
        return Change::Replaced;
    }
    if seen.head != Some(*head) {
        return Change::Truncated;
    }
    match seen.size.checked_sub(known.offset) {
        None => Change::Truncated,
        Some(0) => Change::Unchanged,
        Some(more) => Change::Grown(more),
    }
}

/// Whether this file holds what was read of the known one, under another number: a copy, as log rotation
/// makes before it truncates. A short head says too little.
pub fn is_copy(known: Known<'_>, seen: &Seen) -> bool {
    const TELLING: u64 = 64;
    let head = known.identity.head;
    head.bytes >= TELLING && seen.head == Some(head) && seen.size >= known.offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn head(bytes: u64, text: u8) -> Head {
        Head { bytes, hash: Digest([text; 32]) }
    }

    #[test]
    fn what_happened_is_told_by_number_size_and_head() {
        use Change::*;
        let identity = |bytes| Identity { device: 1, inode: 10, head: head(bytes, 7) };
        let seen = |inode, size, head| Some(Seen { device: 1, inode, size, head });
        let same = Some(head(100, 7));
        for (what, head_bytes, offset, seen, expected) in [
            ("nothing new", 100, 500, seen(10, 500, same), Unchanged),
            ("appended", 100, 500, seen(10, 512, same), Grown(12)),
            ("not begun", 100, 0, seen(10, 500, same), Grown(500)),
            ("copytruncate, empty", 100, 500, seen(10, 0, None), Truncated),
            ("copytruncate, little written since", 100, 500, seen(10, 40, None), Truncated),
            (
                "copytruncate, more written since than was read",
                100,
                500,
                seen(10, 900, Some(head(100, 8))),
                Truncated,
            ),
            ("shortened, the head is still there", 100, 500, seen(10, 499, same), Truncated),
            ("shortened by a byte of the head", 100, 100, seen(10, 99, None), Truncated),
            ("renamed away, a new one under the name", 100, 500, seen(11, 0, None), Replaced),
            ("replaced by one with the same head", 100, 500, seen(11, 600, same), Replaced),
            ("deleted", 100, 500, None, Gone),
            ("the number was given to another file", 100, 500, seen(10, 800, Some(head(100, 9))), Truncated),
            ("was empty and still is", 0, 0, seen(10, 0, Some(head(0, 7))), Unchanged),
            ("was empty, now has text", 0, 0, seen(10, 5, Some(head(0, 7))), Grown(5)),
        ] {
            let identity = identity(head_bytes);
            assert_eq!(judge(Known { identity: &identity, offset }, seen.as_ref()), expected, "{what}");
        }
        let elsewhere = Seen { device: 2, inode: 10, size: 500, head: same };
        let identity = identity(100);
        assert_eq!(judge(Known { identity: &identity, offset: 500 }, Some(&elsewhere)), Replaced);
    }

    #[test]
    fn a_copy_has_the_head_and_all_that_was_read() {
        for (what, bytes, offset, size, seen, expected) in [
            ("a copy", 100, 500, 500, Some(head(100, 7)), true),
            ("a copy with more", 100, 500, 700, Some(head(100, 7)), true),
            ("the copy of an earlier time", 100, 500, 400, Some(head(100, 7)), false),
            ("another text", 100, 500, 500, Some(head(100, 8)), false),
            ("too short a head to tell", 63, 63, 70, Some(head(63, 7)), false),
            ("a head that is just long enough", 64, 64, 64, Some(head(64, 7)), true),
        ] {
            let identity = Identity { device: 1, inode: 10, head: head(bytes, 7) };
            let seen = Seen { device: 1, inode: 99, size, head: seen };
            assert_eq!(is_copy(Known { identity: &identity, offset }, &seen), expected, "{what}");
        }
    }
}
