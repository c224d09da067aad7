//! SIGKILL at any moment is a supported way to stop (C18): the real binary, killed and started again.

mod books;
mod chance;
mod points;
mod replay;
mod service;
mod witness;
