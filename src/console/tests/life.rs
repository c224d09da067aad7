//! Requests and their answers, pasted text, leaving, and an engine that goes away.

use super::super::model::Mode;
use super::super::requests::PATIENCE;
use super::super::update::{Msg, Todo, update};
use super::super::{Ended, Stop};
use super::figures::model;
use super::keys::{grid, on_run, toast};
use super::scenario::{Script, busy};
use super::{press, seen};
use crate::engine::{Actor, Answer, Event, JournalKind};
use crate::model::{RequestId, RunId, Span};
use crate::runtime::feed::FeedItem;
use crate::runtime::link::Answered;

#[test]
fn requests_are_answered_or_given_up() {
    let mut model = on_run(5);
    let what = |model: &mut super::Model, id: u64| {
        let Some(Todo::Send { what, .. }) = press(model, "p").pop() else { panic!("nothing was sent") };
        update(model, Msg::Sent(Some(RequestId(id)), what));
    };
    what(&mut model, 1);
    assert_eq!(toast(&model), "pause run-5: sent");
    let answer = |model: &mut super::Model, id, seq, answer| {
        update(model, Msg::Answer(Answered { id: RequestId(id), seq, answer }));
    };
    answer(&mut model, 1, 0, Answer::Accepted("run-5 is paused".to_owned()));
    assert_eq!(toast(&model), "✓ pause run-5: accepted, run-5 is paused");
    what(&mut model, 2);
    answer(&mut model, 2, 0, Answer::Refused("it has ended".to_owned()));
    assert_eq!(toast(&model), "✗ pause run-5: refused: it has ended");
    what(&mut model, 3);
    let late = Span(model.now.0 + PATIENCE.0);
    assert_eq!(model.expires(), Some(late));
    update(&mut model, Msg::Clock(late));
    assert!(toast(&model).contains("timed out"));
    update(&mut model, Msg::Sent(None, "pause run-5".to_owned()));
    assert!(toast(&model).contains("the engine has stopped"));
    update(&mut model, Msg::Clock(Span::from_secs(1000)));
    model.settle();
    assert_eq!(model.toast, None);
}

#[test]
fn an_answer_does_not_overtake_its_records() {
    let mut script = busy();
    let mut model = model(&script, 120, 40);
    model.runs.select(RunId(5));
    let Some(Todo::Send { seen: saw, what, .. }) = press(&mut model, "p").pop() else { panic!("not sent") };
    update(&mut model, Msg::Sent(Some(RequestId(1)), what));
    let before = script.records.len();
    script
        .say(Event::RunPaused { run: RunId(5), by: Actor("you".into()) })
        .say(Event::RunResumed { run: RunId(5), by: Actor("you".into()) });
    let seq = script.records.len() as u64;
    let answer = Answer::Accepted("run-5 is paused".to_owned());
    update(&mut model, Msg::Answer(Answered { id: RequestId(1), seq, answer: answer.clone() }));
    assert_eq!(toast(&model), "pause run-5: sent", "the replica is behind");
    for (records, shown) in [(before..before + 1, "sent"), (before + 1..before + 2, "accepted")] {
        let news = std::sync::Arc::new(script.records[records].to_vec());
        update(&mut model, Msg::Feed(vec![FeedItem::Records(news)]));
        assert!(toast(&model).contains(shown), "{}", toast(&model));
    }
    let Some(Todo::Send { seen: sees, what, .. }) = press(&mut model, "p").pop() else { panic!("not sent") };
    assert_eq!((saw < sees, sees), (true, Some(seq)), "the next key has seen what the first one did");

    // A feed that does not come does not keep an answer for ever.
    update(&mut model, Msg::Sent(Some(RequestId(2)), what));
    update(&mut model, Msg::Answer(Answered { id: RequestId(2), seq: seq + 9, answer: answer.clone() }));
    assert!(toast(&model).ends_with("sent"));
    let late = Span(model.now.0 + PATIENCE.0);
    update(&mut model, Msg::Clock(late));
    assert!(toast(&model).contains("accepted"), "{}", toast(&model));
    update(&mut model, Msg::Sent(Some(RequestId(3)), "pause run-5".to_owned()));
    update(&mut model, Msg::Answer(Answered { id: RequestId(3), seq: seq + 9, answer }));
    update(&mut model, Msg::Feed(vec![FeedItem::End]));
    assert_eq!(model.requests.under_way(), 0, "nothing more will come");
}

#[test]
fn without_an_engine_or_the_right_nothing_is_sent() {
    let mut model = on_run(5);
    model.read_only = true;
    assert_eq!(press(&mut model, "p"), []);
    assert!(toast(&model).contains("read-only") && seen(&model).contains("RO"));
    let mut model = on_run(5);
    update(&mut model, Msg::Feed(vec![FeedItem::End]));
    assert_eq!(press(&mut model, "pt"), []);
    assert!(toast(&model).contains("the engine has stopped"));
    assert!(seen(&model).contains("STOPPED"));
}

#[test]
fn pasted_text_is_never_a_key() {
    let mut model = on_run(5);
    for text in ["q", "p", "xy", "\u{3}", "y\n"] {
        assert_eq!(update(&mut model, Msg::Paste(text.to_owned())), []);
        assert_eq!(model.mode, Mode::Normal);
    }
    press(&mut model, "x");
    assert_eq!(update(&mut model, Msg::Paste("y".to_owned())), []);
    assert!(matches!(model.mode, Mode::Confirm(_)));
    press(&mut model, "n/");
    update(&mut model, Msg::Paste("brute".to_owned()));
    model.settle();
    assert_eq!(model.runs.order(), [RunId(2)]);
}

#[test]
fn leaving() {
    for keys in ["q", "<C-c>", "x<C-c>", "t<Enter><C-c>", "?<C-c>"] {
        assert_eq!(press(&mut on_run(5), keys), [Todo::End(Ended::Quit)], "{keys}");
    }
    assert_eq!(press(&mut grid(), "<C-z><C-l>"), [Todo::Suspend, Todo::Redraw]);
    let mut script = Script::new();
    script.open(JournalKind::Real).run(1, "contain-scan", &["block"], None);
    let mut model = model(&script, 120, 40);
    assert_eq!(press(&mut model, "q"), []);
    assert!(seen(&model).contains("1 run is live") && seen(&model).contains("REAL"));
    assert_eq!(press(&mut model, "n"), []);
    assert_eq!(press(&mut model, "qy"), [Todo::End(Ended::Quit)]);
    let stopped = update(&mut model, Msg::Stop(Stop::Terminate));
    assert_eq!(stopped, [Todo::End(Ended::Stopped(Stop::Terminate))]);
    assert_eq!(update(&mut model, Msg::Lost), [Todo::End(Ended::TerminalLost)]);
}

#[test]
fn a_screen_that_is_too_small_takes_only_leaving() {
    let mut model = on_run(5);
    update(&mut model, Msg::Resize(50, 12));
    assert_eq!(press(&mut model, "pxty<Enter>"), []);
    assert_eq!(model.mode, Mode::Normal);
    assert!(seen(&model).starts_with("need 60x16, have 50x12"));
    assert_eq!(press(&mut model, "q"), [Todo::End(Ended::Quit)]);
}

#[test]
fn a_broken_feed_is_said() {
    let mut model = grid();
    let mut record = busy().records[3].clone();
    record.seq = 9_999;
    update(&mut model, Msg::Feed(vec![FeedItem::Records(std::sync::Arc::new(vec![record]))]));
    assert!(toast(&model).contains("cannot be followed"));
    let fresh = FeedItem::Snapshot(Box::new(busy().state()));
    update(&mut model, Msg::Feed(vec![fresh]));
    assert!(model.connected, "a snapshot starts anew");
}
