//! Who asks, and what they may do (C23). The kernel says the uid; the system's lists of users and
//! groups say the names.

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crate::config::{Operator, Role, Who};
use crate::engine::{Actor, Request};

/// The group whose members may open the socket.
pub const GROUP: &str = "quell";
/// What the kernel says of a process that no login stands behind: (uid) -1.
const NO_LOGIN: u32 = u32::MAX;

/// One person: one uid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Behind sudo, the one who logged in.
    pub uid: u32,
    /// From the list of users.
    pub name: Option<String>,
    /// By name and by number.
    pub groups: Vec<String>,
    /// Whether they have become root.
    pub as_root: bool,
}

impl Person {
    /// As records name them: `NAME (uid N)`. The same with and without sudo.
    pub fn actor(&self) -> Actor {
        Actor(Arc::from(match &self.name {
            Some(name) => format!("{name} (uid {})", self.uid),
            None => format!("uid {}", self.uid),
        }))
    }

    fn is(&self, who: &Who) -> bool {
        match who {
            Who::User(user) => self.name.as_deref() == Some(user) || self.uid.to_string() == **user,
            Who::Group(group) => self.groups.iter().any(|mine| *mine == **group),
        }
    }

    /// What they may do. The engine's own user and root may do everything; with operators in the
    /// setup, root behind sudo is the person who logged in, with that person's roles.
    pub fn may(&self, operators: &[Operator], own: u32) -> Vec<Role> {
        let root = self.uid == 0 || (self.as_root && operators.is_empty());
        if root || (self.uid == own && !self.as_root) {
            return Role::ALL.to_vec();
        }
        let mine: Vec<&Operator> = operators.iter().filter(|operator| self.is(&operator.who)).collect();
        let has = |role: &Role| mine.iter().any(|operator| operator.may.contains(role));
        // Whoever may do something may look.
        Role::ALL.into_iter().filter(|role| has(role) || (*role == Role::View && !mine.is_empty())).collect()
    }
}

/// The role that a request needs.
pub fn needs(request: &Request) -> Role {
    match request {
        // It puts to work what lies on disk.
        Request::Reload | Request::Arm { .. } | Request::Disarm { .. } => Role::Arm,
        Request::Halt { .. } | Request::Release => Role::Halt,
        Request::Approve { .. } | Request::Deny { .. } | Request::Confirm { .. } => Role::Approve,
        _ => Role::Run,
    }
}

/// The person at the other end.
///
/// # Errors
/// The kernel does not say.
pub fn peer(stream: &UnixStream) -> std::io::Result<Person> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    Ok(person(peer.uid.as_raw(), peer.gid.as_raw(), &peer.pid.as_raw_nonzero().to_string()))
}

/// The person behind this process.
pub fn me() -> Person {
    person(rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw(), "self")
}

fn person(uid: u32, gid: u32, pid: &str) -> Person {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let login = read(&format!("/proc/{pid}/loginuid"));
    let login = login.trim().parse().ok().filter(|login: &u32| uid == 0 && *login != NO_LOGIN && *login != 0);
    let (users, groups) = (read("/etc/passwd"), read("/etc/group"));
    found(login.unwrap_or(uid), login.is_none().then_some(gid), login.is_some(), (&users, &groups))
}

fn found(uid: u32, gid: Option<u32>, as_root: bool, (users, groups): (&str, &str)) -> Person {
    let mut user = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let user = user.find(|fields| fields.get(2).and_then(|id| id.parse().ok()) == Some(uid));
    let name = user.as_ref().and_then(|fields| fields.first()).filter(|name| !name.is_empty());
    let own = user.as_ref().and_then(|fields| fields.get(3)?.parse::<u32>().ok());
    let mut mine = Vec::new();
    for line in groups.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [group, _, id, members] = fields[..] else { continue };
        let id = id.parse::<u32>().ok();
        let member = name.is_some_and(|name| members.split(',').any(|member| member == *name));
        if member || (id.is_some() && (id == gid || id == own)) {
            mine.push(group.to_owned());
        }
    }
    Person { uid, name: name.map(|name| (*name).to_owned()), groups: mine, as_root }
}

/// The number of the group that may open the socket, if this system has it.
pub fn group() -> Option<u32> {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(GROUP)).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Settled;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\nann:x:1000:1000::/home/ann:/bin/sh\n\
                         bob:x:1001:2000::/home/bob:/bin/sh\n";
    const GROUPS: &str = "root:x:0:\nsoc:x:3000:ann,eve\nbroken\ndesk:x:2000:\nquell:x:900:ann\n";

    fn who(uid: u32, gid: u32) -> Person {
        found(uid, Some(gid), false, (USERS, GROUPS))
    }

    #[test]
    fn people_are_found_in_the_lists() {
        for (uid, gid, actor, groups) in [
            (0, 0, "root (uid 0)", vec!["root"]),
            (1000, 1000, "ann (uid 1000)", vec!["soc", "quell"]),
            (1001, 7, "bob (uid 1001)", vec!["desk"]),
            (5, 3000, "uid 5", vec!["soc"]),
        ] {
            let person = who(uid, gid);
            assert_eq!(
                (&*person.actor().0, person.groups),
                (actor, groups.into_iter().map(String::from).collect())
            );
        }
    }

    #[test]
    fn c23_sudo_does_not_make_a_second_person() {
        let sudo = found(1000, None, true, (USERS, GROUPS));
        assert_eq!(sudo.actor(), who(1000, 1000).actor());
    }

    #[test]
    fn c23_roles_follow_from_users_and_groups() {
        use Role::*;
        let user = |name: &str, may: &[Role]| Operator { who: Who::User(name.into()), may: may.to_vec() };
        let group = |name: &str, may: &[Role]| Operator { who: Who::Group(name.into()), may: may.to_vec() };
        let operators =
            [user("ann", &[Run]), group("soc", &[Approve]), group("desk", &[View]), user("77", &[Halt])];
        let everything = Role::ALL.to_vec();
        let sudo = |uid| found(uid, None, true, (USERS, GROUPS));
        for (person, operators, own, may) in [
            (who(0, 0), &[][..], 900, everything.clone()),
            (who(900, 900), &[], 900, everything.clone()),
            (who(1000, 1000), &[], 900, vec![]),
            (sudo(1000), &[], 900, everything.clone()),
            (who(0, 0), &operators, 900, everything.clone()),
            (who(1000, 1000), &operators, 900, vec![View, Run, Approve]),
            (who(1000, 1000), &operators, 1000, everything.clone()),
            (who(1001, 2000), &operators, 900, vec![View]),
            (who(77, 77), &operators, 900, vec![View, Halt]),
            (who(78, 78), &operators, 900, vec![]),
            (sudo(1000), &operators, 900, vec![View, Run, Approve]),
            (sudo(1001), &operators, 0, vec![View]),
        ] {
            assert_eq!(person.may(operators, own), may, "{person:?}");
        }
    }

    #[test]
    fn c23_to_settle_takes_the_role_that_steers_runs() {
        for as_ in Settled::ALL {
            let run = crate::model::RunId(1);
            let request = Request::Settle { run, step: "a".into(), as_, reason: String::new() };
            assert_eq!(needs(&request), Role::Run);
        }
    }

    #[test]
    fn this_process_is_somebody() {
        assert!(me().actor().0.contains("uid"));
    }
}
