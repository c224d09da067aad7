//! An incident: what was found, what was done about it, and the records that say so.

use super::super::glyph;
use super::super::model::Model;
use super::super::paint::Row;
use super::super::text::{age, grouped};
use super::super::theme::Tone;
use super::{entry, heading, pairs};
use crate::engine::{Incident, IncidentStatus};
use crate::model::Span;

/// The page.
pub fn rows(model: &Model, incident: &Incident, width: usize) -> Vec<Row> {
    let (severity, severity_tone) = glyph::severity(incident.severity());
    let (glyph, tone) = glyph::incident(incident.status());
    let state = glyph::word(&incident.status().to_string(), incident.status() == IncidentStatus::Open);
    let mut rows = vec![
        Row::new()
            .add(severity, severity_tone)
            .plain("  ")
            .add(format!("{glyph} {state}"), tone)
            .dim(format!("  since {}", incident.since().clock())),
    ];
    let rule = &incident.first().rule;
    rows.extend(entry("rule", &format!("{}: {}", rule.name, rule.title), Tone::Plain, width));
    rows.extend(entry("rule id", &rule.id, Tone::Dim, width));
    rows.extend(entry("rule author", rule.author.as_deref().unwrap_or("not named"), Tone::Dim, width));
    if !rule.tags.is_empty() {
        rows.extend(entry("tags", &rule.tags.join(", "), Tone::Dim, width));
    }
    rows.extend(entry("about", incident.key(), Tone::Strong, width));
    rows.extend(entry("count", &grouped(incident.count()), Tone::Plain, width));
    if let Some(owner) = incident.owner() {
        rows.extend(entry("owner", &owner.0, Tone::Plain, width));
    }
    if let Some(reason) = incident.reason() {
        rows.extend(entry("reason", reason, Tone::Plain, width));
    }
    rows.push(Row::new());
    rows.push(heading("Times (UTC)"));
    rows.extend(times(incident, width));
    rows.push(Row::new());
    rows.push(heading("Runs that answer it"));
    rows.extend(runs(model, incident));
    rows.push(Row::new());
    rows.push(heading("In force because of it"));
    rows.extend(super::obligation::of_incident(model, incident.id()));
    rows.push(Row::new());
    rows.push(heading("What was found last"));
    rows.extend(entry("fields", &pairs(&incident.latest().fields), Tone::Plain, width));
    rows.push(Row::new());
    rows.push(heading("Evidence").dim("  raw records, controls shown as escapes"));
    rows.extend(evidence(incident, width));
    rows
}

fn times(incident: &Incident, width: usize) -> Vec<Row> {
    let after = |span: Option<Span>| span.map_or("not yet".to_owned(), age);
    let mut rows = Vec::new();
    let mut add = |name: &str, text: String| rows.extend(entry(name, &text, Tone::Plain, width));
    add("first signal", incident.first().since.clock());
    add("opened", format!("{}  {} after it", incident.opened_at().clock(), age(incident.time_to_detect())));
    add("latest", incident.latest().at.clock());
    add("responded", after(incident.time_to_respond()));
    add("contained", after(incident.time_to_contain()));
    for (status, at) in incident.history().skip(1) {
        add(glyph::word(&status.to_string(), false).as_str(), at.clock());
    }
    if let Some(at) = incident.closed_at() {
        add("closed", at.clock());
    }
    rows
}

fn runs(model: &Model, incident: &Incident) -> Vec<Row> {
    if incident.runs().is_empty() {
        return vec![Row::new().dim("  none: no workflow's trigger fits")];
    }
    let row = |id: &crate::model::RunId| match model.state().run(*id) {
        Some(run) => {
            let (glyph, tone) = glyph::run(run.status());
            let state = super::super::pane::workflows::word(run);
            let workflow = super::super::text::cut(run.workflow(), 24);
            Row::new().plain(format!("  {id:<8} {workflow:<24} ")).add(format!("{glyph} {state}"), tone)
        }
        None => Row::new().plain(format!("  {id:<8} ")).dim("no longer kept here"),
    };
    incident.runs().iter().map(row).collect()
}

fn evidence(incident: &Incident, width: usize) -> Vec<Row> {
    let records = &incident.latest().evidence;
    if records.is_empty() {
        return vec![Row::new().dim("  the detection carries none")];
    }
    // A record may be a megabyte: what does not fit on a few lines is cut, the journal has it all.
    const LINES: usize = 6;
    let mut rows = Vec::new();
    for record in records {
        let columns = width.saturating_sub(4).max(20);
        let shown = super::super::text::cut(record, columns * LINES);
        let lines = super::super::text::wrap(&shown, columns);
        rows.extend(
            lines
                .into_iter()
                .enumerate()
                .map(|(i, line)| Row::new().dim(if i == 0 { "  · " } else { "    " }).plain(line)),
        );
    }
    rows
}
