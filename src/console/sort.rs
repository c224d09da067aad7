//! The order of rows.

use super::list::Newest;

/// The order of the rows of a pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sort {
    /// Place among the columns of the pane; the first is the order that the pane has by itself.
    pub column: usize,
    /// Turned round.
    pub inverted: bool,
}

impl Sort {
    /// Where one looks without a cursor.
    pub fn newest(self, own: Newest) -> Newest {
        if self == Sort::default() { own } else { Newest::Top }
    }
}

/// Brings rows into the order of a key; equal ones stay as they were.
pub fn sorted<T, K: Ord>(rows: &mut [T], sort: Sort, key: impl Fn(&T, usize) -> K) {
    if sort.column > 0 {
        rows.sort_by_cached_key(|row| key(row, sort.column));
    }
    if sort.inverted {
        rows.reverse();
    }
}
