//! What a step says about people: who approves it before it starts, and who confirms it afterwards.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Node};
use crate::model::{Span, Value};

/// How long is waited for an approval, unless the file says otherwise.
pub const APPROVAL_TIMEOUT: Span = Span::from_secs(30 * 60);
/// People that can be asked for.
const MOST: u64 = 16;
const KEYS: [&str; 5] = ["count", "from", "timeout", "on_timeout", "reason"];

/// What people have to approve before a step starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Why, for those who are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// How many different people have to approve; at least 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u32,
    /// Who may; nobody named is everybody who may approve at all.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub from: Arc<[Approver]>,
    /// How long is waited for them.
    #[serde(default = "timeout", skip_serializing_if = "is_timeout")]
    pub timeout: Span,
    /// What happens then.
    #[serde(default, skip_serializing_if = "OnTimeout::is_park")]
    pub on_timeout: OnTimeout,
}

fn one() -> u32 {
    1
}
fn is_one(count: &u32) -> bool {
    *count == 1
}
fn timeout() -> Span {
    APPROVAL_TIMEOUT
}
fn is_timeout(span: &Span) -> bool {
    *span == APPROVAL_TIMEOUT
}

impl Default for Approval {
    fn default() -> Self {
        Approval {
            reason: None,
            count: 1,
            from: Arc::from([]),
            timeout: APPROVAL_TIMEOUT,
            on_timeout: OnTimeout::Park,
        }
    }
}

/// Somebody who may approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approver {
    /// A user, by name or number.
    User(Arc<str>),
    /// Everybody in a group.
    Group(Arc<str>),
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Approver::User(user) => write!(f, "user {user}"),
            Approver::Group(group) => write!(f, "group {group}"),
        }
    }
}

/// What happens when nobody has decided in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// The step fails.
    Deny,
    /// The run waits until a person has it try again, which asks again.
    #[default]
    Park,
    /// It starts: the time was for objections.
    Approve,
}

impl OnTimeout {
    const WORDS: [&str; 3] = ["deny", "park", "approve"];

    fn is_park(&self) -> bool {
        *self == OnTimeout::Park
    }

    /// Its word in files.
    pub fn name(self) -> &'static str {
        match self {
            OnTimeout::Deny => "deny",
            OnTimeout::Park => "park",
            OnTimeout::Approve => "approve",
        }
    }
}

/// Reads `approval` of a step: `true`, or a mapping.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Approval> {
    let node = node.get("approval")?;
    if let Data::Scalar(Value::Bool(needed)) = node.data {
        return needed.then(Approval::default);
    }
    reader.mapping(node, "an approval: `true`, or who, how long and why", &KEYS, &[]);
    let mut approval = Approval::default();
    if let Some(count) = node.get("count").and_then(|n| reader.whole(n, "count", 1, MOST)) {
        approval.count = u32::try_from(count).unwrap_or(1);
    }
    if let Some(from) = node.get("from") {
        approval.from = approvers(reader, from, approval.count);
    }
    if let Some(timeout) = node.get("timeout").and_then(|n| reader.span(n, "timeout")) {
        approval.timeout = timeout;
    }
    if let Some(word) = node.get("on_timeout").and_then(|n| reader.choice(n, "on_timeout", &OnTimeout::WORDS))
    {
        approval.on_timeout = [OnTimeout::Deny, OnTimeout::Park, OnTimeout::Approve][word];
    }
    approval.reason = node.get("reason").and_then(|n| reader.line(n, "a reason")).map(Arc::from);
    Some(approval)
}

fn approvers(reader: &mut Reader<'_>, node: &Node, count: u32) -> Arc<[Approver]> {
    let items = reader.items(node, "who may approve: users and groups");
    if items.is_empty() && matches!(node.data, Data::List(_)) {
        let fault = Fault::new("nobody could approve");
        reader.wrong(node.at, fault.hint("name a `user` or a `group`, or leave `from` out"));
    }
    let found: Arc<[Approver]> = items.iter().filter_map(|item| approver(reader, item)).collect();
    let users = found.iter().filter(|who| matches!(who, Approver::User(_))).count();
    if !found.is_empty() && users == found.len() && users < count as usize {
        let fault = Fault::new(format!("{count} people have to approve, but only {users} may"));
        reader.wrong(node.at, fault.hint("name more people, or a group"));
    }
    found
}

fn approver(reader: &mut Reader<'_>, node: &Node) -> Option<Approver> {
    reader.mapping(node, "a user or a group", &["user", "group"], &[])?;
    match (node.get("user"), node.get("group")) {
        (Some(user), None) => reader.name(user, "a user").map(|name| Approver::User(Arc::from(name))),
        (None, Some(group)) => reader.name(group, "a group").map(|name| Approver::Group(Arc::from(name))),
        _ => {
            let fault = Fault::new("an approver is either a `user` or a `group`");
            reader.wrong(node.at, fault.hint("for example `from: [{ group: soc }, { user: ann }]`"));
            None
        }
    }
}

/// Reads `confirm` of a step: how long a person has, else it is undone.
pub(super) fn confirm(reader: &mut Reader<'_>, node: &Node, undoable: bool) -> Option<Span> {
    let node = node.get("confirm")?;
    let span = reader.span(node, "confirm")?;
    if !undoable {
        let fault = Fault::new("what is not confirmed is undone, but nothing undoes this step");
        reader.wrong(node.at, fault.hint("remove `confirm`, or give the step an undo"));
    }
    Some(span)
}

/// Reads `limits` of a workflow: how many targets its runs may have in an hour.
pub(super) fn targets(reader: &mut Reader<'_>, node: &Node) -> Option<u64> {
    let node = node.get("limits")?;
    reader.mapping(node, "limits", &["targets"], &[])?;
    reader.required(node, "targets", "the limits").and_then(|n| reader.whole(n, "targets", 1, 1_000_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::{Workflow, parse};

    fn read(step: &str) -> Result<Workflow, String> {
        let text = format!(
            "workflow: w\nlimits: {{ targets: 20 }}\nsteps:\n  - {{ id: a, role: R, action: x, {step} }}\n"
        );
        parse("w.yaml", &text).map_err(|mistakes| mistakes[0].to_string())
    }

    #[test]
    fn approvals_are_read_with_what_was_left_out() {
        let user = |name: &str| Approver::User(name.into());
        let group = |name: &str| Approver::Group(name.into());
        for (text, wants) in [
            ("approval: true", Approval::default()),
            (
                "approval: { reason: it hurts }",
                Approval { reason: Some("it hurts".into()), ..Approval::default() },
            ),
            (
                "approval: { count: 2, from: [{ group: soc }, { user: ann }], timeout: 5m, on_timeout: deny }",
                Approval {
                    reason: None,
                    count: 2,
                    from: [group("soc"), user("ann")].into(),
                    timeout: Span::from_secs(300),
                    on_timeout: OnTimeout::Deny,
                },
            ),
        ] {
            let workflow = read(text).unwrap();
            assert_eq!(workflow.steps[0].approval.as_ref(), Some(&wants), "{text}");
            assert_eq!(workflow.plan.steps[0].approval.as_ref(), Some(&wants), "{text}");
            assert_eq!(workflow.targets, Some(20));
            let json = serde_json::to_string(&wants).unwrap();
            assert_eq!(serde_json::from_str::<Approval>(&json).unwrap(), wants, "{json}");
        }
        // As journals of earlier releases have it.
        assert_eq!(serde_json::from_str::<Approval>("{}").unwrap(), Approval::default());
        assert_eq!(read("confirm: 60s").unwrap().steps[0].confirm, Some(Span::from_secs(60)));
    }

    #[test]
    fn what_cannot_be_approved_is_told() {
        for (text, wants) in [
            ("approval: { count: 0 }", "count: a whole number from 1 to 16"),
            ("approval: { from: [] }", "nobody could approve"),
            ("approval: { from: [{ user: ann }], count: 2 }", "2 people have to approve, but only 1 may"),
            (
                "approval: { from: [{ user: ann, group: soc }] }",
                "an approver is either a `user` or a `group`",
            ),
            ("approval: { on_timeout: nothing }", "on_timeout"),
            ("approval: { who: ann }", "unknown key `who`"),
            ("confirm: 60s, undo: 'none: a message'", "nothing undoes this step"),
        ] {
            let told = read(text).map(|_| ()).unwrap_err();
            assert!(told.contains(wants), "{text}: {told}");
        }
    }
}
