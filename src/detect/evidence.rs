//! The raw lines that detections show, kept once for all groups within one budget.

use std::collections::VecDeque;
use std::sync::Arc;

/// Lines that a detection carries.
pub const LINES: usize = 5;
/// The longest line, in bytes; longer ones are cut.
pub const LINE_BYTES: usize = 2 * 1024;
/// What is kept in all, in bytes; beyond it the oldest lines go.
pub const TOTAL_BYTES: usize = 16 * 1024 * 1024;

/// The last lines that fed a correlation, by number.
#[derive(Debug, Default)]
pub struct Evidence {
    lines: VecDeque<Arc<str>>,
    first: u64,
    bytes: usize,
}

impl Evidence {
    /// Keeps a line.
    pub fn keep(&mut self, line: &Arc<str>) -> u64 {
        let line = cut(line);
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.bytes > TOTAL_BYTES {
            let Some(old) = self.lines.pop_front() else { break };
            self.bytes -= old.len();
            self.first += 1;
        }
        self.first + self.lines.len() as u64 - 1
    }

    /// The lines of these numbers that are still there.
    pub fn of(&self, numbers: &Recent) -> Vec<Arc<str>> {
        let line = |number: u64| self.lines.get(usize::try_from(number.checked_sub(self.first)?).ok()?);
        numbers.iter().filter_map(line).cloned().collect()
    }
}

/// The line, at most [`LINE_BYTES`] of it.
pub fn cut(line: &Arc<str>) -> Arc<str> {
    if line.len() <= LINE_BYTES {
        return line.clone();
    }
    const MARK: &str = "…";
    let mut end = LINE_BYTES - MARK.len();
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", line.get(..end).unwrap_or_default()).into()
}

/// The numbers of the last few lines of a group, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    numbers: [u64; LINES],
    seen: usize,
}

impl Recent {
    /// Adds the newest.
    pub fn push(&mut self, number: u64) {
        if let Some(slot) = self.numbers.get_mut(self.seen % LINES) {
            *slot = number;
        }
        self.seen += 1;
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        let (newer, older) = self.numbers.split_at(if self.seen > LINES { self.seen % LINES } else { 0 });
        let (newer, older) = (newer.to_vec(), older.to_vec());
        older.into_iter().chain(newer).take(self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_five_lines_oldest_first() {
        let mut evidence = Evidence::default();
        let mut recent = Recent::default();
        for n in 0..7 {
            let number = evidence.keep(&n.to_string().into());
            recent.push(number);
            let from = if n < 5 { 0 } else { n - 4 };
            let expected: Vec<Arc<str>> = (from..=n).map(|n| n.to_string().into()).collect();
            assert_eq!(evidence.of(&recent), expected);
        }
    }

    #[test]
    fn long_lines_are_cut_and_old_ones_go() {
        let long: Arc<str> = "é".repeat(3_000).into();
        let short = cut(&long);
        assert!(short.len() <= LINE_BYTES && short.ends_with('…'), "{}", short.len());
        let mut evidence = Evidence::default();
        let mut recent = Recent::default();
        recent.push(evidence.keep(&"first".into()));
        for _ in 0..=TOTAL_BYTES / short.len() {
            evidence.keep(&short);
        }
        assert!(evidence.bytes <= TOTAL_BYTES);
        assert_eq!(evidence.of(&recent), [] as [Arc<str>; 0]);
    }
}
