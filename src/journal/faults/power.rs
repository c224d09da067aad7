//! The power goes at any moment of a journal's life, again and again.

use std::sync::Arc;

use super::dice::Dice;
use super::file::Unsynced;
use super::volume::{Plan, Volume};
use super::{JournalError, Ledger, Simulated, SqliteJournal, wanted};
use crate::journal::Journal as _;

/// Cuts in the life of one journal.
const CUTS: u64 = 4;

/// One thing that happens to a journal. `None` stands for one that is not open.
fn live(
    disk: &Arc<Simulated>,
    journal: &mut Option<SqliteJournal>,
    ledger: &mut Ledger,
    dice: &mut Dice,
) -> Result<(), JournalError> {
    let Some(open) = journal else {
        *journal = Some(disk.open()?);
        return Ok(());
    };
    match dice.below(12) {
        0 => *journal = None,
        1 => disk.checkpoint(open),
        // The next appends run while it works.
        2 => open.make_checkpoint_due(),
        3 => {
            let reader = disk.open_read_only()?;
            *journal = None;
            drop(reader);
        }
        4 => assert_eq!(disk.verify()?, ledger.durable),
        5 => assert_eq!(open.read(1, usize::MAX)?, ledger.durable),
        6 => return ledger.append(open, &vec![30; 1 + dice.below(60) as usize]),
        7 => return ledger.append(open, &[1 + dice.below(20_000) as usize]),
        _ => return ledger.append(open, &vec![10; 1 + dice.below(3) as usize]),
    }
    Ok(())
}

/// What the power cut leaves, by chance.
fn unsynced(dice: &mut Dice) -> Unsynced {
    match dice.below(6) {
        0 => Unsynced::Kept,
        1 => Unsynced::Lost,
        _ => Unsynced::Torn,
    }
}

fn seed(seed: u64) -> Result<(), String> {
    let mut dice = Dice(seed);
    let mut disk = Simulated::new(Volume::default());
    let mut ledger = Ledger::default();
    for cut in 0..CUTS {
        let end = if dice.below(4) == 0 { 40 } else { 160 };
        let at = 1 + dice.below(end);
        disk.volume.order(Some(Plan::Cut { at }));
        let mut journal = None;
        while !disk.volume.is_off() {
            match live(&disk, &mut journal, &mut ledger, &mut dice) {
                Ok(()) => {}
                Err(error) if !disk.volume.is_off() => return Err(format!("cut {cut}: before it: {error}")),
                Err(_) => break,
            }
        }
        drop(journal);
        disk = Simulated::new(disk.volume.after_power_cut(unsynced(&mut dice), &mut dice));
        // It may go a second time, while the journal is opened.
        let again = dice.below(60);
        disk.volume.order(Some(Plan::Cut { at: 1 + again }));
        let opened = ledger.clone().recover(&disk);
        let off = disk.volume.is_off();
        match opened {
            Ok(journal) => drop(journal),
            Err(why) if !off => return Err(format!("cut {cut} at {at}: {why}")),
            Err(_) => {}
        }
        let left = if disk.volume.is_off() { unsynced(&mut dice) } else { Unsynced::Kept };
        disk = Simulated::new(disk.volume.after_power_cut(left, &mut dice));
        drop(ledger.recover(&disk).map_err(|why| format!("cut {cut} at {at}, and {again}: {why}"))?);
    }
    Ok(())
}

#[test]
fn c7_a_power_cut_costs_at_most_what_was_not_said_to_be_durable() {
    let cuts = wanted("QUELL_POWER_CUTS").map_or(300, |cuts| cuts.parse().expect("a number"));
    let wrong: Vec<_> =
        (0..cuts / CUTS).filter_map(|n| seed(n).err().map(|why| format!("seed {n}: {why}"))).collect();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cuts / CUTS, wrong.join("\n"));
    println!("{cuts} power cuts");
}
