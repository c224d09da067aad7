//! Every screen at every size, in Unicode and in ASCII.

use std::fmt::Write as _;

use super::super::Model;
use super::super::theme::Theme;
use super::super::update::{Msg, update};
use super::figures::{catalogue, model};
use super::scenario::{Script, busy};
use super::{picture, press, seen};
use crate::engine::JournalKind;
use crate::model::{RunId, Severity, Span};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (60, 16)];

/// One text with a screen at all sizes; ASCII at all sizes behind it.
fn everywhere(prepare: impl Fn(&mut Model)) -> String {
    let mut text = String::new();
    for ascii in [false, true] {
        for (width, height) in SIZES {
            let mut model = model(&busy(), width, height);
            prepare(&mut model);
            model.settle();
            let theme = Theme { colour: true, ascii };
            let screen = picture(&model, &theme);
            if ascii {
                assert!(screen.is_ascii());
            }
            let _ = writeln!(text, "== {width}x{height}{}", if ascii { " ascii" } else { "" });
            text.push_str(&screen);
        }
    }
    text
}

macro_rules! screens {
    ($($name:ident: $prepare:expr;)*) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(everywhere($prepare));
        })*
    };
}

screens! {
    workflows: |m| { press(m, "jjj"); };
    agents: |m| { press(m, "1j"); };
    incidents: |m| { press(m, "3"); };
    latency: |m| { press(m, "4"); };
    throughput: |m| { press(m, "5"); };
    zoomed: |m| { press(m, "1z"); };
    run_detail: |m| { m.runs.select(RunId(2)); press(m, "<Enter>"); };
    incident_detail: |m| { press(m, "3kk<Enter>"); };
    agent_detail: |m| { press(m, "1jjj<Enter>"); };
    rules: |m| { m.live_gauges.rules = std::sync::Arc::new(super::figures::rules()); press(m, "R"); };
    requests: |m| { super::asked_for(m); press(m, "@"); };
    no_requests: |m| { press(m, "@"); };
    help: |m| { press(m, "?"); };
    confirm: |m| { m.runs.select(RunId(3)); press(m, "x"); };
    abandon: |m| { m.runs.select(RunId(2)); press(m, "Xrun-"); };
    trigger_pick: |m| { press(m, "tj"); };
    trigger_form: |m| { press(m, "t<Enter>nonsense<Tab>22"); };
    close: |m| { press(m, "3kkc<Tab>a scanner of ours"); };
    palette: |m| { press(m, ":co"); };
    sorted: |m| { press(m, "3oojj"); };
    filter: |m| { press(m, "/scan"); };
    frozen: |m| { press(m, "f"); };
    ended: |m| { m.live_gauges.ended = true; m.live_gauges.virtual_time = true; };
    nothing_yet: |m| { *m = Model::new(catalogue(), false, m.screen.width, m.screen.height); };
}

#[test]
fn every_size_can_be_drawn() {
    for (width, height) in [(0, 0), (1, 1), (20, 5), (59, 15), (60, 16), (61, 17), (79, 200), (500, 200)] {
        let mut model = model(&busy(), width, height);
        for keys in ["", "L", "1<Down><Enter>", "<Esc>2j<Enter>", "?", "<Esc>t", "<Enter>", "<Esc><Esc>jx"] {
            press(&mut model, keys);
            let screen = seen(&model);
            assert_eq!(screen.lines().count(), usize::from(height));
            if width >= 60 && height >= 16 {
                assert!(screen.contains("DRILL"), "{width}x{height} after {keys}:\n{screen}");
            }
        }
    }
    let tiny = model(&busy(), 20, 5);
    assert!(seen(&tiny).starts_with("need 60x16, have\n20x5\n"));
}

#[test]
fn many_rows_scroll() {
    let mut script = Script::new();
    script.open(JournalKind::Exercise);
    for id in 1..=300 {
        script.run(id, "contain-scan", &["block"], None);
        script.incident(id, "port-scan", Severity::Low, &format!("10.0.0.{id}"), &[]);
    }
    let mut model = model(&script, 80, 24);
    press(&mut model, "G");
    assert!(seen(&model).contains("▌run-1 "), "{}", seen(&model));
    assert!(seen(&model).contains("row 300 of 300"));
    press(&mut model, "3");
    assert!(seen(&model).contains("inc-300 "));
    press(&mut model, "g");
    assert!(seen(&model).contains("inc-1 ") && !seen(&model).contains("inc-300 "));
    update(&mut model, Msg::Resize(60, 16));
    model.settle();
    assert!(seen(&model).contains("inc-1 "));
}

#[test]
fn the_selected_line_stays_where_it_is_while_runs_come() {
    let mut script = busy();
    let mut model = model(&script, 120, 40);
    press(&mut model, "jjj");
    let line = |model: &Model| seen(model).lines().position(|line| line.contains("▌run-3"));
    let before = script.records.len();
    for id in 6..=9 {
        script.run(id, "contain-scan", &["block"], None);
    }
    let news = std::sync::Arc::new(script.records[before..].to_vec());
    update(&mut model, Msg::Feed(vec![crate::runtime::feed::FeedItem::Records(news)]));
    let at = line(&model);
    model.settle();
    assert_eq!(line(&model), at, "rows keep their places after a key");
    update(&mut model, Msg::Clock(Span::from_secs(500)));
    model.settle();
    assert_eq!(model.runs.selected(), Some(RunId(3)));
    assert!(line(&model).is_some());
}
