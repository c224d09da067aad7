//! One request and its answer on a connection of their own: no second try, no redirect, no proxy.

use std::pin::pin;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HeaderName, LOCATION, RETRY_AFTER};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::connect::Stream;

/// Bytes and number of the headers of an answer, at most.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub retry_after: Option<String>,
    pub body: Body,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// It is longer than what is read; this is its beginning.
    Cut(Vec<u8>),
    /// The connection broke while it came.
    Broken(String),
}

/// Sends a request and reads the answer; `limit` says how much, by its status. Dropping this closes the
/// connection.
///
/// # Errors
/// No answer came. How much of the request arrived is not known.
pub(super) async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    limit: impl Fn(u16) -> usize,
) -> Result<Answer, hyper::Error> {
    let mut builder = http1::Builder::new();
    builder.max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let mut connection = pin!(connection);
    let mut answer = pin!(async {
        let response = sender.send_request(request).await?;
        Ok(read(response, limit).await)
    });
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // What the connection has read before it ended is still to be had.
        _ = &mut connection => answer.await,
    }
}

async fn read(response: Response<Incoming>, limit: impl Fn(u16) -> usize) -> Answer {
    let header = |name: HeaderName| {
        response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let status = response.status().as_u16();
    let (location, retry_after) = (header(LOCATION), header(RETRY_AFTER));
    let body = read_body(response.into_body(), limit(status)).await;
    Answer { status, location, retry_after, body }
}

async fn read_body(mut body: Incoming, limit: usize) -> Body {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let data = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => return Body::Broken(told(&error)),
        };
        let room = limit - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Body::Cut(bytes);
        }
    }
    Body::Whole(bytes)
}

/// An error with what caused it: the first one alone says little.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", told(cause)),
        None => error.to_string(),
    }
}
