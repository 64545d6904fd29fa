//! How many connections there are, in all and of each address, and how many there may be.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::listener::address::{ClientAddress, Peer};

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// In all.
    pub in_all: usize,
    /// Of one address; of IPv6, of one network of 64 bits.
    pub of_address: usize,
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There are as many as there may be.
    Full,
    /// There are as many of its address as there may be.
    ManyOfAddress,
    /// It speaks HTTP without TLS where TLS is spoken.
    NotEncrypted,
}

/// The connections that there are. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    most: Most,
    open: AtomicUsize,
    /// Of those that are counted by address. Locked when a connection comes or goes, and never for what it says.
    of_address: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    counts: Arc<Counts>,
    /// Whether it is one more in all.
    is_in_all: bool,
    block: Option<IpAddr>,
}

impl Connections {
    /// None yet.
    #[must_use]
    pub fn new(most: Most) -> Self {
        Self(Arc::new(Counts { most, open: AtomicUsize::new(0), of_address: Mutex::default() }))
    }

    /// How many there are.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Counts one that comes in. Those of this machine are not counted by address, for anything goes on one's own machine; those of
    /// a trusted proxy are not, for they are of many people.
    pub(super) fn admit(&self, peer: Peer) -> Result<Counted, Refusal> {
        let mut counted = Counted { counts: Arc::clone(&self.0), is_in_all: true, block: None };
        if self.0.open.fetch_add(1, Ordering::Relaxed) >= self.0.most.in_all {
            return Err(Refusal::Full);
        }
        if !peer.is_proxy && !peer.address.is_loopback() {
            counted.count(ClientAddress(peer.address))?;
        }
        Ok(counted)
    }

    /// Counts a WebSocket that comes from this address by way of a trusted proxy, whose connection is counted in all.
    pub(super) fn admit_proxied(&self, client: ClientAddress) -> Result<Counted, Refusal> {
        let mut counted = Counted { counts: Arc::clone(&self.0), is_in_all: false, block: None };
        counted.count(client)?;
        Ok(counted)
    }
}

impl Counts {
    fn of_address(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Nothing within can panic half way.
        self.of_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn count(&mut self, client: ClientAddress) -> Result<(), Refusal> {
        let block = client.block();
        let mut of_address = self.counts.of_address();
        let count = of_address.entry(block).or_default();
        if *count >= self.counts.most.of_address {
            return Err(Refusal::ManyOfAddress);
        }
        *count += 1;
        self.block = Some(block);
        Ok(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.is_in_all {
            self.counts.open.fetch_sub(1, Ordering::Relaxed);
        }
        let Some(block) = self.block else { return };
        let mut of_address = self.counts.of_address();
        if let Some(count) = of_address.get_mut(&block) {
            *count -= 1;
            if *count == 0 {
                of_address.remove(&block);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Most = Most { in_all: 5, of_address: 2 };

    fn peer(address: &str) -> Peer {
        Peer { address: address.parse().unwrap(), is_proxy: false }
    }

    #[test]
    fn limits_hold_in_all_and_of_each_address_and_are_given_back() {
        let connections = Connections::new(MOST);
        let mut of_one: Vec<_> = (0..2).map(|_| connections.admit(peer("192.0.2.1")).unwrap()).collect();
        assert_eq!(connections.admit(peer("192.0.2.1")).unwrap_err(), Refusal::ManyOfAddress);
        let _other = connections.admit(peer("192.0.2.2")).unwrap();
        let _more = [connections.admit(peer("192.0.2.3")).unwrap(), connections.admit(peer("192.0.2.4")).unwrap()];
        assert_eq!(connections.admit(peer("192.0.2.5")).unwrap_err(), Refusal::Full);
        assert_eq!(connections.open(), 5);
        of_one.pop();
        of_one.push(connections.admit(peer("192.0.2.1")).unwrap());
        drop((of_one, _other, _more));
        assert_eq!(connections.open(), 0);
        assert!(connections.0.of_address().is_empty(), "addresses that are gone are not remembered");
    }

    #[test]
    fn who_changes_within_a_network_of_ipv6_is_one() {
        let connections = Connections::new(MOST);
        let _held = [connections.admit(peer("2001:db8::1")).unwrap(), connections.admit(peer("2001:db8::2")).unwrap()];
        assert_eq!(connections.admit(peer("2001:db8::3")).unwrap_err(), Refusal::ManyOfAddress);
        connections.admit(peer("2001:db8:0:1::3")).unwrap();
    }

    #[test]
    fn this_machine_and_proxies_are_not_counted_by_address_and_whom_a_proxy_names_is() {
        let connections = Connections::new(MOST);
        let proxy = Peer { address: "192.0.2.1".parse().unwrap(), is_proxy: true };
        let _local: Vec<_> = (0..3).map(|_| connections.admit(peer("127.0.0.1")).unwrap()).collect();
        let _proxy = [connections.admit(proxy).unwrap(), connections.admit(proxy).unwrap()];
        let client = ClientAddress("127.0.0.1".parse().unwrap());
        let _clients = [connections.admit_proxied(client).unwrap(), connections.admit_proxied(client).unwrap()];
        assert_eq!(connections.admit_proxied(client).unwrap_err(), Refusal::ManyOfAddress);
        assert_eq!(connections.open(), 5);
    }
}
