//! Connecting: where to, how long and how often to try, and how a queue is made sure of.

use std::fmt;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::protocol::constants::REPLY_SUCCESS;
use lapin::protocol::{AMQPError, AMQPErrorKind, AMQPSoftError};
use lapin::tcp::{AMQPUriTcpExt, TLSConfig};
use lapin::types::FieldTable;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties, ErrorKind};
use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::timeout;

use crate::broker::rabbitmq::MESSAGES;

/// How long connecting may take, all questions to the broker included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long closing may take. The broker notices a connection that just ends, too.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How often each side shows that it is alive, in seconds, unless the URL says otherwise. After twice that, a silent
/// broker counts as gone.
const HEARTBEAT_SECONDS: u16 = 10;

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause. With the time to connect, messages flow again within two seconds of the broker's return.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where RabbitMQ is, who we are there, and whom we believe to be it. Shows itself without the password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    uri: AMQPUri,
    /// Certificates that are believed besides those of the system, as PEM.
    authorities: Option<Arc<str>>,
}

/// Why a file of certificates is of no use: a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthoritiesError(String);

/// Why a text is not an [`Address`]. Does not repeat the text, for it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not the address of a RabbitMQ, for {0}: write it like amqp://user:password@localhost:5672/vhost")]
pub struct AddressError(String);

/// Why there is no connection, or no longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The broker, the network or the settings stand in the way.
    #[error("{0}")]
    Away(String),
    /// Somebody else consumes from the queue.
    #[error("another consumer has the queue `{MESSAGES}`")]
    Taken,
    /// There is no queue.
    #[error("the queue `{MESSAGES}` had gone, and is being declared again")]
    Missing,
    /// The queue holds what ends every connection that it is sent by.
    #[error("a message in the queue `{MESSAGES}` has properties that are not UTF-8 and has to be taken out")]
    Unreadable,
}

/// A connection that ends when it is dropped.
pub(super) struct Line {
    pub(super) connection: Connection,
    _socket: Socket,
}

/// The socket of a connection, shut down when this is dropped. Without that, lapin's thread waits for a broker that
/// hangs until it speaks, and so would one more thread for each try.
#[derive(Default)]
struct Socket(Arc<OnceLock<Option<TcpStream>>>);

/// The pauses between tries.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let Some((_, rest)) = text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "amqp" | "amqps")) else {
            return Err(AddressError("it does not begin with amqp:// or amqps://".to_owned()));
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('[') {
            // The parser would put `localhost` in its place without a word.
            return Err(AddressError("an IPv6 address cannot stand in it, only a host name".to_owned()));
        }
        let mut uri: AMQPUri = text.parse().map_err(AddressError)?;
        if uri.vhost.is_empty() {
            // Python's clients, and so the URLs people have, mean the default vhost by a final slash.
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        Ok(Self { uri, authorities: None })
    }
}

impl Address {
    /// The same, where the certificates in this file are believed as well.
    pub(super) fn trusting(self, file: &Path) -> Result<Self, AuthoritiesError> {
        let failed = |why: &dyn fmt::Display| {
            AuthoritiesError(format!(
                "AMQP_CA cannot be used: {why} in {}; name a PEM file of certificates",
                file.display()
            ))
        };
        if self.uri.scheme != AMQPScheme::AMQPS {
            let sentence =
                "AMQP_CA is set, and AMQP_URL begins with amqp://, so that nothing would be encrypted: write amqps://";
            return Err(AuthoritiesError(sentence.to_owned()));
        }
        let pem = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        if certificates.map_err(|error| failed(&error))?.is_empty() {
            return Err(failed(&"no certificate is"));
        }
        Ok(Self { authorities: Some(pem.into()), ..self })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPUri { scheme, authority, vhost, .. } = &self.uri;
        write!(f, "{scheme}://{}@{}:{}", authority.userinfo.username, authority.host, authority.port)?;
        if vhost == "/" { Ok(()) } else { write!(f, "/{vhost}") }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Connects as `name`, which is what RabbitMQ's management page shows.
pub(super) async fn connect(address: &Address, name: &str) -> Result<Line, LinkError> {
    let connecting = async {
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let runtime = lapin::runtime::default_runtime()?;
        let socket = Socket::default();
        let (handle, authorities) = (Arc::clone(&socket.0), address.authorities.clone());
        let connection = Connection::connector(
            address.uri.clone(),
            runtime,
            async move |uri, runtime| {
                // lapin dials on a thread that outlives this future, so that the time limit must be there as well.
                let trust = TLSConfig { identity: None, cert_chain: authorities.as_deref() };
                let dialling = uri.connect_with_config_async(trust, &runtime);
                let stream = timeout(CONNECT_TIMEOUT, dialling).await.map_err(io::Error::from)??;
                let tcp = match &stream {
                    AsyncTcpStream::Plain(plain) => plain.get_ref(),
                    AsyncTcpStream::Rustls(tls) => tls.get_ref().0.get_ref(),
                    _ => return Ok(stream),
                };
                handle.get_or_init(|| tcp.as_fd().try_clone_to_owned().map(TcpStream::from).ok());
                Ok(stream)
            },
            properties,
        )
        .await?;
        Ok(Line { connection, _socket: socket })
    };
    timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| Err(LinkError::Away(no_answer())))
}

/// Takes the queue as it stands, and only where there is none declares it: durable, without arguments, which is what
/// the most other programs can agree to.
pub(super) async fn ensure_queue(connection: &Connection, queue: &str) -> Result<(), LinkError> {
    // On a channel of its own, for the answer that there is none ends the channel.
    let asking = connection.create_channel().await?;
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let Err(error) = asking.queue_declare(queue.into(), passive, FieldTable::default()).await else {
        return Ok(asking.close(REPLY_SUCCESS, "OK".into()).await?);
    };
    if soft_error(&error).is_none_or(|(kind, _)| kind != AMQPSoftError::NOTFOUND) {
        return Err(error.into());
    }
    let declaring = connection.create_channel().await?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    declaring.queue_declare(queue.into(), durable, FieldTable::default()).await?;
    Ok(declaring.close(REPLY_SUCCESS, "OK".into()).await?)
}

impl Line {
    /// Says goodbye to the broker.
    pub(super) async fn close(self) {
        let closing = self.connection.close(REPLY_SUCCESS, "OK".into());
        // Too late, or closed already: either way there is nothing left to do.
        let _ = timeout(CLOSE_TIMEOUT, closing).await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(Some(socket)) = self.0.get() {
            // The broker may have ended it before.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl From<lapin::Error> for LinkError {
    fn from(error: lapin::Error) -> Self {
        if let ErrorKind::ParsingError(_) = error.kind() {
            return Self::Unreadable;
        }
        // The same code stands for a lack of permission; only the text tells.
        match soft_error(&error) {
            Some((AMQPSoftError::ACCESSREFUSED, told)) if told.get_message().as_str().contains("exclusive use") => {
                Self::Taken
            }
            Some((AMQPSoftError::NOTFOUND, _)) => Self::Missing,
            Some(_) | None => Self::Away(describe(&error)),
        }
    }
}

impl Backoff {
    /// No failure yet.
    pub(super) fn new() -> Self {
        Self { next: FIRST_PAUSE }
    }

    /// Forgets the failures.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }

    /// How long to wait after one more failure: somewhere between the half and the whole of what is due, so that many
    /// servers do not come back in step.
    pub(super) fn pause(&mut self) -> Duration {
        let due = self.next;
        self.next = (due * 2).min(LONGEST_PAUSE);
        due.mul_f64(rand::random_range(0.5..=1.0))
    }
}

/// What went wrong, as a sentence for the operator.
pub(super) fn describe(error: &lapin::Error) -> String {
    if let ErrorKind::IOError(error) = error.kind() {
        if error.kind() == io::ErrorKind::TimedOut {
            return no_answer();
        }
        if let Some(reason) = distrust(error) {
            return reason;
        }
        let text = error.to_string().to_lowercase();
        let (what, _) = text.split_once(" (os error").unwrap_or((&text, ""));
        return format!("RabbitMQ is not reachable: {what}");
    }
    if let ErrorKind::ProtocolError(error) = error.kind() {
        return format!("RabbitMQ refuses: {}", error.get_message());
    }
    if let ErrorKind::MissingHeartbeatError = error.kind() { no_answer() } else { format!("lost RabbitMQ: {error}") }
}

/// What is wrong with the certificate or the encryption, if that is what is wrong.
fn distrust(error: &io::Error) -> Option<String> {
    use CertificateError::{NotValidForName, NotValidForNameContext, UnknownIssuer};
    use rustls::Error::{InvalidCertificate, InvalidMessage};
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let why = if matches!(error, InvalidCertificate(UnknownIssuer)) {
        "its certificate is signed by nobody we know: name the file of its authority in AMQP_CA".to_owned()
    } else if matches!(error, InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) {
        "its certificate is for another name than the host in AMQP_URL".to_owned()
    } else if let InvalidCertificate(error) = error {
        format!("its certificate is no good: {error}")
    } else if matches!(error, InvalidMessage(_)) {
        "it does not speak TLS at this port: write amqp://, or another port".to_owned()
    } else {
        format!("TLS with it fails: {error}")
    };
    Some(format!("RabbitMQ is not trusted: {why}"))
}

pub(super) fn no_answer() -> String {
    "RabbitMQ does not answer".to_owned()
}

/// What the broker refused, if the connection outlives it.
pub(super) fn soft_error(error: &lapin::Error) -> Option<(AMQPSoftError, &AMQPError)> {
    let ErrorKind::ProtocolError(error) = error.kind() else { return None };
    match error.kind() {
        AMQPErrorKind::Soft(kind) => Some((kind.clone(), error)),
        AMQPErrorKind::Hard(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_itself_without_the_password() {
        let address: Address = "amqps://duet:hunter2@rabbit.example.com/chat?heartbeat=5".parse().unwrap();
        assert_eq!(address.to_string(), "amqps://duet@rabbit.example.com:5671/chat");
        assert_eq!(format!("{address:?}"), "Address(amqps://duet@rabbit.example.com:5671/chat)");
    }

    #[test]
    fn a_final_slash_means_the_default_vhost() {
        for text in ["amqp://localhost", "amqp://guest:guest@localhost:5672/", "amqp://guest@localhost/%2f"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.uri.vhost, "/", "{text}");
            assert_eq!(address.to_string(), "amqp://guest@localhost:5672", "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_to_write_and_without_the_password() {
        for (text, reason) in [
            ("", "it does not begin with amqp:// or amqps://"),
            ("http://me:hunter2@localhost", "it does not begin with amqp:// or amqps://"),
            ("amqp:me:hunter2@localhost", "it does not begin with amqp:// or amqps://"),
            ("amqp://me:hunter2@localhost:port", "invalid port number"),
            ("amqp://me:hunter2@[2001:db8::1]/", "an IPv6 address cannot stand in it, only a host name"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            let sentence = "write it like amqp://user:password@localhost:5672/vhost";
            assert_eq!(error, format!("is not the address of a RabbitMQ, for {reason}: {sentence}"));
        }
    }

    #[test]
    fn the_pauses_double_up_to_their_limit_and_start_over() {
        let mut backoff = Backoff::new();
        for due in [100, 200, 400, 800, 1000, 1000] {
            let pause = backoff.pause().as_millis();
            assert!((due / 2..=due).contains(&pause), "{pause} for {due}");
        }
        backoff.reset();
        assert!(backoff.pause() <= FIRST_PAUSE);
    }
}
