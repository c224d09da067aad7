//! Input that is not what it should be: counted, shown, kept, never fatal.

use std::fs;

use crate::run::{SIGNALS, expect, lines, replayed, within};

#[test]
fn files_that_cannot_be_read_are_named_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let (out, err) = expect(&["replay", "/nonexistent.log", path, SIGNALS], 1);
    assert!(err.contains("/nonexistent.log: No such file"), "{err}");
    assert!(err.contains(path) && err.contains("directory"), "{err}");
    assert_eq!(out, "");
}

/// Lines that are no signals are counted and shown; the good ones around them are processed.
#[test]
fn bad_lines_are_counted_and_never_fatal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mixed.log");
    let mut bytes = fs::read(SIGNALS).unwrap();
    let good = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    bytes.extend(b"{\"timestamp\": \"2026-\n");
    bytes.extend(b"\xff\xfe\x00binary\n");
    bytes.extend(b"\x1b[2Jnot \xc3\x28 text\n");
    bytes.extend(vec![b'x'; 1024 * 1024 + 1]);
    bytes.push(b'\n');
    fs::write(&path, bytes).unwrap();
    let quarantine = folder.path().join("bad");
    let args = ["replay", path.to_str().unwrap(), "--json", "--quarantine", quarantine.to_str().unwrap()];
    let (out, err) = expect(&args, 0);
    let summary = lines(&out).pop().unwrap();
    assert_eq!(summary["received"], good + 4);
    assert_eq!(summary["processed"], good);
    assert_eq!(summary["dropped"], 4);
    assert_eq!(summary["dropped_by"]["too_long"], 1);
    assert_eq!(summary["incidents"], 4);
    assert!(err.contains("dropped 4 lines") && err.contains("mixed.log:"), "{err}");
    assert!(!err.contains('\u{1b}'), "{err}");
    assert_eq!(fs::read(quarantine).unwrap().iter().filter(|byte| **byte == b'\n').count(), 4);
}

#[test]
fn a_binary_file_is_counted_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quell");
    fs::copy(env!("CARGO_BIN_EXE_quell"), &path).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(300_000).unwrap();
    let (out, err) = expect(&["replay", path.to_str().unwrap(), "--json"], 0);
    let summary = lines(&out).pop().unwrap();
    assert!(summary["received"].as_u64().unwrap() > 0);
    assert_eq!(summary["received"], summary["dropped"]);
    assert!(err.contains("binary data, not text"), "{err}");
}

const GOOD: &str = r#"{"timestamp":"2026-01-01T00:00:01Z","event_type":"flow","src_ip":"192.0.2.1"}"#;

/// One bad line between two good ones: what is said of it, and how it is counted.
#[test]
fn each_kind_of_bad_line_has_its_message() {
    let folder = tempfile::tempdir().unwrap();
    let (path, kept) = (within(folder.path(), "in.log"), within(folder.path(), "bad.log"));
    let deep = [b"{\"a\":".as_slice(), &[b'['; 10_000], &[b']'; 10_000], b"}"].concat();
    let long = vec![b'x'; 1024 * 1024 + 1];
    let allowed = vec![b'x'; 1024 * 1024];
    for (line, reason, said) in [
        (&b"{\"half\": "[..], "not_json", "not one JSON object: EOF while parsing a value"),
        (b"{\"a\":1} {\"b\":2}", "not_json", "not one JSON object: trailing characters"),
        (b"[1,2]", "unrecognised", "neither a JSON object nor a syslog line"),
        (b"\xff\xfe\x00", "binary", "line has a NUL byte: binary data, not text"),
        (b"Mar 14 \xff", "not_utf8", "line is not valid UTF-8 from byte 8 on"),
        (&deep, "not_json", "recursion limit exceeded"),
        (&long, "too_long", "longer than the limit for lines"),
        (&allowed, "unrecognised", "neither a JSON object nor a syslog line"),
        (b"{\"source_ip\":\"192.0.2.1\"}", "no_time", "no field with a time, such as `timestamp`"),
        (b"{\"time\":\"soon\"}", "bad_time", "expected a time, found `soon`"),
        (b"crlf\r", "unrecognised", "neither a JSON object nor a syslog line"),
    ] {
        let text = [GOOD.as_bytes(), line, GOOD.as_bytes(), b""].join(&b'\n');
        fs::write(&path, text).unwrap();
        let (out, err) = expect(&["replay", &path, "--json", "--quarantine", &kept], 0);
        let summary = lines(&out).pop().unwrap();
        let books = ["received", "processed", "dropped"].map(|name| summary[name].as_u64().unwrap());
        assert_eq!(books, [3, 2, 1], "{reason}");
        assert_eq!(summary["bad_lines"][reason], 1, "{summary}");
        let sample = &summary["samples"][0];
        assert!(sample["reason"].as_str().unwrap().contains(said), "{sample}");
        assert_eq!(sample["line"], 2);
        assert!(err.contains("dropped 1 line") && err.contains(said), "{err}");
        assert!(fs::read(&kept).unwrap() == [line, b"\n"].concat(), "{reason}: not byte for byte");
    }
}

#[test]
fn of_duplicate_keys_the_last_one_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = within(folder.path(), "twice.json");
    let threat = r#"{"time":1773478800,"event_type":"port_scan","severity":"high","source_ip":"192.0.2.1","source_ip":"192.0.2.2"}"#;
    fs::write(&path, threat).unwrap();
    let (records, summary) = replayed(&[&path]);
    assert_eq!((&summary["processed"], &summary["incidents"]), (&1.into(), &1.into()));
    let opened = records.iter().find(|record| record["event"] == "incident_opened").unwrap();
    assert_eq!(opened["key"], "192.0.2.2");
}

#[test]
fn a_threat_without_a_time_takes_that_of_the_line_before_it_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let threat = r#"{"event_type":"port_scan","severity":"high","source_ip":"192.0.2.1"}"#;
    let files = [("first", threat.to_owned()), ("second", format!("{GOOD}\n{threat}\n"))];
    let paths = files.map(|(name, text)| {
        fs::write(folder.path().join(name), text).unwrap();
        within(folder.path(), name)
    });
    // Also in the second file read: a time does not reach over from one file into the next.
    for order in [[&paths[0], &paths[1]], [&paths[1], &paths[0]]] {
        let (out, err) = expect(&["replay", order[0], order[1], "--json"], 0);
        let summary = lines(&out).pop().unwrap();
        assert_eq!((&summary["dropped"], &summary["incidents"]), (&1.into(), &1.into()));
        let said =
            "first:1: the signal has no time, and there is no line before it in this file to take it from";
        assert!(err.contains(said), "{err}");
    }
}

#[test]
fn empty_files_are_said_to_be_empty() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("empty", ""), ("blank", "\n\n  \t\n\r\n\r")] {
        let path = within(folder.path(), name);
        fs::write(&path, text).unwrap();
        let (out, _) = expect(&["replay", &path], 0);
        assert!(out.contains("signals  0 received") && out.contains("there was no line to read"), "{out}");
        let (records, summary) = replayed(&[&path]);
        assert_eq!((&summary["received"], &summary["incidents"]), (&0.into(), &0.into()));
        assert_eq!(records[0]["at"], "1970-01-01T00:00:00.000000Z", "never the wall clock");
    }
}

#[test]
fn the_summary_shows_bad_lines_and_what_may_be_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = within(folder.path(), "text.txt");
    fs::write(&path, "Dear reader,\n\n\x1b[2Jthis is a letter.\n1\n2\n3\n4\n").unwrap();
    let (out, err) = expect(&["replay", &path], 0);
    for expected in [
        "6 received = 0 processed + 0 deduplicated + 6 dropped",
        "dropped  6 unrecognised",
        "text.txt:1: neither a JSON object nor a syslog line: Dear reader,",
        "text.txt:3: neither a JSON object nor a syslog line: \\x1b[2Jthis",
        "… and 1 more line; --quarantine FILE keeps every one",
        "no line was a signal: expected plain text, one record per line",
    ] {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
    assert!(err.contains("6 lines (6 dropped), 0 incidents, 0 runs"), "{err}");
    let (_, err) = expect(&["replay", &path, "--format", "sshd", "--json"], 0);
    assert!(err.contains("not a syslog line: expected a time"), "{err}");
}

/// A name that is wrong is known before anything is done.
#[test]
fn a_second_file_that_is_missing_is_found_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| within(folder.path(), name);
    let (state, out, bad) = (name("state"), name("out"), name("bad"));
    let args =
        ["replay", SIGNALS, "/nonexistent.log", "--state", &state, "--out", &out, "--quarantine", &bad];
    let (printed, err) = expect(&args, 1);
    assert!(err.contains("cannot read /nonexistent.log: No such file"), "{err}");
    assert_eq!(printed, "");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn what_is_read_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = within(folder.path(), "in.log");
    fs::write(&path, GOOD).unwrap();
    for option in ["--out", "--quarantine"] {
        let (_, err) = expect(&["replay", SIGNALS, &path, option, &path], 2);
        assert!(err.contains(&format!("{option} would overwrite {path}, which is to be read")), "{err}");
        assert_eq!(fs::read_to_string(&path).unwrap(), GOOD);
    }
    let new = within(folder.path(), "new");
    let (_, err) = expect(&["replay", &path, "--out", &new, "--quarantine", &new], 2);
    assert!(err.contains("--out and --quarantine name the same file"), "{err}");
}

#[test]
fn a_full_disk_is_a_failure_and_not_a_panic() {
    if !std::path::Path::new("/dev/full").exists() {
        println!("skipped: there is no /dev/full");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = within(folder.path(), "in.log");
    fs::write(&path, format!("{GOOD}\nbad\n")).unwrap();
    for (args, expected) in [
        (&["--out", "/dev/full"][..], "cannot write the output: No space left"),
        (&["--json", "--out", "/dev/full"], "cannot write the output: No space left"),
        (&["--quarantine", "/dev/full"], "cannot write the quarantine file: No space left"),
    ] {
        let (_, err) = expect(&[&["replay", &path], args].concat(), 1);
        assert!(err.contains(expected) && !err.contains("panic"), "{err}");
    }
}
