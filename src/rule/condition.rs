//! Conditions: `selection and not 1 of filter_*`.
//!
//! `not` binds closest, then `and`, then `or`. `them` means every search identifier but those that
//! begin with `_`.

use super::pattern::{Anchor, Pattern};
use super::search::Search;
use super::texts::{shown, texts};
use crate::flow::fault::{Fault, did_you_mean};
use crate::flow::reader::Reader;
use crate::flow::yaml::{Node, Place};
use crate::model::Signal;

/// The longest condition, in bytes, and the deepest nesting.
const CONDITION_BYTES: usize = 8 * 1024;
const DEPTH: usize = 32;
/// Search identifiers of one rule, and how often its conditions may name them; `1 of x*` names each.
const MOST_NAMES: usize = 1_000;
const MOST_TERMS: usize = 10_000;
const GRAMMAR: &str = "a condition is made of search identifiers, `and`, `or`, `not`, parentheses, `1 of x*`, \
                       `all of x*`, `1 of them`, `all of them`";

/// A condition over search identifiers, which are named by their index.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Search(usize),
}

impl Condition {
    /// Whether the signal matches.
    pub fn matches(&self, searches: &[Search], signal: &Signal) -> bool {
        self.holds(&mut |index| searches.get(index).is_some_and(|search| search.matches(signal)))
    }

    /// Whether it holds, where each name (by its index) is as told.
    pub fn holds(&self, is: &mut impl FnMut(usize) -> bool) -> bool {
        match self {
            Condition::All(parts) => parts.iter().all(|part| part.holds(is)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds(is)),
            Condition::Not(inner) => !inner.holds(is),
            Condition::Search(index) => is(*index),
        }
    }

    /// The same over search identifiers that stand further back.
    pub fn shifted(self, by: usize) -> Condition {
        let each = |parts: Vec<Condition>| parts.into_iter().map(|part| part.shifted(by)).collect();
        match self {
            Condition::All(parts) => Condition::All(each(parts)),
            Condition::Any(parts) => Condition::Any(each(parts)),
            Condition::Not(inner) => Condition::Not(Box::new(inner.shifted(by))),
            Condition::Search(index) => Condition::Search(index + by),
        }
    }
}

/// Reads a condition, or a list of them of which any may hold. A search identifier that no
/// condition uses is a mistake, since it would be without effect.
pub fn read(node: &Node, names: &[(&str, Place)], reader: &mut Reader<'_>) -> Option<Condition> {
    let texts = texts(reader, node, "a condition");
    let multiline = |text: &str| text.contains('\n');
    if let Some((_, at)) = names.get(MOST_NAMES) {
        reader.wrong(*at, format!("more than {MOST_NAMES} search identifiers"));
        return None;
    }
    let mut used = vec![false; names.len()];
    let mut read = Vec::new();
    let mut terms = 0;
    for (at, text) in &texts {
        if text.len() > CONDITION_BYTES {
            reader.wrong(*at, format!("expected a condition of at most {CONDITION_BYTES} bytes"));
            return None;
        }
        let mut parser = Parser { tokens: tokens(text), next: 0, names, used: &mut used, terms };
        match parser.whole() {
            Ok(condition) => {
                read.push(condition);
                terms = parser.terms;
            }
            Err((offset, fault)) => {
                let at = if multiline(text) { *at } else { at.right(offset) };
                let hint = fault.hint.or_else(|| Some(GRAMMAR.to_owned()));
                reader.wrong(at, Fault { message: fault.message, hint });
                return None;
            }
        }
    }
    for ((name, at), _) in names.iter().zip(&used).filter(|(_, used)| !**used) {
        reader.wrong(*at, format!("the condition does not use the search identifier `{}`", shown(name)));
    }
    match read.len() {
        0 => {
            reader.wrong(node.at, "expected a condition");
            None
        }
        1 => read.pop(),
        _ => Some(Condition::Any(read)),
    }
}

/// A word or parenthesis, with its offset in characters.
type Token<'t> = (usize, &'t str);

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut word: Option<(usize, usize)> = None;
    let mut chars = text.char_indices().enumerate().peekable();
    while let Some((n, (i, c))) = chars.next() {
        let single = matches!(c, '(' | ')' | '|');
        if !single && !c.is_whitespace() {
            word.get_or_insert((n, i));
            if chars.peek().is_some() {
                continue;
            }
        }
        let end = if single || c.is_whitespace() { i } else { text.len() };
        if let Some((n, start)) = word.take() {
            tokens.push((n, text.get(start..end).unwrap_or_default()));
        }
        if single {
            tokens.push((n, text.get(i..i + 1).unwrap_or_default()));
        }
    }
    tokens
}

struct Parser<'p> {
    tokens: Vec<Token<'p>>,
    next: usize,
    names: &'p [(&'p str, Place)],
    used: &'p mut [bool],
    /// How many search identifiers were named so far.
    terms: usize,
}

type Parsed = Result<Condition, (usize, Fault)>;

impl<'p> Parser<'p> {
    fn peek(&self) -> Option<&'p str> {
        self.tokens.get(self.next).map(|(_, word)| *word)
    }

    fn offset(&self) -> usize {
        let token = self.tokens.get(self.next).or(self.tokens.last());
        token.map_or(0, |(offset, _)| *offset)
    }

    fn take(&mut self, keyword: &str) -> bool {
        let taken = self.peek().is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(taken);
        taken
    }

    fn whole(&mut self) -> Parsed {
        let condition = self.any(0)?;
        match self.peek() {
            None => Ok(condition),
            Some("|") => {
                let message = "aggregations with `|` are not supported: Sigma has given them up";
                Err((self.offset(), format!("{message}; write a correlation document").into()))
            }
            Some(word) => {
                Err((self.offset(), format!("expected `and` or `or`, found `{}`", shown(word)).into()))
            }
        }
    }

    fn any(&mut self, depth: usize) -> Parsed {
        let mut parts = vec![self.all(depth)?];
        while self.take("or") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Any(parts) })
    }

    fn all(&mut self, depth: usize) -> Parsed {
        let mut parts = vec![self.not(depth)?];
        while self.take("and") {
            parts.push(self.not(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::All(parts) })
    }

    fn not(&mut self, depth: usize) -> Parsed {
        if depth > DEPTH {
            return Err((self.offset(), format!("nested more than {DEPTH} deep").into()));
        }
        if self.take("not") {
            return Ok(Condition::Not(Box::new(self.not(depth + 1)?)));
        }
        if self.take("(") {
            let inner = self.any(depth + 1)?;
            if self.take(")") {
                return Ok(inner);
            }
            return Err((self.offset(), "expected `)`".into()));
        }
        self.identifier()
    }

    fn identifier(&mut self) -> Parsed {
        let at = self.offset();
        let Some(word) = self.peek() else { return Err((at, "expected a search identifier".into())) };
        self.next += 1;
        if self.take("of") {
            return self.of(at, word);
        }
        if ["and", "or", "of", "them", "(", ")", "|"].iter().any(|k| word.eq_ignore_ascii_case(k)) {
            return Err((at, format!("expected a search identifier, found `{word}`").into()));
        }
        match self.names.iter().position(|(name, _)| *name == word) {
            Some(index) => self.count(at, 1).map(|()| self.search(index)),
            None => {
                let near = did_you_mean(word, self.names.iter().map(|(name, _)| *name));
                let fault = Fault::new(format!("there is no search identifier `{}`", shown(word)));
                Err((at, fault.maybe_hint(near)))
            }
        }
    }

    fn count(&mut self, at: usize, terms: usize) -> Result<(), (usize, Fault)> {
        self.terms += terms;
        match self.terms <= MOST_TERMS {
            true => Ok(()),
            false => Err((
                at,
                format!("the condition names search identifiers more than {MOST_TERMS} times").into(),
            )),
        }
    }

    fn search(&mut self, index: usize) -> Condition {
        if let Some(used) = self.used.get_mut(index) {
            *used = true;
        }
        Condition::Search(index)
    }

    /// `1 of x*` and its like, after the `of`.
    fn of(&mut self, at: usize, quantity: &str) -> Parsed {
        let every = match quantity.to_ascii_lowercase().as_str() {
            "1" | "any" => false,
            "all" => true,
            _ => {
                return Err((
                    at,
                    format!("expected `1 of` or `all of`, found `{} of`", shown(quantity)).into(),
                ));
            }
        };
        let at = self.offset();
        let Some(pattern) = self.peek() else { return Err((at, "expected what to choose from".into())) };
        self.next += 1;
        let them = pattern.eq_ignore_ascii_case("them");
        let wild = Pattern::new(pattern, Anchor::Whole, true);
        let fits = |name: &str| if them { !name.starts_with('_') } else { wild.matches(name) };
        let indices: Vec<usize> =
            self.names.iter().enumerate().filter(|(_, (name, _))| fits(name)).map(|(i, _)| i).collect();
        if indices.is_empty() {
            return Err((at, format!("no search identifier fits `{}`", shown(pattern)).into()));
        }
        self.count(at, indices.len())?;
        let parts = indices.into_iter().map(|index| self.search(index)).collect();
        Ok(if every { Condition::All(parts) } else { Condition::Any(parts) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(condition: &Condition) -> String {
        let join = |parts: &[Condition], word| parts.iter().map(show).collect::<Vec<_>>().join(word);
        match condition {
            Condition::All(parts) => format!("({})", join(parts, " & ")),
            Condition::Any(parts) => format!("({})", join(parts, " | ")),
            Condition::Not(inner) => format!("!{}", show(inner)),
            Condition::Search(index) => index.to_string(),
        }
    }

    fn check(text: &str) -> String {
        let names = ["sel", "filter_a", "filter_b", "_hidden"];
        let names: Vec<_> = names.into_iter().map(|name| (name, Place::START)).collect();
        let mut used = vec![false; names.len()];
        let mut parser = Parser { tokens: tokens(text), next: 0, names: &names, used: &mut used, terms: 0 };
        match parser.whole() {
            Ok(condition) => show(&condition),
            Err((offset, fault)) => format!("{offset}: {}", fault.message),
        }
    }

    #[test]
    fn conditions_are_read() {
        for (text, expected) in [
            ("sel", "0"),
            ("sel and not filter_a", "(0 & !1)"),
            ("sel or filter_a and filter_b", "(0 | (1 & 2))"),
            ("(sel or filter_a) and filter_b", "((0 | 1) & 2)"),
            ("sel and not 1 of filter_*", "(0 & !(1 | 2))"),
            ("all of filter_*", "(1 & 2)"),
            ("1 of them", "(0 | 1 | 2)"),
            ("ALL OF THEM", "(0 & 1 & 2)"),
            ("not not sel", "!!0"),
            ("1 of *_a or _hidden", "((1) | 3)"),
            ("not(sel)and(filter_a)", "(!0 & 1)"),
            ("", "0: expected a search identifier"),
            ("sel and", "4: expected a search identifier"),
            ("sel filter_a", "4: expected `and` or `or`, found `filter_a`"),
            ("nope", "0: there is no search identifier `nope`"),
            ("(sel", "1: expected `)`"),
            ("sel)", "3: expected `and` or `or`, found `)`"),
            ("2 of filter_*", "0: expected `1 of` or `all of`, found `2 of`"),
            ("1 of other*", "5: no search identifier fits `other*`"),
            ("and sel", "0: expected a search identifier, found `and`"),
        ] {
            assert_eq!(check(text), expected, "{text}");
        }
        assert!(check("sel | count() > 5").contains("correlation document"));
        assert!(check(&format!("{}sel", "not ".repeat(100))).contains("nested"));
        assert!(check(&format!("{}sel{}", "(".repeat(100), ")".repeat(100))).contains("nested"));
    }
}
