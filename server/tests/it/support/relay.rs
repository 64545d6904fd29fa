//! A wire to a server that can be down, cut and frozen.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Relays from a port of its own to another one of this machine. Down at first: connections are refused.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    to: u16,
    /// Bound and not listening, which keeps the port.
    closed: Option<TcpSocket>,
    open: Option<JoinHandle<()>>,
    frozen: watch::Sender<bool>,
}

impl Relay {
    pub(crate) fn to(port: u16) -> Self {
        let socket = bind((Ipv4Addr::LOCALHOST, 0).into());
        let address = socket.local_addr().unwrap();
        Self { address, to: port, closed: Some(socket), open: None, frozen: watch::Sender::new(false) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn up(&mut self) {
        let listener = self.closed.take().unwrap().listen(16).unwrap();
        self.open = Some(tokio::spawn(relay(listener, self.to, self.frozen.subscribe())));
    }

    /// Ends every connection and refuses new ones.
    pub(crate) async fn down(&mut self) {
        let open = self.open.take().unwrap();
        open.abort();
        assert!(open.await.unwrap_err().is_cancelled());
        self.closed = Some(bind(self.address));
    }

    /// Lets nothing through any more, without a word.
    pub(crate) fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    pub(crate) fn thaw(&self) {
        self.frozen.send_replace(false);
    }
}

fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn relay(listener: TcpListener, to: u16, frozen: watch::Receiver<bool>) {
    let mut wires = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await else { continue };
        let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
        wires.spawn(copy(near_read, far_write, frozen.clone()));
        wires.spawn(copy(far_read, near_write, frozen.clone()));
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut frozen: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        frozen.wait_for(|frozen| !frozen).await.unwrap();
        if to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}
