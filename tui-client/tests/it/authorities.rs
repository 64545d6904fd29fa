//! `--ca`: servers whose certificate is signed by somebody whom this machine does not know.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::cli::run;
use crate::programs::end;
use crate::scripted::Scripted;

/// Certificates of a test's own, gone with the value.
struct Authority(PathBuf);

impl Authority {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("duet-ca-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=$NAME \
                    -keyout ca.key -out ca.pem
                    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout key.pem -out it.csr
                    echo subjectAltName=DNS:localhost > it.ext
                    openssl x509 -req -in it.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile it.ext -out it.pem";
        let made = Command::new("sh").env("NAME", name).args(["-ec", make]).current_dir(&folder).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        Self(folder)
    }

    fn file(&self) -> String {
        self.0.join("ca.pem").display().to_string()
    }

    /// Speaks TLS in front of a server.
    async fn before(&self, server: &Scripted) -> String {
        let certificates = vec![CertificateDer::from_pem_file(self.0.join("it.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(self.0.join("key.pem")).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, behind) = (listener.local_addr().unwrap().port(), server.address());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    let (Ok(mut front), Ok(mut back)) =
                        (acceptor.accept(stream).await, TcpStream::connect(behind).await)
                    else {
                        return;
                    };
                    // Either side ends it.
                    drop(tokio::io::copy_bidirectional(&mut front, &mut back).await);
                });
            }
        });
        format!("https://localhost:{port}")
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_is_trusted_by_name_only() {
    let (mut server, authority) = (Scripted::start().await, Authority::new("known"));
    let url = authority.before(&server).await;
    let (code, _, err) = end(run(&server, &["who", "room1", "--server", &url], b"")).await;
    assert!(code == 4 && err.contains("--ca FILE"), "{code} {err}");
    let another = Authority::new("another");
    let (code, _, err) = end(run(&server, &["who", "room1", "--server", &url, "--ca", &another.file()], b"")).await;
    assert!(code == 4 && err.contains("--ca FILE"), "{code} {err}");

    let program = run(&server, &["who", "room1", "--server", &url, "--ca", &authority.file()], b"");
    server.give_token("t1").await;
    server.expect("GET /rooms/room1").await.ok(json!({"room_id": "room1", "head": 0, "occupants": []}));
    assert_eq!(end(program).await.0, 0);

    // And over a WebSocket.
    let waiting = ["wait", "room1", "--match", "hi", "--server", &url, "--ca", &authority.file()];
    let program = run(&server, &waiting, b"");
    server.give_token("t2").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    socket.message(1, "hi").await;
    while socket.next().await.is_some() {}
    assert_eq!(end(program).await.0, 0);
}

#[tokio::test]
async fn a_file_that_is_none_of_authorities_is_refused_at_once() {
    let server = Scripted::start().await;
    let folder = Authority::new("bad");
    let empty = Path::new(&folder.0).join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    for (file, words) in [("/nonexistent/ca.pem", "No such file"), (empty.to_str().unwrap(), "no certificate in it")] {
        let (code, _, err) = end(run(&server, &["who", "room1", "--ca", file], b"")).await;
        assert!(code == 2 && err.contains(words) && err.contains(file), "{code} {err}");
    }
}
