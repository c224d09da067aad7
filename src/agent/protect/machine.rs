//! What this machine must not cut off: itself, its ways out, and whoever is logged in to it.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::kernel::{self, Route, Socket, SocketState};
use crate::engine::protect::{Entry, Guarded, Origin, Prefix};

/// Names of processes that serve logins.
const SERVERS: [&str; 4] = ["sshd", "sshd-session", "sshd-auth", "dropbear"];
/// Where systemd-resolved says whom it asks.
const RESOLVED: &str = "run/systemd/resolve/resolv.conf";

/// A machine to be read, and the people who work on it.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Where `proc` and `etc` are: `/`.
    root: PathBuf,
    uid: u32,
    operators: Vec<Arc<str>>,
    groups: Vec<Arc<str>>,
}

impl Default for Machine {
    fn default() -> Self {
        Machine::new(Path::new("/"))
    }
}

/// Protects, each thing once for each reason.
struct Found(Vec<Entry>);

impl Found {
    fn add(&mut self, what: Guarded, reason: impl Into<Arc<str>>) {
        self.0.push(Entry { what, origin: Origin::Machine, reason: reason.into(), until: None });
    }
    fn address(&mut self, address: IpAddr, reason: &str) {
        self.add(Guarded::Net(Prefix::from(address)), reason);
    }
    fn interface(&mut self, name: &str, reason: &str) {
        self.add(Guarded::Interface(Arc::from(name)), reason);
    }
}

impl Machine {
    /// The machine whose `proc` and `etc` are in `root`.
    pub fn new(root: &Path) -> Self {
        let uid = rustix::process::getuid().as_raw();
        Machine { root: root.to_owned(), uid, operators: Vec::new(), groups: Vec::new() }
    }

    /// With its operators: users by name or number, and groups all of whose members are.
    pub fn with_operators(
        self,
        users: impl IntoIterator<Item = Arc<str>>,
        groups: impl IntoIterator<Item = Arc<str>>,
    ) -> Self {
        Machine { operators: users.into_iter().collect(), groups: groups.into_iter().collect(), ..self }
    }

    /// Reads everything anew.
    ///
    /// # Errors
    /// Something cannot be read, so that nobody knows who would be cut off.
    pub fn read(&self) -> Result<Vec<Entry>, String> {
        let mut found = Found(Vec::new());
        self.addresses(&mut found)?;
        self.hosts(&mut found);
        let routes = self.routes(&mut found)?;
        for file in ["etc/resolv.conf", RESOLVED] {
            for server in kernel::resolvers(&self.text_if_any(file)?) {
                found.address(server, "resolver");
            }
        }
        self.logins(&routes, &mut found)?;
        self.users(&mut found)?;
        Ok(found.0)
    }

    fn text(&self, path: &str) -> Result<String, String> {
        let path = self.root.join(path);
        // Names in these files need not be UTF-8.
        let bytes = std::fs::read(&path).map_err(|error| cannot(&path, &error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// As [`Machine::text`]; nothing if there is no such file.
    fn text_if_any(&self, path: &str) -> Result<String, String> {
        match self.root.join(path).try_exists() {
            Ok(false) => Ok(String::new()),
            _ => self.text(path),
        }
    }

    fn addresses(&self, found: &mut Found) -> Result<(), String> {
        let own = kernel::own_v4(&self.text("proc/net/fib_trie")?);
        let own6 = kernel::own_v6(&self.text_if_any("proc/net/if_inet6")?);
        for prefix in own.into_iter().chain(own6) {
            found.add(Guarded::Net(prefix), "own address");
        }
        Ok(())
    }

    fn hosts(&self, found: &mut Found) {
        found.add(Guarded::host("localhost"), "this host");
        let name = self.text("proc/sys/kernel/hostname").unwrap_or_default();
        if !name.trim().is_empty() {
            found.add(Guarded::host(name.trim()), "this host");
        }
    }

    /// Every route, and what the default ones need. Half of all addresses counts as a default route:
    /// tunnels divide it so.
    fn routes(&self, found: &mut Found) -> Result<Vec<Route>, String> {
        let mut routes = kernel::routes_v4(&self.text("proc/net/route")?);
        routes.extend(kernel::routes_v6(&self.text_if_any("proc/net/ipv6_route")?));
        for route in routes.iter().filter(|route| route.len <= 1) {
            if let Some(gateway) = route.gateway {
                found.address(gateway, "default gateway");
            }
            found.interface(&route.interface, "default route");
        }
        Ok(routes)
    }

    /// The other ends of every connection to this host's sshd, and the interfaces towards them.
    fn logins(&self, routes: &[Route], found: &mut Found) -> Result<(), String> {
        let mut sockets = kernel::sockets(&self.text("proc/net/tcp")?);
        sockets.extend(kernel::sockets(&self.text_if_any("proc/net/tcp6")?));
        let servers = self.servers().map_err(|error| cannot(&self.root.join("proc"), &error))?;
        let listening: BTreeSet<u16> =
            sockets.iter().filter(|s| s.state == SocketState::Listen).map(|s| s.port).collect();
        let is_login = |socket: &&Socket| {
            // What root accepted may be a login, if nobody may look whose it is.
            let hidden = servers.hidden && socket.uid == 0 && listening.contains(&socket.port);
            socket.state == SocketState::Established && (servers.inodes.contains(&socket.inode) || hidden)
        };
        for socket in sockets.iter().filter(is_login) {
            found.address(socket.peer, "logged in by ssh");
            let peer = Prefix::from(socket.peer);
            let towards = routes.iter().filter(|route| route.to.contains(peer)).max_by_key(|route| route.len);
            if let Some(route) = towards {
                found.interface(&route.interface, "carries an ssh login");
            }
        }
        Ok(())
    }

    /// The sockets of the processes that serve logins.
    fn servers(&self) -> std::io::Result<Servers> {
        let mut servers = Servers::default();
        let proc = self.root.join("proc");
        // Where the first process cannot be seen, others are hidden too (`hidepid`).
        servers.hidden = !proc.join("1/comm").try_exists().unwrap_or(false);
        for entry in std::fs::read_dir(&proc)? {
            let path = entry?.path();
            let is_process = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
            if !is_process || !is_server(&path) {
                continue;
            }
            match inodes(&path, &mut servers.inodes) {
                // It has ended meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) if error.kind() == ErrorKind::PermissionDenied => servers.hidden = true,
                Err(error) => return Err(error),
                Ok(()) => {}
            }
        }
        Ok(servers)
    }

    fn users(&self, found: &mut Found) -> Result<(), String> {
        let passwd = self.text("etc/passwd").unwrap_or_default();
        let known = kernel::users(&passwd);
        // Behind sudo: who logged in.
        let login = self.text("proc/self/loginuid").ok().and_then(|text| text.trim().parse().ok());
        let login = login.filter(|uid| *uid != u32::MAX);
        let own = [(Some(0), "root"), (Some(self.uid), "quell's own"), (login, "logged in")];
        for (uid, reason) in own.into_iter().filter_map(|(uid, reason)| Some((uid?, reason))) {
            found.add(Guarded::Uid(uid), reason);
            for (name, _) in known.iter().filter(|(_, of)| *of == uid) {
                found.add(Guarded::User(Arc::from(*name)), reason);
            }
        }
        found.add(Guarded::User(Arc::from("root")), "root");
        for operator in &self.operators {
            found.add(Guarded::user(operator), "operator");
            let named = |(name, uid): &&(&str, u32)| *name == &**operator || uid.to_string() == **operator;
            for (name, uid) in known.iter().filter(named) {
                if *name != &**operator {
                    found.add(Guarded::User(Arc::from(*name)), "operator");
                }
                found.add(Guarded::Uid(*uid), "operator");
            }
        }
        // Nobody reads the list of groups for nothing.
        let groups = if self.groups.is_empty() { String::new() } else { self.text("etc/group")? };
        for group in &self.groups {
            for (name, uid) in kernel::members(&groups, &passwd, group) {
                let reason = format!("operator: in the group {group}");
                found.add(Guarded::User(Arc::from(name)), &*reason);
                uid.into_iter().for_each(|uid| found.add(Guarded::Uid(uid), &*reason));
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Servers {
    inodes: BTreeSet<u64>,
    /// Not every process that serves logins could be looked into.
    hidden: bool,
}

/// Whether a process serves logins, by its name or by its program.
fn is_server(process: &Path) -> bool {
    let comm = std::fs::read(process.join("comm")).unwrap_or_default();
    let named = SERVERS.iter().any(|name| comm.trim_ascii_end() == name.as_bytes());
    named || {
        let exe = std::fs::read_link(process.join("exe"));
        let name = exe
            .ok()
            .and_then(|exe| Some(exe.file_name()?.to_str()?.trim_end_matches(" (deleted)").to_owned()));
        name.is_some_and(|name| SERVERS.contains(&name.as_str()))
    }
}

/// The sockets that a process has open: links such as `socket:[4711]`.
fn inodes(process: &Path, found: &mut BTreeSet<u64>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(process.join("fd"))? {
        let Ok(to) = std::fs::read_link(entry?.path()) else { continue };
        let number: Option<u64> =
            to.to_str().and_then(|to| to.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
        found.extend(number);
    }
    Ok(())
}

fn cannot(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read who is connected ({}: {error})", path.display())
}
