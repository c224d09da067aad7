//! The hard state.
/// Placeholder until the fold lands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State;
/// Counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts;
