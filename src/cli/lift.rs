//! `quell lift`: what is in force is undone. By the engine at work in the state folder; if there is none,
//! the folder is opened and the lifts are waited for.

use std::collections::BTreeSet;
use std::io::BufRead as _;
use std::path::Path;

use super::args::{Lift, Lifted};
use super::error::Error;
use super::output::table::{aligned, object};
use super::output::words::words;
use super::output::{print, tell};
use super::{Verdict, ask, environment, identity, journal, ledger, records, steer};
use crate::control::message::{Asked, Given};
use crate::control::obligations::{Listed, Wanted, row};
use crate::engine::{self, Obligation, ObligationStatus, Request, Run, RunStatus, State};
use crate::model::{ObligationId, RunId, SafeText};
use crate::runtime::clock;

/// Effects that are named before and after, the rest is counted.
const LISTED: usize = 100;

/// Runs the verb.
///
/// # Errors
/// What [`Error`] says; also if it was refused.
pub fn run(args: &Lift) -> Result<Verdict, Error> {
    let folder = ask::folder(args.steer.state.as_deref())?;
    let what = meant(&args.what);
    let wanted = wanted(&what);
    let listed = ledger::look(&folder, &wanted)?;
    if args.what.is_many() && listed.of > 1 && !args.yes {
        confirmed(&folder, &listed)?;
    }
    let request = Request::Lift { what, reason: args.reason.clone() };
    let asked = ask::asked(args.steer.id.as_deref(), args.steer.seen, request)?;
    let (given, done) = match there(&folder, &asked)? {
        Some(done) => done,
        None => here(args, &folder, asked)?,
    };
    ask::report(&given, args.steer.json)?;
    print(&told(&done.state, &concerned(&listed, &done), args.steer.json))?;
    Ok(if done.waits() { Verdict::Person } else { Verdict::Fine })
}

/// What is meant, as the engine takes it.
fn meant(what: &Lifted) -> engine::Lift {
    match what {
        Lifted { obligation: Some(id), .. } => engine::Lift::One(*id),
        Lifted { run: Some(run), .. } => engine::Lift::Run(*run),
        Lifted { incident: Some(incident), .. } => engine::Lift::Incident(*incident),
        Lifted { target: Some(target), .. } => engine::Lift::Target(target.as_str().into()),
        Lifted { last: Some(last), .. } => engine::Lift::Since(clock::wall() - *last),
        _ => engine::Lift::All,
    }
}

/// The same, as a view takes it.
fn wanted(what: &engine::Lift) -> Wanted {
    let mut wanted = Wanted { limit: usize::MAX, ..Wanted::default() };
    match what {
        engine::Lift::One(id) => wanted.one = Some(*id),
        engine::Lift::Run(run) => wanted.run = Some(*run),
        engine::Lift::Incident(incident) => wanted.incident = Some(*incident),
        engine::Lift::Since(since) => wanted.since = Some(*since),
        engine::Lift::Target(target) => wanted.target = Some(target.to_string()),
        engine::Lift::All => {}
    }
    wanted
}

/// Has a person say yes to what they may not have counted.
fn confirmed(folder: &Path, listed: &Listed) -> Result<(), Error> {
    let count = listed.of;
    if !environment::has_terminal() {
        let what = format!("that is {count} effects in {}: say that you mean them all", folder.display());
        return Err(Error::usage(what).hint("`quell ledger` lists them; --yes lifts them"));
    }
    let first = Listed { rows: listed.rows.iter().take(LISTED).cloned().collect(), ..listed.clone() };
    tell(ledger::text(&first, clock::wall()).trim_end());
    tell(&format!("Undo these {count} effects? y/N"));
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Error::failed("cannot read what was typed").because(error))?;
    match line.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Error::usage("nothing is lifted")),
    }
}

/// How the ledger stands when every lift that was set off is over, or waits for a person.
struct Done {
    state: State,
    /// The last run before.
    before: Option<RunId>,
    /// Who asked.
    by: String,
}

impl Done {
    fn lifts(&self) -> impl Iterator<Item = &Run> {
        let mine = |run: &&Run| run.is_lift() && Some(run.id()) > self.before && *run.by().0 == *self.by;
        self.state.runs().rev().take_while(|run| Some(run.id()) > self.before).filter(mine)
    }
    /// Whether something is left to a person.
    fn waits(&self) -> bool {
        self.lifts().any(|run| run.status() != RunStatus::Completed)
    }
    fn is_over(&self) -> bool {
        self.lifts().all(|run| run.status().is_terminal() || run.status().waits_for_person())
    }
}

fn last_run(state: &State) -> Option<RunId> {
    state.runs().next_back().map(Run::id)
}

/// Asks the engine that owns the folder, and watches until it is done; `None` if there is none.
fn there(folder: &Path, asked: &Asked) -> Result<Option<(Given, Done)>, Error> {
    let Some(watcher) = ask::engine(folder, None)? else { return Ok(None) };
    let now = watcher.welcome().seq;
    let state = records::before(folder)?.state;
    let (after, by) = (state.seq(), watcher.welcome().you.clone());
    let mut done = Done { state, before: None, by };
    let mut given: Option<Given> = None;
    records::follow(folder, watcher, after, |records| {
        for record in records {
            done.state.apply(record).map_err(|illegal| journal::unreadable(&illegal))?;
        }
        if done.state.seq() < now {
            return Ok(true);
        }
        let answer = match &given {
            Some(answer) => answer,
            None => {
                done.before = last_run(&done.state);
                let answer = ask::ask(folder, asked)?.ok_or_else(|| ask::nobody(folder))?;
                given.insert(answer)
            }
        };
        Ok(answer.accepted && (done.state.seq() < answer.seq || !done.is_over()))
    })?;
    let stopped = "the engine has stopped; what was asked of it goes on at its next start";
    given.map(|given| Some((given, done))).ok_or_else(|| Error::failed(stopped))
}

/// No engine owns the folder: opens it, acts, and waits.
fn here(args: &Lift, folder: &Path, asked: Asked) -> Result<(Given, Done), Error> {
    ask::has_journal(folder)?;
    let before = last_run(&journal::folded(folder)?);
    let by = identity::actor().0.to_string();
    let (given, state) = steer::by_itself(&args.steer, folder, asked)?;
    Ok((given, Done { state, before, by }))
}

/// What was listed before, and what the lifts took besides: an engine at work lists so many rows at most.
fn concerned(listed: &Listed, done: &Done) -> Vec<ObligationId> {
    let mut ids: Vec<ObligationId> = listed.rows.iter().filter_map(|row| row.id.parse().ok()).collect();
    let known: BTreeSet<ObligationId> = ids.iter().copied().collect();
    let taken: BTreeSet<ObligationId> = done.lifts().flat_map(|run| run.lifts().iter().copied()).collect();
    ids.extend(taken.difference(&known));
    ids
}

/// What became of each.
fn told(state: &State, ids: &[ObligationId], as_json: bool) -> String {
    let found = ids.iter().filter_map(|id| state.ledger().get(*id));
    if as_json {
        return found.map(|obligation| object("obligation", &row(state, obligation))).collect();
    }
    let cells: Vec<[String; 4]> = found.take(LISTED).map(|obligation| line(state, obligation)).collect();
    let more = ids.len().saturating_sub(cells.len());
    match (cells.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => aligned(&cells),
        (false, more) => format!("{}… {more} more: quell ledger --all lists them\n", aligned(&cells)),
    }
}

fn line(state: &State, obligation: &Obligation) -> [String; 4] {
    let row = row(state, obligation);
    let cut = |text: &str| SafeText(text).cut(40);
    let stands = match (obligation.status(), obligation.lifted_by(), obligation.why()) {
        (ObligationStatus::InForce, ..) => format!("in force, held by {}", ledger::held_by(&row.holders)),
        (ObligationStatus::Lifted, Some(run), _) => format!("lifted by {run}"),
        (_, _, Some(why)) => format!("{}: {}", words(&row.status), SafeText(why).cut(200)),
        _ => words(&row.status),
    };
    [row.id, cut(&row.action), cut(row.target.as_deref().unwrap_or("-")), stands]
}
