//! Which signals a rule is for: Sigma's `logsource`.

use super::report::Report;
use super::yaml::{Kind, Node};
use crate::model::LogSource;

/// What a rule asks of a signal's log source; an empty text asks nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    pub product: Box<str>,
    pub service: Box<str>,
    pub category: Box<str>,
}

impl Origin {
    /// Reads the map under `logsource`. Letter case is ignored.
    pub fn read(node: &Node, report: &mut Report) -> Origin {
        let mut origin = Origin::default();
        let Some(entries) = report.map(node, "a map with product, service or category") else {
            return origin;
        };
        for entry in entries {
            let slot = match entry.key.as_str() {
                "product" => &mut origin.product,
                "service" => &mut origin.service,
                "category" => &mut origin.category,
                // For people: what must be configured for the log to have these records.
                "definition" => continue,
                _ => {
                    report.unknown(entry, "logsource", &["product", "service", "category", "definition"]);
                    continue;
                }
            };
            match &entry.value.kind {
                Kind::Null => {}
                _ => {
                    let text = report.text(&entry.value, "a word").unwrap_or_default();
                    *slot = text.to_lowercase().into();
                }
            }
        }
        origin
    }

    /// Whether signals from there are meant.
    pub fn covers(&self, source: &LogSource) -> bool {
        let fits = |asked: &str, given: &str| asked.is_empty() || asked.eq_ignore_ascii_case(given);
        fits(&self.product, &source.product)
            && fits(&self.category, &source.category)
            && (fits(&self.service, &source.service) || fits(&self.service, &source.also))
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
