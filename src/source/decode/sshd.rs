//! What sshd writes in its messages.
//!
//! Whoever logs in chooses the user name, and sshd writes it into the line. So the address is the
//! one in the *last* ` from ADDRESS port N` of a failed login; an accepted user exists on this
//! system, and there it is the first one, because a certificate's text may follow.

use std::net::IpAddr;

/// Whether a program of this name writes them.
pub fn is_sshd(program: &str) -> bool {
    matches!(program, "sshd" | "sshd-session" | "sshd-auth")
}

/// What a message of sshd says about somebody who tries to get in.
#[derive(Debug, Default, PartialEq)]
pub struct Login<'m> {
    pub user: Option<&'m str>,
    pub address: Option<IpAddr>,
    pub port: Option<u16>,
    pub outcome: Option<&'static str>,
    pub method: Option<&'m str>,
}

/// Reads a message.
pub fn login(message: &str) -> Login<'_> {
    let message = message.strip_suffix(" [preauth]").unwrap_or(message);
    if let Some(rest) = message.strip_prefix("Failed ") {
        return attempt(rest, "failure");
    }
    if let Some(rest) = message.strip_prefix("Accepted ") {
        return attempt(rest, "success");
    }
    if let Some(rest) = message.strip_prefix("Invalid user ") {
        return match last_from(rest) {
            Some((user, address, port)) => {
                Login { user: Some(user), address: Some(address), port, ..Login::default() }
            }
            None => Login::default(),
        };
    }
    Login { address: peer(message), ..Login::default() }
}

/// `METHOD for [invalid user ]USER from ADDRESS port N ssh2`
fn attempt<'m>(text: &'m str, outcome: &'static str) -> Login<'m> {
    let Some((method, rest)) = text.split_once(" for ") else { return Login::default() };
    let rest = rest.strip_prefix("invalid user ").unwrap_or(rest);
    let found = if outcome == "success" { first_from(rest) } else { last_from(rest) };
    let Some((user, address, port)) = found else { return Login::default() };
    Login { user: Some(user), address: Some(address), port, outcome: Some(outcome), method: Some(method) }
}

type Origin<'m> = (&'m str, IpAddr, Option<u16>);

fn last_from(text: &str) -> Option<Origin<'_>> {
    text.rmatch_indices(" from ").find_map(|(at, mark)| origin(text, at, mark.len()))
}

fn first_from(text: &str) -> Option<Origin<'_>> {
    text.match_indices(" from ").find_map(|(at, mark)| origin(text, at, mark.len()))
}

/// What stands before the mark, and the address and port after it.
fn origin(text: &str, at: usize, mark: usize) -> Option<Origin<'_>> {
    let mut words = text.get(at + mark..)?.split(' ');
    let address = words.next()?.parse().ok()?;
    let port = match (words.next(), words.next()) {
        (Some("port"), Some(port)) => Some(port.trim_end_matches(':').parse().ok()?),
        (None, _) => None,
        _ => return None,
    };
    Some((text.get(..at)?, address, port))
}

/// The other end in messages that name no login.
fn peer(message: &str) -> Option<IpAddr> {
    let after = |mark: &str| message.split_once(mark).map(|(_, rest)| rest);
    let leading = |text: &str| {
        let word = text.split([' ', ']']).next().unwrap_or_default();
        word.trim_end_matches(':').parse().ok()
    };
    if message.starts_with("pam_unix(") || message.starts_with("PAM ") {
        return after(" rhost=").and_then(leading);
    }
    if message.starts_with("reverse mapping checking getaddrinfo for ") {
        return after(" [").and_then(leading);
    }
    const LAST_WORDS: [&str; 3] = ["Connection closed by ", "Connection reset by ", "Disconnected from "];
    if LAST_WORDS.iter().any(|start| message.starts_with(start)) {
        let head = message.rsplit_once(" port ").map_or(message, |(head, _)| head);
        return head.rsplit(' ').next().and_then(leading);
    }
    const FIRST_WORD: [&str; 4] = [
        "Received disconnect from ",
        "error: Received disconnect from ",
        "Did not receive identification string from ",
        "Connection from ",
    ];
    FIRST_WORD.iter().find_map(|start| message.strip_prefix(start)).and_then(leading)
}
