//! TLS for those without a proxy: the certificate, and how it is changed while the server runs.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

/// By which clients agree to speak HTTP/1.1 (RFC 7301 §6).
const ALPN: &[u8] = b"http/1.1";

/// The first byte of a TLS connection (RFC 8446 §5.1). No method of HTTP begins with it.
const HANDSHAKE: u8 = 22;

/// The bits of a file's mode by which others than its owner and group may read it.
const READABLE_BY_OTHERS: u32 = 0o004;

/// Why TLS cannot be used: a sentence that says which file, and why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

impl TlsError {
    pub(super) fn half() -> Self {
        Self("DUET_TLS_CERT and DUET_TLS_KEY go together: set both or neither".to_owned())
    }
}

/// The files of a certificate, in PEM.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate, and those between it and an authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// TLS as it is now. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tls {
    pair: Arc<Pair>,
    now: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Tls {
    /// With the certificate that is in the files now.
    ///
    /// # Errors
    /// When a file cannot be read, or the two do not belong together.
    pub fn open(pair: Pair) -> Result<Self, TlsError> {
        let now = Arc::new(RwLock::new(read(&pair)?));
        Ok(Self { pair: Arc::new(pair), now })
    }

    /// Reads the files anew at each SIGHUP, for as long as it is polled. Connections that are there keep what they have.
    pub async fn reload_on_hangup(self) {
        let mut hangups = match signal(SignalKind::hangup()) {
            Ok(hangups) => hangups,
            Err(error) => {
                warn!(%error, "SIGHUP cannot be heard");
                return std::future::pending().await;
            }
        };
        loop {
            // There is no end of signals.
            hangups.recv().await;
            match read(&self.pair) {
                Ok(config) => {
                    *self.now.write().unwrap_or_else(PoisonError::into_inner) = config;
                    info!("the certificate was read anew");
                }
                Err(error) => warn!(%error, "the new certificate cannot be used; the old one stays"),
            }
        }
    }

    /// Agrees with the other end on keys.
    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(stream).await
    }
}

/// Whether the other end begins to speak TLS. Takes nothing off the stream.
pub(super) async fn is_spoken(stream: &TcpStream) -> std::io::Result<bool> {
    let mut first = [0];
    Ok(stream.peek(&mut first).await? == 0 || first == [HANDSHAKE])
}

fn read(pair: &Pair) -> Result<Arc<ServerConfig>, TlsError> {
    let Pair { certificate, key } = pair;
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| failed("DUET_TLS_CERT", certificate, &e))?;
    if chain.is_empty() {
        return Err(failed("DUET_TLS_CERT", certificate, &"no certificate is in it"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| failed("DUET_TLS_KEY", key, &e))?;
    warn_of_readers(key);
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| TlsError(format!("TLS cannot be used: {e}")))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|e| failed("DUET_TLS_KEY", key, &format!("it is not that of DUET_TLS_CERT ({e})")))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

fn failed(setting: &str, file: &Path, why: &dyn std::fmt::Display) -> TlsError {
    TlsError(format!("{setting} cannot be used: {}: {why}", file.display()))
}

fn warn_of_readers(key: &Path) {
    // One whose mode cannot be read was read itself all the same.
    let mode = std::fs::metadata(key).map_or(0, |file| file.permissions().mode());
    if mode & READABLE_BY_OTHERS != 0 {
        warn!(file = %key.display(), "the key of the certificate can be read by everybody on this machine");
    }
}
