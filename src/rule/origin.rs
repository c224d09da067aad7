//! Which signals a rule is for: Sigma's `logsource`.

use super::texts::text;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Entry, Node};
use crate::model::{LogSource, Value};

/// What a rule asks of a signal's log source; an empty text asks nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    pub product: Box<str>,
    pub service: Box<str>,
    pub category: Box<str>,
}

impl Origin {
    /// Reads the map under `logsource`. Letter case is ignored.
    pub fn read(node: &Node, reader: &mut Reader<'_>) -> Origin {
        let mut origin = Origin::default();
        // `definition` is for people: what must be configured for the log to have these records.
        let keys = ["product", "service", "category", "definition"];
        for Entry { key, value, .. } in reader.mapping(node, "logsource", &keys, &[]).unwrap_or_default() {
            let slot = match key.as_str() {
                "product" => &mut origin.product,
                "service" => &mut origin.service,
                "category" => &mut origin.category,
                _ => continue,
            };
            if value.data != Data::Scalar(Value::Null) {
                *slot = text(reader, value, "a word").unwrap_or_default().to_lowercase().into();
            }
        }
        origin
    }

    /// Whether signals from there are meant.
    pub fn covers(&self, source: &LogSource) -> bool {
        let fits = |asked: &str, given: &str| asked.is_empty() || asked.eq_ignore_ascii_case(given);
        fits(&self.product, &source.product)
            && (self.category.is_empty() || source.categories().any(|one| fits(&self.category, one)))
            && (fits(&self.service, &source.service) || fits(&self.service, &source.also))
    }

    /// Whether this origin asks nothing that the other does not ask too.
    pub fn contains(&self, other: &Origin) -> bool {
        let within = |own: &str, other: &str| own.is_empty() || own == other;
        within(&self.product, &other.product)
            && within(&self.service, &other.service)
            && within(&self.category, &other.category)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rule_leaves_open_fits_everything() {
        let sshd = LogSource {
            product: "linux".into(),
            service: "sshd".into(),
            also: "auth".into(),
            category: "".into(),
        };
        for (product, service, category, expected) in [
            ("", "", "", true),
            ("linux", "", "", true),
            ("", "auth", "", true),
            ("linux", "sshd", "", true),
            ("windows", "", "", false),
            ("linux", "cron", "", false),
            ("linux", "", "process_creation", false),
        ] {
            let origin =
                Origin { product: product.into(), service: service.into(), category: category.into() };
            assert_eq!(origin.covers(&sshd), expected, "{origin:?}");
            assert_eq!(origin.covers(&LogSource::default()), origin == Origin::default());
        }
    }
}
