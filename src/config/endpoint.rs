//! `base`, `headers`, `ca`, `allow`, `max_bytes` and `connect_timeout` of an agent: the server that it asks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use hyper::header::HeaderName;

use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Node, Place};
use crate::model::{Endpoint, HeaderText, Host, Network, PathFault, Reach, SafeText, SecretRef, Span, Word};

const MAX_HEADERS: usize = 32;
const MAX_NETWORKS: usize = 256;
/// Characters of the value of a header that is written out.
const MAX_HEADER: usize = 4096;
const MAX_BYTES: usize = 1024 * 1024;
const MOST_BYTES: u64 = 16 * 1024 * 1024;
const CONNECT_TIMEOUT: Span = Span::from_secs(10);
const MAX_CONNECT_TIMEOUT: Span = Span::from_secs(300);
/// Headers that quell writes, and those that are about the connection.
const OWN_HEADERS: [&str; 15] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "accept-encoding",
    "connection",
    "keep-alive",
    "idempotency-key",
    "user-agent",
    "expect",
    "upgrade",
    "te",
    "trailer",
    "proxy-connection",
];
/// Headers whose value is a secret by nature.
const SECRET_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];

/// A server as far as it could be read, and where the secrets and certificates that it needs are named.
pub(crate) struct EndpointDraft {
    pub endpoint: Arc<Endpoint>,
    /// Secrets of headers.
    pub secrets: Vec<(SecretRef, Place)>,
    /// `ca`.
    pub ca: Option<(Arc<str>, Place)>,
}

/// `base`, taken apart.
struct Base {
    tls: bool,
    host: Host,
    port: u16,
    prefix: Arc<str>,
}

/// Reads the server of an agent.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<EndpointDraft> {
    let base = reader.required(node, "base", "the agent");
    let base = base.and_then(|n| read_base(reader, n).map(|base| (base, n.at)));
    let (headers, secrets) = node.get("headers").map(|n| read_headers(reader, n)).unwrap_or_default();
    let ca = node.get("ca").and_then(|n| Some((absolute(reader, n, "the path of a PEM file")?, n.at)));
    let reach = Reach(node.get("allow").map(|n| read_allow(reader, n)));
    let max_bytes = node.get("max_bytes").and_then(|n| reader.whole(n, "max_bytes", 1, MOST_BYTES));
    let connect_timeout = node.get("connect_timeout").and_then(|n| {
        let span = reader.span(n, "connect_timeout")?;
        if span > MAX_CONNECT_TIMEOUT {
            let message = format!("`connect_timeout` is at most {MAX_CONNECT_TIMEOUT}, found {span}");
            reader.wrong(n.at, Fault::new(message));
        }
        Some(span)
    });
    let (Base { tls, host, port, prefix }, at) = base?;
    if let Host::Address(address) = host
        && let Err(why) = reach.permits(address)
    {
        let fault = Fault::new(format!("{address} is never connected to: {why}"));
        reader.wrong(at, fault.hint(format!("if that is meant, list it: `allow: [{}]`", alone(address))));
    }
    let loopback = matches!(host, Host::Address(address) if address.to_canonical().is_loopback());
    if let Some((_, secret)) = secrets.first().filter(|_| !tls && !loopback) {
        let fault = Fault::new("a secret is not sent over plain http: anybody on the way could read it");
        reader
            .wrong(*secret, fault.hint("use https; plain http is for a loopback address such as 127.0.0.1"));
    }
    if let Some((_, at)) = ca.as_ref().filter(|_| !tls) {
        reader.wrong(*at, Fault::new("`ca` is for https, and `base` is plain http").hint("remove it"));
    }
    let endpoint = Endpoint {
        tls,
        host,
        port,
        prefix,
        headers,
        ca: ca.as_ref().map(|(path, _)| Arc::clone(path)),
        reach,
        max_bytes: max_bytes.and_then(|n| usize::try_from(n).ok()).unwrap_or(MAX_BYTES),
        connect_timeout: connect_timeout.unwrap_or(CONNECT_TIMEOUT),
    };
    Some(EndpointDraft { endpoint: Arc::new(endpoint), secrets, ca })
}

/// The network of one address.
fn alone(address: IpAddr) -> String {
    format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 })
}

fn read_base(reader: &mut Reader<'_>, node: &Node) -> Option<Base> {
    let text = reader.text(node, "the address of a server")?;
    match parse_base(text) {
        Ok(base) => Some(base),
        Err(fault) => {
            reader.wrong(node.at, fault);
            None
        }
    }
}

fn parse_base(text: &str) -> Result<Base, Fault> {
    if text.contains("${") {
        return Err(Fault::new("the base is fixed: a placeholder cannot choose it"));
    }
    let shown = SafeText(text).cut(60);
    let scheme = |scheme| text.strip_prefix(scheme);
    let (tls, rest) = match (scheme("https://"), scheme("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => {
            let fault = Fault::new(format!("expected the address of a server, found `{shown}`"));
            return Err(fault.hint("for example `https://firewall.example:8443/api`"));
        }
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        let fault = Fault::new("user and password do not stand in an address");
        return Err(fault.hint("use `headers: { Authorization: { secret: \"env:NAME\" } }`"));
    }
    let (host, port) = split_port(authority);
    let port = match port {
        None => {
            if tls {
                443
            } else {
                80
            }
        }
        Some(port) => {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            let number = port.parse().ok().filter(|port| digits && *port > 0);
            number.ok_or_else(|| Fault::new(format!("`{}` is not a port", SafeText(port).cut(20))))?
        }
    };
    Ok(Base { tls, host: parse_host(host)?, port, prefix: parse_prefix(path)? })
}

/// `host:port`, `[::1]:port`.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    if authority.starts_with('[') && !authority.contains(']') {
        return (authority, None);
    }
    let bracket = authority.rfind(']').map_or(0, |at| at + 1);
    match authority.get(bracket..).and_then(|rest| rest.rfind(':')) {
        Some(colon) => (&authority[..bracket + colon], Some(&authority[bracket + colon + 1..])),
        None => (authority, None),
    }
}

/// An address has one spelling here: others (`0177.1`, `2130706433`, `0x7f.1`) are read differently by
/// different programs.
fn parse_host(text: &str) -> Result<Host, Fault> {
    let shown = SafeText(text).cut(60);
    if let Some(inside) = text.strip_prefix('[') {
        let address = inside.strip_suffix(']').and_then(|inside| inside.parse::<Ipv6Addr>().ok());
        let address = address.ok_or_else(|| Fault::new(format!("`{shown}` is not an IPv6 address")))?;
        return Ok(Host::Address(address.into()));
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let hexadecimal =
        last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if text.contains(':') {
        Err(Fault::new(format!("`{shown}` is not a host"))
            .hint("an IPv6 address stands in brackets: `[2001:db8::1]`"))
    } else if hexadecimal || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())) {
        let fault = Fault::new(format!("`{shown}` is neither a name nor an address"));
        Err(fault.hint("write an IPv4 address as four decimal numbers without leading zeros"))
    } else if text.len() > 253 || !text.split('.').all(label) {
        let fault = Fault::new(format!("`{shown}` is not a host"));
        Err(fault.hint("a name has letters, digits, `-` and `.`; others in their `xn--` form"))
    } else {
        Ok(Host::Name(text.to_ascii_lowercase().into()))
    }
}

fn parse_prefix(path: &str) -> Result<Arc<str>, Fault> {
    if path.starts_with(['?', '#']) {
        return Err(Fault::new("`base` ends with its path").hint("use `query` of an action"));
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    for segment in path.split('/').skip(1) {
        if segment.is_empty() {
            return Err(Fault::new("an empty segment (`//`) in a path"));
        }
        let fault = Word::parse(segment, &[]).ok().and_then(|word| PathFault::of(&word));
        if let Some(fault) = fault {
            return Err(Fault::new(fault.to_string()));
        }
    }
    Ok(path.into())
}

type Headers = (Vec<(Arc<str>, HeaderText)>, Vec<(SecretRef, Place)>);

fn read_headers(reader: &mut Reader<'_>, node: &Node) -> Headers {
    let (mut headers, mut secrets) = Headers::default();
    let entries = reader.entries(node, "name: value").unwrap_or_default();
    if entries.len() > MAX_HEADERS {
        reader.wrong(node.at, Fault::new(format!("an agent has at most {MAX_HEADERS} headers")));
    }
    for entry in entries {
        let shown = SafeText(&entry.key).cut(60);
        let Ok(name) = HeaderName::from_bytes(entry.key.as_bytes()) else {
            reader.wrong(entry.at, Fault::new(format!("`{shown}` is not the name of a header")));
            continue;
        };
        let name: Arc<str> = Arc::from(name.as_str());
        if OWN_HEADERS.contains(&&*name) {
            let fault = Fault::new(format!("quell writes the header `{shown}` itself"));
            reader.wrong(entry.at, fault.hint("remove it"));
        } else if headers.iter().any(|(other, _)| *other == name) {
            reader.wrong(entry.at, Fault::new(format!("the header `{shown}` comes twice")));
        }
        let Some(text) = read_header(reader, &entry.value, &name) else { continue };
        if let HeaderText::Secret { secret, .. } = &text {
            secrets.push((secret.clone(), entry.value.at));
        }
        headers.push((name, text));
    }
    (headers, secrets)
}

fn read_header(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<HeaderText> {
    if let Data::Map(_) = node.data {
        reader.mapping(node, "a header with a secret", &["secret", "prefix"], &[]);
        let prefix = node.get("prefix").and_then(|n| fixed(reader, n));
        let secret = reader.required(node, "secret", "the header").and_then(|n| read_secret(reader, n));
        return Some(HeaderText::Secret { prefix: prefix.unwrap_or_default().into(), secret: secret? });
    }
    if SECRET_HEADERS.contains(&name) {
        let fault = Fault::new(format!("the value of `{name}` is a secret, and is not written into a setup"));
        reader.wrong(node.at, fault.hint("say where it is found: `{ secret: \"env:NAME\" }`"));
        return None;
    }
    fixed(reader, node).map(|text| HeaderText::Plain(text.into()))
}

/// The fixed value of a header, or its beginning.
fn fixed<'n>(reader: &mut Reader<'_>, node: &'n Node) -> Option<&'n str> {
    let text = reader.text(node, "the value of a header")?;
    let fault = if text.contains("${") {
        Fault::new("the value of a header is fixed: no placeholder stands in it")
    } else if text.len() > MAX_HEADER || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        Fault::new(format!("expected the value of a header: at most {MAX_HEADER} visible ASCII characters"))
    } else {
        return Some(text);
    };
    reader.wrong(node.at, fault);
    None
}

/// `env:NAME`, `file:/absolute/path`. What stands there instead may be the secret itself: it is not shown.
fn read_secret(reader: &mut Reader<'_>, node: &Node) -> Option<SecretRef> {
    let Data::Scalar(crate::model::Value::String(text)) = &node.data else {
        reader.wrong(node.at, Fault::new("expected where a secret is found: `env:NAME` or `file:/path`"));
        return None;
    };
    let variable = |name: &&str| {
        (1..=256).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let path = |path: &&str| path.starts_with('/') && !path.chars().any(char::is_control);
    if let Some(name) = text.strip_prefix("env:").filter(variable) {
        return Some(SecretRef::Env(name.into()));
    }
    if let Some(path) = text.strip_prefix("file:").filter(path) {
        return Some(SecretRef::File(path.into()));
    }
    let fault = Fault::new("expected where a secret is found: `env:NAME` or `file:/path`");
    reader.wrong(
        node.at,
        fault.hint("the secret itself does not stand in a setup; what stands here is not shown"),
    );
    None
}

fn absolute(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Arc<str>> {
    let text = reader.text(node, what)?;
    if !text.starts_with('/') || text.chars().any(char::is_control) {
        reader.expected(node, &format!("{what}, beginning with `/`"));
        return None;
    }
    Some(text.into())
}

fn read_allow(reader: &mut Reader<'_>, node: &Node) -> Vec<Network> {
    let before = reader.noted();
    let items = reader.items(node, "networks that may be connected to");
    if items.is_empty() && reader.noted() == before {
        reader.wrong(node.at, Fault::new("an empty list: nothing could be connected to").hint("remove it"));
    }
    if items.len() > MAX_NETWORKS {
        reader.wrong(node.at, Fault::new(format!("`allow` has at most {MAX_NETWORKS} networks")));
    }
    let mut found = Vec::new();
    for item in items {
        let Some(text) = reader.text(item, "a network") else { continue };
        let whole = text.parse::<IpAddr>().map(alone);
        match Network::parse(whole.as_deref().unwrap_or(text)) {
            Some(network) => found.push(network),
            None => reader.expected(item, "a network such as 10.0.0.0/8"),
        }
    }
    found
}
