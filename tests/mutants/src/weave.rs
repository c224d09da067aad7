//! Puts every mutant of a file into its text, each behind `crate::mutant(number)`.

use std::collections::BTreeMap;
use std::ops::Range;

use proc_macro2::LineColumn;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::list::{Genre, Mutant, Place};

/// A text with its mutants in it.
#[derive(Debug, Default)]
pub struct Woven {
    pub text: String,
    /// Where each mutant stands in the text. The first range that holds a place is the nearest.
    pub places: Vec<(Range<usize>, Vec<u32>)>,
    /// What cannot compile in any build: `||` beside `let`.
    pub unviable: Vec<u32>,
    /// Nothing was found where they should be.
    pub lost: Vec<u32>,
}

/// What is put around a piece of code.
enum Around {
    /// `(if crate::mutant(1) { one } else { as it was })`.
    Choice(Vec<(u32, String)>),
    /// The same before the first statement of a function.
    Return(Vec<(u32, String)>),
    /// After the pattern of an arm.
    Arm(u32),
    /// Around a guard: numbers of "always" and "never".
    Guard(Option<u32>, Option<u32>),
    /// A field that is written `name` or `name: value`, and what it is taken from when it is left out.
    Field { number: u32, name: String, value: Range<usize>, base: String },
}

struct Edit {
    range: Range<usize>,
    around: Around,
}

/// Weaves the mutants of one file.
///
/// # Errors
/// If the file cannot be parsed.
pub fn weave(text: &str, mutants: &[(u32, &Mutant)]) -> Result<Woven, String> {
    let file = syn::parse_file(text).map_err(|e| e.to_string())?;
    let mut wanted = BTreeMap::<(Genre, Place), Vec<(u32, &Mutant)>>::new();
    for (number, mutant) in mutants {
        wanted.entry((mutant.genre, mutant.span.start)).or_default().push((*number, mutant));
    }
    let mut finder = Finder { text, wanted, edits: Vec::new(), unviable: Vec::new() };
    finder.visit_file(&file);
    let mut woven = Woven { unviable: finder.unviable, ..Woven::default() };
    woven.lost = finder.wanted.into_values().flatten().map(|(number, _)| number).collect();
    let mut edits = finder.edits;
    // Outer ones first.
    edits.sort_by_key(|edit| (edit.range.start, std::cmp::Reverse(edit.range.end)));
    let mut edits = edits.into_iter().peekable();
    let end = text.len();
    render(text, 0..end, &mut edits, &mut woven);
    Ok(woven)
}

type Edits = std::iter::Peekable<std::vec::IntoIter<Edit>>;

/// Writes a range with the edits within it.
fn render(text: &str, range: Range<usize>, edits: &mut Edits, woven: &mut Woven) {
    let mut at = range.start;
    while let Some(edit) = edits.next_if(|edit| edit.range.end <= range.end) {
        woven.text += &text[at..edit.range.start];
        at = edit.range.end;
        edit.write(text, edits, woven);
    }
    woven.text += &text[at..range.end];
}

impl Edit {
    fn write(self, text: &str, edits: &mut Edits, woven: &mut Woven) {
        let begin = woven.text.len();
        let mut numbers = Vec::new();
        match self.around {
            Around::Choice(choices) => {
                woven.text += "(";
                for (number, other) in choices {
                    woven.one(number, &format!("if crate::mutant({number}) {{ ({other}) }}"));
                    woven.text += " else ";
                    numbers.push(number);
                }
                woven.text += "{ (";
                render(text, self.range, edits, woven);
                woven.text += ") })";
            }
            Around::Return(choices) => {
                for (number, other) in choices {
                    woven.one(number, &format!("if crate::mutant({number}) {{ return {other}; }} "));
                    numbers.push(number);
                }
                render(text, self.range, edits, woven);
            }
            Around::Arm(number) => {
                render(text, self.range, edits, woven);
                woven.one(number, &format!(" if !crate::mutant({number})"));
                numbers.push(number);
            }
            Around::Guard(always, never) => {
                woven.text += "((";
                woven.text += &always.map_or("false".to_owned(), |number| format!("crate::mutant({number})"));
                woven.text += " || (";
                woven.text += &never.map_or("true".to_owned(), |number| format!("!crate::mutant({number})"));
                woven.text += " && (";
                render(text, self.range, edits, woven);
                woven.text += "))))";
                numbers.extend(always.into_iter().chain(never));
            }
            Around::Field { number, name, value, base } => {
                woven.one(
                    number,
                    &format!("{name}: if crate::mutant({number}) {{ ({base}).{name} }} else {{ "),
                );
                render(text, value, edits, woven);
                woven.text += " }";
                numbers.push(number);
            }
        }
        // Inner ones were pushed before: the nearest comes first.
        woven.places.push((begin..woven.text.len(), numbers));
    }
}

impl Woven {
    fn one(&mut self, number: u32, text: &str) {
        let begin = self.text.len();
        self.text += text;
        self.places.push((begin..self.text.len(), vec![number]));
    }
}

struct Finder<'a> {
    text: &'a str,
    wanted: BTreeMap<(Genre, Place), Vec<(u32, &'a Mutant)>>,
    edits: Vec<Edit>,
    unviable: Vec<u32>,
}

impl<'a> Finder<'a> {
    fn take(&mut self, genre: Genre, start: LineColumn) -> Vec<(u32, &'a Mutant)> {
        let place = Place { line: start.line, column: start.column + 1 };
        self.wanted.remove(&(genre, place)).unwrap_or_default()
    }

    /// The operators of an expression and of its operands. Another operator may bind in another way, so
    /// what is chosen is the whole expression.
    fn chain(&mut self, expr: &syn::ExprBinary, whole: &Range<usize>, choices: &mut Vec<(u32, String)>) {
        let operator = expr.op.span().byte_range();
        let (before, after) = (&self.text[whole.start..operator.start], &self.text[operator.end..whole.end]);
        for (number, mutant) in self.take(Genre::BinaryOperator, expr.op.span().start()) {
            choices.push((number, format!("{before}{}{after}", mutant.replacement)));
        }
        for operand in [&*expr.left, &*expr.right] {
            match operand {
                syn::Expr::Binary(inner) => self.chain(inner, whole, choices),
                other => self.visit_expr(other),
            }
        }
    }

    fn body(&mut self, block: &syn::Block) {
        let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last()) else { return };
        let range = first.span().byte_range().start..last.span().byte_range().end;
        let found = self.take(Genre::FnValue, first.span().start());
        let choices: Vec<_> =
            found.into_iter().map(|(number, mutant)| (number, mutant.replacement.clone())).collect();
        if !choices.is_empty() {
            self.edits.push(Edit { range, around: Around::Return(choices) });
        }
    }
}

/// Whether an operand of `&&` is, or ends in, a `let`.
fn has_let(expr: &syn::Expr) -> bool {
    match expr {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => {
            matches!(binary.op, syn::BinOp::And(_)) && (has_let(&binary.left) || has_let(&binary.right))
        }
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.body(&item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.body(&item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_binary(&mut self, expr: &'ast syn::ExprBinary) {
        if has_let(&expr.left) || has_let(&expr.right) {
            let found = self.take(Genre::BinaryOperator, expr.op.span().start());
            self.unviable.extend(found.into_iter().map(|(number, _)| number));
            return visit::visit_expr_binary(self, expr);
        }
        let mut choices = Vec::new();
        self.chain(expr, &expr.span().byte_range(), &mut choices);
        if !choices.is_empty() {
            self.edits.push(Edit { range: expr.span().byte_range(), around: Around::Choice(choices) });
        }
    }

    fn visit_expr_unary(&mut self, expr: &'ast syn::ExprUnary) {
        let operand = self.text[expr.expr.span().byte_range()].to_owned();
        let found = self.take(Genre::UnaryOperator, expr.op.span().start());
        let choices: Vec<_> = found.into_iter().map(|(number, _)| (number, operand.clone())).collect();
        if !choices.is_empty() {
            self.edits.push(Edit { range: expr.span().byte_range(), around: Around::Choice(choices) });
        }
        visit::visit_expr_unary(self, expr);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        for (number, _) in self.take(Genre::MatchArm, arm.span().start()) {
            let range = arm.pat.span().byte_range();
            self.edits.push(Edit { range, around: Around::Arm(number) });
        }
        if let Some((_, guard)) = &arm.guard {
            let found = self.take(Genre::MatchArmGuard, guard.span().start());
            let of =
                |word: &str| found.iter().find(|(_, m)| m.replacement == word).map(|(number, _)| *number);
            let (always, never) = (of("true"), of("false"));
            if always.or(never).is_some() {
                self.edits
                    .push(Edit { range: guard.span().byte_range(), around: Around::Guard(always, never) });
            }
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, expr: &'ast syn::ExprStruct) {
        if let Some(base) = &expr.rest {
            let base = self.text[base.span().byte_range()].to_owned();
            for field in &expr.fields {
                let syn::Member::Named(name) = &field.member else { continue };
                for (number, _) in self.take(Genre::StructField, field.span().start()) {
                    let value = field.expr.span().byte_range();
                    let (name, base) = (name.to_string(), base.clone());
                    let around = Around::Field { number, name, value, base };
                    self.edits.push(Edit { range: field.span().byte_range(), around });
                }
            }
        }
        visit::visit_expr_struct(self, expr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Span;

    fn mutant(genre: Genre, line: usize, column: usize, replacement: &str) -> Mutant {
        let span = Span { start: Place { line, column } };
        Mutant { file: String::new(), name: String::new(), genre, span, replacement: replacement.to_owned() }
    }

    fn check(text: &str, mutants: &[Mutant], expected: &str) {
        let numbered: Vec<_> = (1..).zip(mutants).collect();
        let woven = weave(text, &numbered).unwrap();
        assert_eq!(woven.text, expected);
        assert_eq!(woven.lost, [0; 0]);
    }

    #[test]
    fn an_operator_in_an_operator() {
        check(
            "fn f() -> bool { !a && b < c }",
            &[
                mutant(Genre::FnValue, 1, 18, "true"),
                mutant(Genre::UnaryOperator, 1, 18, ""),
                mutant(Genre::BinaryOperator, 1, 21, "||"),
                mutant(Genre::BinaryOperator, 1, 26, ">"),
                mutant(Genre::BinaryOperator, 1, 26, "=="),
            ],
            "fn f() -> bool { if crate::mutant(1) { return true; } (if crate::mutant(3) { (!a || b < c) } else \
             if crate::mutant(4) { (!a && b > c) } else if crate::mutant(5) { (!a && b == c) } else \
             { ((if crate::mutant(2) { (a) } else { (!a) }) && b < c) }) }",
        );
    }

    #[test]
    fn arms_and_guards() {
        check(
            "fn f() { match x { A => 1, B if y => 2, _ => 3 } }",
            &[
                mutant(Genre::MatchArm, 1, 20, ""),
                mutant(Genre::MatchArmGuard, 1, 33, "true"),
                mutant(Genre::MatchArmGuard, 1, 33, "false"),
            ],
            "fn f() { match x { A if !crate::mutant(1) => 1, \
             B if ((crate::mutant(2) || (!crate::mutant(3) && (y)))) => 2, _ => 3 } }",
        );
    }

    #[test]
    fn fields_are_taken_from_the_base() {
        check(
            "fn f() -> T { T { a, b: 1 + 1, ..c() } }",
            &[
                mutant(Genre::StructField, 1, 19, ""),
                mutant(Genre::StructField, 1, 22, ""),
                mutant(Genre::BinaryOperator, 1, 27, "-"),
            ],
            "fn f() -> T { T { a: if crate::mutant(1) { (c()).a } else { a }, \
             b: if crate::mutant(2) { (c()).b } else { (if crate::mutant(3) { (1 - 1) } else { (1 + 1) }) }, \
             ..c() } }",
        );
    }

    #[test]
    fn what_stands_beside_a_let_has_no_other_operator() {
        let text = "fn f() { if let A = b && c && d == e {} }";
        let mutants =
            [mutant(Genre::BinaryOperator, 1, 23, "||"), mutant(Genre::BinaryOperator, 1, 28, "||")];
        let woven = weave(text, &[(1, &mutants[0]), (2, &mutants[1])]).unwrap();
        assert_eq!((woven.text.as_str(), woven.unviable.len()), (text, 2));
    }

    #[test]
    fn what_is_not_found_is_told() {
        let mutants = [mutant(Genre::BinaryOperator, 1, 1, "||")];
        assert_eq!(weave("fn f() {}", &[(7, &mutants[0])]).unwrap().lost, [7]);
    }
}
