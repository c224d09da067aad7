//! Who asks: the user of this process, as requests carry it (C23).

use std::sync::Arc;

use crate::engine::Actor;

/// `NAME (uid N)`, the name from the system's list of users where it has one.
pub fn actor() -> Actor {
    let uid = rustix::process::getuid().as_raw();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Actor(Arc::from(name(&users, uid).map_or(format!("uid {uid}"), |name| format!("{name} (uid {uid})"))))
}

fn name(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id: u32 = fields.nth(1)?.parse().ok()?;
        (id == uid && !name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_found_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(name(users, 1000), Some("ann"));
        assert_eq!(name(users, 0), Some("root"));
        assert_eq!(name(users, 7), None);
        assert!(actor().0.contains("uid"));
    }
}
