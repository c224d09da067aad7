//! What the journal says against what the witnesses did.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::service::Service;
use super::witness::{self, Line, puts};

/// What was found.
#[derive(Debug, Default, Clone, Copy)]
pub struct Figures {
    pub runs: usize,
    pub effects: usize,
    /// Effects that were done again, under the same key.
    pub again: usize,
    /// Intents without an outcome that were found at a start.
    pub in_doubt: usize,
    /// Runs that wait for a person.
    pub waiting: usize,
    pub restarts: usize,
}

impl Figures {
    pub fn add(&mut self, other: Figures) {
        self.runs += other.runs;
        self.effects += other.effects;
        self.again += other.again;
        self.in_doubt += other.in_doubt;
        self.waiting += other.waiting;
        self.restarts += other.restarts;
    }
}

/// An attempt of a step, or of its undo.
type Attempt = (String, String, u64, String);

/// An intent, as the journal has it.
struct Intent {
    seq: u64,
    target: String,
    idempotent: bool,
}

/// Whether a step holds the effect that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Holds,
    Maybe,
    Nothing,
}

/// A step and the effect that it is about.
struct Holder {
    target: String,
    hold: Hold,
    /// It wants it for a while only.
    ends: bool,
}

/// The journal, taken apart without any help of quell's.
#[derive(Default)]
struct Account {
    intents: BTreeMap<Attempt, Intent>,
    /// By run and step.
    holds: BTreeMap<(String, String), Holder>,
    /// Runs that lift what is over.
    timely: BTreeSet<String>,
    succeeded: BTreeMap<(String, String), u64>,
    /// By run: which steps were undone, in the order in which that began.
    undone: BTreeMap<String, Vec<String>>,
    status: BTreeMap<String, String>,
    hosts: BTreeMap<String, usize>,
    seed: u64,
    in_doubt: usize,
    restarts: usize,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Account {
    fn of(records: &[Value]) -> Account {
        let mut account = Account::default();
        for record in records {
            account.take(record);
        }
        account
    }

    fn take(&mut self, record: &Value) {
        let event = record["event"].as_str().unwrap();
        match (record["type"].as_str().unwrap(), event) {
            (_, "journal_opened") => self.seed = record["seed"].as_u64().unwrap(),
            (_, "recovered") => self.restarts += 1,
            ("run", _) => {
                if event == "run_created" && record["inputs"]["host"].is_string() {
                    *self.hosts.entry(text(&record["inputs"]["host"])).or_default() += 1;
                }
                if event == "run_created" && record["inputs"]["reason"] == "its time is over" {
                    self.timely.insert(text(&record["id"]));
                }
                self.status.insert(text(&record["id"]), text(&record["status"]));
            }
            (_, "let_go") => self.hold(&(text(&record["run"]), text(&record["step"])), Hold::Nothing),
            ("step", _) => self.step(event, record),
            _ => {}
        }
    }

    fn step(&mut self, event: &str, record: &Value) {
        let of = (text(&record["run"]), text(&record["step"]));
        let attempt = record["attempt"].as_u64().unwrap_or_default();
        let seq = record["seq"].as_u64().unwrap();
        let action = &record["action"];
        let (name, target) = (text(&action["name"]), text(&action["target"]));
        if matches!(event, "step_started" | "undo_started") {
            assert!(!self.succeeded.contains_key(&of) || event == "undo_started", "done already: {record}");
            let idempotent = action["idempotent"] == true;
            let intent = Intent { seq, target: target.clone(), idempotent };
            let before = self.intents.insert((of.0.clone(), of.1.clone(), attempt, name.clone()), intent);
            assert!(before.is_none(), "an attempt is begun once: {record}");
        }
        let ends = action["expires"].is_string();
        let lifts = of.1.starts_with("ob-");
        match event {
            "step_started" if lifts => {
                if self.timely.contains(&of.0) {
                    self.nobody_wants(&target, &of);
                }
                self.of_target(&target, Hold::Maybe);
            }
            "step_succeeded" if lifts => self.taken_back(&of),
            _ if lifts => {}
            "step_started" => {
                self.holds.insert(of, Holder { target, hold: Hold::Maybe, ends });
            }
            "step_joined" => {
                self.succeeded.insert(of.clone(), seq);
                self.holds.insert(of, Holder { target, hold: Hold::Holds, ends });
            }
            "step_succeeded" => {
                self.succeeded.insert(of.clone(), seq);
                let ours = record["found"] != true;
                self.hold(&of, if ours { Hold::Holds } else { Hold::Nothing });
            }
            "step_failed" => match record["failure"]["kind"].as_str().unwrap() {
                "timed_out" | "no_answer" => {}
                // It says that it did nothing, and it may be what an earlier attempt did that is there.
                _ if attempt > 1 => {}
                _ => self.hold(&of, Hold::Nothing),
            },
            "step_in_doubt" | "undo_in_doubt" => {
                self.in_doubt += usize::from(record.get("failure").is_none());
                self.hold(&of, Hold::Maybe);
            }
            "step_cancelled" if record["in_doubt"] != true => self.hold(&of, Hold::Nothing),
            "undo_started" => {
                self.hold(&of, Hold::Maybe);
                self.nobody_wants(&target, &of);
                let steps = self.undone.entry(of.0).or_default();
                if !steps.contains(&of.1) {
                    steps.push(of.1);
                }
            }
            "undo_succeeded" => self.taken_back(&of),
            _ => {}
        }
    }

    fn hold(&mut self, of: &(String, String), hold: Hold) {
        if let Some(holder) = self.holds.get_mut(of) {
            holder.hold = hold;
        }
    }

    /// What is undone is held by nobody else, except those whose time may be over.
    fn nobody_wants(&self, target: &str, by: &(String, String)) {
        let wants = |(of, holder): &(&(String, String), &Holder)| {
            *of != by && holder.target == target && holder.hold == Hold::Holds && !holder.ends
        };
        let wanted = self.holds.iter().find(wants).map(|(of, _)| of);
        assert_eq!(wanted, None, "{by:?} undoes what is held at {target}");
    }

    fn of_target(&mut self, target: &str, hold: Hold) {
        let all = self.holds.values_mut().filter(|of| of.target == target && of.hold != Hold::Nothing);
        all.for_each(|holder| holder.hold = hold);
    }

    /// An undo, or a lift, is of everybody who held the target.
    fn taken_back(&mut self, of: &(String, String)) {
        let begun = self.intents.iter().find(|((run, step, ..), _)| (run, step) == (&of.0, &of.1));
        let target = begun.map(|(_, intent)| intent.target.clone()).unwrap_or_default();
        self.of_target(&target, Hold::Nothing);
        self.hold(of, Hold::Nothing);
    }

    fn intent(&self, line: &Line) -> &Intent {
        let attempt = (line.run.clone(), line.step.clone(), line.attempt, line.action.clone());
        let intent = self.intents.get(&attempt);
        let intent = intent.unwrap_or_else(|| panic!("an effect without a durable intent: {line:?}"));
        assert_eq!(intent.target, line.target, "another target than the intent's: {line:?}");
        intent
    }

    /// The key is of the run and the step, that of an undo of the effect that it undoes.
    fn check_key(&self, line: &Line) {
        let own = format!("{:x}.{}.{}", self.seed, line.run, line.step);
        if puts(&line.action) {
            assert_eq!(line.key, own, "{line:?}");
            return;
        }
        let origin = line.key.strip_suffix(":undo").unwrap_or_else(|| panic!("{line:?}"));
        let undoes = line.action.strip_prefix("un").unwrap();
        let begun = self.intents.iter().any(|((run, step, _, action), intent)| {
            let key = format!("{:x}.{run}.{step}", self.seed);
            key == origin && action == undoes && intent.target == line.target
        });
        assert!(begun, "an undo under the key of nothing that was done: {line:?}");
    }

    /// What was undone was undone in the reverse of the order in which it was completed (C9).
    fn check_order(&self) {
        for (run, steps) in &self.undone {
            let completed = |step: &String| self.succeeded.get(&(run.clone(), step.clone())).copied();
            let order: Vec<u64> = steps.iter().filter_map(completed).collect();
            assert!(order.is_sorted_by(|a, b| a > b), "{run} was undone as {steps:?}: {order:?}");
        }
    }
}

/// Checks everything, once nobody is at work any more.
pub fn check(service: &Service) -> Figures {
    service.ask(&["journal", "verify"]);
    assert_eq!(service.programs(), [], "programs are still at work");
    let records = service.journal();
    let account = Account::of(&records);
    let lines = witness::lines(&service.world());
    let again = check_lines(&account, &lines);
    account.check_order();
    check_end(service, &account, &lines);
    for host in &service.fed {
        assert_eq!(account.hosts.get(host), Some(&1), "runs that answer {host}");
    }
    let waits = |status: &&String| matches!(status.as_str(), "parked" | "stuck");
    Figures {
        runs: account.status.len(),
        effects: lines.len(),
        again,
        in_doubt: account.in_doubt,
        waiting: account.status.values().filter(waits).count(),
        restarts: account.restarts,
    }
}

/// Each effect by itself, and in the order of those on its target. Returns how many were done again.
fn check_lines(account: &Account, lines: &[Line]) -> usize {
    let mut keys: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut attempts = BTreeSet::new();
    let mut there: BTreeMap<&str, bool> = BTreeMap::new();
    let mut again = 0;
    for line in lines {
        assert!(!line.overlap, "another program was at work on its target: {line:?}");
        let intent = account.intent(line);
        account.check_key(line);
        let attempt = (&line.run, &line.step, line.attempt, &line.action);
        assert!(attempts.insert(attempt), "one attempt acted twice: {line:?}");
        let before = there.insert(&line.target, puts(&line.action)).unwrap_or_default();
        assert!(
            intent.idempotent || before != puts(&line.action),
            "it is not idempotent, and its effect was so already: {line:?}"
        );
        if let Some((seq, _)) = keys.insert(&line.key, (intent.seq, line.at)) {
            assert!(seq < intent.seq, "an earlier attempt came late: {line:?}");
            again += 1;
        }
        let undone = keys.contains_key(format!("{}:undo", line.key).as_str());
        assert!(!undone, "it was done after it was undone: {line:?}");
    }
    again
}

/// Every effect is in force, undone, or known to wait for a person; and nothing else counts as in force.
fn check_end(service: &Service, account: &Account, lines: &[Line]) {
    let there: BTreeMap<&str, bool> =
        lines.iter().map(|line| (line.target.as_str(), puts(&line.action))).collect();
    let rows = service.rows(&["ledger", "--all"]);
    let mut standing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row["type"] == "obligation" && row["ended"] == false) {
        standing.entry(text(&row["target"])).or_default().push(text(&row["status"]));
    }
    let targets: BTreeSet<&str> =
        there.keys().copied().chain(account.holds.values().map(|of| of.target.as_str())).collect();
    for target in targets {
        let is_there = there.get(target).copied().unwrap_or_default();
        let of = |hold: Hold| {
            let all = account.holds.iter();
            all.filter(|(_, of)| of.target == target && of.hold == hold).map(|(of, _)| of).collect::<Vec<_>>()
        };
        let (holds, maybe) = (of(Hold::Holds), of(Hold::Maybe));
        let rows = standing.get(target).cloned().unwrap_or_default();
        let about = format!("{target}: there {is_there}, held {holds:?}, maybe {maybe:?}, ledger {rows:?}");
        let acts = !target.ends_with("-z");
        assert!(holds.is_empty() || is_there || !acts, "in force, and not there: {about}");
        assert!(!is_there || !holds.is_empty() || !maybe.is_empty(), "there, and nobody knows: {about}");
        let in_force = rows.iter().any(|status| status == "in_force");
        assert_eq!(in_force, !holds.is_empty() && acts, "the ledger says otherwise: {about}");
        assert!(!is_there || !rows.is_empty(), "there, and not on the ledger: {about}");
        let known = |of: &&(String, String)| {
            matches!(account.status.get(&of.0).map(String::as_str), Some("parked" | "stuck"))
        };
        assert!(
            maybe.iter().all(known) || !rows.is_empty() || !acts,
            "nobody knows, and nobody is asked: {about}"
        );
    }
}
