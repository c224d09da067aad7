//! Small generic parts, none of which knows what an incident is: the machines that the engine is made
//! of, and the reading of files that people write.

pub mod backoff;
pub mod fault;
pub mod machine;
pub mod reader;
pub mod ring;
pub mod slots;
pub mod timers;
pub mod yaml;
