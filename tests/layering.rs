//! Who may import whom: one table, checked against every `crate::` path in `src`.

use std::fs;
use std::path::{Path, PathBuf};

/// Bottom up: a layer may import itself and the layers above it in this list.
const LAYERS: &[&str] = &[
    "model", "flow", "rule", "workflow", "detect", "engine", "journal", "agent", "source", "runtime",
    "config", "sim", "control", "notify", "console", "bench", "cli",
];

/// The pure core knows none of these.
const PURE: &[&str] = &["model", "flow", "rule", "workflow", "detect", "engine"];
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::io",
    "std::env",
    "std::net::Tcp",
    "std::net::Udp",
    "std::thread",
    "std::process",
    "Instant",
    "SystemTime",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "Mutex",
    "RwLock",
    "std::sync::mpsc",
    "rusqlite",
    "rustix",
    "crossterm",
    "ratatui",
    "tracing",
    "println!",
    "eprintln!",
];

/// What only these layers may name.
const KEPT: &[(&str, &[&str])] = &[
    ("ratatui", &["console", "cli"]),
    ("crossterm", &["console"]),
    ("rusqlite", &["journal", "bench"]),
    ("println!", &["cli"]),
    ("eprintln!", &["cli"]),
    ("clap", &["cli"]),
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file without comments, so that prose may name anything.
fn code(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines.map(|(i, line)| (i + 1, line.split(" // ").next().unwrap_or(line))).collect()
}

/// The layers named by `crate::a::…` or `crate::{a::…, b::…}` in a line.
fn imports(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (i, _) in line.match_indices("crate::") {
        let rest = &line[i + "crate::".len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        found.push(&rest[..end]);
    }
    found
}

#[test]
fn each_layer_imports_only_layers_above_it_in_the_table() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 30, "found {} files in {}", files.len(), src.display());
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&src).unwrap();
        let layer = relative.components().next().unwrap().as_os_str().to_str().unwrap().to_owned();
        if layer.ends_with(".rs") {
            continue; // main.rs and lib.rs see everything
        }
        let Some(rank) = LAYERS.iter().position(|known| *known == layer) else {
            wrong.push(format!("src/{layer} is not in the table of layers"));
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in code(&text) {
            let at = format!("src/{}:{number}", relative.display());
            for import in imports(line) {
                match LAYERS.iter().position(|known| *known == import) {
                    Some(other) if other > rank => wrong.push(format!("{at}: {layer} imports {import}")),
                    Some(_) => {}
                    None if import == "states" => {}
                    None => wrong.push(format!("{at}: `crate::{import}` is not a layer")),
                }
            }
            if PURE.contains(&layer.as_str()) {
                let impure = IMPURE.iter().filter(|name| line.contains(*name));
                wrong.extend(impure.map(|name| format!("{at}: the pure core names {name}")));
            }
            for (name, allowed) in KEPT {
                if line.contains(name) && !allowed.contains(&layer.as_str()) {
                    wrong.push(format!("{at}: {name} belongs to {}", allowed.join(", ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
