//! The cursor of a list: bound to an id, never to a row.

use crate::model::Span;

/// Where the newest rows are, and so where a list that follows looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newest {
    /// At the top.
    Top,
    /// At the bottom.
    Bottom,
}

/// How long rows keep their places after the cursor moved.
const STILL: Span = Span::from_secs(2);

/// A list of things with ids.
#[derive(Debug, Clone)]
pub struct List<Id> {
    order: Vec<Id>,
    /// `None`: nothing is selected and the list follows its newest end.
    selected: Option<Id>,
    offset: usize,
    newest: Newest,
    still_until: Span,
}

/// A movement of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Move {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    /// Down, and from the last row to the first.
    Next,
    /// Up, and from the first row to the last.
    Previous,
}

impl<Id: Copy + Eq> List<Id> {
    /// Empty and following.
    pub fn new(newest: Newest) -> Self {
        List { order: Vec::new(), selected: None, offset: 0, newest, still_until: Span::ZERO }
    }

    /// Ids in the order of their rows.
    pub fn order(&self) -> &[Id] {
        &self.order
    }
    /// The id under the cursor.
    pub fn selected(&self) -> Option<Id> {
        self.selected
    }
    /// Whether nothing is selected.
    pub fn follows(&self) -> bool {
        self.selected.is_none()
    }
    /// The first row that is shown.
    pub fn offset(&self) -> usize {
        self.offset
    }
    /// Row of the cursor.
    pub fn row(&self) -> Option<usize> {
        self.position(self.selected?)
    }
    /// Lets go of the cursor; false if there was nothing to let go of.
    pub fn follow(&mut self) -> bool {
        self.selected.take().is_some()
    }
    /// Ids from the end where the newest are.
    pub fn newest_first(&self) -> impl Iterator<Item = Id> + '_ {
        let (from_top, from_bottom) = match self.newest {
            Newest::Top => (self.order.as_slice(), &[][..]),
            Newest::Bottom => (&[][..], self.order.as_slice()),
        };
        from_top.iter().chain(from_bottom.iter().rev()).copied()
    }
    /// Says where one looks without a cursor.
    pub fn set_newest(&mut self, newest: Newest) {
        self.newest = newest;
    }
    /// The order is another one by order of the operator: rows need not keep their places.
    pub fn resort(&mut self) {
        self.still_until = Span::ZERO;
    }
    /// Puts the cursor on an id.
    pub fn select(&mut self, id: Id) {
        self.selected = Some(id);
    }

    fn position(&self, id: Id) -> Option<usize> {
        self.order.iter().position(|other| *other == id)
    }

    /// Takes over what there is now. `rows` are lines that fit, `height` the lines of one id.
    ///
    /// While the cursor has just been moved, rows keep their places and new ones are added at the end.
    pub fn refresh(&mut self, fresh: Vec<Id>, now: Span, rows: usize, height: impl Fn(Id, bool) -> usize)
    where
        Id: Ord,
    {
        let before = self.row();
        if now < self.still_until {
            self.keep_places(fresh);
        } else {
            self.order = fresh;
        }
        match (before, self.row()) {
            // What was selected is gone: its neighbour takes the cursor.
            (Some(row), None) => self.selected = self.order.get(row).or(self.order.last()).copied(),
            // Its line on the screen stays where it was.
            (Some(old), Some(new)) => self.offset = (self.offset + new).saturating_sub(old),
            _ => {}
        }
        self.scroll(rows, height);
    }

    fn keep_places(&mut self, fresh: Vec<Id>)
    where
        Id: Ord,
    {
        let mut sorted = fresh.clone();
        sorted.sort_unstable();
        self.order.retain(|id| sorted.binary_search(id).is_ok());
        let mut known = self.order.clone();
        known.sort_unstable();
        self.order.extend(fresh.into_iter().filter(|id| known.binary_search(id).is_err()));
    }

    fn scroll(&mut self, rows: usize, height: impl Fn(Id, bool) -> usize) {
        let lines = |from: usize, to: usize| -> usize {
            let ids = self.order.get(from..to).unwrap_or_default();
            ids.iter().map(|id| height(*id, Some(*id) == self.selected)).sum()
        };
        let count = self.order.len();
        // The last offset at which nothing is left empty below.
        let mut last = count;
        while last > 0 && count - last < rows && lines(last - 1, count) <= rows {
            last -= 1;
        }
        self.offset = match (self.row(), self.newest) {
            (None, Newest::Top) => 0,
            (None, Newest::Bottom) => last,
            (Some(row), _) => {
                let mut offset = self.offset.min(last).min(row);
                while offset < row && (row - offset >= rows || lines(offset, row + 1) > rows) {
                    offset += 1;
                }
                offset
            }
        };
    }

    /// Moves the cursor; `page` is the number of lines that are shown.
    pub fn go(&mut self, step: Move, page: usize, now: Span) {
        self.still_until = Span(now.0.saturating_add(STILL.0));
        let Some(last) = self.order.len().checked_sub(1) else { return };
        let page = page.saturating_sub(1).max(1);
        let row = match (self.row(), step) {
            (_, Move::First) => 0,
            // The end of a feed is where it follows.
            (_, Move::Last) if self.newest == Newest::Bottom => {
                self.selected = None;
                return;
            }
            (_, Move::Last) => last,
            (Some(row), Move::Next) => {
                if row == last {
                    0
                } else {
                    row + 1
                }
            }
            (Some(row), Move::Previous) => row.checked_sub(1).unwrap_or(last),
            (Some(row), Move::Up) => row.saturating_sub(1),
            (Some(row), Move::Down) => row + 1,
            (Some(row), Move::PageUp) => row.saturating_sub(page),
            (Some(row), Move::PageDown) => row + page,
            (None, _) if self.newest == Newest::Bottom => last,
            (None, _) => 0,
        };
        self.selected = self.order.get(row.min(last)).copied();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Span = Span::from_secs(60);

    fn list(newest: Newest, ids: &[u32]) -> List<u32> {
        let mut list = List::new(newest);
        list.refresh(ids.to_vec(), Span::ZERO, 3, |_, _| 1);
        list
    }

    #[test]
    fn the_cursor_stays_on_its_id_and_its_line() {
        let mut list = list(Newest::Top, &[5, 4, 3, 2, 1]);
        list.go(Move::Down, 3, Span::ZERO);
        list.go(Move::Down, 3, Span::ZERO);
        assert_eq!((list.selected(), list.row()), (Some(4), Some(1)));
        list.refresh(vec![7, 6, 5, 4, 3, 2, 1], LATER, 3, |_, _| 1);
        assert_eq!((list.selected(), list.row(), list.offset()), (Some(4), Some(3), 2));
    }

    #[test]
    fn rows_keep_their_places_under_a_moving_cursor() {
        let mut list = list(Newest::Top, &[3, 2, 1]);
        list.go(Move::Down, 3, Span::ZERO);
        list.refresh(vec![4, 1, 3], Span::from_secs(1), 3, |_, _| 1);
        assert_eq!(list.order(), [3, 1, 4]);
        list.refresh(vec![4, 1, 3], LATER, 3, |_, _| 1);
        assert_eq!(list.order(), [4, 1, 3]);
        assert_eq!(list.selected(), Some(3));
    }

    #[test]
    fn a_feed_follows_until_the_cursor_moves() {
        let mut list = list(Newest::Bottom, &[1, 2, 3, 4]);
        assert_eq!((list.follows(), list.offset()), (true, 1));
        list.go(Move::Up, 3, Span::ZERO);
        assert_eq!(list.selected(), Some(4));
        list.go(Move::Up, 3, Span::ZERO);
        list.refresh(vec![1, 2, 3, 4, 5, 6], LATER, 3, |_, _| 1);
        assert_eq!((list.selected(), list.offset()), (Some(3), 1));
        list.go(Move::Last, 3, LATER);
        list.refresh(vec![1, 2, 3, 4, 5, 6], LATER, 3, |_, _| 1);
        assert_eq!((list.follows(), list.offset()), (true, 3));
    }

    #[test]
    fn what_leaves_hands_the_cursor_to_its_neighbour() {
        let mut list = list(Newest::Top, &[1, 2, 3]);
        list.select(2);
        list.refresh(vec![1, 3], LATER, 3, |_, _| 1);
        assert_eq!(list.selected(), Some(3));
        list.refresh(vec![1], LATER, 3, |_, _| 1);
        assert_eq!(list.selected(), Some(1));
        list.refresh(vec![], LATER, 3, |_, _| 1);
        assert_eq!(list.selected(), None);
    }

    #[test]
    fn tall_rows_are_scrolled_into_view() {
        let mut list = list(Newest::Top, &[1, 2, 3, 4, 5]);
        list.select(4);
        list.refresh(vec![1, 2, 3, 4, 5], LATER, 4, |_, _| 2);
        assert_eq!(list.offset(), 2);
        list.go(Move::Last, 4, LATER);
        list.refresh(vec![1, 2, 3, 4, 5], LATER, 4, |_, _| 2);
        assert_eq!(list.offset(), 3);
        list.go(Move::First, 4, LATER);
        list.refresh(vec![1, 2, 3, 4, 5], LATER, 4, |_, _| 2);
        assert_eq!(list.offset(), 0);
    }
}
