//! `quell bench`: its books and its exit codes. No timing decides anything here.

use serde_json::Value;

use crate::run::{expect, run, text};

/// Runs it, and gives stdout and what it says is slower than before. However slow the machine is, a
/// threshold of time that is missed decides nothing here.
fn bench(args: &[&str]) -> (String, Vec<String>) {
    let output = run(&[&["bench"], args].concat());
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let wrong: Vec<String> = match output.status.code() {
        Some(0) => vec![],
        Some(1) => err.lines().filter(|line| !line.contains("quell: bench:")).map(str::to_owned).collect(),
        other => panic!("{other:?}\n{out}\n{err}"),
    };
    let of_time =
        |line: &String| line.contains(" ms, it must be <") || line.contains("operations/s, it must");
    (out, wrong.into_iter().filter(|line| !of_time(line)).collect())
}

/// The same, if nothing else is wrong.
fn fine(args: &[&str]) -> String {
    let (out, wrong) = bench(args);
    assert_eq!(wrong, [""; 0], "{args:?}");
    out
}

fn results(out: &str) -> Vec<Value> {
    let parsed: Value = serde_json::from_str(out).unwrap_or_else(|e| panic!("{e}: {out}"));
    assert!(parsed["machine"].as_str().is_some_and(|machine| !machine.is_empty()));
    assert_eq!(parsed["version"], env!("CARGO_PKG_VERSION"));
    parsed["results"].as_array().cloned().unwrap()
}

#[test]
fn s9_2_the_books_of_a_benchmark_add_up() {
    let out = fine(&["workflow", "--scale", "1", "--json"]);
    let results = results(&out);
    assert!(results.iter().any(|result| result["name"] == "workflow/replica"));
    for result in results {
        let figure = |name: &str| result[name].as_f64().unwrap_or_else(|| panic!("{name}: {result}"));
        assert_eq!(figure("operations"), 500.0, "{result}");
        assert_eq!(figure("succeeded") + figure("failed"), figure("operations"));
        assert_eq!(figure("success_rate"), 100.0);
        let latency = |name: &str| result["latency_ms"][name].as_f64().unwrap();
        let order = ["min", "median", "p95", "p99", "max"].map(latency);
        assert!(order.is_sorted() && order[0] > 0.0, "{result}");
        assert!(latency("mean") >= order[0] && latency("mean") <= order[4] && latency("stddev") >= 0.0);
        assert!(figure("operations_per_second") > 0.0 && figure("workflows_per_second") > 0.0);
        assert!(result["memory_mb"]["peak"].as_f64() >= result["memory_mb"]["base"].as_f64());
    }
}

#[test]
fn s9_1_every_suite_runs_beside_its_floor() {
    let out = fine(&["--floor", "--json"]);
    let results = results(&out);
    let suite = |name: &str| {
        let found = results.iter().filter(|result| {
            result["name"].as_str().is_some_and(|found| found.split('/').next() == Some(name))
        });
        found.collect::<Vec<_>>()
    };
    for (name, operations) in [
        ("workflow", 500),
        ("transitions", 1_000),
        ("detection", 500),
        ("agents", 1_000),
        ("rollback", 900),
        ("processes", 500),
    ] {
        let found = suite(name);
        assert!(!found.is_empty(), "{name}: {out}");
        for result in found {
            assert_eq!(result["operations"], operations, "{result}");
            assert_eq!(result["success_rate"], 100.0, "{result}");
            assert!(result["ratio_to_floor"].as_f64() > Some(0.0), "{result}");
            assert_eq!(result["floor"]["failed"], 0, "{result}");
        }
    }
    let agents = suite("agents")[0]["parts"].as_array().cloned().unwrap();
    assert_eq!(agents.iter().filter_map(|part| part["succeeded"].as_u64()).sum::<u64>(), 1_000);
    assert_eq!(suite("rollback")[0]["parts"][0]["succeeded"], 100);
}

#[test]
fn s9_2_raw_samples_are_as_many_as_were_measured() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samples");
    fine(&["rollback", "--samples", file.to_str().unwrap()]);
    let text = std::fs::read_to_string(&file).unwrap();
    let samples: Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(samples["name"], "rollback");
    let nanoseconds = samples["nanoseconds"].as_array().unwrap();
    assert_eq!(nanoseconds.len(), 900);
    assert!(nanoseconds.iter().all(|sample| sample.as_f64() > Some(0.0)));
}

#[test]
fn s9_2_a_baseline_decides_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (base, faster, other) = (path("base.json"), path("faster.json"), path("other.json"));
    fine(&["rollback", "--json", "--out", &base]);
    let before: Value = serde_json::from_str(&std::fs::read_to_string(&base).unwrap()).unwrap();
    // However noisy the machine is, it is not a million times as fast the next time.
    let edit = |file: &str, change: &dyn Fn(&mut Value)| {
        let mut edited = before.clone();
        change(&mut edited["results"][0]);
        std::fs::write(file, edited.to_string()).unwrap();
    };
    edit(&faster, &|result| result["operations_per_second"] = 1e15.into());
    edit(&other, &|result| result["scale"] = 7.into());
    edit(&base, &|result| result["operations_per_second"] = 1.0.into());
    let table = fine(&["rollback", "--baseline", &base]);
    assert!(table.contains("change") && table.lines().all(|line| line.chars().count() <= 100), "{table}");
    let (_, why) = expect(&["bench", "rollback", "--baseline", &faster], 1);
    assert!(why.contains("rollback: operations/s was 1000000000000000"), "{why}");
    let (_, why) = expect(&["bench", "rollback", "--baseline", &other], 2);
    assert!(why.contains("none of these benchmarks"), "{why}");
    let (_, why) = expect(&["bench", "rollback", "--baseline", &path("none.json")], 2);
    assert!(why.contains("cannot read the baseline"), "{why}");
}

#[test]
fn s9_2_bad_usage_is_refused() {
    for (args, expected) in [
        (&["bench", "speed"][..], "invalid value 'speed'"),
        (&["bench", "--scale", "0"], "--scale"),
        (&["bench", "--tolerance", "0.1"], "--baseline"),
        (&["bench", "--baseline", "x", "--tolerance", "-1"], "--tolerance"),
        (&["bench", "--out", "same", "--samples", "same"], "name the same file"),
    ] {
        let (_, why) = expect(args, 2);
        assert!(why.contains(expected), "{args:?}: {why}");
    }
}

#[test]
fn c33_nothing_of_hostile_programs_outlives_its_step() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let results = results(&fine(&["hostile", "--json"]));
    assert_eq!((&results[0]["operations"], &results[0]["succeeded"]), (&100.into(), &100.into()));
}

#[test]
fn c20_every_count_of_a_flood_is_shown_beside_what_must_come_of_it() {
    // Memory without optimisation, and beside other tests, decides nothing here.
    let (out, wrong) = bench(&["flood", "--json"]);
    let wrong: Vec<_> = wrong.iter().filter(|line| !line.contains(" MiB at its peak")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let results = results(&out);
    let checks = results[0]["checks"].as_array().unwrap();
    let of = |what: &str| checks.iter().find(|check| check["what"] == what).unwrap();
    for what in ["lines received", "dropped: too_long", "detections", "counted by flood-logins", "runs"] {
        assert!(of(what)["found"].as_u64() > Some(0), "{what}: {out}");
        assert_eq!(of(what)["expected"], of(what)["found"], "{what}");
    }
    assert_eq!(of("lines received")["expected"], 10_000);
    assert!(results[0]["parts"].as_array().unwrap().len() > 3);
}
