//! quell: a terminal control console for automated incident response.

pub mod console;
pub mod engine;
pub mod flow;
pub mod model;
pub mod runtime;
pub mod workflow;
