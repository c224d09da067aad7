//! quell: a terminal control console for automated incident response. One binary embeds an
//! orchestration engine: signals stream in, rules detect threats, incidents open, workflows run on
//! agents step by step, and everything that was done can be rolled back.
//!
//! # The way of a signal
//!
//! signal → detection → incident → run → step → effect → outcome → record → journal → feed → screen.
//! A person enters at the same door as everything else: as an [`engine::Input`].
//!
//! # Architecture invariants
//!
//! - `model, flow, rule, workflow, detect, engine` do not know tokio, files, environment or the clock:
//!   they cannot block. (`tests/layering.rs`)
//! - [`engine::State`] changes only in [`engine::State::apply`]; its fields are private to `engine`.
//! - A record is durable before it is visible and before its effects are performed; a failed append
//!   stops all effects. One type sees to it: [`engine::Gate`].
//! - Replaying any prefix of a journal gives exactly the state that the engine had at that point.
//! - Every forward action that changes the world has its undo on the ledger before it is performed, or
//!   says `undo: "none: why"`. The undo of an effect has one key, whoever performs it, and is not
//!   performed while another run holds the effect; two runs never act on one target at once.
//!   (`sim::ledger`)
//! - What people have to approve is frozen when they are asked, and that is what is performed.
//!   (`sim::consent`)
//! - The console renders `engine::State` and gauges, and can send nothing but `Input::Request`. There
//!   is no second enum of statuses.
//! - A journal is for exercise or for real, for ever; mixing is refused.
//! - A replay never touches the world: every agent is a drill, or a builtin that writes only inside the
//!   state folder; in a replay of a real setup every run observes.
//! - A real run acts only if its workflow was armed by a person, as its text was then; of a run that
//!   observes nothing is performed. (`sim::checks`)
//! - Nothing of an attempt is left when it has answered, and two attempts of one step never overlap.
//! - Everything that can grow has a named limit and a stated behaviour when it is reached.
//! - Bytes from outside reach a terminal, a log or a report only as [`model::SafeText`].
//!
//! # The code map, bottom up
//!
//! Each layer imports only layers above it in this list: `model` (vocabulary), `flow` (small generic
//! parts: machines, YAML with places), `rule` (Sigma text → program), `workflow` (YAML → checked graph), `detect` (signals →
//! detections), `engine` (decides and folds), `journal` (durable records), `agent` (acts), `source`
//! (files and decoders), `runtime` (the only place with a clock), `config` (folder → setup), `sim`
//! (a seeded world with faults), `control` (the socket by which others steer), `console` (the screen),
//! `bench` (workloads and reports on them), `cli` (arguments; the only place that prints).

pub mod model;
pub mod flow;
pub mod rule;
pub mod workflow;
pub mod detect;
pub mod engine;
pub mod journal;
pub mod agent;
pub mod source;
pub mod runtime;
pub mod config;
pub mod sim;
pub mod control;
pub mod console;
pub mod bench;
pub mod cli;
