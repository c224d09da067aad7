//! Records as JSON lines (S12): `{"type","seq","at","event","id",…}`, with the names that people use in
//! place of numbers, and `"drill":true` in every line about an exercise. Fields are only ever added.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::engine::{Event, JournalKind, Record, State};
use crate::flow::machine::Status;
use crate::model::{AgentId, IncidentId, Map, ObligationId, RunId, SafeJson, Span, StepIx, Timestamp, Value};

/// What a record is about.
enum About {
    Journal,
    Agent(AgentId),
    Workflow,
    Incident(IncidentId),
    Run(RunId),
    Step(RunId, StepIx),
    Obligation(ObligationId),
    Request,
    Retired,
}

fn about(event: &Event) -> About {
    match event {
        Event::JournalOpened { .. } | Event::Recovered { .. } | Event::SetupLoaded { .. } => About::Journal,
        Event::Halted { .. } | Event::Released { .. } | Event::ClockJumped { .. } => About::Journal,
        Event::AgentJoined { agent, .. } | Event::AgentChanged { agent, .. } => About::Agent(*agent),
        Event::WorkflowRecorded { .. } | Event::WorkflowArmed { .. } | Event::WorkflowDisarmed { .. } => {
            About::Workflow
        }
        Event::IncidentOpened { incident, .. }
        | Event::IncidentRepeated { incident, .. }
        | Event::IncidentChanged { incident, .. }
        | Event::EchoHeard { incident, .. } => About::Incident(*incident),
        Event::RunCreated(new) => About::Run(new.run),
        Event::RunJoined { run, .. }
        | Event::RunPaused { run, .. }
        | Event::RunResumed { run, .. }
        | Event::RunParked { run, .. }
        | Event::RunUnparked { run, .. }
        | Event::RollbackStarted { run, .. }
        | Event::RunCompleted { run }
        | Event::RunFailed { run, .. }
        | Event::RollbackCompleted { run }
        | Event::RunStuck { run, .. }
        | Event::RunAbandoned { run, .. } => About::Run(*run),
        Event::StepStarted { run, step, .. }
        | Event::StepSucceeded { run, step, .. }
        | Event::StepFailed { run, step, .. }
        | Event::StepWaiting { run, step, .. }
        | Event::StepSkipped { run, step, .. }
        | Event::StepCancelled { run, step, .. }
        | Event::StepAssumed { run, step, .. }
        | Event::StepAnswered { run, step, .. }
        | Event::StepSettled { run, step, .. }
        | Event::StepJoined { run, step, .. }
        | Event::StepInDoubt { run, step, .. }
        | Event::StepPerformed { run, step, .. }
        | Event::StepProbing { run, step, .. }
        | Event::StepProbed { run, step, .. }
        | Event::UndoPerformed { run, step, .. }
        | Event::UndoStarted { run, step, .. }
        | Event::UndoSucceeded { run, step, .. }
        | Event::UndoFailed { run, step, .. }
        | Event::UndoInDoubt { run, step, .. }
        | Event::ApprovalGiven { run, step, .. }
        | Event::ApprovalDenied { run, step, .. }
        | Event::EffectConfirmed { run, step, .. } => About::Step(*run, *step),
        Event::ApprovalAsked(asked) => About::Step(asked.run, asked.step),
        Event::LetGo { obligation, .. }
        | Event::ObligationExpired { obligation }
        | Event::ObligationProbed { obligation, .. } => About::Obligation(*obligation),
        Event::RequestRefused { .. } => About::Request,
        Event::Retired { .. } | Event::ObligationsRetired { .. } => About::Retired,
    }
}

/// The run that an event is about.
pub fn run_of(event: &Event) -> Option<RunId> {
    match about(event) {
        About::Run(run) | About::Step(run, _) => Some(run),
        _ => None,
    }
}

/// The step that an event is about.
pub fn step_of(event: &Event) -> Option<(RunId, StepIx)> {
    match about(event) {
        About::Step(run, step) => Some((run, step)),
        _ => None,
    }
}

/// Writes one record as a line. `state` is the state after it.
///
/// # Errors
/// What the writer says.
pub fn line(record: &Record, state: &State, out: &mut impl Write) -> io::Result<()> {
    let (event, mut fields) = taken_apart(&record.event)?;
    let (kind, id) = match about(&record.event) {
        About::Journal => ("journal", None),
        About::Agent(agent) => ("agent", agent_fields(agent, state, &mut fields)),
        About::Workflow => ("workflow", workflow_fields(state, &mut fields)),
        About::Incident(incident) => ("incident", incident_fields(incident, state, &mut fields)),
        About::Run(run) => ("run", run_fields(run, state, &mut fields)),
        About::Step(run, step) => ("step", step_fields(run, step, state, &mut fields)),
        About::Obligation(id) => ("obligation", obligation_fields(id, state, &mut fields)),
        About::Request => ("request", None),
        About::Retired => ("retired", None),
    };
    if let Event::RunJoined { incident, .. } = &record.event {
        // `incident` is the one that the run began with.
        set(&mut fields, "joined", incident.to_string());
    }
    // Writing to a `String` cannot fail.
    let mut text = String::new();
    let _ = write!(text, r#"{{"type":"{kind}","seq":{},"at":"{}","event":"{event}""#, record.seq, record.at);
    if let Some(id) = id {
        fields.insert("id".to_owned(), Value::from(id));
    }
    if let Some(id) = fields.remove("id") {
        let _ = write!(text, r#","id":{id}"#);
    }
    if state.kind() == Some(JournalKind::Exercise) {
        text.push_str(r#","drill":true"#);
    }
    for (name, value) in &fields {
        let _ = write!(text, ",{}:{value}", Value::from(name.as_str()));
    }
    text.push('}');
    writeln!(out, "{}", SafeJson(&text))
}

/// The kind of an event in snake case, and its fields.
fn taken_apart(event: &Event) -> io::Result<(String, Map)> {
    let value = serde_json::to_value(event)?;
    let Value::Object(tagged) = value else { return Ok((value.to_string(), Map::new())) };
    let Some((kind, fields)) = tagged.into_iter().next() else { return Ok((String::new(), Map::new())) };
    let mut fields = match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    show_times(&mut fields);
    show_expiry(&mut fields);
    if let Some(Value::Object(detection)) = fields.get_mut("detection") {
        show_times(detection);
    }
    Ok((kind, fields))
}

/// Times are numbers in the journal, and RFC 3339 for everybody else.
fn show_times(fields: &mut Map) {
    for name in ["at", "since", "until", "deadline", "retry_at", "again_at"] {
        if let Some(value) = fields.get_mut(name)
            && let Some(micros) = value.as_i64()
        {
            *value = Value::from(Timestamp(micros).to_string());
        }
    }
}

/// How long an action lasts, as people write it.
fn show_expiry(fields: &mut Map) {
    if let Some(expires) = fields.get_mut("action").and_then(|action| action.get_mut("expires"))
        && let Some(micros) = expires.as_u64()
    {
        *expires = Value::from(Span(micros).to_string());
    }
}

fn set(fields: &mut Map, name: &str, value: impl Into<Value>) {
    fields.insert(name.to_owned(), value.into());
}

/// By its name, with whether its runs act.
fn workflow_fields(state: &State, fields: &mut Map) -> Option<String> {
    let name = fields.remove("workflow").or_else(|| fields.get("name").cloned())?;
    let name = name.as_str()?.to_owned();
    set(fields, "name", name.as_str());
    if let Some(arming) = state.arming(&name) {
        set(fields, "armed", arming.is_armed());
    }
    Some(name)
}

fn agent_fields(id: AgentId, state: &State, fields: &mut Map) -> Option<String> {
    let agent = state.agent(id)?;
    fields.remove("agent");
    set(fields, "name", agent.name());
    set(fields, "status", agent.status().name());
    Some(agent.name().to_owned())
}

fn incident_fields(id: IncidentId, state: &State, fields: &mut Map) -> Option<String> {
    let incident = state.incident(id)?;
    fields.remove("incident");
    let rule = &incident.first().rule;
    set(fields, "rule", &*rule.id);
    set(fields, "rule_name", &*rule.name);
    set(fields, "severity", incident.severity().name());
    set(fields, "key", incident.key());
    set(fields, "status", incident.status().name());
    set(fields, "count", incident.count());
    if incident.echoes() > 0 {
        set(fields, "echoes", incident.echoes());
    }
    Some(id.to_string())
}

fn run_fields(id: RunId, state: &State, fields: &mut Map) -> Option<String> {
    let run = state.run(id)?;
    fields.remove("run");
    let (done, total) = run.progress();
    set(fields, "workflow", run.workflow());
    set(fields, "status", run.status().name());
    set(fields, "incident", run.incident().map(|incident| incident.to_string()));
    if !run.mode().is_live() {
        set(fields, "mode", run.mode().name());
    }
    set(fields, "done", done);
    set(fields, "total", total);
    if let Some(rollback) = run.rollback() {
        set(fields, "rollback_done", rollback.done);
        set(fields, "rollback_total", rollback.total);
        let skipped: Vec<Value> = run.skipped_undos().map(|step| run.step_id(step).into()).collect();
        if !skipped.is_empty() {
            set(fields, "rollback_skipped", skipped);
        }
    }
    name_steps(fields);
    if run.status().is_terminal() {
        let failed: Vec<Value> = run.failed_steps().map(|step| run.step_id(step).into()).collect();
        set(fields, "failed_steps", failed);
        set(fields, "results", run.results());
        set(fields, "duration_ms", run.duration(state.now()).0 / 1_000);
    }
    Some(id.to_string())
}

/// A new run lists its steps: those that they need are numbers in the journal, and ids for everybody else.
fn name_steps(fields: &mut Map) {
    let Some(Value::Array(plan)) = fields.get_mut("plan") else { return };
    let ids: Vec<Value> = plan.iter().map(|step| step["id"].clone()).collect();
    let name = |number: &mut Value| {
        let id = number.as_u64().and_then(|n| ids.get(usize::try_from(n).ok()?));
        *number = id.cloned().unwrap_or(Value::Null);
    };
    let needs = plan.iter_mut().filter_map(|step| step.get_mut("needs")?.as_array_mut());
    needs.flatten().for_each(name);
    if let Some(Value::Array(takes_over)) = fields.get_mut("takes_over") {
        takes_over.iter_mut().for_each(name);
    }
}

/// An entry of the ledger: what it is, where it stands and who holds it.
pub fn obligation_fields(id: ObligationId, state: &State, fields: &mut Map) -> Option<String> {
    let obligation = state.ledger().get(id)?;
    fields.remove("obligation");
    if let (Some(run), Some(step)) = (fields.get("run").and_then(Value::as_str), fields.get("step"))
        && let (Ok(run), Some(step)) = (run.parse(), step.as_u64().and_then(|n| u16::try_from(n).ok()))
        && let Some(run) = state.run(run)
    {
        let name = run.step_id(StepIx(step)).to_owned();
        set(fields, "step", name);
    }
    set(fields, "action", &*obligation.action().name);
    set(fields, "target", obligation.target().map(|target| Value::from(&**target)));
    set(fields, "status", obligation.status().name());
    set(fields, "undo", obligation.undo().map(|undo| Value::from(&*undo.name)));
    set(fields, "ends", obligation.ends_by().name());
    let time = |at: Option<Timestamp>| at.map(|at| Value::from(at.to_string()));
    set(fields, "since", time(obligation.in_force_since()));
    set(fields, "until", time(obligation.until()));
    let (run, step) = obligation.origin();
    set(fields, "origin", format!("{run}/{step}"));
    let holders = obligation.holders().iter().filter(|holder| holder.holds_at(state.now()));
    let holders: Vec<Value> = holders.map(|h| Value::from(format!("{}/{}", h.run(), h.step_id()))).collect();
    set(fields, "holders", holders);
    Some(id.to_string())
}

fn step_fields(id: RunId, ix: StepIx, state: &State, fields: &mut Map) -> Option<String> {
    let run = state.run(id)?;
    let step = run.steps().get(ix.index())?;
    let name = run.step_id(ix);
    if let Some(agent) = fields.get("agent").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok())
        && let Some(agent) = state.agent(AgentId(agent))
    {
        set(fields, "agent", agent.name());
    }
    set(fields, "run", id.to_string());
    set(fields, "step", name);
    set(fields, "status", step.status().name());
    if step.is_assumed() {
        set(fields, "assumed", true);
        if let Some(protected) = step.protected() {
            set(fields, "protected", protected);
        }
    }
    if let Some(question) = step.question() {
        set(fields, "question", question);
    }
    if let Some(permission) = step.permission().filter(|_| fields.contains_key("hash")) {
        set(fields, "count", permission.asked().count);
        set(fields, "given", permission.given().len());
    }
    let attempt = if fields.contains_key("attempt") { None } else { Some(step.attempt()) };
    if let Some(attempt) = attempt {
        set(fields, "attempt", attempt);
    }
    Some(format!("{id}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{AgentKind, AgentStatus, JournalKind};

    fn lines(events: Vec<Event>) -> Vec<String> {
        let mut state = State::new();
        let each = events.into_iter().enumerate().map(|(i, event)| {
            let record = Record { seq: i as u64 + 1, at: Timestamp(i as i64), event };
            state.apply(&record).unwrap();
            let mut out = Vec::new();
            line(&record, &state, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        });
        each.collect()
    }

    #[test]
    fn numbers_are_replaced_by_names() {
        let lines = lines(vec![
            Event::JournalOpened { kind: JournalKind::Exercise, version: "1".into(), seed: 7 },
            Event::AgentJoined {
                agent: AgentId(0),
                name: "wall-1".into(),
                role: "WALL".into(),
                kind: AgentKind::Drill,
                concurrency: 2,
            },
            Event::AgentChanged { agent: AgentId(0), to: AgentStatus::Idle, why: "ready".into() },
        ]);
        let expected = [
            r#"{"type":"journal","seq":1,"at":"1970-01-01T00:00:00.000000Z","event":"journal_opened","drill":true,"kind":"exercise","seed":7,"version":"1"}"#,
            r#"{"type":"agent","seq":2,"at":"1970-01-01T00:00:00.000001Z","event":"agent_joined","id":"wall-1","drill":true,"concurrency":2,"kind":"drill","name":"wall-1","role":"WALL","status":"initializing"}"#,
            r#"{"type":"agent","seq":3,"at":"1970-01-01T00:00:00.000002Z","event":"agent_changed","id":"wall-1","drill":true,"name":"wall-1","status":"idle","to":"idle","why":"ready"}"#,
        ];
        for (line, expected) in lines.iter().zip(expected) {
            assert_eq!(line.trim_end(), expected);
        }
    }

    #[test]
    fn real_work_has_no_mark() {
        let opened = Event::JournalOpened { kind: JournalKind::Real, version: "1".into(), seed: 7 };
        assert!(!lines(vec![opened])[0].contains("drill"));
    }

    #[test]
    fn steps_have_names_and_no_numbers() {
        let fields =
            r#"{"plan":[{"id":"a"},{"id":"b","needs":[0]},{"id":"c","needs":[0,1]}],"takes_over":[1]}"#;
        let mut fields: Map = serde_json::from_str(fields).unwrap();
        name_steps(&mut fields);
        assert_eq!(
            serde_json::to_string(&fields).unwrap(),
            r#"{"plan":[{"id":"a"},{"id":"b","needs":["a"]},{"id":"c","needs":["a","b"]}],"takes_over":["b"]}"#
        );
    }
}
