//! From an answer to an outcome: the status decides.

use hyper::StatusCode;

use super::exchange::{Answer, Body};
use super::secret::{Secret, hide, hide_in};
use crate::model::{Failure, FailureKind, Map, Outcome, SafeText, Value};

/// Characters of a refusal that are shown.
const SHOWN: usize = 200;
/// Where a field `status` of the answer itself is kept.
const OWN_STATUS: &str = "answer_status";

/// Whether a status means success.
pub(super) fn succeeds(statuses: &[u16], status: u16) -> bool {
    if statuses.is_empty() { (200..300).contains(&status) } else { statuses.contains(&status) }
}

/// What came of a request.
pub(super) fn outcome(answer: Answer, succeeded: bool, max_bytes: usize, secrets: &[Secret]) -> Outcome {
    let status = answer.status;
    if succeeded {
        return match answer.body {
            Body::Whole(bytes) => Outcome::Succeeded(output(status, &bytes, secrets)),
            // It was done; what was answered is lost.
            Body::Cut(_) => failed(
                FailureKind::NoAnswer,
                format!("{}, and an answer of more than {max_bytes} bytes (max_bytes)", named(status)),
            ),
            Body::Broken(why) => {
                failed(FailureKind::NoAnswer, format!("{}, and then: {}", named(status), SafeText(&why)))
            }
        };
    }
    let mut message = named(status);
    if let Some(to) = answer.location.filter(|_| (300..400).contains(&status)) {
        message.push_str(&format!(": it points to {}: no redirect is followed", shown(secrets, &to)));
    } else if let Body::Whole(bytes) | Body::Cut(bytes) = &answer.body {
        let text = String::from_utf8_lossy(bytes);
        if let Some(line) = text.lines().map(str::trim).find(|line| !line.is_empty()) {
            message.push_str(&format!(": {}", shown(secrets, line)));
        }
    }
    if let Some(when) = answer.retry_after {
        message.push_str(&format!("; Retry-After: {}", shown(secrets, &when)));
    }
    failed(kind(status), message)
}

/// What a status other than success says about the world.
fn kind(status: u16) -> FailureKind {
    match status {
        // Done in some way, but not in the one that is success here; or a gateway that asked the server and
        // does not know.
        200..=299 | 502 | 504 => FailureKind::NoAnswer,
        _ => FailureKind::Answered,
    }
}

/// The output of a step: the JSON object that was answered, or the text under `body`; and the status.
fn output(status: u16, bytes: &[u8], secrets: &[Secret]) -> Map {
    let mut output = match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => hide_in(secrets, object),
        _ if bytes.is_empty() => Map::new(),
        _ => {
            let text = hide(secrets, &String::from_utf8_lossy(bytes));
            Map::from_iter([("body".to_owned(), Value::from(text))])
        }
    };
    if let Some(own) = output.insert("status".to_owned(), Value::from(status)) {
        output.insert(OWN_STATUS.to_owned(), own);
    }
    output
}

/// `503 Service Unavailable`.
fn named(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

fn shown(secrets: &[Secret], text: &str) -> String {
    SafeText(&hide(secrets, text)).cut(SHOWN)
}

fn failed(kind: FailureKind, message: String) -> Outcome {
    Outcome::Failed(Failure { kind, message })
}
