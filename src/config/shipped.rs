//! The setups that are part of the program.

/// Files by path within their setup, with their texts.
type Files = &'static [(&'static str, &'static str)];

macro_rules! embed {
    ($folder:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../config/", $folder, "/", $path)))),*]
    };
}

const EXERCISE: Files = embed![
    "exercise":
    "agents/aegis.yaml",
    "agents/apex.yaml",
    "agents/cipher.yaml",
    "agents/fortress.yaml",
    "agents/omniscient.yaml",
    "agents/phantom.yaml",
    "agents/quell.yaml",
    "agents/stream.yaml",
    "rules/anomalous-traffic.yml",
    "rules/brute-force.yml",
    "rules/port-scan.yml",
    "settings.yaml",
    "workflows/block-address.yaml",
    "workflows/contain-port-scan.yaml",
    "workflows/isolate-anomaly.yaml",
    "workflows/stop-brute-force.yaml",
];

const LINUX: Files = embed![
    "linux":
    "agents/aegis.yaml",
    "agents/apex.yaml",
    "agents/cipher.yaml",
    "agents/fortress.yaml",
    "agents/omniscient.yaml",
    "agents/phantom.yaml",
    "agents/stream.yaml",
    "host/quell.nft",
    "rules/anomalous-traffic.yml",
    "rules/brute-force.yml",
    "rules/port-scan.yml",
    "settings.yaml",
    "workflows/contain-port-scan.yaml",
    "workflows/isolate-anomaly.yaml",
    "workflows/stop-brute-force.yaml",
];

/// A setup that ships.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shipped {
    /// A host or gateway that defends itself.
    Linux,
    /// The exercise.
    Exercise,
}

impl Shipped {
    /// Its files, sorted by path.
    pub fn files(self) -> Files {
        match self {
            Shipped::Linux => LINUX,
            Shipped::Exercise => EXERCISE,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Folder, load};

    #[test]
    fn every_file_of_a_shipped_folder_is_part_of_the_program() {
        for (shipped, name) in [(Shipped::Linux, "linux"), (Shipped::Exercise, "exercise")] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
            let mut on_disk = Vec::new();
            let mut folders = vec![folder.clone()];
            while let Some(next) = folders.pop() {
                for entry in std::fs::read_dir(next).unwrap() {
                    let path = entry.unwrap().path();
                    match path.is_dir() {
                        true => folders.push(path),
                        false => on_disk.push(path.strip_prefix(&folder).unwrap().display().to_string()),
                    }
                }
            }
            on_disk.sort();
            let held: Vec<&str> = shipped.files().iter().map(|(path, _)| *path).collect();
            assert_eq!(held, on_disk, "{name}");
        }
        assert!(load(&Folder::embedded()).is_ok());
    }
}
