//! `operators` in `settings.yaml`: who may steer an engine from outside (C23).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::Node;

/// Entries of the list, at most.
const MOST: usize = 1_000;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look at runs, incidents, agents and events. Whoever has another role has this one too.
    View,
    /// Trigger and steer runs, handle incidents.
    Run,
    /// Approve or deny.
    Approve,
    /// Let workflows act, and load the setup anew.
    Arm,
    /// The kill switch.
    Halt,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [Role::View, Role::Run, Role::Approve, Role::Arm, Role::Halt];

    /// Its word in files.
    pub fn name(self) -> &'static str {
        match self {
            Role::View => "view",
            Role::Run => "run",
            Role::Approve => "approve",
            Role::Arm => "arm",
            Role::Halt => "halt",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whom an entry is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A user, by name or number.
    User(Arc<str>),
    /// Everybody in a group.
    Group(Arc<str>),
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Whom it is about.
    pub who: Who,
    /// What they may do.
    pub may: Vec<Role>,
}

/// Reads the list.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Vec<Operator> {
    let items = reader.items(node, "operators");
    if items.len() > MOST {
        reader.wrong(node.at, Fault::new(format!("{} operators; at most {MOST} are taken", items.len())));
        return Vec::new();
    }
    items.iter().filter_map(|item| one(reader, item)).collect()
}

fn one(reader: &mut Reader<'_>, node: &Node) -> Option<Operator> {
    reader.mapping(node, "an operator", &["user", "group", "may"], &[])?;
    let who = match (node.get("user"), node.get("group")) {
        (Some(user), None) => reader.name(user, "a user").map(|name| Who::User(Arc::from(name))),
        (None, Some(group)) => reader.name(group, "a group").map(|name| Who::Group(Arc::from(name))),
        _ => {
            let fault = Fault::new("an operator is either a `user` or a `group`");
            reader.wrong(node.at, fault.hint("for example `{ user: ann, may: [view, run] }`"));
            None
        }
    };
    let words = Role::ALL.map(Role::name);
    let may = reader.required(node, "may", "an operator")?;
    let items = reader.items(may, "may");
    if items.is_empty() {
        let fault = Fault::new("`may` is a list of at least one role");
        reader.wrong(may.at, fault.hint(format!("roles: {}", words.join(", "))));
    }
    let roles = items.iter().filter_map(|item| Some(Role::ALL[reader.choice(item, "a role", &words)?]));
    let may = roles.collect();
    Some(Operator { who: who?, may })
}
