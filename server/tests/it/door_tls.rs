//! TLS in the server: who is at the other end, how the certificate is changed, and who does not speak it.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::process::{Process, fails_to_start, log_of};
use crate::support::{Folder, soon};

const ASK: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A certificate for `localhost` that vouches for itself, and its key, in `folder`.
fn certificate(folder: &Folder, name: &str) -> (PathBuf, PathBuf) {
    let [config, cert, key] = ["conf", "pem", "key"].map(|end| folder.path().join(format!("{name}.{end}")));
    let lines = "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=localhost\n\
                 [ext]\nsubjectAltName=DNS:localhost\nbasicConstraints=critical,CA:FALSE\n";
    std::fs::write(&config, lines).unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .arg("-config")
        .arg(config)
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (cert, key)
}

fn arguments(cert: &std::path::Path, key: &std::path::Path) -> [String; 2] {
    [format!("--tls-cert={}", cert.display()), format!("--tls-key={}", key.display())]
}

/// Starts a server with the pair in `cert.pem` and `cert.key`.
fn start(folder: &Folder, more: &[&str]) -> (Process, PathBuf, PathBuf) {
    let (cert, key) = certificate(folder, "now");
    let pair = arguments(&cert, &key);
    let server = Process::start(folder, &[&[pair[0].as_str(), pair[1].as_str()], more].concat());
    (server, cert, key)
}

/// Connects, believing this certificate alone.
async fn connect(address: SocketAddr, trusted: &std::path::Path) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    soon(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream)).await
}

/// Sends a request and reads the head of its answer and what comes with it.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> String {
    soon(stream.write_all(request.as_bytes())).await.unwrap();
    let mut answer = String::new();
    let mut bytes = [0; 4096];
    while !answer.contains("\r\n\r\n") {
        let read = soon(stream.read(&mut bytes)).await.unwrap();
        assert!(read > 0, "closed after {answer:?}");
        answer.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    answer
}

#[tokio::test]
async fn people_connect_over_tls_and_whoever_does_not_speak_it_is_told_so() {
    let folder = Folder::new();
    let (server, cert, _) = start(&folder, &[]);
    let mut stream = connect(server.address, &cert).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    assert!(ask(&mut stream, ASK).await.starts_with("HTTP/1.1 200 "));
    let body = r#"{"username":"alice","email":"alice@example.com","room_id":"room1"}"#;
    let request = format!(
        "POST /generate-token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = ask(&mut stream, &request).await;
    let token = answer.split("\"token\":\"").nth(1).unwrap().split('"').next().unwrap();
    let request = format!(
        "GET /updates/room1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    assert!(ask(&mut stream, &request).await.starts_with("HTTP/1.1 101 "));
    // A post on another connection arrives on this one, as a frame.
    let mut other = connect(server.address, &cert).await.unwrap();
    let body = r#"{"room_id":"room1","content":"in secret"}"#;
    let request = format!(
        "POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert!(ask(&mut other, &request).await.starts_with("HTTP/1.1 200 "));
    let mut frame = [0; 11];
    soon(stream.read_exact(&mut frame)).await.unwrap();
    assert_eq!(&frame[2..], b"in secret");

    let mut plain = TcpStream::connect(server.address).await.unwrap();
    let answer = ask(&mut plain, ASK).await;
    assert!(answer.starts_with("HTTP/1.1 422 ") && answer.contains("https://"), "{answer}");
    let log = log_of(server).await;
    assert!(log.contains(&"listening; see https://".to_owned()), "{log}");
}

/// Waits until the server has, or has not, the certificate that is trusted.
#[tokio::test]
async fn a_new_certificate_is_taken_at_sighup_while_connections_live_and_a_bad_one_is_not() {
    let folder = Folder::new();
    let (mut server, cert, key) = start(&folder, &[]);
    let old = folder.path().join("old.pem");
    std::fs::copy(&cert, &old).unwrap();
    let mut before = connect(server.address, &old).await.unwrap();
    assert!(ask(&mut before, ASK).await.starts_with("HTTP/1.1 200 "));

    let (new_cert, new_key) = certificate(&folder, "new");
    std::fs::copy(&new_cert, &cert).unwrap();
    std::fs::copy(&new_key, &key).unwrap();
    assert!(connect(server.address, &new_cert).await.is_err(), "nothing changes before the signal");
    server.signal("HUP");
    server.until_it_says("the certificate was read anew");
    let mut after = connect(server.address, &new_cert).await.unwrap();
    assert!(connect(server.address, &old).await.is_err(), "the old one is shown no more");
    for stream in [&mut before, &mut after] {
        assert!(ask(stream, ASK).await.starts_with("HTTP/1.1 200 "));
    }

    // A certificate whose key is another's, and a file that holds none.
    let (third, _) = certificate(&folder, "third");
    for bad in [std::fs::read(&third).unwrap(), b"nothing".to_vec()] {
        std::fs::write(&cert, bad).unwrap();
        server.signal("HUP");
        server.until_it_says("the new certificate cannot be used; the old one stays");
        let mut still = connect(server.address, &new_cert).await.unwrap();
        assert!(ask(&mut still, ASK).await.starts_with("HTTP/1.1 200 "));
    }
    // Each was said once.
    let log = log_of(server).await;
    assert!(!log.contains("certificate"), "{log}");
}

#[tokio::test]
async fn who_does_not_shake_hands_is_closed_and_holds_up_no_stop() {
    let folder = Folder::new();
    let (server, ..) = start(&folder, &["--handshake-time=500ms"]);
    let began = Instant::now();
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut half = TcpStream::connect(server.address).await.unwrap();
    // The beginning of a record, and no more.
    half.write_all(&[22, 3, 1]).await.unwrap();
    for stream in [&mut silent, &mut half] {
        let _ = soon(stream.read(&mut [0; 16])).await;
        assert!(began.elapsed() >= Duration::from_millis(500), "{:?}", began.elapsed());
    }
    drop(server);

    let folder = Folder::new();
    let (server, ..) = start(&folder, &["--handshake-time=1h"]);
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let log = log_of(server).await;
    assert!(!log.contains("WARN"), "{log}");
}

#[tokio::test]
async fn a_key_that_everybody_can_read_is_warned_of_and_never_shown() {
    let folder = Folder::new();
    let (cert, key) = certificate(&folder, "open");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let pair = arguments(&cert, &key);
    let log = log_of(Process::start(&folder, &[&pair[0], &pair[1]])).await;
    assert!(log.contains("the key of the certificate can be read by everybody"), "{log}");
    assert!(!log.contains("PRIVATE"), "{log}");
}

#[test]
fn a_pair_that_is_none_is_refused_at_the_start() {
    let folder = Folder::new();
    let (cert, key) = certificate(&folder, "one");
    let (_, other) = certificate(&folder, "other");
    for (pair, expected) in [
        (arguments(&cert, &other).to_vec(), "DUET_TLS_KEY cannot be used"),
        (arguments(&key, &key).to_vec(), "no certificate is in it"),
        (arguments(&folder.path().join("none.pem"), &key).to_vec(), "DUET_TLS_CERT cannot be used"),
        (arguments(&cert, &key)[..1].to_vec(), "DUET_TLS_CERT and DUET_TLS_KEY go together"),
    ] {
        let pair: Vec<&str> = pair.iter().map(String::as_str).collect();
        let said = fails_to_start(&folder, &pair);
        assert!(said.contains(expected), "{expected} is not in {said}");
    }
}
