//! Whole workflows, as `quell bench workflow` runs them. The time is that of one workflow.

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quell::bench::BenchError;
use quell::bench::live::{self, Store, folder_on_disk};
use quell::bench::result::Work;
use quell::bench::rig::Watcher;
use quell::bench::workflow::{AT_ONCE, five, in_memory};

type Once<'a> = &'a dyn Fn(u64) -> Result<Work, BenchError>;

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, workflows: u64, once: Once<'_>) {
    group.throughput(Throughput::Elements(workflows));
    group.bench_function(BenchmarkId::new(name, workflows), |bench| {
        let took = || {
            let work = once(workflows).expect("it runs to its end");
            assert_eq!(work.workflows, Some(workflows), "every run completed");
            work.usage.took
        };
        bench.iter_custom(|times| (0..times).map(|_| took()).sum());
    });
}

fn workflows(criterion: &mut Criterion) {
    let setup = five().expect("the setup is right");
    let mut group = criterion.benchmark_group("workflow");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for (name, watcher) in [("feed", Watcher::Headless), ("replica", Watcher::Replica)] {
        for scale in [1_000, 100_000] {
            measure(&mut group, name, scale, &|count| in_memory(&setup, count, AT_ONCE, watcher));
        }
    }
    measure(&mut group, "threads", 10_000, &|count| live::run(&setup, count, AT_ONCE, Store::Memory));
    measure(&mut group, "durable", 1_000, &|count| {
        let folder = folder_on_disk()?;
        live::run(&setup, count, AT_ONCE, Store::Disk(folder.path()))
    });
    group.finish();
}

criterion_group!(benches, workflows);
criterion_main!(benches);
