//! `verify` of a step: when what was performed counts as done.

use std::sync::Arc;

use super::Template;
use super::steps::arguments;
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Node};
use crate::model::{Span, Value};

/// The longest time in which it is asked again.
const MAX_WITHIN: Span = Span::from_secs(3_600);

/// How it is verified that a step did what it was to do.
#[derive(Debug)]
pub struct Verify {
    /// Who says so.
    pub by: VerifiedBy,
    /// How long it is asked again while the answer is no; zero asks once.
    pub within: Span,
}

/// Who says that an effect is there.
#[derive(Debug)]
pub enum VerifiedBy {
    /// The probe of the step's own action. It holds for the undo too, which is to leave nothing behind.
    Probe,
    /// An action whose success says so.
    Action {
        /// The action, from the catalogue of an agent.
        action: Arc<str>,
        /// Its arguments.
        with: Vec<(Arc<str>, Template)>,
    },
}

/// `true`, or a mapping.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Verify> {
    if let Data::Scalar(Value::Bool(wanted)) = node.data {
        return wanted.then_some(Verify { by: VerifiedBy::Probe, within: Span::ZERO });
    }
    let what = "a verification: `true`, or `within`, `action` and `with`";
    reader.mapping(node, what, &["action", "with", "within"], &[])?;
    let within = node.get("within").and_then(|n| {
        let span = reader.span(n, "within")?;
        if span > MAX_WITHIN {
            reader.wrong(n.at, Fault::new(format!("`within` is at most {MAX_WITHIN}, found {span}")));
        }
        Some(span)
    });
    let action = node.get("action").and_then(|n| reader.name(n, "an action")).map(Arc::from);
    if let (None, Some(with)) = (&action, node.entry("with")) {
        let fault = Fault::new("`with` belongs to an `action` that verifies");
        reader.wrong(with.at, fault.hint("without `action`, the probe of the step's own action is asked"));
    }
    let by = match action {
        Some(action) => VerifiedBy::Action { action, with: arguments(reader, node) },
        None => VerifiedBy::Probe,
    };
    Some(Verify { by, within: within.unwrap_or(Span::ZERO) })
}
