//! The cost of one signal: decoding alone, and decoding and observing with the shipped rules.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quell::detect::{Detector, LATENESS};
use quell::rule;
use quell::source::{Decoder, Format, Options};

/// EVE flow records of 5,000 sources over many minutes; every hundredth source scans.
fn flows(count: usize) -> Vec<String> {
    let flow = |n: usize| {
        let micros = 1_773_482_400_000_000 + n as i64 * 500;
        let at = quell::model::Timestamp(micros).to_string().replace('Z', "+0000");
        let source = n.wrapping_mul(2_654_435_761) % 5_000;
        let port = if source.is_multiple_of(100) { n % 5_000 } else { 443 };
        format!(
            r#"{{"timestamp":"{at}","flow_id":{n},"in_iface":"eth0","event_type":"flow","src_ip":"10.1.{}.{}","src_port":{},"dest_ip":"192.0.2.{}","dest_port":{port},"proto":"TCP","app_proto":"tls","flow":{{"pkts_toserver":12,"pkts_toclient":14,"bytes_toserver":2345,"bytes_toclient":8901,"start":"{at}","end":"{at}","age":1,"state":"closed","reason":"shutdown","alerted":false}}}}"#,
            source / 250,
            source % 250,
            1024 + n % 60_000,
            n % 250,
        )
    };
    (0..count).map(flow).collect()
}

fn bench(c: &mut Criterion) {
    let lines = flows(20_000);
    let shipped = ["port-scan", "brute-force", "anomalous-traffic"].map(|name| {
        let path = format!("{}/config/exercise/rules/{name}.yml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        (path, text)
    });
    let rules = Arc::new(rule::load(&shipped).unwrap_or_default());
    let mut group = c.benchmark_group("eve_flow");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.sample_size(10);
    group.bench_function("decode", |b| {
        b.iter(|| {
            let mut decoder = Decoder::new(Format::Auto, Options::default());
            for line in &lines {
                let _ = black_box(decoder.decode(line.as_bytes()));
            }
        });
    });
    group.bench_function("decode_and_observe", |b| {
        b.iter(|| {
            let mut decoder = Decoder::new(Format::Auto, Options::default());
            let mut detector = Detector::new(rules.clone(), LATENESS, 7);
            let mut found = Vec::new();
            for line in &lines {
                if let Ok(signal) = decoder.decode(line.as_bytes()) {
                    detector.observe(&signal, &mut found);
                }
            }
            black_box((found.len(), detector.stats()))
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
