//! Where real captures are, if there are any.
#![expect(clippy::disallowed_methods, reason = "tests find the real data through the environment")]

use std::path::{Path, PathBuf};

/// The real data, or `None` (said, and not in CI).
pub fn data(path: &str) -> Option<PathBuf> {
    match std::env::var_os("QUELL_TEST_DATA") {
        Some(root) => Some(Path::new(&root).join(path)),
        None => {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "QUELL_TEST_DATA must be set in CI");
            println!("skipped: QUELL_TEST_DATA is not set");
            None
        }
    }
}
