//! Many texts that are looked for in one value, letter case ignored, in one pass: at each place of the
//! value four bytes are looked up, for longer texts at every fourth place; only where they are a piece of a
//! text that is looked for, the whole text is compared. What a place costs is bounded, whoever chose the value.

use aho_corasick::packed::{MatchKind, Searcher};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use memchr::memmem;

use super::pattern::{fold_into, stands_in};

/// Bytes of a piece, and of one of a longer text.
const PIECE: usize = 4;
const LONG_PIECE: usize = 8;
/// Up to so many texts that are shorter than a piece are looked for one by one, where the value is long.
const SHORT: usize = 3;
/// Bits that tell pairs of bytes apart.
const PAIRS: usize = 4_096;
/// Up to so many texts are looked for by comparing many bytes at once, where the value is long.
const FEW: usize = 12;
const LONG: usize = 256;
/// Pieces that many values have: a text is better told by another one.
const COMMON: &[&[u8; PIECE]] = &[
    b".exe", b".dll", b"\\win", b"wind", b"indo", b"ndow", b"dows", b"ows\\", b"\\sys", b"syst", b"yste",
    b"stem", b"tem3", b"em32", b"m32\\", b"prog", b"rogr", b"ogra", b"gram", b"file", b"iles", b"les\\",
    b"powe", b"ower", b"wers", b"ersh", b"rshe", b"shel", b"hell", b"micr", b"icro", b"cros", b"roso",
    b"osof", b"soft", b"user", b"sers", b"ers\\", b"\\use", b"appd", b"ppda", b"pdat", b"data", b"ata\\",
    b"\\app", b"loca", b"ocal", b"cal\\", b"temp", b"http", b"ttp:", b"tps:", b"://w", b"www.", b".com",
    b"hklm", b"klm\\", b"oftw", b"ftwa", b"twar", b"ware", b"curr", b"urre", b"rren", b"rent", b"vers",
    b"ersi", b"rsio", b"sion", b"cont", b"serv", b"ervi", b"rvic", b"vice", b"exe\"", b"xe\" ", b" -no",
    b"comm", b"onte", b"tion", b"ntro", b"set\\",
];
/// Bytes of lower case text, the most common first.
const USUAL: &[u8] = b"eotainsrlcdmpw\\ uhg.f3y2vb-0k1x64\"5798/j_:=,zq()";

/// A text, and the rules that look for it.
type Listed = (Box<[u8]>, Box<[u32]>);

/// Texts in lower case, each with the rules that look for it.
#[derive(Debug)]
pub struct Literals {
    texts: Vec<Listed>,
    /// Those that have a long piece at one of any four places behind one another.
    long: Pieces<LONG_PIECE>,
    /// Those that have a whole piece at one of any four places behind one another, of any two, at one.
    wide: Pieces<PIECE>,
    middle: Pieces<PIECE>,
    narrow: Pieces<PIECE>,
    /// The last ones again, where they are few.
    packed: Option<(Searcher, Vec<u32>)>,
    /// Those that are shorter than a piece.
    short: Short,
    /// Whether all are ASCII.
    ascii: bool,
}

/// What may be found at one place: texts, and where in them it stands.
type Crowd = Vec<(u32, u32)>;

/// Pieces of texts, of so many bytes.
#[derive(Debug)]
struct Pieces<const BYTES: usize> {
    /// A bit for each hash that a piece has.
    filter: Vec<u64>,
    /// How far a hash is shifted to be a place in the filter.
    shift: u32,
    by_piece: HashMap<u64, Crowd, FixedState>,
}

/// Texts of one to three bytes.
#[derive(Debug, Default)]
struct Short {
    /// Every one; with few of them a long value is searched for each.
    all: Vec<u32>,
    /// A bit for each pair of bytes that one begins with.
    filter: Option<Box<[u64; PAIRS / 64]>>,
    by_pair: HashMap<u16, Vec<u32>, FixedState>,
    /// Those of one byte.
    single: Vec<u32>,
}

impl Literals {
    /// `None` if there are no texts. They are in lower case and not empty.
    pub fn new(listed: impl IntoIterator<Item = (Box<str>, Vec<u32>)>) -> Option<Literals> {
        let into = |(text, rules): (Box<str>, Vec<u32>)| (text.into_boxed_bytes(), rules.into_boxed_slice());
        let texts: Vec<Listed> = listed.into_iter().map(into).collect();
        if texts.is_empty() {
            return None;
        }
        let of_length = |lengths: std::ops::RangeInclusive<usize>| {
            let numbered = texts.iter().zip(0..).filter(move |((text, _), _)| lengths.contains(&text.len()));
            numbered.map(|((text, _), number)| (&**text, number)).collect::<Vec<(&[u8], u32)>>()
        };
        let few = of_length(PIECE..=PIECE);
        let mut packed = None;
        if (1..=FEW).contains(&few.len()) {
            let mut config = aho_corasick::packed::Config::new();
            let mut builder = config.match_kind(MatchKind::LeftmostFirst).builder();
            let searcher = builder.extend(few.iter().map(|(text, _)| text)).build();
            packed = searcher.map(|searcher| (searcher, few.iter().map(|(_, number)| *number).collect()));
        }
        Some(Literals {
            long: Pieces::new(&of_length(LONG_PIECE + 3..=usize::MAX), 4),
            wide: Pieces::new(&of_length(PIECE + 3..=LONG_PIECE + 2), 4),
            middle: Pieces::new(&of_length(PIECE + 1..=PIECE + 2), 2),
            narrow: Pieces::new(&few, 1),
            packed,
            short: Short::new(&of_length(1..=PIECE - 1)),
            ascii: texts.iter().all(|(text, _)| text.is_ascii()),
            texts,
        })
    }

    /// Every rule that looks for one of them; perhaps more than once.
    pub fn rules(&self) -> impl Iterator<Item = &u32> {
        self.texts.iter().flat_map(|(_, rules)| rules)
    }

    /// Hands out the rules of every text that stands in this one; perhaps more than once.
    pub fn look(&self, text: &str, folded: &mut String, found: &mut impl FnMut(&[u32])) {
        if text.is_ascii() || (self.ascii && folds_bytewise(text)) {
            self.look_bytes(text.as_bytes(), folded, found);
        } else {
            let mut other = String::new();
            self.look_bytes(fold_into(text, folded).as_bytes(), &mut other, found);
        }
    }

    fn look_bytes(&self, text: &[u8], folded: &mut String, found: &mut impl FnMut(&[u32])) {
        self.short.look(
            text,
            &mut |index| self.texts.get(index as usize).map(|(text, _)| &**text),
            &mut |index| {
                self.texts.get(index as usize).into_iter().for_each(|(_, rules)| found(rules));
            },
        );
        let mut hit = |crowd: &Crowd, at: usize| {
            for (index, offset) in crowd {
                self.verify(*index, text, at.checked_sub(*offset as usize), found);
            }
        };
        self.long.scan::<4>(text, &mut hit);
        self.wide.scan::<4>(text, &mut hit);
        self.middle.scan::<2>(text, &mut hit);
        match &self.packed {
            Some(packed) if text.len() >= LONG => self.look_packed(packed, text, folded, found),
            _ => self.narrow.scan::<1>(text, &mut hit),
        }
    }

    /// The searcher tells one text at a place, so the others are compared there too.
    fn look_packed(
        &self,
        (packed, indices): &(Searcher, Vec<u32>),
        text: &[u8],
        folded: &mut String,
        found: &mut impl FnMut(&[u32]),
    ) {
        let mut buffer = std::mem::take(folded).into_bytes();
        buffer.clear();
        buffer.extend_from_slice(text);
        buffer.make_ascii_lowercase();
        let mut from = 0;
        while let Some(hit) = packed.find_in(&buffer, (from..buffer.len()).into()) {
            for index in indices {
                self.verify(*index, &buffer, Some(hit.start()), found);
            }
            from = hit.start() + 1;
        }
        *folded = String::from_utf8(buffer).unwrap_or_default();
    }

    fn verify(&self, index: u32, text: &[u8], at: Option<usize>, found: &mut impl FnMut(&[u32])) {
        let (Some(at), Some((wanted, rules))) = (at, self.texts.get(index as usize)) else { return };
        if text.get(at..at + wanted.len()).is_some_and(|there| there.eq_ignore_ascii_case(wanted)) {
            found(rules);
        }
    }
}

impl<const BYTES: usize> Pieces<BYTES> {
    /// Of these texts, each with so many pieces behind one another.
    fn new(texts: &[(&[u8], u32)], each: usize) -> Self {
        let bits = ((texts.len() * each).max(1).ilog2() + 6).clamp(10, 17);
        let mut pieces =
            Pieces { filter: vec![0; 1 << (bits - 6)], shift: 64 - bits, by_piece: HashMap::default() };
        for (text, number) in texts {
            pieces.add(text, *number, each);
        }
        pieces
    }

    fn add(&mut self, text: &[u8], number: u32, each: usize) {
        let cost = |piece: &[u8]| {
            let usual: usize = piece.iter().map(|byte| usual(*byte)).sum();
            let common = |piece: &&[u8]| COMMON.iter().any(|common| common.as_slice() == *piece);
            let common = piece.chunks(PIECE).filter(common).count();
            let crowd = self.by_piece.get(&plain::<BYTES>(piece)).map_or(0, Vec::len);
            usual + 40 * crowd + 200 * common
        };
        let costs: Vec<usize> = text.windows(BYTES).map(cost).collect();
        let sums = costs.windows(each).map(|costs| costs.iter().sum::<usize>());
        let Some((first, _)) = sums.enumerate().min_by_key(|(_, cost)| *cost) else { return };
        for (piece, at) in text.windows(BYTES).zip(0u32..).skip(first).take(each) {
            let piece = plain::<BYTES>(piece);
            let (word, bit) = self.place(piece);
            if let Some(word) = self.filter.get_mut(word) {
                *word |= bit;
            }
            self.by_piece.entry(piece).or_default().push((number, at));
        }
    }

    #[inline(always)]
    fn place(&self, piece: u64) -> (usize, u64) {
        let hash = piece.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift;
        ((hash >> 6) as usize, 1 << (hash & 63))
    }

    /// Hands out what may stand at each place, looking at every so many.
    fn scan<const STEP: usize>(&self, text: &[u8], found: &mut dyn FnMut(&Crowd, usize)) {
        if self.by_piece.is_empty() {
            return;
        }
        let mut at = 0;
        while let Some(piece) = text.get(at..at + BYTES) {
            let piece = plain::<BYTES>(piece);
            let (word, bit) = self.place(piece);
            if self.filter.get(word).is_some_and(|word| word & bit != 0) {
                self.found(piece, at, found);
            }
            at += STEP;
        }
    }

    // Few places come here: the loop above has its registers to itself.
    #[inline(never)]
    fn found(&self, piece: u64, at: usize, found: &mut dyn FnMut(&Crowd, usize)) {
        if let Some(crowd) = self.by_piece.get(&piece) {
            found(crowd, at);
        }
    }
}

impl Short {
    fn new(texts: &[(&[u8], u32)]) -> Short {
        let mut short = Short { all: texts.iter().map(|(_, number)| *number).collect(), ..Short::default() };
        for (text, number) in texts {
            let Some(two) = text.first_chunk::<2>() else {
                short.single.push(*number);
                continue;
            };
            let filter = short.filter.get_or_insert_with(|| Box::new([0; PAIRS / 64]));
            let (word, bit) = place_of_pair(pair(two));
            if let Some(word) = filter.get_mut(word) {
                *word |= bit;
            }
            short.by_pair.entry(pair(two)).or_default().push(*number);
        }
        short
    }

    /// Hands out every text that stands there.
    fn look<'t>(
        &self,
        value: &[u8],
        text: &mut dyn FnMut(u32) -> Option<&'t [u8]>,
        found: &mut dyn FnMut(u32),
    ) {
        let mut one = |numbers: &[u32]| {
            for number in numbers {
                if text(*number).is_some_and(|text| stands_in(text, value)) {
                    found(*number);
                }
            }
        };
        if self.all.len() <= SHORT && value.len() >= LONG {
            return one(&self.all);
        }
        one(&self.single);
        let Some(filter) = &self.filter else { return };
        let mut at = 0;
        while let Some(two) = value.get(at..).and_then(|rest| rest.first_chunk::<2>()) {
            let (word, bit) = place_of_pair(pair(two));
            if filter.get(word).is_some_and(|word| word & bit != 0) {
                for number in self.by_pair.get(&pair(two)).into_iter().flatten() {
                    let text = text(*number).unwrap_or_default();
                    if value.get(at..at + text.len()).is_some_and(|there| there.eq_ignore_ascii_case(text)) {
                        found(*number);
                    }
                }
            }
            at += 1;
        }
    }
}

/// Two bytes in a form in which letter case does not matter.
#[inline(always)]
fn pair(two: &[u8; 2]) -> u16 {
    u16::from_le_bytes(*two) | 0x2020
}

#[inline(always)]
fn place_of_pair(pair: u16) -> (usize, u64) {
    let hash = u32::from(pair).wrapping_mul(0x9e37_79b1) >> 20;
    ((hash >> 6) as usize % (PAIRS / 64), 1 << (hash & 63))
}

/// A piece in a form in which letter case does not matter; some others become the same too.
#[inline(always)]
fn plain<const BYTES: usize>(piece: &[u8]) -> u64 {
    let four =
        |bytes: &[u8]| bytes.first_chunk::<4>().map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)));
    match piece.first_chunk::<8>().filter(|_| BYTES == LONG_PIECE) {
        Some(bytes) => u64::from_le_bytes(*bytes) | 0x2020_2020_2020_2020,
        None => four(piece) | 0x2020_2020,
    }
}

/// How common a byte of text is: the more, the more so.
#[inline]
pub fn usual(byte: u8) -> usize {
    const RANKS: [u8; 256] = {
        let mut ranks = [0; 256];
        let mut rest = USUAL;
        while let Some((byte, after)) = rest.split_first() {
            ranks[*byte as usize] = rest.len() as u8;
            rest = after;
        }
        ranks
    };
    RANKS.get(usize::from(byte)).map_or(0, |rank| usize::from(*rank))
}

/// Whether lower case is that of its ASCII letters, as far as ASCII is concerned: two characters beyond
/// ASCII have lower case with ASCII in it.
pub fn folds_bytewise(text: &str) -> bool {
    let has = |character: &str| memmem::find(text.as_bytes(), character.as_bytes()).is_some();
    !has("\u{212a}") && !has("\u{130}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::pattern::fold;
    use proptest::prelude::*;

    #[test]
    fn only_two_characters_fold_into_ascii() {
        for c in ('\u{80}'..=char::MAX).filter(|c| c.to_lowercase().any(|lower| lower.is_ascii())) {
            assert!(matches!(c, '\u{212a}' | '\u{130}'), "{c:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]
        #[test]
        fn what_is_found_is_what_stands_there(
            texts in proptest::collection::btree_set("[abkéi\\\\_.]{1,14}", 1..60),
            value in "[aAbBkKéÉ\u{212a}\u{130}iI\\\\_.]{0,40}",
            repeat in 1usize..20,
        ) {
            let value = value.repeat(repeat);
            let listed = texts.iter().enumerate().map(|(n, text)| (text.as_str().into(), vec![n as u32]));
            let literals = Literals::new(listed).unwrap();
            let mut found = std::collections::BTreeSet::new();
            literals.look(&value, &mut String::new(), &mut |rules| found.extend(rules.to_vec()));
            let folded = fold(&value, false, false);
            let expected: std::collections::BTreeSet<u32> =
                texts.iter().enumerate().filter(|(_, text)| folded.contains(text.as_str())).map(|(n, _)| n as u32).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
