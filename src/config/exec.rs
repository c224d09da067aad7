//! `run`, `grace` and `exits` of an action: the program that does it.

use super::actions;
use crate::engine::{ActionSpec, ExecSpec};
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Node};
use crate::model::{Argument, CommandLine, Span, Word};

/// Between TERM and KILL, unless the action says otherwise.
const GRACE: Span = Span::from_secs(5);
/// The longest: a stop has to come to an end.
const MAX_GRACE: Span = Span::from_secs(60);
/// Words of a command line.
const MAX_WORDS: usize = 128;

/// Reads how an action is done, whose arguments are known already.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node, action: &ActionSpec) -> Option<ExecSpec> {
    let grace = node.get("grace").and_then(|n| {
        let span = reader.span_or_zero(n, "the time between TERM and KILL")?;
        if span > MAX_GRACE {
            reader.wrong(n.at, Fault::new(format!("`grace` is at most {MAX_GRACE}, found {span}")));
        }
        Some(span)
    });
    let exits = node.get("exits").map(|n| exits(reader, n));
    let run = reader.required(node, "run", "the action of an exec agent")?;
    Some(ExecSpec {
        command: command(reader, run, action)?,
        grace: grace.unwrap_or(GRACE),
        exits: exits.unwrap_or_else(|| vec![0]),
    })
}

/// A program and its arguments.
pub(super) fn command(reader: &mut Reader<'_>, run: &Node, action: &ActionSpec) -> Option<CommandLine> {
    let before = reader.noted();
    let items = reader.items(run, "a program and its arguments");
    let Some((first, rest)) = items.split_first() else {
        if reader.noted() == before {
            reader.wrong(run.at, Fault::new("`run` is empty").hint("it begins with the path of a program"));
        }
        return None;
    };
    let program = program(reader, first);
    let arguments: Vec<_> = rest.iter().filter_map(|item| argument(reader, item, action)).collect();
    let words = arguments.iter().map(|argument| match argument {
        Argument::One(_) => 1,
        Argument::Group(words) => words.len(),
    });
    if words.sum::<usize>() >= MAX_WORDS {
        reader.wrong(run.at, Fault::new(format!("`run` has at most {MAX_WORDS} words")));
    }
    Some(CommandLine { program: program?.into(), arguments })
}

fn exits(reader: &mut Reader<'_>, node: &Node) -> Vec<u8> {
    let codes = reader.items(node, "exit codes");
    let codes = codes.iter().filter_map(|n| reader.whole(n, "an exit code", 0, 255));
    let codes: Vec<u8> = codes.filter_map(|code| u8::try_from(code).ok()).collect();
    if codes.is_empty() {
        reader.wrong(node.at, Fault::new("an action needs an exit code that means that it is done"));
    }
    codes
}

fn program<'n>(reader: &mut Reader<'_>, node: &'n Node) -> Option<&'n str> {
    let path = reader.text(node, "a program")?;
    let fault = if path.contains("${") {
        Fault::new("the program is fixed: a placeholder cannot choose it")
    } else if !path.starts_with('/') || path.ends_with('/') {
        let message = format!("expected the absolute path of a program, found {}", node.described());
        Fault::new(message).hint("write it out, for example /usr/sbin/nft: no PATH is searched")
    } else if path.chars().any(char::is_control) {
        Fault::new("the path of a program has no control characters")
    } else {
        return Some(path);
    };
    reader.wrong(node.at, fault);
    None
}

fn argument(reader: &mut Reader<'_>, node: &Node, action: &ActionSpec) -> Option<Argument> {
    let Data::List(items) = &node.data else {
        let word = word(reader, node, action)?;
        if let Some(name) = word.names().find(|name| action.optional.contains(name)) {
            let fault = Fault::new(format!("`{name}` is optional: there may be nothing to put here"));
            reader.wrong(node.at, fault.hint("put the words that go with it into a list of their own"));
        }
        return Some(Argument::One(word));
    };
    if items.is_empty() {
        reader.wrong(node.at, Fault::new("an empty list").hint("remove it"));
    }
    let words: Vec<_> = items.iter().filter_map(|item| word(reader, item, action)).collect();
    Some(Argument::Group(words))
}

fn word(reader: &mut Reader<'_>, node: &Node, action: &ActionSpec) -> Option<Word> {
    let text = reader.text(node, "an argument of the program")?;
    actions::word(reader, node.at, text, &action.takes)
}
