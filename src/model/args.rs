//! The arguments of an action.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Map, Value};

/// Values by name, in order of name. An action is kept for every step of every run: this takes a
/// tenth of the room of a [`Map`], and shares its names with the catalogue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Args(Box<[(Arc<str>, Value)]>);

impl Args {
    /// The value of one.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(own, _)| **own == *name).map(|(_, value)| value)
    }

    /// Whether there is one of this name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each with its name, in order of name.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

/// Of two with one name, the first stays.
impl FromIterator<(Arc<str>, Value)> for Args {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(values: I) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(|(a, _), (b, _)| a.cmp(b));
        values.dedup_by(|(later, _), (earlier, _)| later == earlier);
        Args(values.into())
    }
}

impl From<Map> for Args {
    fn from(map: Map) -> Self {
        map.into_iter().map(|(name, value)| (Arc::from(name), value)).collect()
    }
}

impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Args {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Args::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_stored_as_a_map_is() {
        let json = r#"{"address":"192.0.2.1","expires":"1h","port":22}"#;
        let args: Args = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&args).unwrap(), json);
        assert_eq!(args.get("port"), Some(&Value::from(22)));
        assert!(!args.contains_key("ports") && !args.is_empty());
        let turned: Args = args.iter().rev().map(|(name, value)| (Arc::from(name), value.clone())).collect();
        assert_eq!(turned, args);
    }
}
