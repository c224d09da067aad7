//! The first operation fails, then the second, the third … until a whole life of a journal runs clean;
//! for every way to fail, once and for good, and with every way on from there.

use std::sync::Arc;

use super::dice::Dice;
use super::file::Unsynced;
use super::volume::{Fault, Op, Plan, Volume};
use super::{JournalError, Ledger, Simulated};
use crate::journal::Journal as _;

const FAULTS: [Fault; 14] = [
    Fault::Io(Op::Open),
    Fault::Io(Op::Delete),
    Fault::Io(Op::Look),
    Fault::Io(Op::Size),
    Fault::Io(Op::Read),
    Fault::Io(Op::Write),
    Fault::Io(Op::Truncate),
    Fault::Io(Op::Sync),
    Fault::Io(Op::SyncFolder),
    Fault::Io(Op::Rename),
    Fault::Io(Op::Map),
    Fault::SyncDrops,
    Fault::Full,
    Fault::Short,
];

/// Made, written, checkpointed, written with a reader beside, closed, opened, verified, written, closed.
fn life(disk: &Arc<Simulated>, ledger: &mut Ledger) -> Result<(), JournalError> {
    let mut journal = disk.open()?;
    ledger.append(&mut journal, &[10, 10])?;
    ledger.append(&mut journal, &[300; 60])?;
    disk.checkpoint(&mut journal);
    ledger.append(&mut journal, &[20])?;
    ledger.append(&mut journal, &[9_000, 10])?;
    // Because of the reader the log stays when the writer closes.
    let reader = disk.open_read_only()?;
    drop(journal);
    drop(reader);
    let mut journal = disk.open()?;
    assert_eq!(journal.read(1, usize::MAX)?, ledger.durable);
    ledger.append(&mut journal, &[40; 3])?;
    assert_eq!(disk.verify()?, ledger.durable);
    disk.checkpoint(&mut journal);
    ledger.append(&mut journal, &[50])
}

/// How it goes on after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Onwards {
    /// The disk works again.
    Well,
    /// The power goes too.
    Cut(Unsynced),
}

fn onwards(disk: Arc<Simulated>, how: Onwards, dice: &mut Dice) -> Arc<Simulated> {
    match how {
        Onwards::Well => disk,
        Onwards::Cut(unsynced) => Simulated::new(disk.volume.after_power_cut(unsynced, dice)),
    }
}

/// Returns whether the plan came true.
fn with(plan: Plan, how: Onwards) -> Result<bool, String> {
    let disk = Simulated::new(Volume::default());
    disk.volume.order(Some(plan));
    let mut ledger = Ledger::default();
    let lived = life(&disk, &mut ledger);
    let hit = disk.volume.hits() > 0;
    match &lived {
        Ok(()) => {}
        Err(
            error @ (JournalError::Damaged { .. }
            | JournalError::NotAnAnchor { .. }
            | JournalError::NotAJournal { .. }),
        ) if !matches!(plan, Plan::Fail { fault: Fault::Short, .. }) => {
            return Err(format!("a sick disk is taken for damage: {error}"));
        }
        Err(error) if !hit => return Err(format!("without a fault: {error}")),
        Err(_) => {}
    }
    disk.volume.order(None);
    let mut dice = Dice(0);
    let disk = onwards(disk, how, &mut dice);
    let mut journal = ledger.recover(&disk)?;
    let appended = |error: JournalError| format!("it does not go on: {error}");
    ledger.append(&mut journal, &[30, 40]).map_err(appended)?;
    // Whatever was said to be durable since is so.
    drop(journal);
    let disk = onwards(disk, Onwards::Cut(Unsynced::Lost), &mut dice);
    ledger.recover(&disk).map_err(|why| format!("after another power cut: {why}"))?;
    Ok(hit)
}

fn every(fault: Fault) -> (u64, Vec<String>) {
    let (mut tried, mut wrong) = (0, Vec::new());
    for lasting in [false, true] {
        for how in [Onwards::Well, Onwards::Cut(Unsynced::Lost), Onwards::Cut(Unsynced::Torn)] {
            for nth in 1.. {
                tried += 1;
                match with(Plan::Fail { fault, nth, lasting }, how) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(why) => wrong.push(format!("{fault:?} {nth} lasting={lasting} {how:?}: {why}")),
                }
                assert!(nth < 10_000, "{fault:?} never runs clean: {:?}", wrong.first());
            }
        }
    }
    (tried, wrong)
}

#[test]
fn c6_c7_whichever_operation_fails_nothing_durable_is_lost() {
    let mut all = Vec::new();
    for fault in FAULTS {
        let (tried, wrong) = every(fault);
        println!("{fault:?}: {tried} lives, {} wrong", wrong.len());
        all.extend(wrong);
    }
    assert!(all.is_empty(), "{} wrong:\n{}", all.len(), all.join("\n"));
}
