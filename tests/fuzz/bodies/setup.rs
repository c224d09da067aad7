//! A setup: whatever its files say, it is read or refused with its places; what was read is one that an
//! engine works with.

use std::sync::Arc;

use quell::agent::http::Secrets;
use quell::config::{Folder, load, report};
use quell::engine::{Actor, Engine, Input, Request, State};
use quell::model::{Map, RequestId, Timestamp};

use super::{pieces, rules::in_its_place};

/// Files, each after a line `%% PATH`; what comes first is `settings.yaml`.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let files = pieces(&text)
        .into_iter()
        .map(|(path, text)| (if path.is_empty() { "settings.yaml" } else { path }, text));
    let folder = Folder::from_texts("setup", files.clone());
    let loaded = load(&folder);
    assert!(!report(&folder, &loaded, &Secrets::default()).is_empty());
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            let read: Vec<_> = files.collect();
            // Of two files of one path the last one counts.
            mistakes.iter().for_each(|mistake| in_its_place(mistake, read.iter().rev().copied()));
            return;
        }
    };
    assert_eq!(loaded.digest, folder.digest());
    let setup = Arc::new(loaded.setup);
    let mut now = Timestamp::from_secs(1_800_000_000);
    let (mut engine, opening) = Engine::new(Arc::clone(&setup), "fuzz", 7, now);
    let mut records = opening.records;
    for (id, name) in setup.workflows.keys().enumerate() {
        for request in [
            Request::Arm { workflow: Arc::clone(name) },
            Request::Trigger { workflow: Arc::clone(name), inputs: Map::new() },
        ] {
            let (id, by) = (RequestId(id as u64), Actor("ann (uid 1000)".into()));
            records.extend(engine.handle(Input::Request { id, by, seen: None, request }, now).records);
        }
    }
    for _ in 0..20 {
        let Some(next) = engine.next_deadline() else { break };
        now = now.max(next);
        records.extend(engine.handle(Input::Tick, now).records);
    }
    let mut replica = State::new();
    for record in &records {
        replica.apply(record).expect("the engine's own records");
    }
    assert!(replica == *engine.state(), "the folded records are not the state of the engine");
}
