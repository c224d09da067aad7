//! Signals of attacks, each by another source: a rule fires, an incident opens, and a response of three
//! steps runs to its end before the next signal is taken. A latency reaches from the moment at which a
//! decoded signal is taken to the moment at which the gate releases the first step against it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::BenchError;
use super::result::Work;
use super::rig::{OUT_OF_ORDER, Rig, Watcher};
use super::samples::Samples;
use super::setup::{hands, setup};
use super::usage::Stopwatch;
use crate::detect::Detector;
use crate::engine::{Actor, Event, Input, Record, Request, Setup};
use crate::model::{IncidentId, RequestId, Signal, Span, Timestamp};
use crate::rule::{self, RuleSet};
use crate::runtime::clock::instant;
use crate::source::decode::{Decoder, Format, Options};

/// Signals at scale 1.
pub const SIGNALS: u64 = 500;
/// Rules, unless it says otherwise.
pub const RULES: u64 = 10;
/// Steps of a response.
const STEPS: u64 = 3;
/// Signals pass so far apart in their own time.
const APART: Span = Span(1_000);

const RESPONSE: &str = "
workflow: respond
trigger: { severity>=: high }
inputs:
  address: { type: address, from: '${detection.source_ip}' }
dedup: '${inputs.address}'
steps:
  - { id: block, role: HAND, action: block, with: { address: '${inputs.address}' } }
  - { id: tell, role: HAND, action: act, needs: [block] }
  - { id: log, role: HAND, action: act, needs: [tell] }
";

/// The setup: ten agents, and the response.
///
/// # Errors
/// Never: it is fixed.
pub fn response() -> Result<Arc<Setup>, BenchError> {
    setup(hands(10, 20), &[RESPONSE.to_owned()])
}

/// So many rules of one log source, each for another kind of attack.
///
/// # Errors
/// Never: they are all alike.
pub fn rules(count: u64) -> Result<Arc<RuleSet>, BenchError> {
    let text = |n: u64| {
        format!(
            "title: Attack {n}\nid: 00000000-0000-4000-8000-{n:012}\nname: attack-{n}\nlevel: high\n\
             logsource: {{ product: bench }}\n\
             detection:\n  attack:\n    kind: attack-{n}\n    destination_port|lt: 1024\n  \
             known:\n    user|endswith: -scanner\n  condition: attack and not known\n"
        )
    };
    let files: Vec<_> = (0..count).map(|n| (format!("rules/attack-{n}.yml"), text(n))).collect();
    let wrong = |mistakes: Vec<crate::model::Mistake>| {
        BenchError(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    };
    Ok(Arc::new(rule::load(&files).map_err(wrong)?))
}

/// One decoded signal of each kind of attack.
///
/// # Errors
/// Never: they are all alike.
pub fn attacks(count: u64) -> Result<Vec<Signal>, BenchError> {
    let mut decoder = Decoder::new(Format::Json, Options::default());
    let line = |n: u64| {
        format!(
            r#"{{"timestamp":"2026-03-14T09:00:00Z","product":"bench","kind":"attack-{n}","source_ip":"192.0.2.1","source_port":40022,"destination_ip":"198.51.100.9","destination_port":22,"user":"root","host":"web-1","bytes_out":2345,"message":"connection refused after 3 tries"}}"#
        )
    };
    let decoded = (0..count).map(|n| decoder.decode(line(n).as_bytes()));
    decoded.collect::<Result<_, _>>().map_err(|why| BenchError(why.to_string()))
}

/// Takes so many signals under so many rules.
///
/// # Errors
/// The engine does not start, or the journal refuses.
pub fn run(
    setup: &Arc<Setup>,
    rules: &Arc<RuleSet>,
    signals: u64,
    watcher: Watcher,
) -> Result<Work, BenchError> {
    let attacks = attacks(rules.rules().len() as u64)?;
    let begins = attacks.first().map_or(Timestamp(0), |signal| signal.at);
    let mut rig = Rig::new(setup, watcher)?;
    let mut detector = Detector::new(Arc::clone(rules), OUT_OF_ORDER, 1);
    let (mut found, mut inputs) = (Vec::new(), Vec::new());
    let mut answered = Answered { samples: Samples::with_room(signals), ..Answered::default() };
    let watch = Stopwatch::start();
    for n in 0..signals {
        let Some(attack) = attacks.get((n % attacks.len() as u64) as usize) else { break };
        let mut signal = attack.clone();
        signal.at = begins + Span(APART.0 * n);
        signal.common.source_ip = Some(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n as u32)));
        let taken = instant();
        detector.observe(&signal, &mut found);
        rig.tell(&mut found);
        let mut batch = rig.round(&mut inputs)?;
        if let Some(released) = rig.released().filter(|released| *released > taken) {
            answered.samples.add(released.duration_since(taken));
        }
        while let Some(records) = batch {
            answered.read(&records, &mut inputs);
            batch = rig.round(&mut inputs)?;
        }
    }
    let usage = watch.stop();
    rig.close(watcher)?;
    Ok(Work {
        operations: signals,
        succeeded: answered.contained.min(answered.steps / STEPS).min(answered.samples.count()),
        records: answered.records,
        samples: answered.samples,
        usage,
        ..Work::default()
    })
}

/// What became of the signals.
#[derive(Default)]
struct Answered {
    samples: Samples,
    opened: Vec<IncidentId>,
    steps: u64,
    contained: u64,
    records: u64,
}

impl Answered {
    fn read(&mut self, records: &[Record], inputs: &mut Vec<Input>) {
        self.records += records.len() as u64;
        for record in records {
            match &record.event {
                Event::IncidentOpened { incident, .. } => self.opened.push(*incident),
                Event::StepSucceeded { .. } => self.steps += 1,
                Event::RunCompleted { .. } => {
                    self.contained += 1;
                    inputs.extend(self.opened.pop().map(|incident| self.close(incident)));
                }
                _ => {}
            }
        }
    }

    /// As a person does once a response is over: open incidents are kept for ever.
    fn close(&self, incident: IncidentId) -> Input {
        let request = Request::Resolve { incident, reason: "answered".to_owned() };
        Input::Request { id: RequestId(self.contained), by: Actor("bench".into()), seen: None, request }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_answered() {
        let setup = response().unwrap();
        for count in [1, 10, 100] {
            let work = run(&setup, &rules(count).unwrap(), 50, Watcher::Replica).unwrap();
            assert_eq!((work.operations, work.succeeded, work.samples.count()), (50, 50, 50), "{count}");
        }
    }

    #[test]
    fn a_signal_that_no_rule_knows_is_a_failure() {
        let mut signals = rules(1).unwrap();
        let other = "title: Other\nid: 00000000-0000-4000-8000-000000000001\nname: other\nlevel: high\n\
                     logsource: { product: other }\ndetection:\n  a:\n    kind: x\n  condition: a\n";
        signals = rule::load(&[("other.yml".to_owned(), other.to_owned())]).map(Arc::new).unwrap_or(signals);
        let work = run(&response().unwrap(), &signals, 5, Watcher::Headless).unwrap();
        assert_eq!((work.operations, work.succeeded), (5, 0));
    }
}
