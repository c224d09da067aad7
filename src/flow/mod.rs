//! Small generic machines that the engine is made of. None of them knows what an incident is.

pub mod backoff;
pub mod machine;
pub mod ring;
pub mod slots;
pub mod timers;
