//! The condition of a correlation: `{gte: 10}`, `{gt: 5, lte: 20}`, `{field: bytes_out, gte: 1e9}`.

use super::texts::{text, texts};
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Entry, Place};
use crate::model::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    Other,
}

const RELATIONS: [(&str, Relation); 6] = [
    ("gt", Relation::Above),
    ("gte", Relation::AtLeast),
    ("lt", Relation::Below),
    ("lte", Relation::AtMost),
    ("eq", Relation::Equal),
    ("neq", Relation::Other),
];

/// For which measures of a window a correlation fires: all of these hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bounds(Vec<(Relation, f64)>);

/// A condition as read.
pub struct Read {
    pub bounds: Bounds,
    pub fields: Vec<(Place, String)>,
    pub percentile: Option<f64>,
}

impl Bounds {
    /// That many or more.
    pub fn at_least(count: f64) -> Bounds {
        Bounds(vec![(Relation::AtLeast, count)])
    }

    /// Whether the measure lies within.
    pub fn hold(&self, measure: f64) -> bool {
        self.0.iter().all(|(relation, limit)| match relation {
            Relation::Above => measure > *limit,
            Relation::AtLeast => measure >= *limit,
            Relation::Below => measure < *limit,
            Relation::AtMost => measure <= *limit,
            Relation::Equal => measure == *limit,
            Relation::Other => measure != *limit,
        })
    }

    /// How far from zero, upwards and downwards, the nearest measure is that holds; `None` if there is none
    /// that way.
    pub fn edges(&self) -> (Option<f64>, Option<f64>) {
        let of = |up: bool| {
            let limits = self.0.iter().filter_map(|(relation, limit)| match (relation, up) {
                (Relation::Above | Relation::AtLeast, true) if *limit > 0.0 => Some(*limit),
                (Relation::Below | Relation::AtMost, false) if *limit < 0.0 => Some(-*limit),
                _ => None,
            });
            limits.reduce(f64::min)
        };
        (of(true), of(false))
    }

    /// No count below this one can hold.
    pub fn least(&self) -> f64 {
        let least = self.0.iter().map(|(relation, limit)| match relation {
            Relation::Above => limit.floor() + 1.0,
            Relation::AtLeast | Relation::Equal => limit.ceil(),
            Relation::Below | Relation::AtMost | Relation::Other => 1.0,
        });
        least.fold(1.0, f64::max)
    }

    /// Whether it holds for some count of 1 or more.
    pub fn can_count(&self) -> bool {
        let least = self.least();
        self.hold(least) || self.hold(least + 1.0)
    }

    /// Reads the map. `percentile` is a key of its own for one type only.
    pub fn read(entry: &Entry, percentile: bool, reader: &mut Reader<'_>) -> Option<Read> {
        let mut keys: Vec<&str> = RELATIONS.iter().map(|(name, _)| *name).chain(["field"]).collect();
        if percentile {
            keys.push("percentile");
        }
        let entries = reader.mapping(&entry.value, "condition", &keys, &[])?;
        let before = reader.noted();
        let mut read = Read { bounds: Bounds::default(), fields: Vec::new(), percentile: None };
        for Entry { at, key, value } in entries {
            match (key.as_str(), RELATIONS.iter().find(|(name, _)| name == key)) {
                ("field", _) => {
                    let names = match value.data {
                        Data::List(_) => texts(reader, value, "a field name"),
                        _ => {
                            text(reader, value, "a field name").map(|name| (*at, name)).into_iter().collect()
                        }
                    };
                    read.fields.extend(names.into_iter().map(|(_, name)| (*at, name)));
                }
                ("percentile", _) => match number(&value.data).filter(|rank| (0.0..=100.0).contains(rank)) {
                    Some(rank) => read.percentile = Some(rank),
                    None => reader.expected(value, "percentile: a number from 0 to 100"),
                },
                (_, Some((_, relation))) => match number(&value.data) {
                    Some(limit) => read.bounds.0.push((*relation, limit)),
                    None => reader.expected(value, &format!("{key}: a number")),
                },
                _ => {}
            }
        }
        if reader.noted() > before {
            return None;
        }
        if read.bounds.0.is_empty() {
            let fault = Fault::new("expected one of gt, gte, lt, lte, eq, neq in the condition");
            reader.wrong(entry.at, fault);
            return None;
        }
        Some(read)
    }
}

fn number(data: &Data) -> Option<f64> {
    match data {
        Data::Scalar(Value::Number(number)) => number.as_f64().filter(|number| number.is_finite()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Relation::*;

    #[test]
    fn bounds_hold() {
        for (bounds, least, can, holds) in [
            (vec![(AtLeast, 3.0)], 3.0, true, [false, false, true, true]),
            (vec![(Above, 1.0), (Below, 4.0)], 2.0, true, [false, true, true, false]),
            (vec![(Equal, 2.0)], 2.0, true, [false, true, false, false]),
            (vec![(Other, 1.0)], 1.0, true, [false, true, true, true]),
            (vec![(AtMost, 2.0)], 1.0, true, [true, true, false, false]),
            (vec![(Below, 1.0)], 1.0, false, [false; 4]),
            (vec![(AtLeast, 5.0), (Below, 5.0)], 5.0, false, [false; 4]),
            (vec![(Equal, 1.5)], 2.0, false, [false; 4]),
        ] {
            let bounds = Bounds(bounds);
            assert_eq!((bounds.least(), bounds.can_count()), (least, can), "{bounds:?}");
            assert_eq!([1.0, 2.0, 3.0, 4.0].map(|count| bounds.hold(count)), holds, "{bounds:?}");
        }
    }
}
