//! Texts of which one must stand in a value for a regular expression to be found in it. Where none of
//! them does, the expression need not be asked.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::expression::Flags;
use super::pattern::fold;
use super::rarity::share;

/// Bytes of the shortest text that is worth looking for, and the most texts.
const LEAST: usize = 3;
const MOST: usize = 64;
/// The most characters of a class that may be one letter in both cases.
const CASES: usize = 4;

/// The texts in lower case. `None` if the expression can be found without any.
pub fn texts(expression: &str, flags: Flags) -> Option<Box<[Box<str>]>> {
    let mut parser = ParserBuilder::new()
        .case_insensitive(flags.insensitive)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .build();
    let hir = parser.parse(expression).ok()?;
    let best = Runs::of(&hir).best()?;
    Some(best.into_iter().map(String::into_boxed_str).collect())
}

/// What stands in every match: of each of these sets one text.
#[derive(Default)]
struct Runs {
    /// What the match goes on with.
    run: String,
    sets: Vec<Vec<String>>,
}

impl Runs {
    fn of(hir: &Hir) -> Runs {
        let mut runs = Runs::default();
        runs.take(hir);
        runs.end();
        runs
    }

    fn take(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => self.run.push_str(&fold(text, false, false)),
                Err(_) => self.end(),
            },
            HirKind::Class(class) => match one_letter(class) {
                Some(letter) => self.run.push_str(&letter),
                None => self.end(),
            },
            HirKind::Repetition(repetition) => {
                // The first time follows at once on what is before.
                if repetition.min > 0 {
                    self.take(&repetition.sub);
                }
                self.end();
            }
            HirKind::Capture(capture) => self.take(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.take(part)),
            HirKind::Alternation(parts) => {
                self.end();
                let sets: Option<Vec<_>> = parts.iter().map(|part| Runs::of(part).best()).collect();
                let all: Option<Vec<String>> = sets.map(|sets| sets.into_iter().flatten().collect());
                self.sets.extend(all.filter(|all| all.len() <= MOST));
            }
        }
    }

    fn end(&mut self) {
        let run = std::mem::take(&mut self.run);
        if run.len() >= LEAST {
            self.sets.push(vec![run]);
        }
    }

    /// The set that the fewest values are likely to have a text of.
    fn best(self) -> Option<Vec<String>> {
        let cost = |set: &Vec<String>| set.iter().map(|text| share(text)).sum::<f64>();
        self.sets.into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b)))
    }
}

/// The lower case of a class that is one letter in any case.
fn one_letter(class: &Class) -> Option<String> {
    let letters: Vec<char> = match class {
        Class::Unicode(class) => {
            class.ranges().iter().flat_map(|range| range.start()..=range.end()).take(CASES + 1).collect()
        }
        Class::Bytes(_) => return None,
    };
    let (first, others) = letters.split_first()?;
    let lower = |letter: &char| letter.to_lowercase().collect::<String>();
    let same = letters.len() <= CASES && others.iter().all(|other| lower(other) == lower(first));
    same.then(|| lower(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(expression: &str, insensitive: bool) -> String {
        let flags = Flags { insensitive, ..Flags::default() };
        texts(expression, flags).map_or("-".to_owned(), |texts| texts.join(" "))
    }

    #[test]
    fn what_must_stand_there_is_told() {
        for (expression, insensitive, expected) in [
            ("abc", false, "abc"),
            ("ABC", false, "abc"),
            ("abc", true, "abc"),
            // Three characters are an s in another case: the long one has no lower case but itself.
            ("abcsdef", true, "abc"),
            ("ab", false, "-"),
            (".*cmd.{0,5}(?:/c|/r).+clip", false, "clip"),
            ("(foo|barbar)x", false, "foo barbar"),
            ("(foo|b)x", false, "-"),
            ("(foo)?", false, "-"),
            ("(foox)+y", false, "foox"),
            ("wget\\s+http", false, "wget"),
            ("ab\\bcd", false, "abcd"),
            ("[a-c]{3}", false, "-"),
            ("(?i)KEY", false, "key"),
            ("", false, "-"),
            ("(", false, "-"),
        ] {
            assert_eq!(of(expression, insensitive), expected, "{expression}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
        #[test]
        fn an_expression_is_found_only_with_one_of_them(
            expression in "(([abK]{1,4}|\\(abk\\|[bks]{1,3}\\)|\\[aB\\]|\\(kab\\)[+*?]|a{2,3}|\\.|k\\?){1,5})",
            value in "[abAkKsS\u{212a}\u{17f}]{0,14}",
            insensitive: bool,
        ) {
            let flags = Flags { insensitive, ..Flags::default() };
            let regex = regex::RegexBuilder::new(&expression).case_insensitive(insensitive).build();
            if let (Ok(regex), Some(texts)) = (regex, texts(&expression, flags))
                && regex.is_match(&value)
            {
                let folded = fold(&value, false, false);
                prop_assert!(texts.iter().any(|text| folded.contains(&**text)), "{expression} {value} {texts:?}");
            }
        }
    }
}
