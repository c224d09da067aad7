//! An agent: how it stands and how well it did.

use super::super::glyph;
use super::super::model::Model;
use super::super::paint::Row;
use super::super::text::{age, grouped, latency};
use super::super::theme::Tone;
use super::{entry, heading};
use crate::engine::AgentState;

/// The page.
pub fn rows(model: &Model, agent: &AgentState) -> Vec<Row> {
    let (glyph, tone) = glyph::agent(agent.status());
    let (succeeded, failed) = agent.totals();
    let since = age(model.engine_now().since(agent.since()));
    let mut rows = vec![
        Row::new()
            .add(format!("{glyph} {}", glyph::word(&agent.status().to_string(), false)), tone)
            .dim(format!("  for {since}")),
    ];
    let mut add = |name, text: String| rows.extend(entry(name, &text, Tone::Plain, 80));
    add("role", agent.role().to_owned());
    add("kind", agent.kind().name().to_owned());
    add("load", format!("{} of {} at once", agent.in_flight(), agent.concurrency()));
    add("attempts", format!("{} succeeded, {} failed", grouped(succeeded), grouped(failed)));
    if succeeded + failed > 0 {
        add(
            "last 100",
            format!(
                "{:.0}% succeeded, mean {}",
                agent.success_rate() * 100.0,
                latency(agent.mean_response().0)
            ),
        );
    }
    add("last run", agent.last_run().map_or("none yet".to_owned(), |run| run.to_string()));
    rows.push(Row::new());
    rows.push(heading("History (UTC)"));
    let now = std::iter::once((agent.status(), agent.since()));
    rows.extend(agent.history().chain(now).map(|(status, at)| {
        let (glyph, tone) = glyph::agent(status);
        let word = glyph::word(&status.to_string(), false);
        Row::new().dim(format!("  {}  ", at.clock())).add(format!("{glyph} {word}"), tone)
    }));
    rows
}
