//! PURE: whose request it is: that of the connection's other end, or of whoever a trusted proxy says.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use axum::http::HeaderMap;

/// By which proxies say whose request they pass on: addresses with commas between, the nearest last.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The longest list of proxies that is looked at. A client can make it as long as a head may be.
const MAX_HOPS: usize = 32;

/// The address of whoever sent a request. An extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// A network, such as `10.0.0.0/8`; an address alone is one, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

/// The proxies that are believed when they say whose request it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Where it is.
    pub address: IpAddr,
    /// Whether it is believed.
    pub is_proxy: bool,
}

impl ClientAddress {
    /// What counts as one: whoever has an address of IPv6 has a network of them (RFC 6177), and can change within it.
    #[must_use]
    pub fn block(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        }
    }
}

impl Peer {
    /// Whose request it is, and whether a proxy said so.
    #[must_use]
    pub fn client(self, proxies: &TrustedProxies, headers: &HeaderMap) -> (ClientAddress, bool) {
        let said = if self.is_proxy { proxies.client(headers) } else { None };
        (ClientAddress(said.unwrap_or(self.address)), said.is_some())
    }
}

impl TrustedProxies {
    /// The other end of a connection. One of IPv4 is one of IPv4 also where it comes in on a socket of IPv6 (RFC 4291 §2.5.5.2).
    #[must_use]
    pub fn peer(&self, address: IpAddr) -> Peer {
        let address = address.to_canonical();
        Peer { address, is_proxy: self.contains(address) }
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The address next to the trusted proxies. What stands left of it anybody may have written; where all that stands there is
    /// trusted, the first of them has asked for itself.
    fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let lines = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok());
        let lines: Vec<&str> = lines.collect();
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(',')).take(MAX_HOPS);
        let mut client = None;
        for hop in hops {
            // What is no address was not written by a proxy that can be relied on.
            let Some(address) = address(hop.trim()) else { break };
            client = Some(address);
            if !self.contains(address) {
                break;
            }
        }
        client
    }
}

/// An address as proxies write it: some add the port.
fn address(text: &str) -> Option<IpAddr> {
    let plain = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    plain().or_else(with_port).or_else(in_brackets).map(|address| address.to_canonical())
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address or network: write such as 10.0.0.0/8, 192.0.2.1 or fd00::/8");
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), str::parse).map_err(|_| wrong())?;
        if prefix <= bits { Ok(Self { address, prefix }) } else { Err(wrong()) }
    }
}

impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let networks = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        networks.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whose request it is that comes from `peer` with these lines in its head, and whether a proxy said so.
    fn client(trusted: &str, peer: &str, lines: &[&str]) -> (String, bool) {
        let proxies: TrustedProxies = trusted.parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let (client, is_said) = proxies.peer(peer.parse().unwrap()).client(&proxies, &headers);
        (client.0.to_string(), is_said)
    }

    #[track_caller]
    fn check(trusted: &str, peer: &str, lines: &[&str], expected: &str) {
        assert_eq!(client(trusted, peer, lines).0, expected);
    }

    #[test]
    fn who_is_not_trusted_is_not_believed() {
        check("", "192.0.2.1", &["198.51.100.7"], "192.0.2.1");
        check("10.0.0.0/8", "192.0.2.1", &["198.51.100.7"], "192.0.2.1");
        check("", "127.0.0.1", &["198.51.100.7"], "127.0.0.1");
    }

    #[test]
    fn the_address_next_to_the_trusted_proxies_counts_whatever_stands_left_of_it() {
        for lines in [
            ["198.51.100.7"].as_slice(),
            &["127.0.0.1, 198.51.100.7"],
            &["10.1.1.1, 198.51.100.7, 10.2.2.2"],
            &["10.1.1.1", "198.51.100.7 , 10.2.2.2"],
            &["nonsense, 198.51.100.7:4711"],
            &["203.0.113.9,198.51.100.7,10.2.2.2,10.3.3.3"],
        ] {
            assert_eq!(client("10.0.0.0/8", "10.9.9.9", lines), ("198.51.100.7".to_owned(), true), "{lines:?}");
        }
    }

    #[test]
    fn where_the_header_says_nothing_it_is_the_proxy_itself() {
        for lines in [[].as_slice(), &[""], &["unknown"], &["198.51.100.7, _hidden"]] {
            assert_eq!(client("127.0.0.1", "127.0.0.1", lines), ("127.0.0.1".to_owned(), false), "{lines:?}");
        }
        check("10.0.0.0/8", "10.9.9.9", &["10.1.1.1, 10.2.2.2"], "10.1.1.1");
    }

    #[test]
    fn addresses_of_both_kinds_are_understood_as_proxies_write_them() {
        check("fd00::/8", "fd00::1", &["2001:db8::7"], "2001:db8::7");
        check("fd00::/8", "fd00::1", &["[2001:db8::7]:4711"], "2001:db8::7");
        check("fd00::/8", "fd00::1", &["[2001:db8::7]"], "2001:db8::7");
        check("10.0.0.0/8", "::ffff:10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7");
        check("0.0.0.0/0,::/0", "192.0.2.1", &["198.51.100.7"], "198.51.100.7");
    }

    #[test]
    fn a_list_that_never_ends_is_not_read_to_its_end() {
        let line = "10.0.0.1,".repeat(10_000) + "10.0.0.2";
        check("10.0.0.0/8", "10.9.9.9", &[&line], "10.0.0.1");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let block = |text: &str| ClientAddress(text.parse().unwrap()).block().to_string();
        assert_eq!(block("2001:db8:1:2:aaaa::1"), block("2001:db8:1:2:ffff::9"));
        assert_ne!(block("2001:db8:1:2::1"), block("2001:db8:1:3::1"));
        assert_ne!(block("192.0.2.1"), block("192.0.2.2"));
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_is_one() {
        for wrong in ["10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0/8", "proxy.example", "10.0.0.1/8/8"] {
            let error = wrong.parse::<TrustedProxies>().unwrap_err();
            assert!(error.contains("such as 10.0.0.0/8"), "{error}");
        }
        assert_eq!(" ".parse(), Ok(TrustedProxies::default()));
    }
}
