//! A name with several addresses: chance decides which of them is tried first, so that the clients of a server that is gone do
//! not all come to the same one. Where one is not reached the connector tries the next by itself.

use std::net::SocketAddr;

use rand::Rng;
use rand::seq::SliceRandom;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

/// Looks names up as the system does.
#[derive(Debug)]
pub(crate) struct Lookup;

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is that of the address.
            let mut found: Vec<SocketAddr> = lookup_host((name.as_str(), 0)).await?.collect();
            spread(&mut found, &mut rand::rng());
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Pure. Leaves before the others the family that the system prefers (RFC 6724).
fn spread(addresses: &mut [SocketAddr], chance: &mut impl Rng) {
    let prefers_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    addresses.shuffle(chance);
    addresses.sort_by_key(|address| address.is_ipv6() != prefers_v6);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_of_the_preferred_family_comes_first_at_times_and_none_of_the_other() {
        let found =
            ["[::1]:0", "[::2]:0", "[::3]:0", "127.0.0.1:0"].map(|address| address.parse::<SocketAddr>().unwrap());
        let spread = |_| {
            let mut addresses = found;
            spread(&mut addresses, &mut rand::rng());
            assert_eq!(addresses[3], found[3]);
            addresses[0]
        };
        let first: BTreeSet<SocketAddr> = (0..200).map(spread).collect();
        assert_eq!(Vec::from_iter(first), found[..3], "200 times never is a chance of one in 10^35");
    }
}
