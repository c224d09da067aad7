//! Sigma rules: text in, compiled [`Program`]s in a [`RuleSet`] out. Pure.
//!
//! Sigma 2.1: detection documents (maps, lists, keywords, every modifier, whole conditions), filter
//! documents, and correlation documents of every type, also of correlations. What cannot act is a
//! mistake with its place. Field names are looked up as [`FieldName`] says; an absent field is null; a
//! number or boolean is compared by its text; a keyword stands anywhere in any text value. Values of
//! placeholders (`expand`) are given by a document with the key `placeholders`, or by an indicator list;
//! `quell.list` and `quell.domain` ask such a list too.

mod anomaly;
mod bounds;
mod change;
mod condition;
mod correlation;
mod detection;
mod ends;
mod expression;
mod field;
mod filter;
mod head;
mod index;
pub mod indicator;
mod link;
mod literals;
mod load;
mod modifier;
mod moment;
mod need;
mod origin;
mod pattern;
mod placeholder;
mod rarity;
mod required;
mod room;
mod search;
mod set;
mod text;
mod text_set;
mod texts;

pub use anomaly::Anomaly;
pub use bounds::Bounds;
pub use change::Change;
pub use condition::Condition;
pub use correlation::{Counted, VALUES_PER_GROUP};
pub use field::FieldName;
pub use index::{Candidates, Index, Scope};
pub use load::{Loaded, heads, load, load_sound, load_sound_with, load_with};
pub use origin::Origin;
pub use set::{Correlation, Feed, Program, Rule, RuleSet};
