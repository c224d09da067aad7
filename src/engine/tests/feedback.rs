//! What quell causes does not feed quell (C36).

use std::sync::Arc;

use super::world::{START, World, detection, setup};
use crate::engine::*;
use crate::model::*;

const CONTAIN: &str = "
workflow: contain
trigger: { rule: scan }
dedup: '${detection.source_ip}'
steps:
  - { id: a, role: WALL, action: block, with: { address: '${detection.source_ip}' }, expires: 10m }
";

/// Blocks where it comes from, and locks whom it is about: two targets.
const BOTH: &str = "
workflow: both
trigger: { rule: force }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${detection.source_ip}' } }
  - { id: b, role: WALL, action: once, with: { address: '${detection.user}' }, needs: [a] }
";

/// The runs that there are, and the echoes that were heard.
fn counts(world: &World) -> (usize, u64) {
    let state = world.engine.state();
    (state.runs().count(), state.incidents().map(|incident| incident.echoes()).sum())
}

#[test]
fn c36_what_is_in_force_already_is_not_ordered_again_by_the_same_rule() {
    let mut world = World::new(&[CONTAIN]);
    let told = world.play(
        "
        detect scan 192.0.2.1 12
        ok a
        wait 5s
        detect scan#2 192.0.2.1 15",
    );
    let last =
        "    inc-1 echo, contain not started: ob-1 is in force for 192.0.2.1 because of the same rule\n";
    assert!(told.ends_with(last), "{told}");
    // It is counted on the incident all the same, and others are answered.
    assert_eq!(world.engine.state().incident(IncidentId(1)).unwrap().count(), 27);
    world.play("detect scan 192.0.2.2 12");
    assert_eq!(counts(&world), (2, 1));
    // A person may still order it, and so may another rule.
    let told = world.play("trigger contain");
    assert!(!told.contains("echo"), "{told}");
}

#[test]
fn c36_what_is_in_force_is_known_when_its_run_has_left_the_state() {
    let limits = Limits { finished: 1, ..Limits::default() };
    let mut world = World::of(Arc::new(Setup { limits, ..Setup::clone(&setup(&[CONTAIN])) }));
    for source in 1..=3 {
        world.play(&format!("detect scan 192.0.2.{source} 12\nok a\nwait 5s"));
    }
    assert!(world.engine.state().run(RunId(1)).is_none());
    let told = world.play("detect scan#2 192.0.2.1 15");
    assert!(told.contains("inc-1 echo, contain not started: ob-1 is in force"), "{told}");
    // Another rule may order it, as before.
    let other = world.play("detect force 192.0.2.1 15");
    assert!(!other.contains("echo"), "{other}");
}

#[test]
fn c36_what_goes_on_when_the_effect_has_ended_is_answered_again() {
    let mut world = World::new(&[CONTAIN]);
    world.play("detect scan 192.0.2.1 12\nok a\nwait 9m\ndetect scan#2 192.0.2.1 15");
    assert_eq!(counts(&world), (1, 1));
    // The window grows: still in force, and nothing more is recorded of it.
    world.play("wait 5s\ndetect scan#2 192.0.2.1 16");
    assert_eq!(counts(&world), (1, 1));
    assert_eq!(world.engine.state().incident(IncidentId(1)).unwrap().held_back(), [Arc::from("contain")]);
    let told = world.play("wait 1m\nok ob-1\nwait 2m\ndetect scan#2 192.0.2.1 17");
    assert!(told.contains("run-3 created: contain by quell"), "{told}");
    assert!(told.contains("run-3 a starts (1): block 192.0.2.1"), "{told}");
    let incident = world.engine.state().incident(IncidentId(1)).unwrap();
    assert!(incident.held_back().is_empty() && incident.count() == 29, "{incident:?}");
}

#[test]
fn c36_what_was_lifted_a_moment_ago_may_still_be_heard() {
    let mut world = World::new(&[CONTAIN.replace(", expires: 10m", "").as_str()]);
    let told = world.play(
        "
        detect scan 192.0.2.1 12
        cancel run-1
        ok a
        undone a
        wait 30s
        detect scan#2 192.0.2.1 15",
    );
    assert!(told.contains("ob-1 for 192.0.2.1 ended a moment ago"), "{told}");
    let told = world.play("wait 60s\ndetect scan#2 192.0.2.1 16");
    assert!(told.contains("run-2 created"), "{told}");
}

#[test]
fn c36_an_action_that_sets_off_its_own_rule_does_not_loop() {
    let mut world = World::new(&[CONTAIN]);
    world.play("detect scan 192.0.2.1 12");
    for n in 0..100 {
        // Whatever is done is seen at once as more of what it was done against.
        if world.engine.state().runs().any(|run| !run.status().is_terminal()) {
            world.play("ok a");
        }
        world.play(&format!("wait 1s\ndetect scan#again{n} 192.0.2.1 12"));
    }
    assert_eq!(counts(&world), (1, 100));
}

#[test]
fn c36_a_new_target_beside_an_old_one_is_answered() {
    let mut world = World::new(&[BOTH]);
    let from = |source: &str, user: &str, n: u32, at| {
        let mut found = detection(&format!("force#{n}"), source, 12, at);
        found.fields.insert("user".to_owned(), user.into());
        Input::Detection(found)
    };
    let now = world.now;
    world.input(from("192.0.2.1", "root", 1, now));
    world.play("ok a\nok b");
    // The same account from elsewhere: the lock is there, the block is not.
    world.input(from("192.0.2.2", "root", 2, now));
    assert_eq!(counts(&world), (2, 0));
    world.play("ok a\nok b");
    world.input(from("192.0.2.2", "root", 3, now));
    assert_eq!(counts(&world), (2, 1));
    // Whoever calls himself as something that is blocked is not taken for it.
    world.input(from("192.0.2.3", "192.0.2.1", 4, now));
    assert_eq!(counts(&world), (3, 1));
}

#[test]
fn c36_addresses_of_its_own_start_nothing() {
    let own = Arc::from([[192, 0, 2, 9].into()]);
    let mut world = World::of(Arc::new(Setup { own, ..Setup::clone(&setup(&[CONTAIN])) }));
    let told = world.play("detect scan 192.0.2.9 12");
    assert!(told.contains("inc-1 opened") && told.contains("an address of quell's own"), "{told}");
    world.play("detect scan ::ffff:192.0.2.9 12\ndetect scan 192.0.2.8 12");
    assert_eq!(counts(&world), (1, 2));
}

/// `unblock` and `block` are done by a program.
fn with_program(program: &str) -> World {
    const LOCKED: &str = "
workflow: watch-accounts
trigger: { rule: changed }
steps:
  - { id: say, role: BELL, action: tell, with: { text: it }, undo: 'none: it is said' }
";
    let mut real = Setup::clone(&setup(&[CONTAIN, LOCKED]));
    let word = |text: &str| Word::parse(text, &[(Arc::from("address"), ValueType::Text)]).unwrap();
    for (action, flag) in [("block", "--lock"), ("unblock", "--unlock")] {
        let words = ["/usr/sbin/usermod", flag, "${address}"];
        let command = CommandLine {
            program: Arc::from(program),
            arguments: words.iter().map(|text| Argument::One(word(text))).collect(),
        };
        let exec = ExecSpec { command, grace: Span::from_secs(1), exits: vec![0] };
        let spec = real.agents[0].actions.get_mut(action).unwrap();
        spec.means = Means::Exec(exec);
    }
    World::of(Arc::new(real))
}

fn said(process: &str, line: &str, n: u32, at: Timestamp) -> Input {
    let mut found = detection(&format!("changed#{n}"), "web-1", 1, at);
    found.fields.insert("process".to_owned(), process.into());
    found.evidence = vec![Arc::from(line)];
    Input::Detection(found)
}

#[test]
fn c36_what_its_own_programs_write_into_the_log_starts_nothing() {
    for (program, process, line, echo) in [
        ("/usr/sbin/usermod", "usermod", "usermod[7]: lock user 'deploy' password", true),
        ("/usr/sbin/usermod", "usermod", "usermod[7]: lock user 'root' password", false),
        ("/usr/sbin/usermod", "useradd", "useradd[7]: new user: name=deploy", false),
        ("/usr/bin/sudo", "sudo", "sudo: quell : USER=root ; COMMAND=/usr/sbin/usermod --lock deploy", true),
        ("/usr/bin/sudo", "sudo", "sudo: deploy : USER=root ; COMMAND=/bin/sh", false),
    ] {
        let mut world = with_program(program);
        world.play("detect scan deploy 12\nok a");
        let now = world.now;
        world.input(said(process, line, 1, now));
        assert_eq!(counts(&world), if echo { (1, 1) } else { (2, 0) }, "{line}");
        // A minute later it is somebody else's.
        world.play("wait 2m");
        let now = world.now;
        world.input(said(process, line, 2, now));
        assert_eq!(world.engine.state().runs().count(), if echo { 2 } else { 3 }, "{line}");
    }
}

#[test]
fn c36_echoes_are_the_same_after_a_crash() {
    let mut world = World::new(&[CONTAIN]);
    world.play("detect scan 192.0.2.1 12\nok a\ndetect scan#2 192.0.2.1 15");
    let before = world.engine.state().incident(IncidentId(1)).unwrap().clone();
    world.crash();
    assert_eq!(world.engine.state().incident(IncidentId(1)).unwrap(), &before);
    world.play("detect scan#3 192.0.2.1 15");
    assert_eq!(counts(&world), (1, 2));
    assert!(world.now >= START);
}
