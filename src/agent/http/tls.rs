//! Whom to trust: the authorities that Mozilla trusts, compiled in, or those of one file.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::file;
use crate::model::SafeText;

/// Bytes of a file of certificates, at most; the bundle of a system has a fifth of it.
const MAX_BYTES: usize = 1024 * 1024;

/// How TLS is spoken. A file is read anew each time, which may block.
///
/// # Errors
/// The file cannot be used.
pub(super) fn config(ca: Option<&str>) -> Result<Arc<ClientConfig>, String> {
    let roots = match ca {
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        Some(path) => authorities(path)?,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// The authorities of a PEM file.
///
/// # Errors
/// It cannot be read, or has none.
pub fn authorities(path: &str) -> Result<RootCertStore, String> {
    let wrong = |why: String| format!("ca {} {why}", SafeText(path));
    let (bytes, _) = file::read(path, MAX_BYTES).map_err(wrong)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|error| wrong(format!("is not PEM: {error}")))?;
        roots.add(certificate).map_err(|error| wrong(format!("has an unusable certificate: {error}")))?;
    }
    if roots.is_empty() {
        return Err(wrong("has no certificate (PEM)".to_owned()));
    }
    Ok(roots)
}
