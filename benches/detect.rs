//! The cost of one signal: decoding alone, decoding and observing with the shipped rules, and (with
//! QUELL_TEST_DATA) matching it against many public rules.

use std::hint::black_box;
use std::io::Read;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quell::detect::{Detector, LATENESS, Matcher, Routing};
use quell::model::Signal;
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

/// The real data, if it is there.
#[expect(clippy::disallowed_methods, reason = "the real data is found through the environment")]
fn data(path: &str) -> Option<std::path::PathBuf> {
    std::env::var_os("QUELL_TEST_DATA").map(|root| std::path::Path::new(&root).join(path))
}

fn gunzipped(path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(data(path)?).ok()?).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The public rules: the texts of a tar archive, of which a document begins with `title:` in the first
/// line and has a `detection:`.
fn public_rules() -> Option<Vec<(String, String)>> {
    let bytes = gunzipped("sigma/sigma_rules_8eaafff1.tar.gz")?;
    let mut files = Vec::new();
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + 512).filter(|header| header.first() != Some(&0)) {
        let size = std::str::from_utf8(header.get(124..135)?).ok()?;
        let size = usize::from_str_radix(size.trim_end_matches(['\0', ' ']), 8).ok()?;
        let body = String::from_utf8_lossy(bytes.get(at + 512..at + 512 + size)?).into_owned();
        if header.get(156) == Some(&b'0') && body.contains("\ndetection:") {
            files.push((format!("{}.yml", files.len()), body));
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    Some(files)
}

/// Matching alone, with more and more rules of which hardly any can match: its cost should not grow as
/// they do.
fn public(c: &mut Criterion) {
    let Some(files) = public_rules() else { return };
    for (name, path) in [("windows", "windows/otrf_sample.jsonl.gz"), ("zeek", "zeek/apt29_day1.jsonl.gz")] {
        let Some(bytes) = gunzipped(path) else { return };
        let mut decoder = Decoder::new(Format::Auto, Options::default());
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let signals: Vec<Signal> = lines.filter_map(|line| decoder.decode(line).ok()).collect();
        let mut group = c.benchmark_group(format!("public_rules_{name}"));
        group.throughput(Throughput::Elements(signals.len() as u64));
        group.sample_size(10);
        for count in [10, 100, 1_000, files.len()] {
            // Spread over the collection, so that each part of it is there in proportion.
            let step = files.len() as f64 / count as f64;
            let chosen: Vec<_> = (0..count).map(|n| files[(n as f64 * step) as usize].clone()).collect();
            let rules = Arc::new(rule::load_sound(&chosen).set);
            for (word, routing) in [("routed", Routing::Auto), ("every_rule", Routing::Off)] {
                let mut matcher = Matcher::new(rules.clone(), routing, 1_024, 7);
                let mut found = Vec::new();
                group.bench_function(format!("{word}_{count}"), |b| {
                    b.iter(|| {
                        for signal in &signals {
                            matcher.find(signal, &mut found);
                            black_box(&found);
                        }
                    });
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, bench, public);
criterion_main!(benches);
