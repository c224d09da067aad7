//! The rules: which match, when last, and what asking them costs; and the indicator lists that they ask.

use super::super::glyph;
use super::super::model::Model;
use super::super::paint::Row;
use super::super::text::{cut, grouped, width as columns};
use super::super::theme::Tone;
use super::heading;
use crate::model::{SafeText, Timestamp};

/// Rules that are shown.
const SHOWN: usize = 200;

/// The page.
pub fn rows(model: &Model, width: usize) -> Vec<Row> {
    let figures = &model.gauges().rules;
    let name = width.saturating_sub(60).clamp(16, 60);
    let mut rows = vec![
        heading(&format!("Rules {}", grouped(figures.count as u64))).dim("  by hits since the start"),
        Row::new().dim(format!(
            "  {:<name$} {:<13} {:>10}  {:<8}  {:>9}  AUTHOR",
            "RULE", "LEVEL", "HITS", "LAST", "COST"
        )),
    ];
    if figures.rules.is_empty() {
        rows.push(Row::new().dim("  there are none, or nothing was looked at yet"));
    }
    for rule in figures.rules.iter().take(SHOWN) {
        let (severity, tone) = glyph::severity(rule.level);
        let hits = if rule.hits > 0 { Tone::Strong } else { Tone::Dim };
        let cost = rule.nanos.map_or("-".to_owned(), |nanos| format!("{} ns", grouped(nanos)));
        let author = rule.author.as_deref().unwrap_or("-");
        rows.push(
            Row::new()
                .plain(format!("  {} ", padded(&rule.name, name)))
                .add(padded(severity, 13), tone)
                .add(format!(" {:>10}", grouped(rule.hits)), hits)
                .plain(format!("  {:<8}  {cost:>9}  ", when(rule.last)))
                .dim(cut(&SafeText(author).to_string(), 30)),
        );
    }
    if figures.count > figures.rules.len().min(SHOWN) {
        rows.push(Row::new().dim("  further rules have fewer hits"));
    }
    rows.push(Row::new().dim("  COST: what it takes to ask the rule about one signal, of one signal in 64"));
    rows.push(Row::new());
    rows.push(heading("Indicator lists"));
    if figures.lists.is_empty() {
        rows.push(Row::new().dim("  none: their files are put into indicators/ of the setup"));
    }
    for list in &figures.lists {
        let (entries, hits) = (grouped(list.entries as u64), grouped(list.hits));
        rows.push(Row::new().plain(format!(
            "  {} {:<8} {entries:>10} entries {hits:>10} hits  last {}",
            padded(&list.name, name),
            list.kind,
            when(list.last)
        )));
    }
    for (list, why) in &model.gauges().stale_lists {
        let text = format!("  {}: the list before stays: {}", SafeText(list), SafeText(why));
        rows.push(Row::new().add(cut(&text, width), Tone::Bad));
    }
    rows
}

fn when(at: Option<Timestamp>) -> String {
    at.map_or("-".to_owned(), |at| at.clock())
}

fn padded(text: &str, to: usize) -> String {
    let text = cut(&SafeText(text).to_string(), to);
    let space = to.saturating_sub(columns(&text));
    text + &" ".repeat(space)
}
