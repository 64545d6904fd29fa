//! A producer that writes what no library would.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::rabbitmq::Vhost;
use crate::support::soon;

/// Publishes `body` to `messages` with a `message_id` of these bytes (AMQP 0-9-1 §4.2.3, frames).
pub(crate) async fn publish_with_id(vhost: &Vhost, message_id: &[u8], body: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", vhost.port())).await.unwrap();
    stream.write_all(b"AMQP\0\0\x09\x01").await.unwrap();
    expect(&mut stream, (10, 10)).await;
    let start_ok = [&[0; 4][..], &short(b"PLAIN"), &long(b"\0guest\0guest"), &short(b"en_US")].concat();
    stream.write_all(&method(0, (10, 11), &start_ok)).await.unwrap();
    let tune = expect(&mut stream, (10, 30)).await;
    stream.write_all(&method(0, (10, 31), &tune)).await.unwrap();
    let name = vhost.url().rsplit('/').next().unwrap();
    stream.write_all(&method(0, (10, 40), &[&short(name.as_bytes())[..], &[0, 0]].concat())).await.unwrap();
    expect(&mut stream, (10, 41)).await;
    stream.write_all(&method(1, (20, 10), &[0])).await.unwrap();
    expect(&mut stream, (20, 11)).await;
    let publish = [&[0, 0, 0][..], &short(b"messages"), &[0]].concat();
    // Of the class `basic`, and of its properties only the message's id.
    let header = [&[0, 60, 0, 0][..], &(body.len() as u64).to_be_bytes(), &[0, 0x80], &short(message_id)].concat();
    let message = [method(1, (60, 40), &publish), frame(2, 1, &header), frame(3, 1, body.as_bytes())].concat();
    // Answered when all before it is done.
    let close = method(1, (20, 40), &[&[0, 200][..], &short(b"done"), &[0; 4]].concat());
    stream.write_all(&[message, close].concat()).await.unwrap();
    expect(&mut stream, (20, 41)).await;
}

/// The arguments of the next method, which is this one.
async fn expect(stream: &mut TcpStream, (class, method): (u16, u16)) -> Vec<u8> {
    let mut head = [0; 7];
    soon(stream.read_exact(&mut head)).await.unwrap();
    let length = u32::from_be_bytes(head[3..].try_into().unwrap()) as usize;
    let mut payload = vec![0; length + 1];
    soon(stream.read_exact(&mut payload)).await.unwrap();
    assert_eq!(payload[..4], [class.to_be_bytes(), method.to_be_bytes()].concat(), "{payload:?}");
    payload[4..length].to_vec()
}

fn method(channel: u16, (class, method): (u16, u16), arguments: &[u8]) -> Vec<u8> {
    frame(1, channel, &[&class.to_be_bytes()[..], &method.to_be_bytes(), arguments].concat())
}

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    [&[kind][..], &channel.to_be_bytes(), &length.to_be_bytes(), payload, &[0xCE]].concat()
}

fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text].concat()
}

fn long(text: &[u8]) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat()
}
