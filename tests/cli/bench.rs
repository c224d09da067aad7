//! `quell bench`: its books and its exit codes. No timing decides anything here.

use serde_json::Value;

use crate::run::expect;

fn results(out: &str) -> Vec<Value> {
    let parsed: Value = serde_json::from_str(out).unwrap_or_else(|e| panic!("{e}: {out}"));
    assert!(parsed["machine"].as_str().is_some_and(|machine| !machine.is_empty()));
    assert_eq!(parsed["version"], env!("CARGO_PKG_VERSION"));
    parsed["results"].as_array().cloned().unwrap()
}

#[test]
fn s9_2_the_books_of_a_benchmark_add_up() {
    let (out, _) = expect(&["bench", "workflow", "--scale", "1", "--json"], 0);
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
