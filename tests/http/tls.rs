//! TLS: whom an agent trusts.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use quell::model::FailureKind;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::json;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::agent::{act, agent, failure, output};
use crate::server::{Request, Server, answer};

const ACTION: &str = "{ method: POST, path: /acts/it }";

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate for these names.
fn server(authority: &CertifiedIssuer<'static, KeyPair>, names: &[&str]) -> Server {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, authority).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap());
    Server::raw(move |stream, asked| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut tls = StreamOwned::new(connection, stream);
        let Some(request) = Request::read(&mut tls) else { return };
        asked.send(request).unwrap();
        tls.write_all(answer("200 OK", "{\"tls\": true}").as_bytes()).unwrap();
        tls.conn.send_close_notify();
        let _ = tls.flush();
    })
}

fn head(host: &str, ca: Option<&Path>) -> String {
    let ca = ca.map(|path| format!("\n    ca: {}", path.display())).unwrap_or_default();
    format!("    base: https://{host}:PORT\n    allow: [127.0.0.1]{ca}")
}

#[test]
fn c35_a_server_is_who_its_authority_says() {
    let folder = tempfile::tempdir().unwrap();
    let (good, other) = (authority("good"), authority("other"));
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let trusted = write("ca.pem", &good.pem());
    let stranger = write("other.pem", &other.pem());
    let both = write("both.pem", &(other.pem() + &good.pem()));
    let server = server(&good, &["localhost", "127.0.0.1"]);
    for (host, ca) in [("localhost", &trusted), ("127.0.0.1", &trusted), ("localhost", &both)] {
        let found = output(act(&agent(server.address, &head(host, Some(ca)), ACTION, &[])));
        assert_eq!(found, json!({"tls": true, "status": 200}), "{host}");
        server.next();
    }
    let wrong = self::server(&good, &["firewall.example"]);
    for (port, ca, want) in [
        (server.address, None, "UnknownIssuer"),
        (server.address, Some(&*stranger), "UnknownIssuer"),
        (wrong.address, Some(&*trusted), "not valid for"),
    ] {
        let (kind, why) = failure(act(&agent(port, &head("localhost", ca), ACTION, &[])));
        assert_eq!(kind, FailureKind::Unreachable);
        assert!(why.starts_with("TLS: ") && why.contains(want), "{why}");
    }
    assert!(server.rest().is_empty() && wrong.rest().is_empty());
}

#[test]
fn a_server_without_tls_and_a_file_without_certificates_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::raw(|stream, _| _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let (kind, why) = failure(act(&agent(server.address, &head("localhost", None), ACTION, &[])));
    assert!(kind == FailureKind::Unreachable && why.starts_with("TLS: "), "{why}");
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "nothing").unwrap();
    for (path, want) in [(empty, "has no certificate (PEM)"), (folder.path().join("gone"), "cannot be read")]
    {
        let (kind, why) = failure(act(&agent(server.address, &head("localhost", Some(&path)), ACTION, &[])));
        assert!(kind == FailureKind::NotSent && why.contains(want), "{why}");
    }
}
