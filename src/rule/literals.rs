//! Many texts that are looked for in one value, letter case ignored, in one pass: at each place of the
//! value four bytes are looked up; only where they begin a piece of a text that is looked for, the whole
//! text is compared. What a place costs is bounded, whoever chose the value.

use aho_corasick::AhoCorasick;
use aho_corasick::packed::{MatchKind, Searcher};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use memchr::memmem;

use super::pattern::fold_into;

/// Bytes of a piece.
const PIECE: usize = 4;
/// Up to so many texts are looked for by comparing many bytes at once, where the value is long.
const FEW: usize = 48;
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
    /// A bit for each hash that a piece has.
    filter: Vec<u64>,
    /// How far a hash is shifted to be a place in the filter.
    shift: u32,
    /// By piece: texts and where in them the piece stands.
    pieces: HashMap<u32, Vec<(u32, u32)>, FixedState>,
    /// The same texts, where they are few.
    packed: Option<Searcher>,
    /// Those that are shorter than a piece, with their rules.
    short: Option<(AhoCorasick, Vec<Box<[u32]>>)>,
    /// Whether all are ASCII.
    ascii: bool,
}

impl Literals {
    /// `None` if there are no texts. They are in lower case and not empty.
    pub fn new(listed: impl IntoIterator<Item = (Box<str>, Vec<u32>)>) -> Option<Literals> {
        let (long, short): (Vec<_>, Vec<_>) = listed.into_iter().partition(|(text, _)| text.len() >= PIECE);
        if long.is_empty() && short.is_empty() {
            return None;
        }
        let ascii = long.iter().chain(&short).all(|(text, _)| text.is_ascii());
        let bits = (long.len().max(1).ilog2() + 7).clamp(12, 17);
        let mut literals = Literals {
            filter: vec![0; 1 << (bits - 6)],
            shift: 32 - bits,
            texts: Vec::with_capacity(long.len()),
            pieces: HashMap::default(),
            packed: None,
            short: None,
            ascii,
        };
        if (1..=FEW).contains(&long.len()) {
            let mut config = aho_corasick::packed::Config::new();
            let mut builder = config.match_kind(MatchKind::LeftmostFirst).builder();
            literals.packed = builder.extend(long.iter().map(|(text, _)| text.as_bytes())).build();
        }
        for (text, rules) in long {
            literals.add(text, rules);
        }
        let (texts, rules): (Vec<_>, Vec<_>) = short.into_iter().unzip();
        if !texts.is_empty() {
            let mut builder = AhoCorasick::builder();
            // A few bytes each: they fit.
            let built = builder.ascii_case_insensitive(true).build(texts.iter().map(|text| &**text)).ok()?;
            literals.short = Some((built, rules.into_iter().map(Vec::into_boxed_slice).collect()));
        }
        Some(literals)
    }

    /// Every rule that looks for one of them; perhaps more than once.
    pub fn rules(&self) -> impl Iterator<Item = &u32> {
        let short = self.short.iter().flat_map(|(_, rules)| rules);
        self.texts.iter().map(|(_, rules)| rules).chain(short).flatten()
    }

    fn add(&mut self, text: Box<str>, rules: Vec<u32>) {
        let bytes: Box<[u8]> = text.into_boxed_bytes();
        let cost = |piece: &[u8]| {
            let usual: usize = piece.iter().map(|byte| usual(*byte)).sum();
            let common = COMMON.iter().any(|common| common.as_slice() == piece);
            let crowd = self.pieces.get(&plain(piece)).map_or(0, Vec::len);
            usual + 40 * crowd + if common { 200 } else { 0 }
        };
        let rarest = bytes.windows(PIECE).enumerate().min_by_key(|(_, piece)| cost(piece));
        let Some((at, piece)) = rarest else { return };
        let piece = plain(piece);
        let (word, bit) = self.place(piece);
        if let Some(word) = self.filter.get_mut(word) {
            *word |= bit;
        }
        self.pieces.entry(piece).or_default().push((self.texts.len() as u32, at as u32));
        self.texts.push((bytes, rules.into_boxed_slice()));
    }

    fn place(&self, piece: u32) -> (usize, u64) {
        let hash = piece.wrapping_mul(0x9e37_79b1) >> self.shift;
        ((hash >> 6) as usize, 1 << (hash & 63))
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
        if let Some((short, rules)) = &self.short {
            for hit in short.find_overlapping_iter(text) {
                rules.get(hit.pattern().as_usize()).into_iter().for_each(|rules| found(rules));
            }
        }
        if self.texts.is_empty() {
            return;
        }
        match &self.packed {
            Some(packed) if text.len() >= LONG => self.look_packed(packed, text, folded, found),
            _ => self.look_pieces(text, found),
        }
    }

    fn look_pieces(&self, text: &[u8], found: &mut impl FnMut(&[u32])) {
        for (at, piece) in text.windows(PIECE).enumerate() {
            let piece = plain(piece);
            let (word, bit) = self.place(piece);
            if self.filter.get(word).is_some_and(|word| word & bit != 0)
                && let Some(texts) = self.pieces.get(&piece)
            {
                for (index, offset) in texts {
                    self.verify(*index as usize, text, at.checked_sub(*offset as usize), found);
                }
            }
        }
    }

    /// The searcher tells one text at a place, so the others are compared there too.
    fn look_packed(
        &self,
        packed: &Searcher,
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
            for index in 0..self.texts.len() {
                self.verify(index, &buffer, Some(hit.start()), found);
            }
            from = hit.start() + 1;
        }
        *folded = String::from_utf8(buffer).unwrap_or_default();
    }

    fn verify(&self, index: usize, text: &[u8], at: Option<usize>, found: &mut impl FnMut(&[u32])) {
        let (Some(at), Some((wanted, rules))) = (at, self.texts.get(index)) else { return };
        if text.get(at..at + wanted.len()).is_some_and(|there| there.eq_ignore_ascii_case(wanted)) {
            found(rules);
        }
    }
}

/// Four bytes in a form in which letter case does not matter; some others become the same too.
fn plain(piece: &[u8]) -> u32 {
    piece.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes) | 0x2020_2020)
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
            texts in proptest::collection::btree_set("[abkéi\\\\_.]{1,7}", 1..60),
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
