//! Every line of real captures is a signal.

mod real_data;

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::Path;

use quell::model::Signal;
use quell::source::{Decoder, Format, Line, LineReader, Options};
use real_data::data;

/// Every line as a signal.
fn decoded(input: impl Read, format: Format) -> Vec<Signal> {
    let mut lines = LineReader::new(BufReader::new(input));
    let mut decoder = Decoder::new(format, Options::default());
    let mut signals = Vec::new();
    while let Some((number, line)) = lines.next_line().unwrap() {
        let Line::Bytes(bytes) = line else { panic!("line {number} is too long") };
        signals.push(decoder.decode(bytes).unwrap_or_else(|why| panic!("line {number}: {why}")));
    }
    signals
}

#[test]
fn every_real_suricata_line_decodes() {
    for name in ["first-org-conf-2015-alerts.jsonl", "wrccdc-2017-alerts.jsonl"] {
        let Some(path) = data(&format!("suricata/{name}")) else { return };
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        let signals = decoded(std::fs::File::open(path).unwrap(), Format::Auto);
        assert_eq!(signals.len(), lines);
        for signal in &signals {
            let common = &signal.common;
            assert_eq!((&*signal.origin.product, &*signal.origin.service), ("suricata", "alert"));
            assert!(common.source_ip.is_some() && common.destination_ip.is_some(), "{}", signal.raw());
            assert!(common.outcome.is_some() && common.bytes_out.is_some(), "{}", signal.raw());
            let year = &signal.at.to_string()[..4];
            assert!(year == "2015" || year == "2017", "{}", signal.at);
        }
    }
}

fn gunzipped(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn every_real_zeek_line_decodes() {
    let Some(path) = data("zeek/apt29_day1.jsonl.gz") else { return };
    let bytes = gunzipped(&path);
    for format in [Format::Auto, Format::Zeek] {
        let signals = decoded(&bytes[..], format);
        assert_eq!(signals.len(), 2_140);
        let mut logs = BTreeMap::new();
        for signal in &signals {
            assert_eq!(signal.origin.product, "zeek");
            assert!(signal.at.to_string().starts_with("2020-0"), "{}", signal.at);
            assert!(signal.common.host.is_some());
            *logs.entry(signal.origin.service.to_string()).or_insert(0) += 1;
            if signal.origin.service == "conn" {
                let common = &signal.common;
                assert!(common.source_ip.is_some() && common.destination_port.is_some(), "{}", signal.raw());
                assert_eq!(signal.origin.category, "network_connection");
            }
        }
        assert_eq!((logs["conn"], logs["files"], logs["ssl"], logs["dns"]), (613, 448, 378, 53));
    }
}

#[test]
fn every_real_windows_line_decodes() {
    let Some(path) = data("windows/otrf_sample.jsonl.gz") else { return };
    assert_eq!(decoded(&gunzipped(&path)[..], Format::Auto).len(), 15_934);
}
