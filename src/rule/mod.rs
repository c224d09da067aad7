//! Sigma rules: text in, compiled [`Program`]s in a [`RuleSet`] out. Pure.
//!
//! What acts: detection documents (maps, lists, keywords; wildcards; `contains`, `startswith`,
//! `endswith`, `all`, `cased`, `cidr`, `exists`, `lt`, `lte`, `gt`, `gte`; null, numbers, booleans;
//! whole conditions) and correlation documents (`event_count`, `value_count`). Everything else that
//! Sigma knows is a mistake that names it. Field names are looked up as [`FieldName`] says; an
//! absent field is null; a number or boolean is compared by its text.

mod condition;
mod correlation;
mod detection;
mod field;
mod head;
mod load;
mod origin;
mod pattern;
mod search;
mod set;
mod texts;

pub use correlation::{Bounds, Counted, VALUES_PER_GROUP};
pub use field::FieldName;
pub use load::{heads, load};
pub use origin::Origin;
pub use set::{Correlation, Program, Route, Rule, RuleSet};
