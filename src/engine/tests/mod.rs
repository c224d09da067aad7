//! The engine, told what happens in a few words and answering in a few words.

mod lifecycle;
mod people;
mod recovery;
mod rollback;
mod signals;
mod world;

use world::World;

/// Plays a script against one workflow and compares what became true with a golden text.
fn check(name: &str, workflow: &str, script: &str) {
    let mut world = World::new(&[workflow]);
    let told = world.play(script);
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true,
                            description => format!("{workflow}\n---\n{script}") }, {
        insta::assert_snapshot!(name, told);
    });
}
