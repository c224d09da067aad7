//! `probe` of an action: how it is found out whether its effect is there.

use super::endpoint::EndpointDraft;
use super::{exec, request};
use crate::engine::{
    ActionSpec, AgentKind, DrillProbe, HttpProbe, HttpSpec, PROBE_TIMEOUT, ProbeMeans, ProbeSpec,
};
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Node};
use crate::model::Span;

/// The longest that an answer may take.
const MAX_TIMEOUT: Span = Span::from_secs(300);

/// Reads `probe` of an action whose arguments are known already.
pub(super) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    kind: AgentKind,
    action: &ActionSpec,
    endpoint: Option<&EndpointDraft>,
) -> Option<ProbeSpec> {
    let node = node.get("probe")?;
    let (means, timeout) = match kind {
        AgentKind::Drill => (drilled(reader, node)?, None),
        AgentKind::Exec => run(reader, node, action)?,
        AgentKind::Http => asked(reader, node, action, endpoint)?,
        AgentKind::Manual => {
            let fault = Fault::new("a person has no probe: the question itself says what was done");
            reader.wrong(node.at, fault.hint("remove it"));
            return None;
        }
        AgentKind::Builtin => {
            let fault = Fault::new("`probe` of a builtin is fixed").hint("remove it");
            reader.wrong(node.at, fault);
            return None;
        }
    };
    Some(ProbeSpec { means, timeout: timeout.unwrap_or(PROBE_TIMEOUT) })
}

fn drilled(reader: &mut Reader<'_>, node: &Node) -> Option<ProbeMeans> {
    let words = DrillProbe::ALL.map(|(_, word)| word);
    let which = reader.choice(node, "what the drill says", &words)?;
    DrillProbe::ALL.get(which).map(|(probe, _)| ProbeMeans::Drill(*probe))
}

/// A program and its arguments, or a mapping with `run` and `timeout`.
fn run(reader: &mut Reader<'_>, node: &Node, action: &ActionSpec) -> Option<(ProbeMeans, Option<Span>)> {
    if let Data::List(_) = node.data {
        return Some((ProbeMeans::Exec(exec::command(reader, node, action)?), None));
    }
    reader.mapping(
        node,
        "a probe: a program and its arguments, or `run` and `timeout`",
        &["run", "timeout"],
        &[],
    )?;
    let timeout = timeout(reader, node);
    let run = reader.required(node, "run", "the probe")?;
    Some((ProbeMeans::Exec(exec::command(reader, run, action)?), timeout))
}

fn asked(
    reader: &mut Reader<'_>,
    node: &Node,
    action: &ActionSpec,
    endpoint: Option<&EndpointDraft>,
) -> Option<(ProbeMeans, Option<Span>)> {
    let keys = ["method", "path", "query", "body", "present", "absent", "timeout"];
    reader.mapping(node, "a probe: a request, and what its answers mean", &keys, &[])?;
    let timeout = timeout(reader, node);
    let (present, absent) = (statuses(reader, node, "present"), statuses(reader, node, "absent"));
    if let Some(both) = present.iter().find(|status| absent.contains(status)) {
        let fault = Fault::new(format!("status {both} cannot mean both present and absent"));
        reader.wrong(node.get("absent").map_or(node.at, |n| n.at), fault);
    }
    let request = request::request(reader, node, action, "the probe of an http agent");
    // Without a server there is a mistake already.
    let http = HttpSpec { endpoint: endpoint?.endpoint.clone(), request: request?, succeeds: Vec::new() };
    Some((ProbeMeans::Http(HttpProbe { http, present, absent }), timeout))
}

fn statuses(reader: &mut Reader<'_>, node: &Node, key: &str) -> Vec<u16> {
    let Some(n) = reader.required(node, key, "the probe") else { return Vec::new() };
    let before = reader.noted();
    let items = reader.items(n, "statuses");
    if items.is_empty() && reader.noted() == before {
        reader.wrong(n.at, Fault::new(format!("an empty list: no answer would mean that it is {key}")));
    }
    let statuses = items.iter().filter_map(|item| reader.whole(item, "a status", 200, 599));
    statuses.filter_map(|status| u16::try_from(status).ok()).collect()
}

fn timeout(reader: &mut Reader<'_>, node: &Node) -> Option<Span> {
    let n = node.get("timeout")?;
    let span = reader.span(n, "how long the answer may take")?;
    if span > MAX_TIMEOUT {
        let fault = Fault::new(format!("`timeout` of a probe is at most {MAX_TIMEOUT}, found {span}"));
        reader.wrong(n.at, fault);
    }
    Some(span)
}
