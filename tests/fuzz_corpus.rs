//! What the fuzz targets found, and what they grow from, over and over: every file of
//! `fixtures/fuzz/TARGET/` goes through its target.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

#[path = "fuzz/bodies/mod.rs"]
mod bodies;

/// Files of one target, and bytes of all.
const MOST_FILES: usize = 60;
const MOST_BYTES: u64 = 1024 * 1024;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz")
}

fn files(target: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(fixtures().join(target)).unwrap_or_else(|error| panic!("{target}: {error}"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn replay(target: &str) {
    let (_, run) = bodies::TARGETS.iter().find(|(name, _)| *name == target).expect("it is in the table");
    let files = files(target);
    assert!(files.len() >= 3, "{target} has nothing to replay");
    let failed: Vec<_> = files
        .into_iter()
        .filter(|path| {
            let bytes = fs::read(path).unwrap();
            catch_unwind(|| run(&bytes)).is_err()
        })
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

macro_rules! targets {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target));
        })*

        #[test]
        fn every_target_is_replayed() {
            let known: Vec<&str> = bodies::TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(known, [$(stringify!($target)),*]);
            for target in known {
                let text = fs::read_to_string(format!("{}/tests/fuzz/targets/{target}.rs", env!("CARGO_MANIFEST_DIR"))).unwrap();
                assert!(text.contains(&format!("quell_fuzz::{target}::run")), "{target}");
            }
        }
    };
}

targets!(decoders frames journal patterns placeholders requests rules safe_text setup);

#[test]
fn the_corpus_stays_small() {
    let mut bytes = 0;
    for (target, _) in bodies::TARGETS {
        let files = files(target);
        assert!(files.len() <= MOST_FILES, "{target} has {} files", files.len());
        bytes += files.iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();
    }
    assert!(bytes <= MOST_BYTES, "{bytes} bytes");
}
