//! A setup that was read anew, on its way to the engine (C17).

use std::fmt;
use std::sync::Arc;

use crate::agent::http::Secrets;
use crate::agent::protect::Origins;
use crate::detect::Detector;
use crate::engine::Setup;
use crate::model::Digest;

/// A setup, checked as a whole.
pub struct Fresh {
    /// What the engine works with from now on.
    pub setup: Arc<Setup>,
    /// What its agents may show to servers.
    pub secrets: Secrets,
    /// What is never acted against.
    pub origins: Origins,
    /// Over the paths and texts of its files.
    pub digest: Digest,
    /// What finds things in signals from now on; `None` if no rule has changed. It takes the
    /// windows of rules that mean the same over.
    pub detector: Option<Detector>,
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh").field("digest", &self.digest).finish_non_exhaustive()
    }
}
