//! HTTP/1.1 over one connection that is kept, as cheap as it gets: one write and usually one read for a request.
//!
//! Understands what servers answer to these few requests, which is a length and a body; anything else is an error.

use std::fmt;
use std::io::{Error, ErrorKind, Result, Write};

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer is a status, some headers and a line of JSON.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// More than any answer to a post, so that one read is enough.
const READ_BYTES: usize = 4096;

/// What is shown for a request: a token, or the issuer key.
#[derive(Clone)]
pub(crate) struct Bearer(pub(crate) String);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A kept connection.
#[derive(Debug)]
pub(crate) struct Http {
    address: String,
    stream: TcpStream,
    out: Vec<u8>,
    answer: Vec<u8>,
}

/// Where the parts of an answer are.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    body: usize,
    length: usize,
    closes: bool,
}

impl Http {
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        let stream = connect(address).await?;
        Ok(Self { address: address.to_owned(), stream, out: vec![], answer: Vec::with_capacity(READ_BYTES) })
    }

    /// Posts `body` to `path`, with what is to be shown for it. The status and the body of the answer.
    ///
    /// # Errors
    /// When there is no answer, or none that can be read. Then nobody knows whether the server took the request.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        bearer: Option<&Bearer>,
        body: &impl Serialize,
    ) -> Result<(u16, &[u8])> {
        self.write_request(path, bearer, body)?;
        if self.is_closed() {
            // Servers close connections that were quiet for long. Nothing was sent yet, so this repeats nothing.
            self.stream = connect(&self.address).await?;
        }
        self.stream.write_all(&self.out).await?;
        self.answer.clear();
        loop {
            if self.answer.len() > MAX_ANSWER_BYTES {
                return Err(Error::new(ErrorKind::InvalidData, "the answer is too long"));
            }
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let Some(head) = Head::read(&self.answer)? else { continue };
            if self.answer.len() < head.body + head.length {
                continue;
            }
            if head.closes {
                self.stream = connect(&self.address).await?;
            }
            return Ok((head.status, self.answer.get(head.body..).unwrap_or_default()));
        }
    }

    fn write_request(&mut self, path: &str, bearer: Option<&Bearer>, body: &impl Serialize) -> Result<()> {
        let body = serde_json::to_vec(body)?;
        let (address, length) = (&self.address, body.len());
        self.out.clear();
        write!(
            self.out,
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
        )?;
        if let Some(Bearer(secret)) = bearer {
            write!(self.out, "authorization: Bearer {secret}\r\n")?;
        }
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(&body);
        Ok(())
    }

    fn is_closed(&self) -> bool {
        match self.stream.try_read(&mut [0]) {
            Ok(_) => true,
            Err(e) => e.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// Connects without Nagle's algorithm, which would hold small requests back.
pub(crate) async fn connect(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Head {
    /// Reads the head of an answer; nothing when it is not whole yet.
    fn read(answer: &[u8]) -> Result<Option<Self>> {
        let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(answer.get(..end).unwrap_or_default());
        let head = head.map_err(|_| Error::new(ErrorKind::InvalidData, "the answer's head is not text"))?;
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let length = header(head, "content-length").and_then(|length| length.parse().ok());
        let (Some(status), Some(length)) = (status, length) else {
            return Err(Error::new(ErrorKind::InvalidData, "the answer has no status or no content-length"));
        };
        let closes = header(head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(Some(Self { status, body: end + 4, length, closes }))
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_its_head_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\ndate: today\r\nContent-Length: 17\r\n\r\n{\"status\":\"sent\"}";
        for length in 0..answer.len() - 17 {
            assert_eq!(Head::read(&answer[..length]).unwrap(), None, "{length}");
        }
        let head = Head::read(answer).unwrap().unwrap();
        assert_eq!((head.status, head.length, head.closes), (200, 17, false));
        assert_eq!(&answer[head.body..], b"{\"status\":\"sent\"}");
    }

    #[test]
    fn a_server_that_closes_is_believed() {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n";
        let head = Head::read(answer).unwrap().unwrap();
        assert_eq!((head.status, head.closes), (503, true));
    }

    #[test]
    fn an_answer_without_a_length_is_an_error_and_not_a_hang() {
        assert!(Head::read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(Head::read(b"220 mail.example.org ESMTP\r\n\r\n").is_err());
    }
}
