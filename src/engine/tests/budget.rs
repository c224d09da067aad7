//! How much is done without a person, and for whom.

use std::sync::Arc;

use super::world::{START, World, real};
use crate::engine::{Budget, Input, Setup};
use crate::model::{Detection, DetectionId, RuleHead, Severity, Span};

const BLOCK: &str = "
workflow: block
inputs: { address: { type: text } }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${inputs.address}' } }
";

fn within(text: &str, budget: Budget) -> World {
    let mut setup = Setup::clone(&real(&[text]));
    setup.limits.budgets = vec![Budget { action: "block".into(), ..budget }];
    let mut world = World::of(Arc::new(setup));
    world.play("arm block");
    world
}

/// Blocks an address to the end; says whether somebody was asked, and why.
fn block(world: &mut World, address: &str) -> Option<String> {
    let told = world.play(&format!("trigger block address={address}"));
    match told.split_once(" ASKS ") {
        Some((_, why)) => Some(why.lines().next().unwrap().to_owned()),
        None => {
            world.play("ok a");
            None
        }
    }
}

#[test]
fn c28_an_hour_holds_so_many_targets_and_no_more() {
    let mut world = within(BLOCK, Budget { per_hour: Some(300), ..Budget::default() });
    assert_eq!(block(&mut world, "192.0.2.0/24"), None);
    assert_eq!(block(&mut world, "198.51.100.1"), None);
    let why = block(&mut world, "203.0.113.0/26").unwrap();
    assert!(why.contains("over budget by 21: `block` per hour: 321, at most 300 without asking"), "{why}");
    // What waits was not done, so that there is still room for others; and a restart forgets nothing.
    world.crash();
    assert_eq!(block(&mut world, "203.0.113.1"), None);
    assert_eq!(world.engine.state().account("block").unwrap().last_hour(world.now), 258);
    assert!(world.play("approve run-3 a").contains("run-3 a starts (1): block 203.0.113.0/26"));
    assert_eq!(world.engine.state().account("block").unwrap().last_hour(world.now), 322);
    world.now = world.now + Span::from_secs(3_700);
    assert_eq!(block(&mut world, "203.0.113.0/24"), None);
}

#[test]
fn c28_so_many_targets_are_in_force_at_once() {
    let mut world = within(BLOCK, Budget { total: Some(2), ..Budget::default() });
    assert_eq!((block(&mut world, "a"), block(&mut world, "b")), (None, None));
    world.now = world.now + Span::from_secs(86_400);
    assert!(block(&mut world, "c").unwrap().contains("`block` in force: 3, at most 2"));
    let actions = world.engine.state().targets_in_force("block", world.now);
    assert_eq!(actions, 2);
}

#[test]
fn c28_a_large_prefix_is_a_persons_decision() {
    let prefixes = Budget { prefix4: Some(24), prefix6: Some(64), ..Budget::default() };
    for (address, asks) in [
        ("192.0.2.0/24", None),
        ("192.0.2.0/23", Some("192.0.2.0/23 is a larger prefix than /24")),
        ("2001:db8::/64", None),
        ("2001:db8::/63", Some("2001:db8::/63 is a larger prefix than /64")),
        ("192.0.2.1,10.0.0.0/8", Some("10.0.0.0/8 is a larger prefix than /24")),
        ("web-1", None),
    ] {
        let mut world = within(BLOCK, prefixes.clone());
        let why = block(&mut world, address);
        match asks {
            None => assert_eq!(why, None, "{address}"),
            Some(part) => assert!(why.as_ref().is_some_and(|why| why.contains(part)), "{address}: {why:?}"),
        }
    }
}

#[test]
fn c28_a_workflow_has_a_limit_of_its_own() {
    let text = BLOCK.replace("steps:", "limits: { targets: 2 }\nsteps:");
    let mut world = within(&text, Budget { per_hour: Some(2), ..Budget::default() });
    assert_eq!((block(&mut world, "a"), block(&mut world, "b")), (None, None));
    let why = block(&mut world, "c").unwrap();
    for part in ["`block` per hour: 3", "targets of `block` per hour: 3, at most 2"] {
        assert!(why.contains(part), "{part} in {why}");
    }
}

/// An attempt is no target of its own.
#[test]
fn c28_a_step_counts_once_however_often_it_is_tried() {
    let text = BLOCK.replace("action: block,", "action: block, retry: { attempts: 3, backoff: 1s },");
    let mut world = within(&text, Budget::default());
    world.play("trigger block address=a\n fail a\n wait 5s\n fail a\n wait 9s\n ok a");
    assert_eq!(world.engine.state().account("block").unwrap().last_hour(world.now), 1);
}

const SCAN: &str = "
workflow: block
trigger: { rule: scan }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${detection.source_ip}' } }
  - { id: b, role: BELL, action: tell, needs: [a], with: { text: 'from ${detection.source_ip}' }, undo: 'none: said' }
";

fn detect(world: &mut World, source: &str, proven: Option<bool>, count: u64) -> String {
    let head = RuleHead {
        id: "scan".into(),
        name: "scan".into(),
        title: "scan".into(),
        level: Severity::High,
        tags: vec![],
        author: None,
    };
    let mut fields = crate::model::Map::new();
    fields.insert("source_ip".to_owned(), source.into());
    if let Some(proven) = proven {
        fields.insert("proven".to_owned(), proven.into());
    }
    world.input(Input::Detection(Detection {
        id: DetectionId(source.bytes().map(u64::from).sum::<u64>().to_be_bytes()),
        rule: Arc::new(head),
        at: START,
        since: START,
        key: source.into(),
        count,
        fields,
        evidence: vec![],
    }))
}

/// C28: what was never proven may be forged, so that a person decides whether it is blocked.
#[test]
fn c28_an_unproven_source_is_blocked_by_a_person_only() {
    for (proven, asks) in [(Some(true), false), (Some(false), true), (None, true)] {
        let mut world = World::of(real(&[SCAN]));
        world.play("arm block");
        let told = detect(&mut world, "192.0.2.7", proven, 1);
        assert_eq!(told.contains("no handshake proves that 192.0.2.7 is not forged"), asks, "{told}");
        assert_eq!(told.contains("a starts (1)"), !asks, "{told}");
        // To tell people is not to block.
        let told = world.play(if asks { "approve run-1 a\n ok a\n ok b" } else { "ok a\n ok b" });
        assert!(told.contains("run-1 COMPLETED"), "{told}");
    }
    // A drill blocks nobody. It shows what it would have asked.
    let mut world = World::new(&[SCAN]);
    let told = detect(&mut world, "192.0.2.7", None, 1);
    assert!(told.contains("a starts (1)"), "{told}");
    let run = world.engine.state().runs().next().unwrap();
    assert_eq!(run.unproven_source().map(|ip| ip.to_string()).as_deref(), Some("192.0.2.7"));
}

#[test]
fn a_source_that_is_proven_by_the_time_it_is_blocked_is_not_asked_about() {
    let text = SCAN.replace("- { id: a,", "- { id: first, role: BELL, action: tell, with: { text: x }, undo: 'none: said' }\n  - { id: a, needs: [first],");
    let mut world = World::of(real(&[&text]));
    world.play("arm block");
    detect(&mut world, "192.0.2.7", Some(false), 1);
    world.now = world.now + Span::from_secs(5);
    detect(&mut world, "192.0.2.7", Some(true), 2);
    world.play("wait 2s");
    let told = world.play("ok first");
    assert!(told.contains("a starts (1)") && !told.contains("ASKS"), "{told}");
}

/// C28: an attempt that is tried again was permitted with the first one.
#[test]
fn c28_a_second_attempt_is_not_asked_about() {
    let text =
        BLOCK.replace("action: block,", "action: block, retry: { attempts: 2, backoff: 1s, jitter: 0% },");
    let mut world = within(&text, Budget { per_hour: Some(1), ..Budget::default() });
    let told = world.play("trigger block address=a\n fail a\n wait 1s");
    assert!(told.contains("a starts (2)") && !told.contains("ASKS"), "{told}");
}

/// C28: over budget, silence is no consent; and no is no.
#[test]
fn c28_over_budget_nothing_begins_by_itself() {
    for (on_timeout, then) in
        [("approve", "run-1 PARKED"), ("park", "run-1 PARKED"), ("deny", "run-1 FAILED")]
    {
        let approval = format!("action: block, approval: {{ timeout: 10m, on_timeout: {on_timeout} }},");
        let text = BLOCK.replace("action: block,", &approval);
        let mut world = within(&text, Budget { prefix4: Some(24), ..Budget::default() });
        let told = world.play("trigger block address=10.0.0.0/8\n wait 10m");
        assert!(told.contains("ASKS 1 for 10m") && told.contains(then), "{on_timeout}: {told}");
        assert!(!told.contains("starts"), "{on_timeout}: {told}");
    }
}

/// C28: only what is in force now, and by that action, counts as in force.
#[test]
fn c28_what_has_ended_or_is_of_another_action_is_not_in_force() {
    let text = BLOCK.replace("action: block, with", "action: block, expires: 10m, with");
    let other = BLOCK.replace("workflow: block", "workflow: other").replace("action: block", "action: once");
    let mut world = World::new(&[&text, &other]);
    world.play("trigger block address=192.0.2.0/30\n ok a\n trigger other address=x\n ok run-2/a");
    let until = START + Span::from_secs(601);
    for (action, now, count) in [
        ("block", START, 4),
        ("block", until - Span(1), 4),
        ("block", until, 0),
        ("block", until + Span(1), 0),
        ("once", START, 1),
        ("once", until + Span::from_secs(86_400), 1),
        ("tell", START, 0),
    ] {
        assert_eq!(world.engine.state().targets_in_force(action, now), count, "{action} at {now}");
    }
}
