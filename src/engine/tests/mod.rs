//! The engine, told what happens in a few words and answering in a few words.

mod advance;
mod aftermath;
mod approval;
mod approval_late;
mod bounds;
mod budget;
mod choose;
mod confirm;
mod doubt;
mod expiry;
mod feedback;
mod halt;
mod hands;
mod holders;
mod late;
mod ledger;
mod ledger_again;
mod ledger_edges;
mod ledger_shared;
mod letting_go;
mod lifecycle;
mod lift;
mod lift_answers;
mod lift_settle;
mod observe;
mod people;
mod recovery;
mod reload;
mod retire;
mod rollback;
mod rollback_contract;
mod settle;
mod settle_told;
mod signals;
mod spare;
mod turns;
mod views;
mod world;

use world::World;

/// Plays a script against one workflow and compares what became true with a golden text.
fn check(name: &str, workflow: &str, script: &str) {
    check_in(World::new(&[workflow]), name, workflow, script);
}

/// The same in a world of its own kind.
fn check_in(mut world: World, name: &str, workflow: &str, script: &str) {
    let told = world.play(script);
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true,
                            description => format!("{workflow}\n---\n{script}") }, {
        insta::assert_snapshot!(name, told);
    });
}
