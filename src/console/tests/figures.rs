//! Figures and a catalogue to go with a script.

use serde_json::json;

use super::super::Model;
use super::scenario::{START, Script};
use crate::model::{Span, Timestamp, ValueType};
use crate::runtime::gauges::{BookTotals, Gauges, Stage};
use crate::runtime::link::{Catalogue, Offer, OfferedInput};

/// Of a replay that is well under way.
pub fn gauges(now: Timestamp) -> Gauges {
    let mut gauges = Gauges {
        now,
        started: START,
        source: "replay exercise.log".to_owned(),
        speed: Some(1.0),
        progress: Some(0.387),
        books: BookTotals {
            received: 40_321,
            processed: 40_290,
            late: 3,
            undecodable: 2,
            queued: 29,
            ..BookTotals::default()
        },
        queue: (29, 1_024),
        per_second: (0..120).map(|i| if i % 30 < 20 { 300 + i * 6 } else { 4 }).collect(),
        ..Gauges::default()
    };
    for i in 0..200_u64 {
        gauges.latencies.record(Stage::Step, Span(900 + i * i * 4));
        gauges.latencies.record(Stage::SignalToDetection, Span(20 + i));
    }
    gauges.latencies.record(Stage::Step, Span::from_secs(12));
    gauges
}

pub fn catalogue() -> Catalogue {
    let input = |name: &str, kind, required, default: Option<&str>| OfferedInput {
        name: name.into(),
        kind,
        required,
        default: default.map(|text| json!(text)),
        description: Some(format!("what {name} means").into()),
    };
    let scan = vec![
        input("address", ValueType::Address, true, None),
        input("port", ValueType::Port, false, None),
        input("for", ValueType::Duration, false, Some("1h")),
    ];
    let offer = |name: &str, description: &str, asks_live, inputs| Offer {
        name: name.into(),
        description: description.into(),
        inputs,
        asks_live,
    };
    let host = vec![input("host", ValueType::Host, true, None)];
    Catalogue {
        workflows: vec![
            offer("contain-scan", "Block a scanner and tell people", false, scan),
            offer("isolate-host", "Cut a host off", true, host),
            offer("all-hands", "Tell everybody", false, Vec::new()),
        ],
    }
}

/// A console that has seen a script.
pub fn model(script: &Script, width: u16, height: u16) -> Model {
    let mut model = Model::new(catalogue(), false, width, height);
    model.live = script.state();
    model.live_gauges = gauges(script.at);
    model.now = Span::from_secs(100);
    model.settle();
    model
}

/// Figures of two rules and a list.
pub fn rules() -> crate::detect::Figures {
    use crate::detect::{Figures, ListFigures, RuleFigures};
    let rule = |name: &str, level, hits, nanos: Option<u64>| RuleFigures {
        id: name.into(),
        name: name.into(),
        level,
        author: Some("A. \u{1b}[2J Nother".into()),
        correlation: nanos.is_none(),
        hits,
        last: (hits > 0).then(|| Timestamp::from_secs(1_773_482_531)),
        asked: 100,
        nanos,
    };
    let list = ListFigures {
        name: "bad-hosts".into(),
        kind: "domain".to_owned(),
        entries: 1_000_000,
        memory: 50_000_000,
        hits: 3,
        last: Some(Timestamp::from_secs(1_773_482_531)),
        digest: String::new(),
        not_understood: 0,
    };
    Figures {
        count: 3_141,
        rules: vec![
            rule("port-scan", crate::model::Severity::High, 1_204, None),
            rule("failed-login", crate::model::Severity::Low, 17, Some(1_320)),
            rule("never", crate::model::Severity::Critical, 0, Some(85)),
        ],
        lists: vec![list],
    }
}
