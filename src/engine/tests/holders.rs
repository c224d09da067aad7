//! Those who want an effect to last are forgotten over a limit, and that never ends an effect early.

use std::sync::Arc;

use super::world::{START, World};
use crate::engine::obligation::{HOLDERS, Holder};
use crate::engine::{Actor, Obligation, ObligationStatus};
use crate::flow::backoff::mix;
use crate::model::{Moment, ObligationId, RunId, Span, StepIx, Timestamp};

const FOR: &str = "
workflow: for
inputs: { for: text }
steps:
  - { id: a, role: WALL, action: block, with: { address: x }, expires: '${inputs.for}' }
";
const FOREVER: &str = "
workflow: forever
steps:
  - { id: a, role: WALL, action: block, with: { address: x } }
";

fn first(world: &World) -> &Obligation {
    world.engine.state().ledger().get(ObligationId(1)).unwrap()
}

/// An effect with these holders, of runs 1, 2, … in this order.
fn held_by(holders: Vec<Holder>) -> Obligation {
    let mut world = World::new(&[FOREVER]);
    world.play("trigger forever\n ok a");
    Obligation { holders, ..first(&world).clone() }
}

fn holder(run: u64, until: Option<Timestamp>) -> Holder {
    Holder {
        run: RunId(run),
        step: StepIx(0),
        step_id: Arc::from("a"),
        by: Actor::engine(),
        incident: None,
        workflow: Arc::from("w"),
        rule: None,
        until: until.into(),
        acted: true,
        unconfirmed: Moment::NONE,
        lasts: Moment::NONE,
        confirmed: None,
    }
}

fn runs(obligation: &Obligation) -> Vec<u64> {
    obligation.holders().iter().map(|holder| holder.run().0).collect()
}

/// However often an effect is ordered, by doing it again for longer or by joining it.
#[test]
fn so_many_holders_are_remembered_and_the_last_of_them() {
    for (workflow, input) in [(FOR, true), (FOREVER, false)] {
        let mut world = World::new(&[workflow]);
        let more = 10;
        for n in 1..=HOLDERS + more {
            match input {
                true => world.play("wait 5m\n trigger for for=10m\n ok a"),
                false if n == 1 => world.play("trigger forever\n ok a"),
                false => world.play("trigger forever"),
            };
        }
        let entry = first(&world);
        assert_eq!(entry.status(), ObligationStatus::InForce);
        assert_eq!(entry.holders().len(), HOLDERS, "{workflow}");
        let last = entry.holders().last().unwrap();
        assert_eq!(last.run(), RunId((HOLDERS + more) as u64));
        assert_eq!(entry.until(), last.until());
        assert_eq!(entry.until().is_some(), input);
    }
}

/// One more than there is room for: who goes, of runs 1 to 65, when each of them ends an hour after the
/// one before, but for what is said.
#[test]
fn who_is_forgotten_first() {
    let hours = |n: u64| START + Span::from_secs(3_600 * n);
    let most = HOLDERS as u64;
    let now = hours(10);
    type Change = fn(&mut Holder);
    // What is different about which, and who goes.
    let cases: [(&[u64], Change, &[u64]); 6] = [
        // The oldest of those whose time is over.
        (&[], |_| {}, &[1]),
        // Who has not acted yet is not asked.
        (&[1, 2], |h| h.acted = false, &[3]),
        // Nor who has to be confirmed.
        (&[1], |h| h.unconfirmed = START.into(), &[2]),
        // Nor who has time left, unless another one wants it as long.
        (
            &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
            |h| h.until = Timestamp(h.until().unwrap().0 + 36_000_000_000).into(),
            &[],
        ),
        // Two want it for ever: the newer one stays.
        (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30, 31], |h| h.until = Moment::NONE, &[1]),
        (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], |h| h.acted = h.run.0 == 10, &[10]),
    ];
    for (which, change, gone) in cases {
        let mut holders: Vec<_> = (1..=most + 1).map(|n| holder(n, Some(hours(n)))).collect();
        holders.iter_mut().filter(|h| which.contains(&h.run.0)).for_each(change);
        let mut entry = held_by(holders);
        entry.forget_holders(now, |_| true);
        let expected: Vec<u64> = (1..=most + 1).filter(|n| !gone.contains(n)).collect();
        assert_eq!(runs(&entry), expected, "{which:?}");
    }
    // A run that may still let go is not forgotten.
    let holders = || (1..=most + 2).map(|n| holder(n, Some(hours(n)))).collect();
    for (live, gone) in [(0, [1, 2]), (1, [2, 3]), (2, [1, 3])] {
        let mut entry = held_by(holders());
        entry.forget_holders(now, |run| run.0 != live);
        assert_eq!(runs(&entry).len(), HOLDERS);
        assert!(gone.iter().all(|n| !runs(&entry).contains(n)), "{live}: {:?}", runs(&entry));
    }
    // Of those who are equal, the newest stays; and within the limit nobody goes.
    let mut entry = held_by((1..=most + 5).map(|n| holder(n, None)).collect());
    entry.forget_holders(now, |_| true);
    assert_eq!(runs(&entry), (6..=most + 5).collect::<Vec<_>>());
    entry.forget_holders(now, |_| true);
    assert_eq!(runs(&entry).len(), HOLDERS);
}

/// Whoever is forgotten makes no difference to the end (C28).
#[test]
fn c28_to_forget_holders_changes_no_end() {
    for seed in 0..200 {
        let draw = |n: u64, what: u64, of: u64| mix(&[seed, n, what]) % of;
        let holders = (1..=90).map(|n| {
            let until = (draw(n, 0, 8) > 0).then(|| START + Span::from_secs(draw(n, 1, 20)));
            // Some are equal, and in half of the worlds nobody wants it for ever.
            let until = if seed % 2 == 0 { until.or(Some(START)) } else { until };
            Holder {
                acted: draw(n, 2, 4) > 0,
                unconfirmed: if draw(n, 3, 9) == 0 { START.into() } else { Moment::NONE },
                ..holder(n, until)
            }
        });
        let mut entry = held_by(holders.collect());
        entry.settle_until();
        let (before, until) = (entry.holders().to_vec(), entry.until());
        let now = START + Span::from_secs(draw(0, 4, 25));
        let is_over = |run: RunId| draw(run.0, 5, 3) > 0;
        entry.forget_holders(now, is_over);
        entry.settle_until();
        assert_eq!(entry.until(), until, "{seed}");
        let (kept, gone): (Vec<_>, Vec<_>) =
            before.iter().partition(|holder| runs(&entry).contains(&holder.run().0));
        assert!(kept.len() >= HOLDERS && !gone.is_empty(), "{seed}");
        assert!(
            gone.iter().all(|h| h.acted && h.unconfirmed_until().is_none() && is_over(h.run())),
            "{seed}"
        );
        // Somebody who is kept wants it as long as anyone who went, or that time is over.
        let outlived = |h: &Holder| {
            h.until().is_some_and(|at| at <= now) || kept.iter().any(|k| k.acted && k.until() == h.until())
        };
        assert!(gone.iter().all(|h| outlived(h)), "{seed}");
    }
}
