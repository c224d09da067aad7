//! From a name to a connection: every address is checked before it is connected to (C35).

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::aside::aside;
use crate::model::{Endpoint, Host};

/// Addresses of one name that are tried, at most.
const MAX_ADDRESSES: usize = 16;
/// Reasons that are shown, at most.
const MAX_REASONS: usize = 4;

/// A connection, with or without TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects. Nothing of a request is sent.
///
/// # Errors
/// Says why it is not to be had.
pub(super) async fn connect(
    endpoint: &Endpoint,
    tls: Option<Arc<ClientConfig>>,
    until: Instant,
) -> Result<Box<dyn Stream>, String> {
    let tcp = first(endpoint, &addresses(endpoint).await?, until).await?;
    let _ = tcp.set_nodelay(true);
    let Some(config) = tls else { return Ok(Box::new(tcp)) };
    let name = match &endpoint.host {
        Host::Address(address) => ServerName::from(*address),
        Host::Name(name) => ServerName::try_from(name.to_string()).map_err(|error| error.to_string())?,
    };
    let tls = TlsConnector::from(config).connect(name, tcp).await;
    Ok(Box::new(tls.map_err(|error| format!("TLS: {error}"))?))
}

/// The addresses of a host. An address that is written out is asked of nobody.
async fn addresses(endpoint: &Endpoint) -> Result<Vec<IpAddr>, String> {
    let name = match &endpoint.host {
        Host::Address(address) => return Ok(vec![*address]),
        Host::Name(name) => Arc::clone(name),
    };
    let looked_up = aside(move || (&*name, 0).to_socket_addrs()).await.and_then(|found| found);
    let found = looked_up.map_err(|error| format!("its name has no address: {error}"))?;
    Ok(found.map(|address| address.ip()).collect())
}

/// Connects to the first address that may be connected to and answers; none of them gets all the time.
async fn first(endpoint: &Endpoint, addresses: &[IpAddr], until: Instant) -> Result<TcpStream, String> {
    let mut reasons = Vec::new();
    let count = addresses.len().min(MAX_ADDRESSES);
    for (n, address) in addresses.iter().take(count).enumerate() {
        if let Err(why) = endpoint.reach.permits(*address) {
            reasons.push(format!("{address} is not connected to: {why}"));
            continue;
        }
        let left = until.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(count - n).unwrap_or(1);
        match timeout(share, TcpStream::connect(SocketAddr::new(*address, endpoint.port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => reasons.push(format!("{address}: {error}")),
            Err(_) => reasons.push(format!("{address}: no answer")),
        }
    }
    reasons.dedup();
    reasons.truncate(MAX_REASONS);
    Err(if reasons.is_empty() { "its name has no address".to_owned() } else { reasons.join("; ") })
}
