//! HTTP/1.1 over one kept connection that repeats nothing by itself: whether a request was sent once or twice matters
//! here, and it has to be cheap.

use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Small, so that a reader that stops is felt by the server soon, and not after megabytes.
const RECEIVE_BUFFER_BYTES: u32 = 16 * 1024;

/// A kept connection.
#[derive(Debug)]
pub(crate) struct Http {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Http {
    pub(crate) async fn connect(port: u16) -> Result<Self> {
        Ok(Self { stream: connect(port).await?, answer: Vec::with_capacity(4096) })
    }

    /// The status of the answer. After an error the connection is of no more use.
    pub(crate) async fn request(&mut self, head: &str, body: &str) -> Result<u16> {
        let length = body.len();
        let request = format!("{head}host: localhost\r\ncontent-length: {length}\r\n\r\n{body}");
        self.stream.write_all(request.as_bytes()).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let text = String::from_utf8_lossy(&self.answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let unreadable = || Error::new(ErrorKind::InvalidData, "no status or no length");
            let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(unreadable)?;
            let value = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok();
            let length = head.lines().find_map(value).ok_or_else(unreadable)?;
            if body.len() >= length {
                return Ok(status);
            }
        }
    }
}

/// Connects to this machine.
pub(crate) async fn connect(port: u16) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    let stream = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
