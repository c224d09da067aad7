//! `own` in `settings.yaml`: by what quell knows itself in signals (C36).

use std::net::IpAddr;
use std::sync::Arc;

use crate::detect::OWN_TAG;
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::Node;
use crate::model::SafeText;

/// Entries of a list at most.
const MOST: usize = 64;

/// By what quell knows itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Programs whose log lines are quell's own: no rule is asked about them.
    pub tags: Arc<[Box<str>]>,
    /// Addresses from which its agents connect: what they do starts nothing.
    pub addresses: Arc<[IpAddr]>,
}

impl Default for Own {
    fn default() -> Self {
        Own { tags: Arc::new([Box::from(OWN_TAG)]), addresses: Arc::default() }
    }
}

/// Reads it; what could not be read keeps its default.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Own {
    reader.mapping(node, "own", &["tags", "addresses"], &[]);
    let mut own = Own::default();
    if let Some(tags) = items(reader, node, "tags") {
        own.tags = tags
            .iter()
            .filter_map(|node| reader.line(node, "the name of a program"))
            .map(Box::from)
            .collect();
    }
    if let Some(addresses) = items(reader, node, "addresses") {
        own.addresses = addresses.iter().filter_map(|node| address(reader, node)).collect();
    }
    own
}

fn items<'n>(reader: &mut Reader<'_>, node: &'n Node, key: &str) -> Option<&'n [Node]> {
    let node = node.get(key)?;
    let items = reader.items(node, key);
    if items.len() > MOST {
        reader.wrong(node.at, Fault::new(format!("more than {MOST} entries")));
    }
    Some(&items[..items.len().min(MOST)])
}

fn address(reader: &mut Reader<'_>, node: &Node) -> Option<IpAddr> {
    let text = reader.text(node, "an address")?;
    let parsed: Option<IpAddr> = text.parse().ok();
    if parsed.is_none() {
        let fault = Fault::new(format!("`{}` is not an address", SafeText(text).cut(40)));
        reader.wrong(node.at, fault.hint("write each as `192.0.2.7` or `2001:db8::7`"));
    }
    parsed.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Own, Vec<String>> {
        let mut reader = Reader::new("settings.yaml");
        let node = reader.document(text).unwrap();
        let own = read(&mut reader, &node);
        let mistakes: Vec<String> = reader.into_mistakes().iter().map(ToString::to_string).collect();
        if mistakes.is_empty() { Ok(own) } else { Err(mistakes) }
    }

    #[test]
    fn c36_quell_knows_itself_by_tag_and_address() {
        let own = read_text("addresses: [192.0.2.7, '::ffff:192.0.2.8']").unwrap();
        assert_eq!(own.tags[..], [Box::from("quell")]);
        assert_eq!(own.addresses[..], [IpAddr::from([192, 0, 2, 7]), [192, 0, 2, 8].into()]);
        assert!(read_text("tags: []").unwrap().tags.is_empty());
        let mistakes = read_text("tags: quell\naddresses: [here]\nusers: []").unwrap_err();
        for told in ["settings.yaml:1:7", "`here` is not an address", "unknown key `users`"] {
            assert!(mistakes.iter().any(|mistake| mistake.contains(told)), "{told}: {mistakes:?}");
        }
    }
}
