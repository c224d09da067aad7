//! `budgets` in the settings: how much of an action is done without asking a person (C28).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::agents::AgentDraft;
use super::{Folder, Settings};
use crate::engine::Budget;
use crate::flow::fault::{Fault, suggest};
use crate::flow::reader::Reader;
use crate::flow::yaml::{Node, Place};
use crate::model::Mistake;

/// Budgets that are read.
const MOST: usize = 1_000;
const KEYS: [&str; 4] = ["action", "per_hour", "total", "largest_prefix"];
const MOST_TARGETS: u64 = 1_000_000_000_000;

/// Reads the list, with the place of each action's name.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Vec<(Place, Budget)> {
    let items = reader.items(node, "budgets");
    if items.len() > MOST {
        reader.wrong(node.at, Fault::new(format!("{} budgets; at most {MOST} are taken", items.len())));
        return Vec::new();
    }
    items.iter().filter_map(|item| one(reader, item)).collect()
}

fn one(reader: &mut Reader<'_>, node: &Node) -> Option<(Place, Budget)> {
    reader.mapping(node, "a budget", &KEYS, &[])?;
    let action = reader.required(node, "action", "a budget");
    let action = action.and_then(|n| Some((n.at, reader.name(n, "an action")?)));
    let mut limit = |key: &str| node.get(key).and_then(|n| reader.whole(n, key, 1, MOST_TARGETS));
    let (per_hour, total) = (limit("per_hour"), limit("total"));
    let (prefix4, prefix6) = node.get("largest_prefix").map_or((None, None), |n| prefixes(reader, n));
    if KEYS[1..].iter().all(|key| node.get(key).is_none()) {
        let fault = Fault::new("the budget limits nothing");
        reader.wrong(node.at, fault.hint("give it `per_hour`, `total` or `largest_prefix`"));
    }
    let (at, action) = action?;
    Some((at, Budget { action: Arc::from(action), per_hour, total, prefix4, prefix6 }))
}

fn prefixes(reader: &mut Reader<'_>, node: &Node) -> (Option<u8>, Option<u8>) {
    if reader.mapping(node, "the bits of the largest prefixes", &["ipv4", "ipv6"], &[]).is_none() {
        return (None, None);
    }
    let mut bits = |key: &str, most: u64| {
        let bits = node.get(key).and_then(|n| reader.whole(n, key, 0, most));
        bits.and_then(|bits| u8::try_from(bits).ok())
    };
    (bits("ipv4", 32), bits("ipv6", 128))
}

/// Budgets of actions that no agent offers.
pub(super) fn check(folder: &Folder, settings: &Settings, agents: &[AgentDraft]) -> Vec<Mistake> {
    let Some((file, _)) = folder.file("settings.yaml") else { return Vec::new() };
    let known: BTreeSet<&str> =
        agents.iter().flat_map(|draft| draft.spec.actions.keys()).map(|name| &**name).collect();
    let budgets = settings.budgets_at.iter().zip(&settings.limits.budgets);
    let unknown = budgets.filter(|(_, budget)| !known.contains(&*budget.action));
    let mistake = |(at, budget): (&Place, &Budget)| {
        let message = format!("no agent offers `{}`", budget.action);
        at.mistake(&file, message, suggest(&budget.action, known.iter().copied()))
    };
    unknown.map(mistake).collect()
}
