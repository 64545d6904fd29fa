//! Pure. The addresses of servers that are one.

use std::fmt;
use std::iter::once;

use reqwest::Url;

/// The addresses of servers that share a history, in the order in which they were named: one at least, none twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servers {
    first: Url,
    others: Vec<Url>,
}

impl Servers {
    /// None where there is no address.
    pub fn new(addresses: impl IntoIterator<Item = Url>) -> Option<Self> {
        let mut addresses = addresses.into_iter();
        let first = Self::from(addresses.next()?);
        Some(addresses.fold(first, Self::and))
    }

    /// These and another one.
    #[must_use]
    pub fn and(mut self, address: Url) -> Self {
        if self.iter().all(|known| *known != address) {
            self.others.push(address);
        }
        self
    }

    /// The one that is tried first.
    #[must_use]
    pub fn first(&self) -> &Url {
        &self.first
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Url> {
        once(&self.first).chain(&self.others)
    }

    /// Whether there is more than one.
    #[must_use]
    pub fn are_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// What is kept for them goes by this: the address, or all of them with spaces between, the same in whatever order they
    /// were named. No address holds a space.
    #[must_use]
    pub fn key(&self) -> String {
        let mut addresses: Vec<&str> = self.iter().map(Url::as_str).collect();
        addresses.sort_unstable();
        addresses.join(" ")
    }
}

impl From<Url> for Servers {
    fn from(first: Url) -> Self {
        Self { first, others: Vec::new() }
    }
}

/// As `--server` takes them.
impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<&str> = self.iter().map(|url| url.as_str().trim_end_matches('/')).collect();
        f.write_str(&addresses.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(addresses: &[&str]) -> Servers {
        Servers::new(addresses.iter().map(|address| address.parse().unwrap())).unwrap()
    }

    #[test]
    fn what_is_kept_for_them_does_not_go_by_their_order() {
        assert_eq!(servers(&["http://b", "http://a"]).key(), "http://a/ http://b/");
        assert_eq!(servers(&["http://a", "http://b", "http://a/"]).key(), "http://a/ http://b/");
        // As it was when there could be only one.
        assert_eq!(servers(&["http://a"]).key(), "http://a/");
        assert_eq!(servers(&["http://b", "http://a/duet"]).to_string(), "http://b,http://a/duet");
    }

    #[test]
    fn there_is_one_at_least_and_none_twice() {
        assert_eq!(Servers::new([]), None);
        assert!(!servers(&["http://a", "http://a"]).are_several());
        assert_eq!(servers(&["http://b", "http://a"]).first().as_str(), "http://b/");
    }
}
