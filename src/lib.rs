//! quell: a terminal control console for automated incident response.

pub mod agent;
pub mod config;
pub mod engine;
pub mod flow;
pub mod journal;
pub mod model;
pub mod runtime;
pub mod workflow;
