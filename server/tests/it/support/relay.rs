//! A wire to a server that can be down, cut, slow, closed on one side and frozen.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
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
    wires: Wires,
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// All goes through.
    #[default]
    Flows,
    /// All goes through, so much later.
    Slow(Duration),
    /// Nothing goes through any more, without a word.
    Frozen,
    /// The side that connected has nothing more to say; what comes back goes through.
    HalfClosed,
    /// Both sides are reset.
    Cut,
}

/// All connections of a relay, and what is to become of new ones.
#[derive(Debug, Default, Clone)]
struct Wires {
    open: Arc<Mutex<Vec<Wire>>>,
    new: Arc<Mutex<Fate>>,
}

/// The port that a connection comes from, and its fate.
type Wire = (u16, watch::Sender<Fate>);

impl Relay {
    pub(crate) fn to(port: u16) -> Self {
        let socket = bind((Ipv4Addr::LOCALHOST, 0).into());
        let address = socket.local_addr().unwrap();
        Self { address, to: port, closed: Some(socket), open: None, wires: Wires::default() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn up(&mut self) {
        let listener = self.closed.take().unwrap().listen(128).unwrap();
        self.open = Some(tokio::spawn(relay(listener, self.to, self.wires.clone())));
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
        self.all(Fate::Frozen);
    }

    pub(crate) fn thaw(&self) {
        self.all(Fate::Flows);
    }

    /// Decides for every connection there is, and for those to come. Those to come are never cut or half closed.
    pub(crate) fn all(&self, fate: Fate) {
        let lasts = !matches!(fate, Fate::Cut | Fate::HalfClosed);
        *self.wires.new.lock().unwrap() = if lasts { fate } else { Fate::Flows };
        self.some(fate, |_| true);
    }

    /// Decides for those connections that are chosen, by the port they come from. Those to come are as they were.
    pub(crate) fn some(&self, fate: Fate, mut chosen: impl FnMut(u16) -> bool) {
        let mut open = self.wires.open.lock().unwrap();
        open.retain(|(_, wire)| !wire.is_closed());
        for (_, wire) in open.iter().filter(|(port, _)| chosen(*port)) {
            wire.send_replace(fate);
        }
    }
}

fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn relay(listener: TcpListener, to: u16, wires: Wires) {
    let mut open = JoinSet::new();
    loop {
        let (near, from) = listener.accept().await.unwrap();
        while open.try_join_next().is_some() {}
        let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await else { continue };
        // What is sent waits for nothing on its way.
        if near.set_nodelay(true).and(far.set_nodelay(true)).is_err() {
            continue;
        }
        let (fate, decided) = watch::channel(*wires.new.lock().unwrap());
        let mut all = wires.open.lock().unwrap();
        all.retain(|(_, wire)| !wire.is_closed());
        all.push((from.port(), fate));
        open.spawn(wire(near, far, decided));
    }
}

/// One connection, to its end.
async fn wire(mut near: TcpStream, mut far: TcpStream, mut fate: watch::Receiver<Fate>) {
    let ((near_read, near_write), (far_read, far_write)) = (near.split(), far.split());
    let (there, back) = (fate.clone(), fate.clone());
    tokio::select! {
        _ = async { tokio::join!(copy(near_read, far_write, there, true), copy(far_read, near_write, back, false)) } => {}
        _ = fate.wait_for(|fate| *fate == Fate::Cut) => {
            // A reset. A peer that has gone already needs none.
            let _ = near.set_zero_linger().and(far.set_zero_linger());
        }
    }
}

/// One direction of a connection. `is_there`: from the side that connected.
async fn copy(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut fate: watch::Receiver<Fate>, is_there: bool) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let is_closed = |fate: &Fate| is_there && *fate == Fate::HalfClosed;
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            _ = fate.wait_for(is_closed) => 0,
        };
        // The sender of the fate lives as long as somebody may change it.
        let Ok(now) = fate.wait_for(|fate| *fate != Fate::Frozen).await.map(|fate| *fate) else { return };
        if let Fate::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            // The other direction may go on; it says itself when it has ended.
            let _ = to.shutdown().await;
            return;
        }
    }
}
