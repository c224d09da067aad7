//! Rule files: whatever the text is, it is read or refused with its places, and what was read finds the
//! same with its index as without.

use std::sync::Arc;

use quell::detect::{Detector, LATENESS, Matcher, Routing};
use quell::model::{Mistake, Signal};
use quell::rule::{RuleSet, heads, load, load_sound};
use quell::source::{Decoder, Format, Options};

use super::pieces;

/// Rule files; a piece after `%% signals` is signals.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (signals, files): (Vec<_>, Vec<_>) =
        pieces(&text).into_iter().partition(|(name, _)| *name == "signals");
    let numbered = files.iter().enumerate();
    let files: Vec<_> =
        numbered.map(|(n, (_, text))| (format!("rules/{n}.yml"), (*text).to_owned())).collect();
    let loaded = load_sound(&files);
    for mistake in &loaded.mistakes {
        in_its_place(mistake, files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    }
    match load(&files) {
        Ok(set) => assert!(set == loaded.set && loaded.mistakes.is_empty() && loaded.refused == 0),
        Err(mistakes) => assert_eq!(mistakes, loaded.mistakes),
    }
    let heads = heads(&files);
    if loaded.mistakes.is_empty() && heads.is_some() {
        let named = heads.unwrap_or_default();
        assert!(loaded.set.heads().all(|head| named.contains(head)));
    }
    let rules = Arc::new(loaded.set);
    let lines = signals.iter().flat_map(|(_, text)| text.lines()).chain(SIGNALS.iter().copied());
    look(&rules, lines.take(64));
}

/// A mistake names a place that is in its file, and shows nothing that steers a terminal.
pub fn in_its_place<'a>(mistake: &Mistake, mut files: impl Iterator<Item = (&'a str, &'a str)>) {
    let shown = mistake.to_string();
    let steers = |c: char| c.is_control() && c != '\n';
    assert!(!shown.contains(steers), "{shown:?}");
    assert!(shown.len() < 20_000, "{shown}");
    let Some((_, text)) =
        files.find(|(path, _)| mistake.file.strip_prefix("setup/").unwrap_or(&mistake.file) == *path)
    else {
        return;
    };
    let lines = 1 + text.matches(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
    assert!(mistake.line >= 1 && mistake.line as usize <= lines + 1, "{lines} lines: {shown}");
    assert!(mistake.column >= 1 && mistake.column as usize <= text.chars().count() + 2, "{shown}");
}

const SIGNALS: [&str; 7] = [
    "Mar 14 10:00:00 web sshd[1]: Failed password for root from 192.0.2.7 port 22 ssh2",
    r#"{"timestamp":"2026-03-14T10:00:01Z","event_type":"flow","src_ip":"192.0.2.7","dest_ip":"10.0.0.1","dest_port":22,"flow":{"bytes_toserver":1200}}"#,
    r#"{"ts":1773482400.5,"_path":"conn","uid":"C1","id.orig_h":"10.0.0.1","id.resp_p":53}"#,
    r#"{"time":"2026-03-14T10:00:02Z","product":"windows","Channel":"Security","EventID":4688,"CommandLine":"CMD /c wHoAmI","a":["x",null,{"b":1}],"a.b":2}"#,
    r#"{"time":"2026-03-14T10:00:02Z","user":"ada","user":"bob","a":{"b":{"c":[1,2.5,-3,true]}}}"#,
    r#"{"event_type":"port_scan","severity":"high","source_ip":"192.0.2.7","time":"2026-03-14T10:00:03Z"}"#,
    "Mar 14 10:00:04 web sshd[1]: message repeated 4 times: [ Failed password for root from 192.0.2.7 port 22 ssh2]",
];

/// Shows the signals to the rules, whichever log source they name.
fn look<'a>(rules: &Arc<RuleSet>, lines: impl Iterator<Item = &'a str>) {
    let mut decoder = Decoder::new(Format::Auto, Options::default());
    let mut detector = Detector::new(Arc::clone(rules), LATENESS, 7);
    let mut matchers =
        [Routing::Auto, Routing::Off].map(|routing| Matcher::new(Arc::clone(rules), routing, 8, 7));
    let (mut detections, mut found) = (Vec::new(), Vec::new());
    for line in lines {
        let Ok(signal) = decoder.decode(line.as_bytes()) else { continue };
        for matcher in &mut matchers {
            matcher.find(&signal, &mut found);
            if matcher.asked() > 0 || !found.is_empty() {
                assert!(found.is_sorted());
            }
        }
        // The last one asked all rules, by its index.
        assert_eq!(found, asked(rules, &signal), "{line}");
        detector.observe(&signal, &mut detections);
    }
    detector.finish(&mut detections);
    for detection in &detections {
        assert!(detection.since <= detection.at && detection.count >= 1, "{detection:?}");
        assert!(detection.evidence.len() <= 5);
    }
}

/// The numbers of the rules that match, each rule asked by itself.
pub fn asked(rules: &RuleSet, signal: &Signal) -> Vec<u32> {
    let numbered = rules.rules().iter().zip(0..);
    numbered.filter(|(rule, _)| rule.program.matches(signal)).map(|(_, number)| number).collect()
}
