//! What Linux says of addresses, routes and connections: the texts of `/proc/net` (proc_net(5)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::engine::protect::Prefix;

/// A route: where to, by whom, through what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub to: Prefix,
    /// Bits of `to` that count, in its own family.
    pub len: u8,
    pub gateway: Option<IpAddr>,
    pub interface: String,
}

/// A TCP connection, or one that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Socket {
    pub port: u16,
    pub peer: IpAddr,
    pub state: SocketState,
    pub uid: u32,
    pub inode: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SocketState {
    Established,
    Listen,
    Other,
}

/// A word of an address as these files write it: in the byte order of the machine.
fn v4(hex: &str) -> Option<Ipv4Addr> {
    (hex.len() == 8).then(|| u32::from_str_radix(hex, 16).ok()).flatten().map(|n| n.to_ne_bytes().into())
}

/// Sixteen bytes in the order of the network.
fn v6(hex: &str) -> Option<Ipv6Addr> {
    (hex.len() == 32).then(|| u128::from_str_radix(hex, 16).ok()).flatten().map(Ipv6Addr::from_bits)
}

/// `/proc/net/route`.
pub(super) fn routes_v4(text: &str) -> Vec<Route> {
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [interface, to, gateway, _, _, _, _, mask] = *fields.get(..8)? else { return None };
        let len = v4(mask)?.to_bits().count_ones() as u8;
        let gateway = v4(gateway).filter(|ip| !ip.is_unspecified()).map(IpAddr::from);
        Some(Route { to: Prefix::new(v4(to)?.into(), len), len, gateway, interface: interface.to_owned() })
    };
    text.lines().skip(1).filter_map(route).collect()
}

/// `/proc/net/ipv6_route`.
pub(super) fn routes_v6(text: &str) -> Vec<Route> {
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (to, len) = (v6(fields.first()?)?, u8::from_str_radix(fields.get(1)?, 16).ok()?);
        let gateway = v6(fields.get(4)?).filter(|ip| !ip.is_unspecified()).map(IpAddr::from);
        let interface = (*fields.get(9)?).to_owned();
        Some(Route { to: Prefix::new(to.into(), len), len, gateway, interface })
    };
    // A machine without IPv6 rejects everything by a route of `lo`.
    text.lines().filter_map(route).filter(|route| route.interface != "lo").collect()
}

/// The prefixes of `/proc/net/fib_trie` that are of this machine: those marked `host LOCAL`.
pub(super) fn own_v4(text: &str) -> Vec<Prefix> {
    let (mut found, mut leaf) = (Vec::new(), None);
    for line in text.lines().map(str::trim_start) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.trim().parse::<Ipv4Addr>().ok();
        } else if let Some((len, _)) = line.strip_prefix('/').and_then(|rest| rest.split_once(" host LOCAL"))
            && let (Some(address), Ok(len)) = (leaf, len.parse())
        {
            found.push(Prefix::new(address.into(), len));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// `/proc/net/if_inet6`.
pub(super) fn own_v6(text: &str) -> Vec<Prefix> {
    let address = |line: &str| Some(Prefix::from(IpAddr::from(v6(line.split_ascii_whitespace().next()?)?)));
    text.lines().filter_map(address).collect()
}

/// `/proc/net/tcp` and `/proc/net/tcp6`.
pub(super) fn sockets(text: &str) -> Vec<Socket> {
    let end = |field: &str| {
        let (address, port) = field.split_once(':')?;
        let address = match address.len() {
            8 => IpAddr::from(v4(address)?),
            32 => {
                let mut bytes = [0; 16];
                for (i, word) in bytes.chunks_exact_mut(4).enumerate() {
                    word.copy_from_slice(&v4(address.get(8 * i..8 * i + 8)?)?.octets());
                }
                Ipv6Addr::from(bytes).to_canonical()
            }
            _ => return None,
        };
        Some((address, u16::from_str_radix(port, 16).ok()?))
    };
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let ((_, port), (peer, _)) = (end(fields.get(1)?)?, end(fields.get(2)?)?);
        let state = match *fields.get(3)? {
            "01" => SocketState::Established,
            "0A" => SocketState::Listen,
            _ => SocketState::Other,
        };
        Some(Socket {
            port,
            peer,
            state,
            uid: fields.get(7)?.parse().ok()?,
            inode: fields.get(9)?.parse().ok()?,
        })
    };
    text.lines().skip(1).filter_map(socket).collect()
}

/// The servers of a resolv.conf(5).
pub(super) fn resolvers(text: &str) -> Vec<IpAddr> {
    let server = |line: &str| {
        let address = line.trim_start().strip_prefix("nameserver")?.split_ascii_whitespace().next()?;
        address.split('%').next()?.parse().ok()
    };
    text.lines().filter_map(server).collect()
}

/// Names and numbers of passwd(5).
pub(super) fn users(text: &str) -> Vec<(&str, u32)> {
    let user = |line: &'_ str| -> Option<u32> { line.split(':').nth(2)?.parse().ok() };
    text.lines()
        .filter_map(|line| Some((line.split(':').next().filter(|n| !n.is_empty())?, user(line)?)))
        .collect()
}

/// Who is in a group, by group(5) and by the group that passwd(5) gives them; with their numbers.
pub(super) fn members<'t>(groups: &'t str, passwd: &'t str, group: &str) -> Vec<(&'t str, Option<u32>)> {
    let known = users(passwd);
    let lines = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut found = Vec::new();
    for fields in lines.filter(|fields| fields.first() == Some(&group)) {
        let names = fields.get(3).into_iter().flat_map(|names| names.split(',')).map(str::trim);
        let own = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let own = own.filter(|user| user.get(3).is_some_and(|of| fields.get(2) == Some(of)));
        let all = names.chain(own.filter_map(|user| user.first().copied())).filter(|name| !name.is_empty());
        for name in all {
            let uid = known.iter().find(|(known, _)| *known == name).map(|(_, uid)| *uid);
            found.push((name, uid));
        }
    }
    found
}
