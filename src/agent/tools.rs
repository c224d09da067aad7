//! What the agents of one engine work with.

use std::path::Path;
use std::sync::Arc;

use super::builtin::Desk;
use super::exec::Programs;
use super::http::Secrets;
use super::protect::Guard;

/// What the agents of one engine work with.
#[derive(Clone)]
pub struct Tools {
    /// Where builtins write.
    pub desk: Arc<Desk>,
    /// The programs that agents run.
    pub programs: Programs,
    /// What agents may need to be let in.
    pub secrets: Secrets,
    /// What is looked at before each effect: the kill switch, and what is protected.
    pub guard: Arc<Guard>,
}

impl Tools {
    /// In a state folder, without secrets, with a switch of its own and this machine protected. `say`
    /// takes what `notify` says.
    pub fn at(folder: &Path, say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Tools {
            desk: Arc::new(Desk::new(folder, say)),
            programs: Programs::new(folder),
            secrets: Secrets::default(),
            guard: Arc::default(),
        }
    }
}
