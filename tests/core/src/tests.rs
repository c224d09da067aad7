//! What the unit tests of the core do not try: whole lives of seeded worlds. The first few find most
//! of what all of them find.

use std::ops::Range;

fn hold_every_promise(seeds: Range<u64>) {
    for seed in seeds {
        crate::sim::run(seed).unwrap_or_else(|violation| panic!("\n{violation}"));
    }
}

#[test]
fn a_few_seeds_hold_every_promise() {
    hold_every_promise(0..10);
}

#[test]
fn seeds_hold_every_promise() {
    hold_every_promise(10..100);
}
