//! quell: a terminal control console for automated incident response.

pub mod detect;
pub mod engine;
pub mod flow;
pub mod model;
pub mod rule;
pub mod source;
pub mod workflow;
