//! The functions that everything goes through, one at a time. The workloads are those of `quell bench`.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use quell::agent::Agent;
use quell::agent::drill::DrillAgent;
use quell::bench::detection::{attacks, rules};
use quell::bench::rig::{Asker, OUT_OF_ORDER};
use quell::bench::transitions::{Facts, Kind, Turn, batch};
use quell::bench::workflow::{NAME, STEPS, five};
use quell::detect::Detector;
use quell::engine::{Effect, Engine, Gate, Input, Output, Record, Setup, State, Task};
use quell::flow::machine::Place;
use quell::journal::codec;
use quell::model::{Map, Outcome, Span, Timestamp, Value};
use quell::workflow::{Scope, StepView, Template};

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
const WORKFLOWS: u64 = 1_000;
const AT_ONCE: usize = 100;

fn answer(task: &Task) -> Input {
    let (run, step, attempt, undo) = (task.run, task.step, task.attempt, task.undo);
    Input::StepFinished { run, step, attempt, undo, outcome: Outcome::Succeeded(Map::new()) }
}

/// Runs workflows through the engine alone, and shows each output.
fn drive(setup: &Arc<Setup>, mut see: impl FnMut(&Output)) {
    let (mut engine, output) = Engine::new(Arc::clone(setup), "bench", 1, NOW);
    see(&output);
    let mut asker = Asker::new(NAME);
    let mut inputs: VecDeque<Input> = (0..AT_ONCE).map(|_| asker.ask()).collect();
    while let Some(input) = inputs.pop_front() {
        let ends = matches!(&input, Input::StepFinished { step, .. } if u32::from(step.0) + 1 == STEPS);
        let output = engine.handle(input, NOW);
        see(&output);
        for effect in &output.effects {
            if let Effect::Perform(task) = effect {
                inputs.push_back(answer(task));
            }
        }
        if ends && asker.asked() < WORKFLOWS {
            inputs.push_back(asker.ask());
        }
    }
    assert_eq!(engine.state().counts().completed, WORKFLOWS);
}

fn engine(criterion: &mut Criterion) {
    let setup = five().expect("the setup is right");
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(WORKFLOWS * u64::from(STEPS)));
    group.bench_function("handle_per_step", |bench| {
        let see = |output: &Output| {
            black_box(output.records.len());
        };
        bench.iter(|| drive(&setup, see));
    });
    let (mut outputs, mut task) = (Vec::new(), None);
    drive(&setup, |output| {
        outputs.push(output.clone());
        task = task.take().or_else(|| perform(output));
    });
    let records: Vec<Record> = outputs.iter().flat_map(|output| output.records.clone()).collect();
    group.throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("apply", |bench| {
        bench.iter(|| {
            let mut state = State::new();
            records.iter().for_each(|record| state.apply(record).expect("it folds"));
            black_box(state.seq())
        });
    });
    group.bench_function("gate", |bench| {
        let offer = |outputs: Vec<Output>| {
            let mut gate = Gate::new();
            for (i, output) in outputs.into_iter().enumerate() {
                gate.offer(output);
                if i.is_multiple_of(AT_ONCE)
                    && let Some(batch) = gate.cut()
                {
                    let last = batch.last().map_or(0, |record| record.seq);
                    black_box(gate.durable_up_to(last).effects.len());
                }
            }
        };
        bench.iter_batched(|| outputs.clone(), offer, BatchSize::LargeInput);
    });
    group.finish();
    journal(criterion, &records);
    drill(criterion, &setup, &task.expect("a step was begun"));
}

fn perform(output: &Output) -> Option<Task> {
    output.effects.iter().find_map(|effect| match effect {
        Effect::Perform(task) => Some(task.clone()),
        _ => None,
    })
}

fn journal(criterion: &mut Criterion, records: &[Record]) {
    let mut group = criterion.benchmark_group("journal");
    group.throughput(Throughput::Elements(records.len() as u64));
    let encode = |record: &Record| {
        let mut body = Vec::new();
        codec::encode(record, &mut body).expect("it has a form");
        body
    };
    let bodies: Vec<Vec<u8>> = records.iter().map(encode).collect();
    group.bench_function("encode", |bench| {
        let mut body = Vec::new();
        bench.iter(|| {
            for record in records {
                body.clear();
                codec::encode(record, &mut body).expect("it has a form");
            }
            black_box(body.len())
        });
    });
    group.bench_function("decode", |bench| {
        bench.iter(|| {
            for (record, body) in records.iter().zip(&bodies) {
                black_box(codec::decode(record.seq, codec::JSON, body).expect("it is a record"));
            }
        });
    });
    group.finish();
}

fn drill(criterion: &mut Criterion, setup: &Setup, task: &Task) {
    let agent = DrillAgent::new(&setup.agents[0], 1);
    criterion.bench_function("agent/drill", |bench| bench.iter(|| agent.perform(black_box(task), NOW)));
}

fn transition(criterion: &mut Criterion) {
    const COUNT: u64 = 1_000;
    let mut group = criterion.benchmark_group("transition");
    group.throughput(Throughput::Elements(COUNT));
    for kind in Kind::ALL {
        group.bench_function(format!("{kind:?}"), |bench| {
            let (mut place, mut emitted) = (Place::<_, 16>::new(Turn::Idle, NOW), Vec::new());
            bench.iter(|| batch(kind.machine(), &mut place, &Facts::default(), &mut emitted, COUNT));
        });
    }
    group.finish();
}

fn detector(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("detector");
    for count in [10, 1_000] {
        let rules = rules(count).expect("the rules are right");
        let signal = attacks(1).expect("the signals are right").remove(0);
        group.bench_function(format!("observe_{count}_rules"), |bench| {
            let mut detector = Detector::new(Arc::clone(&rules), OUT_OF_ORDER, 1);
            let (mut signal, mut found) = (signal.clone(), Vec::new());
            bench.iter(|| {
                signal.at = signal.at + Span(1_000);
                detector.observe(&signal, &mut found);
                black_box(found.drain(..).count())
            });
        });
    }
    group.finish();
}

fn template(criterion: &mut Criterion) {
    let template = Template::parse("scan of ${inputs.address} by ${detection.source_ip}, ${run.id}");
    let template = template.unwrap_or_else(|fault| panic!("{fault}"));
    let map = |entries: &[(&str, &str)]| -> Map {
        entries.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()
    };
    let inputs = map(&[("address", "192.0.2.7")]);
    let detection = map(&[("source_ip", "198.51.100.9"), ("user", "root")]);
    let steps = |_: &str| -> Option<StepView<'_>> { None };
    let run = Some(quell::model::RunId(42));
    let scope = Scope { inputs: &inputs, detection: Some(&detection), run, steps: &steps };
    criterion.bench_function("template/render", |bench| bench.iter(|| black_box(&template).render(&scope)));
}

criterion_group!(benches, engine, transition, detector, template);
criterion_main!(benches);
