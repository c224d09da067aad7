//! What a lift means, and what whoever asks for it is told.

use super::world::World;

const BLOCK: &str = "
workflow: block
inputs: { a: text }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${inputs.a}' } }
";
const TWO: &str = "
workflow: two
steps:
  - { id: a, role: WALL, action: block, with: { address: x } }
  - { id: b, role: WALL, action: block, with: { address: y } }
";
const WIRE: &str = "
workflow: wire
steps:
  - { id: a, role: WALL, action: wire, with: { address: x }, timeout: 90s }
";
const HOUR: &str = "
workflow: hour
steps:
  - { id: a, role: WALL, action: block, with: { address: x }, expires: 1h }
";

#[test]
fn a_lift_says_what_it_lifts_and_what_it_leaves() {
    let one = "trigger block a=x\n ok a\n";
    let ended = "trigger two\n ok a\n ok b\n";
    let in_doubt = "trigger wire\n crash\n unknown a\n abandon run-1\n";
    for (before, request, answer) in [
        (String::new(), "lift all", "nothing of that is in force"),
        (one.to_owned(), "lift all", "run-2 lifts 1 effect, held by run-1"),
        (one.to_owned(), "lift y", "nothing of that is in force"),
        (one.to_owned(), "lift inc-9", "inc-9 is not known"),
        (format!("{one} lift run-1\n ok ob-1"), "lift run-2", "run-2 is a lift itself"),
        (
            format!("{one} wait 2h\n trigger block a=y\n ok a"),
            "lift last-1h",
            "run-3 lifts 1 effect, held by run-2",
        ),
        (
            format!("{one} wait 2h\n trigger block a=y\n ok a"),
            "lift last-3h",
            "2 runs, run-3 to run-4, lift 2 effects",
        ),
        (ended.to_owned(), "lift run-1", "run-2 lifts 2 effects"),
        (
            format!("{one} trigger two\n"),
            "lift all",
            "run-3 lifts 1 effect, held by run-1, run-2; 1 cannot be lifted now",
        ),
        (
            "trigger two\n".to_owned(),
            "lift all",
            "nothing of that can be lifted now: 2 are under way, or nothing undoes them",
        ),
        (
            format!("{one} trigger block a=y\n trigger block a=z\n"),
            "lift all",
            "run-4 lifts 1 effect, held by run-1; 2 cannot be lifted now",
        ),
        (
            format!("{ended} trigger two\n"),
            "lift run-1",
            "nothing is undone; 2 stay in force: others hold them",
        ),
        // Nobody wants it any more, and it is in force still: a halt holds its end.
        ("trigger hour\n ok a\n halt\n wait 2h\n".to_owned(), "lift ob-1", "run-2 lifts 1 effect"),
        // Whoever may have done it and whoever did it.
        (in_doubt.to_owned(), "lift run-1", "run-2 lifts 1 effect, held by run-1"),
        (
            format!("{in_doubt} trigger wire\n ok run-2/a\n"),
            "lift run-1",
            "nothing of that can be lifted now: 1 are under way, or nothing undoes them",
        ),
        (
            format!("{in_doubt} trigger wire\n ok run-2/a\n"),
            "lift ob-1",
            "run-3 lifts 1 effect, held by run-1, run-2",
        ),
    ] {
        let mut world = World::new(&[BLOCK, TWO, WIRE, HOUR]);
        world.play(&before);
        let told = world.play(request);
        let answers = [format!("Accepted(\"{answer}\")"), format!("Refused(\"{answer}\")")];
        assert!(answers.iter().any(|answer| told.contains(answer)), "{before} {request}: {told}");
    }
}

#[test]
fn what_an_incident_caused_is_lifted_with_it() {
    let text = "
workflow: scan
trigger: { rule: scan }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${detection.source_ip}' } }
";
    let mut world = World::new(&[text]);
    world.play("detect scan 192.0.2.1 1\n ok a\n detect scan 192.0.2.2 1\n ok a");
    let of = |world: &World, n: u64| {
        let found = world.engine.state().ledger().of_incident(crate::model::IncidentId(n));
        found.map(|o| (o.id().to_string(), o.incident().unwrap().0)).collect::<Vec<_>>()
    };
    assert_eq!(of(&world, 1), [("ob-1".to_owned(), 1)]);
    let told = world.play("dismiss inc-1 it was us");
    assert!(told.contains("1 effect is in force because of it: quell lift --incident inc-1"), "{told}");
    let told = world.play("lift inc-1");
    assert!(told.contains("run-3 lifts 1 effect, held by run-1"), "{told}");
    assert_eq!(world.engine.state().run(crate::model::RunId(3)).unwrap().incident().unwrap().0, 1);
    world.play("ok ob-1");
    assert_eq!((of(&world, 1), of(&world, 2).len()), (vec![], 1));
}
