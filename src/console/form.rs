//! The inputs of a run that a person starts.

use ratatui::crossterm::event::KeyCode;

use super::actions::Chord;
use super::field::Field;
use super::model::{Form, Mode, Model};
use super::requests::ask;
use super::update::Todo;
use crate::engine::Request;
use crate::model::{Map, Value, ValueType};
use crate::runtime::link::{Offer, OfferedInput};

/// The form of a workflow, filled with the defaults of its inputs.
pub fn blank(workflow: usize, inputs: &[OfferedInput]) -> Form {
    let prefilled = |input: &OfferedInput| match &input.default {
        Some(Value::String(text)) => Field::with(text),
        Some(value) => Field::with(&value.to_string()),
        None => Field::default(),
    };
    let fields: Vec<Field> = inputs.iter().map(prefilled).collect();
    Form { workflow, errors: vec![None; fields.len()], fields, at: 0 }
}

/// A key while the form is open.
pub fn on_key(model: &mut Model, chord: Chord, mut form: Form) -> Vec<Todo> {
    let start = form.fields.len();
    match chord.code {
        KeyCode::Esc => {
            model.mode = Mode::Pick { at: form.workflow };
            return Vec::new();
        }
        KeyCode::Enter if form.at == start => return submit(model, form),
        KeyCode::Enter | KeyCode::Tab | KeyCode::Down => {
            check(model, &mut form);
            form.at = (form.at + 1).min(start);
        }
        KeyCode::BackTab | KeyCode::Up => form.at = form.at.saturating_sub(1),
        code => {
            if let Some(field) = form.fields.get_mut(form.at) {
                field.key(code, chord.ctrl);
                form.errors[form.at] = None;
            }
        }
    }
    model.mode = Mode::Form(form);
    Vec::new()
}

/// Says what is wrong with the field that the cursor leaves.
fn check(model: &Model, form: &mut Form) {
    let inputs = model.catalogue.workflows.get(form.workflow).map(|offer| offer.inputs.as_slice());
    let at = form.at;
    if let (Some(input), Some(field)) = (inputs.and_then(|inputs| inputs.get(at)), form.fields.get(at)) {
        let error = typed(input, field.text()).err();
        if let Some(place) = form.errors.get_mut(at) {
            *place = error;
        }
    }
}

fn submit(model: &mut Model, mut form: Form) -> Vec<Todo> {
    let Some(Offer { name, inputs, .. }) = model.catalogue.workflows.get(form.workflow).cloned() else {
        return Vec::new();
    };
    let mut values = Map::new();
    for (i, (input, field)) in inputs.iter().zip(&form.fields).enumerate() {
        match typed(input, field.text()) {
            Ok(Some(value)) => {
                values.insert(input.name.to_string(), value);
            }
            Ok(None) => {}
            Err(why) => form.errors[i] = Some(why),
        }
    }
    match form.errors.iter().position(Option::is_some) {
        Some(wrong) => {
            form.at = wrong;
            model.mode = Mode::Form(form);
            Vec::new()
        }
        None => {
            let what = format!("trigger {name}");
            ask(model, None, Request::Trigger { workflow: name, inputs: values }, what)
        }
    }
}

/// What was typed, as a value of the input's type; nothing where nothing was typed and nothing is needed.
pub fn typed(input: &OfferedInput, text: &str) -> Result<Option<Value>, String> {
    let text = if input.kind == ValueType::Text { text } else { text.trim() };
    if text.is_empty() {
        return if input.required && input.default.is_none() {
            Err("it is needed".to_owned())
        } else {
            Ok(None)
        };
    }
    let number = |text: &str| serde_json::from_str::<serde_json::Number>(text).ok().map(Value::Number);
    let value = match input.kind {
        ValueType::Number | ValueType::Port => number(text),
        _ => None,
    };
    let value = value.unwrap_or_else(|| Value::String(text.to_owned()));
    if input.kind == ValueType::Number && !value.is_number() {
        return Err(format!("expected a number, found {text}"));
    }
    input.kind.check(&value).map(|()| Some(value))
}
