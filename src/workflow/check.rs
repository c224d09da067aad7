//! Checks of a whole workflow: the graph of `needs`, and what templates and conditions refer to.

use std::collections::BTreeMap;

use super::{Condition, Path, Step, Template, Undo, VerifiedBy, Workflow, steps};
use crate::flow::fault::{Fault, suggest};
use crate::flow::reader::Reader;
use crate::flow::yaml::{Node, Place};
use crate::model::{SafeText, StepIx};

/// Resolves the needs of every step. Needs that close a circle are reported and left out.
pub(super) fn needs(reader: &mut Reader<'_>, drafts: &[steps::Draft<'_>]) -> Vec<Vec<StepIx>> {
    let mut index: BTreeMap<&str, StepIx> = BTreeMap::new();
    for (i, draft) in drafts.iter().enumerate() {
        let id = &*draft.step.id;
        if index.contains_key(id) {
            let at = draft.at;
            reader.wrong(
                at,
                Fault::new(format!("two steps have the id `{id}`")).hint("ids are unique in a workflow"),
            );
            continue;
        }
        index.insert(id, StepIx(i as u16));
    }
    let mut needs: Vec<Vec<StepIx>> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let mut of: Vec<StepIx> = Vec::new();
        for (id, node) in &draft.needs {
            match index.get(id) {
                Some(ix) if of.contains(ix) => {
                    reader.wrong(node.at, Fault::new(format!("`{id}` is needed twice")));
                }
                Some(ix) => of.push(*ix),
                None => {
                    let fault = Fault::new(format!("needs an unknown step `{}`", SafeText(id).cut(40)));
                    reader.wrong(node.at, fault.maybe_hint(suggest(id, index.keys().copied())));
                }
            }
        }
        needs.push(of);
    }
    for circle in break_circles(&mut needs) {
        let id = |ix: &StepIx| drafts.get(ix.index()).map_or("?", |draft| &draft.step.id);
        let names: Vec<&str> = circle.iter().chain(circle.first()).map(id).collect();
        let first = circle.first().and_then(|ix| drafts.get(ix.index()));
        let at = first.and_then(|draft| draft.needs.first()).map_or(Place::START, |(_, node)| node.at);
        let fault = Fault::new(format!("steps need each other in a circle: {}", names.join(" → ")));
        reader.wrong(at, fault.hint("`a → b` means that `a` needs `b`; remove one of these needs"));
    }
    needs
}

/// Finds circles and cuts them, until there is none. Each is given from its first step in the file.
fn break_circles(needs: &mut [Vec<StepIx>]) -> Vec<Vec<StepIx>> {
    let mut circles = Vec::new();
    let mut done = vec![false; needs.len()];
    loop {
        // Steps whose needs are all done become done, until nothing changes.
        let mut changed = true;
        while changed {
            changed = false;
            for i in 0..needs.len() {
                let ready =
                    needs.get(i).is_some_and(|of| of.iter().all(|n| done.get(n.index()) == Some(&true)));
                if ready && let Some(done) = done.get_mut(i).filter(|done| !**done) {
                    (*done, changed) = (true, true);
                }
            }
        }
        let Some(start) = done.iter().position(|done| !done) else { return circles };
        // Every step that is left needs one that is left: walking along comes round.
        let mut walk = vec![StepIx(start as u16)];
        let circle = loop {
            let of = walk.last().and_then(|last| needs.get(last.index()));
            let next = of.and_then(|of| of.iter().find(|n| done.get(n.index()) == Some(&false)));
            let Some(next) = next.copied() else { break Vec::new() };
            match walk.iter().position(|ix| *ix == next) {
                Some(from) => break walk.split_off(from),
                None => walk.push(next),
            }
        };
        let Some(first) = circle.iter().enumerate().min_by_key(|(_, ix)| **ix).map(|(at, _)| at) else {
            return circles;
        };
        let mut circle = circle;
        circle.rotate_left(first);
        for ix in &circle {
            if let Some(of) = needs.get_mut(ix.index()) {
                of.retain(|n| !circle.contains(n));
            }
        }
        circles.push(circle);
    }
}

/// Checks that templates and conditions name declared inputs, and steps that are done by then.
pub(super) fn references(reader: &mut Reader<'_>, workflow: &Workflow, tree: &Node, items: &[usize]) {
    let before = ancestors(&workflow.steps);
    let list = tree.get("steps").map_or(&[][..], Node::items);
    let mut check = Check { reader, workflow };
    for (i, step) in workflow.steps.iter().enumerate() {
        let Some(node) = items.get(i).and_then(|item| list.get(*item)) else { continue };
        let reach = Reach { step, before: before.get(i).map_or(&[][..], Vec::as_slice) };
        check.arguments(&reach, &step.with, node);
        if let Undo::Action { with, .. } = &step.undo
            && let Some(undo) = node.get("undo")
        {
            check.arguments(&reach, with, undo);
        }
        if let Some(VerifiedBy::Action { with, .. }) = step.verify.as_ref().map(|verify| &verify.by)
            && let Some(verify) = node.get("verify")
        {
            check.arguments(&reach, with, verify);
        }
        if let (Some(when), Some(node)) = (&step.when, node.get("when")) {
            check.condition(&reach, when, node.at);
        }
    }
    if let (Some(dedup), Some(node)) = (&workflow.dedup, tree.get("dedup")) {
        for path in dedup.paths() {
            if let Path::Input(name) = path {
                check.input(name, node.at);
            }
        }
    }
}

/// For each step the steps that are done before it starts.
fn ancestors(steps: &[Step]) -> Vec<Vec<bool>> {
    let mut before = vec![vec![false; steps.len()]; steps.len()];
    let mut stack: Vec<StepIx> = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        let Some(row) = before.get_mut(i) else { continue };
        stack.extend(&step.needs);
        while let Some(need) = stack.pop() {
            if let Some(seen) = row.get_mut(need.index()).filter(|seen| !**seen) {
                *seen = true;
                stack.extend(steps.get(need.index()).map_or(&[][..], |s| &s.needs));
            }
        }
    }
    before
}

struct Reach<'a> {
    step: &'a Step,
    before: &'a [bool],
}

struct Check<'r, 'f, 'a> {
    reader: &'r mut Reader<'f>,
    workflow: &'a Workflow,
}

impl Check<'_, '_, '_> {
    fn arguments(&mut self, reach: &Reach<'_>, with: &[(std::sync::Arc<str>, Template)], node: &Node) {
        for (name, template) in with {
            let value = node.get("with").and_then(|with| with.get(name)).or_else(|| node.get(name));
            let at = value.map_or(node.at, |value| value.at);
            for path in template.paths() {
                match path {
                    Path::Input(name) => self.input(name, at),
                    Path::Output(id, _) | Path::Status(id) => self.step(reach, id, at),
                    Path::Detection(_) | Path::RunId => {}
                }
            }
        }
    }

    fn condition(&mut self, reach: &Reach<'_>, when: &Condition, at: Place) {
        for name in &when.reads().inputs {
            self.input(name, at);
        }
        for id in &when.reads().steps {
            self.step(reach, id, at);
        }
    }

    fn input(&mut self, name: &str, at: Place) {
        let known = || self.workflow.inputs.iter().map(|input| &*input.name);
        if known().any(|known| known == name) {
            return;
        }
        let hint = suggest(name, self.workflow.inputs.iter().map(|input| &*input.name))
            .unwrap_or_else(|| format!("declare it: `inputs: {{ {name}: text }}`"));
        self.reader.wrong(at, Fault::new(format!("there is no input `{name}`")).hint(hint));
    }

    fn step(&mut self, reach: &Reach<'_>, id: &str, at: Place) {
        let steps = &self.workflow.steps;
        let Some(ix) = steps.iter().position(|step| &*step.id == id) else {
            let fault = Fault::new(format!("there is no step `{id}`"));
            self.reader.wrong(at, fault.maybe_hint(suggest(id, steps.iter().map(|step| &*step.id))));
            return;
        };
        if reach.before.get(ix) != Some(&true) {
            let own = &reach.step.id;
            let fault = Fault::new(format!("step `{id}` may not be done when `{own}` starts"));
            let hint = if id == &**own {
                "a step cannot use its own output".to_owned()
            } else {
                format!("add `{id}` to the needs of `{own}`")
            };
            self.reader.wrong(at, fault.hint(hint));
        }
    }
}
