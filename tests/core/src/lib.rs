//! The pure core and the simulator, without an edge.

#[path = "../../../src/model/mod.rs"]
pub mod model;
#[path = "../../../src/flow/mod.rs"]
pub mod flow;
#[path = "../../../src/workflow/mod.rs"]
pub mod workflow;
#[path = "../../../src/engine/mod.rs"]
pub mod engine;
#[path = "../../../src/sim/mod.rs"]
pub mod sim;

#[cfg(test)]
mod tests;
