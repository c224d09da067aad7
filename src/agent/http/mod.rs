//! Agents that ask a server over HTTP: one fixed host, every address checked, nothing left of a request
//! when its step has ended.

mod answer;
mod aside;
mod connect;
mod exchange;
mod file;
mod secret;
mod tls;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::rustls::ClientConfig;

use super::slow::{Attempt, Cut, Look, Performance, SlowAgent};
use crate::engine::{AgentSpec, HttpProbe, HttpSpec, Means, Probe, ProbeMeans, ProbeSpec};
use crate::model::{Endpoint, Failure, FailureKind, HeaderText, Outcome, Presence, Rendered, SafeText};
use aside::aside;
use connect::connect;
use exchange::{Answer, exchange, told};

pub use secret::{Secret, Secrets};
pub use tls::authorities;

/// Bytes of an answer that is a failure, at most: only its first line is shown.
const MAX_REFUSAL: usize = 16 * 1024;
/// Characters of an address that are shown.
const SHOWN: usize = 200;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const AGENT: &str = concat!("quell/", env!("CARGO_PKG_VERSION"));

/// An agent whose actions are requests.
pub struct HttpAgent {
    name: Arc<str>,
    actions: BTreeMap<Arc<str>, HttpSpec>,
    probes: BTreeMap<Arc<str>, (HttpProbe, Duration)>,
    secrets: Secrets,
}

/// What is read anew for each request.
struct Fresh {
    headers: HeaderMap,
    secrets: Vec<Secret>,
    tls: Option<Arc<ClientConfig>>,
}

impl HttpAgent {
    /// The requests of an agent's file.
    pub fn new(spec: &AgentSpec, secrets: Secrets) -> Self {
        let actions = spec.actions.iter().filter_map(|(name, action)| match &action.means {
            Means::Http(http) => Some((Arc::clone(name), http.clone())),
            _ => None,
        });
        let probes = spec.actions.iter().filter_map(|(name, action)| match action.probe.as_ref() {
            Some(ProbeSpec { means: ProbeMeans::Http(http), timeout }) => {
                Some((Arc::clone(name), (http.clone(), Duration::from_micros(timeout.0))))
            }
            _ => None,
        });
        let (actions, probes) = (actions.collect(), probes.collect());
        HttpAgent { name: Arc::clone(&spec.name), actions, probes, secrets }
    }

    async fn run(&self, mut attempt: Attempt) -> Outcome {
        let task = Arc::clone(&attempt.task);
        let Some(spec) = self.actions.get(&task.action.name) else {
            let message = format!("{} has no request for {}", self.name, task.action.name);
            return failed(FailureKind::NotSent, message);
        };
        let rendered = match spec.request.render(&spec.endpoint.prefix, &task.action.args) {
            Ok(rendered) => rendered,
            Err(why) => return failed(FailureKind::NotSent, why),
        };
        let asked = asked(spec, &rendered);
        let sent = AtomicBool::new(false);
        let outcome = tokio::select! {
            biased;
            outcome = self.ask(&task.key, spec, rendered, &sent) => outcome,
            cut = attempt.cut() => cut_short(cut, sent.load(Ordering::Relaxed)),
        };
        match outcome {
            Outcome::Failed(Failure { kind, message }) => failed(kind, format!("{asked}: {message}")),
            other => other,
        }
    }

    /// Everything from the secrets to the outcome. `sent` is set before the first byte of the request.
    async fn ask(&self, key: &str, spec: &HttpSpec, rendered: Rendered, sent: &AtomicBool) -> Outcome {
        let succeeds = |status| answer::succeeds(&spec.succeeds, status);
        match self.send(key, spec, rendered, sent, succeeds).await {
            Ok((answer, secrets)) => {
                let succeeded = succeeds(answer.status);
                answer::outcome(answer, succeeded, spec.endpoint.max_bytes, &secrets)
            }
            Err(failure) => Outcome::Failed(failure),
        }
    }

    /// The answer of the server, whatever it is, and the secrets that it may repeat.
    async fn send(
        &self,
        key: &str,
        spec: &HttpSpec,
        rendered: Rendered,
        sent: &AtomicBool,
        succeeds: impl Fn(u16) -> bool,
    ) -> Result<(Answer, Vec<Secret>), Failure> {
        let failed = |kind, message| Err(Failure { kind, message });
        let endpoint = &spec.endpoint;
        let until = Instant::now() + Duration::from_micros(endpoint.connect_timeout.0);
        let fresh = match timeout_at(until, self.fresh(endpoint)).await {
            Ok(Ok(fresh)) => fresh,
            Ok(Err(why)) => return failed(FailureKind::NotSent, why),
            Err(_) => {
                return failed(FailureKind::NotSent, "its secrets could not be read in time".to_owned());
            }
        };
        let request = match request(key, spec, rendered, fresh.headers) {
            Ok(request) => request,
            Err(why) => return failed(FailureKind::NotSent, why),
        };
        let stream = match timeout_at(until, connect(endpoint, fresh.tls, until)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(why)) => return failed(FailureKind::Unreachable, SafeText(&why).to_string()),
            Err(_) => {
                let message = format!("no connection within {} (connect_timeout)", endpoint.connect_timeout);
                return failed(FailureKind::Unreachable, message);
            }
        };
        let limit = |status| match succeeds(status) {
            true => endpoint.max_bytes,
            false => endpoint.max_bytes.min(MAX_REFUSAL),
        };
        sent.store(true, Ordering::Relaxed);
        match exchange(stream, request, limit).await {
            Ok(answer) => {
                tracing::debug!(target: "agent", "{key}: {} answered {}", self.name, answer.status);
                Ok((answer, fresh.secrets))
            }
            Err(error) => {
                let why = SafeText(&told(&error)).cut(SHOWN);
                failed(FailureKind::NoAnswer, format!("it was sent, and no answer came: {why}"))
            }
        }
    }

    async fn fresh(&self, endpoint: &Arc<Endpoint>) -> Result<Fresh, String> {
        let (endpoint, secrets) = (Arc::clone(endpoint), self.secrets.clone());
        let read = aside(move || fresh(&endpoint, &secrets)).await;
        read.map_err(|error| format!("no thread to read secrets: {error}"))?
    }
}

impl HttpAgent {
    /// Asks the server whether an effect is there: the status says it.
    async fn look(&self, probe: &Probe, left: Duration) -> Result<Presence, String> {
        let (spec, patience) =
            self.probes.get(&probe.action.name).ok_or_else(|| super::NO_PROBE.to_owned())?;
        let rendered = spec.http.request.render(&spec.http.endpoint.prefix, &probe.action.args)?;
        let asked = asked(&spec.http, &rendered);
        let (sent, patience) = (AtomicBool::new(false), left.min(*patience));
        let answer = self.send(&probe.key, &spec.http, rendered, &sent, |_| false);
        match timeout(patience, answer).await {
            Ok(Ok((answer, _))) if spec.present.contains(&answer.status) => Ok(Presence::Present),
            Ok(Ok((answer, _))) if spec.absent.contains(&answer.status) => Ok(Presence::Absent),
            Ok(Ok((answer, _))) => {
                Err(format!("{asked}: status {} means neither present nor absent", answer.status))
            }
            Ok(Err(failure)) => Err(format!("{asked}: {}", failure.message)),
            Err(_) => Err(format!("{asked}: no answer within {patience:?}")),
        }
    }
}

impl SlowAgent for HttpAgent {
    fn probe(self: Arc<Self>, probe: Arc<Probe>, left: Duration) -> Look {
        Box::pin(async move { self.look(&probe, left).await.unwrap_or_else(Presence::Unknown) })
    }

    fn perform(self: Arc<Self>, attempt: Attempt) -> Performance {
        Box::pin(async move { self.run(attempt).await })
    }
}

/// What an attempt that was cut short leaves behind.
fn cut_short(cut: Cut, sent: bool) -> Outcome {
    match (cut, sent) {
        (Cut::Deadline, false) => {
            let message = "there was no connection before its deadline: nothing was sent".to_owned();
            failed(FailureKind::Unreachable, message)
        }
        _ => cut.outcome(),
    }
}

/// The request, for people: `POST https://firewall.example:8443/api/blocks/192.0.2.1`.
fn asked(spec: &HttpSpec, rendered: &Rendered) -> String {
    let Endpoint { tls, host, port, .. } = &*spec.endpoint;
    let scheme = if *tls { "https" } else { "http" };
    let target = SafeText(&rendered.target).cut(SHOWN);
    format!("{} {scheme}://{host}:{port}{target}", spec.request.method.name())
}

/// Reads what may have changed since the last request. May block.
fn fresh(endpoint: &Endpoint, all: &Secrets) -> Result<Fresh, String> {
    let (mut headers, mut secrets) = (HeaderMap::new(), Vec::new());
    for (name, text) in &endpoint.headers {
        let bad = |_| format!("header {name} cannot be sent");
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("header {name} cannot be sent"))?;
        let value = match text {
            HeaderText::Plain(text) => HeaderValue::from_str(text).map_err(bad)?,
            HeaderText::Secret { prefix, secret } => {
                let secret = all.find(secret)?;
                let mut value =
                    HeaderValue::from_str(&format!("{prefix}{}", secret.reveal())).map_err(bad)?;
                value.set_sensitive(true);
                secrets.push(secret);
                value
            }
        };
        headers.insert(name, value);
    }
    let tls = endpoint.tls.then(|| tls::config(endpoint.ca.as_deref())).transpose()?;
    Ok(Fresh { headers, secrets, tls })
}

fn request(
    key: &str,
    spec: &HttpSpec,
    rendered: Rendered,
    mut headers: HeaderMap,
) -> Result<Request<Full<Bytes>>, String> {
    let Endpoint { tls, host, port, .. } = &*spec.endpoint;
    let standard = if *tls { 443 } else { 80 };
    let host = if *port == standard { host.to_string() } else { format!("{host}:{port}") };
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    headers.insert(HOST, value(&host)?);
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(IDEMPOTENCY_KEY, value(key)?);
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json, */*;q=0.5"));
    let body = match rendered.body {
        None => Bytes::new(),
        Some(body) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Bytes::from(body.to_string())
        }
    };
    let request = Request::builder().method(spec.request.method.name()).uri(rendered.target);
    let mut request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
    *request.headers_mut() = headers;
    Ok(request)
}

fn failed(kind: FailureKind, message: String) -> Outcome {
    Outcome::Failed(Failure { kind, message })
}
