//! How live sources stand.

use super::super::theme::Theme;
use super::figures::model;
use super::picture;
use super::scenario::busy;
use crate::runtime::gauges::SourceGauge;

#[test]
fn a_blind_source_stands_in_the_first_line_and_in_its_pane() {
    let mut model = model(&busy(), 120, 40);
    let source = |name: &str| SourceGauge { name: name.to_owned(), received: 7, ..SourceGauge::default() };
    let waited = SourceGauge { trouble: Some("it is waited for".to_owned()), ..source("b.log") };
    let blind = SourceGauge { blind: Some("silent for 600s".to_owned()), ..source("\u{1b}[2Jfw") };
    model.live_gauges.sources = vec![source("a.log"), waited, blind];
    let screen = picture(&model, &Theme { colour: false, ascii: true });
    let first = screen.lines().next().unwrap();
    assert!(first.contains("1 source BLIND"), "{first}");
    let rows: Vec<&str> = screen.lines().filter(|row| row.contains("  7")).collect();
    let at =
        |text: &str| rows.iter().position(|row| row.contains(text)).unwrap_or_else(|| panic!("{screen}"));
    assert!(at("BLIND: silent for 600s") < at("b.log"), "{screen}");
    assert!(!screen.contains('\u{1b}'));
    model.live_gauges.sources.clear();
    assert!(!picture(&model, &Theme { colour: false, ascii: true }).contains("BLIND"));
}
