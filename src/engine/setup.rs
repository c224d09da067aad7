//! What the engine works with: agents, workflows, limits. Checked by `config`; immutable here.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::protect::Protected;
use super::{Budget, JournalKind, ProbeSpec, Question};
use crate::model::{CommandLine, Endpoint, HttpRequest, Span, ValueType};
use crate::workflow::Workflow;

/// A checked setup.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Exercise or real: fixes the kind of a journal.
    pub kind: JournalKind,
    /// Whose runs act.
    pub acts: Acts,
    /// Agents, in file order.
    pub agents: Vec<AgentSpec>,
    /// Workflows by name.
    pub workflows: BTreeMap<Arc<str>, Arc<Workflow>>,
    /// Named limits.
    pub limits: Limits,
    /// Addresses from which quell itself connects: what they do starts nothing (C36).
    pub own: Arc<[IpAddr]>,
    /// What the settings protect: what is in force against it is lifted (C27).
    pub protected: Arc<Protected>,
}

/// Which runs act; all others observe (C31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acts {
    /// All: an exercise, in which nothing real is done.
    Always,
    /// Those of workflows that a person has armed: real work.
    Armed,
    /// None: a replay of a real setup.
    Never,
}

impl Acts {
    /// As a setup of this kind has it.
    pub fn of(kind: JournalKind) -> Self {
        match kind {
            JournalKind::Exercise => Acts::Always,
            JournalKind::Real => Acts::Armed,
        }
    }
}

/// An agent as its file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentSpec {
    /// Its name, for example `fortress-1`.
    pub name: Arc<str>,
    /// Its role, for example `FORTRESS`.
    pub role: Arc<str>,
    /// What it can do.
    pub capabilities: Vec<Arc<str>>,
    /// How it acts.
    pub kind: AgentKind,
    /// Steps that it works on at once, at least 1.
    pub concurrency: u32,
    /// Its catalogue, by action name.
    pub actions: BTreeMap<Arc<str>, ActionSpec>,
}

/// How an agent acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentKind {
    /// Simulated: a pure function of seed, key and attempt. Labelled DRILL everywhere.
    Drill,
    /// Part of quell; writes only inside the state folder.
    Builtin,
    /// It runs programs on this machine.
    Exec,
    /// It asks a server over HTTP.
    Http,
    /// A person does it, and says so.
    Manual,
}

impl AgentKind {
    /// Its word in files, in JSON and on screens.
    pub fn name(self) -> &'static str {
        match self {
            AgentKind::Drill => "drill",
            AgentKind::Builtin => "builtin",
            AgentKind::Exec => "exec",
            AgentKind::Http => "http",
            AgentKind::Manual => "manual",
        }
    }
}

/// An entry of a catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionSpec {
    /// Arguments and their types, in file order. One named `expires` takes the step's `expires`.
    pub takes: Vec<(Arc<str>, ValueType)>,
    /// Arguments that may be left out.
    pub optional: Vec<Arc<str>>,
    /// The argument that it acts on.
    pub target: Option<Arc<str>>,
    /// Whether doing it twice under one key equals doing it once.
    pub idempotent: bool,
    /// Whether it only takes back or takes away, so that it may be done to what is protected as well.
    /// `None`: as an undo it does, as a step of its own it does not.
    pub lifts: Option<bool>,
    /// The action of the same agent's catalogue that undoes it.
    pub undo: Option<Arc<str>>,
    /// How it is done; of the agent's kind.
    pub means: Means,
    /// How it is found out whether its effect is there, if it can be.
    pub probe: Option<ProbeSpec>,
}

/// How an action is done, one way for each kind of agent.
#[derive(Debug, Clone, PartialEq)]
pub enum Means {
    /// It is pretended.
    Drill(DrillSpec),
    /// It is part of quell.
    Builtin(BuiltinKind),
    /// A program is run.
    Exec(ExecSpec),
    /// A server is asked.
    Http(HttpSpec),
    /// A person is asked.
    Manual(Question),
}

/// How a server is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpSpec {
    /// The server; the same for every action of an agent.
    pub endpoint: Arc<Endpoint>,
    /// The request.
    pub request: HttpRequest,
    /// The statuses of an answer that mean success; if there are none, each of 200 to 299.
    pub succeeds: Vec<u16>,
}

/// How a program is run.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecSpec {
    /// The program and its arguments.
    pub command: CommandLine,
    /// Between asking it to end (TERM) and ending it (KILL).
    pub grace: Span,
    /// Exit codes that mean "done"; 0 unless the file says otherwise.
    pub exits: Vec<u8>,
}

/// How a drill pretends. The default succeeds at once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DrillSpec {
    /// Shortest latency.
    pub latency_min: Span,
    /// Longest latency.
    pub latency_max: Span,
    /// Attempts that fail, in permille, chosen by seed, key and attempt.
    pub fail_permille: u32,
    /// Attempts that never answer, in permille.
    pub hang_permille: u32,
    /// The step's number of failing attempts at the start: `1` fails the first attempt of every step.
    pub fail_first: u32,
    /// Always fails if an argument has this value: (argument, value).
    pub fail_if: Option<(Arc<str>, Arc<str>)>,
    /// What it says when it fails.
    pub message: Arc<str>,
    /// Its output when it succeeds.
    pub output: crate::model::Map,
}

/// What quell does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuiltinKind {
    /// Writes a line to `incidents.log` in the state folder. Argument: `text`.
    Log,
    /// Tells people: `to: stderr` or a file in the state folder. Arguments: `to`, `text`.
    Notify,
    /// Waits. Argument: `for`, a duration.
    Wait,
    /// Adds `address` with `expires` to the file `blocklist` in the state folder.
    BlocklistAdd,
    /// Removes `address` from it.
    BlocklistRemove,
}

/// Named limits. Everything that can grow has one.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Finished runs and closed incidents that stay in the state, each.
    pub finished: usize,
    /// How long they stay.
    pub finished_for: Span,
    /// Live runs; a trigger over the limit is refused.
    pub live_runs: usize,
    /// Effects that are in force or owed; a step that would add one over the limit is refused.
    pub in_force: usize,
    /// How long an impaired agent waits before it is tried again.
    pub agent_recovery: Span,
    /// How long after its end an incident opens again instead of a new one.
    pub reopen: Span,
    /// How long after its end an effect may still be heard in the signals (C36).
    pub echo: Span,
    /// How much of an action is done without asking a person.
    pub budgets: Vec<Budget>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            finished: 10_000,
            finished_for: Span::from_secs(30 * 86_400),
            live_runs: 100_000,
            in_force: 100_000,
            agent_recovery: Span::from_secs(60),
            reopen: Span::from_secs(3_600),
            echo: Span::from_secs(60),
            budgets: Vec::new(),
        }
    }
}
