//! How often something may be done: token buckets that are given the time; and how long names may be. Pure.
//!
//! A [`rate::Rate`] is what is allowed, a [`table::Table`] the buckets of all who are counted, in memory that is bounded, and
//! an [`allowance::Allowance`] that of a connection. [`lengths::Lengths`] are those of names.

pub mod allowance;
pub mod lengths;
pub mod rate;
pub mod table;

use crate::limits::rate::Rate;

/// How often each thing that is counted may be done; what has no rate is not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Posts of a user to a room.
    pub posts_per_user: Option<Rate>,
    /// Posts to a room.
    pub posts_per_room: Option<Rate>,
    /// Posts from an address.
    pub posts_per_address: Option<Rate>,
    /// Attempts to enter a room from an address.
    pub joins_per_address: Option<Rate>,
    /// Requests for a token from an address.
    pub tokens_per_address: Option<Rate>,
    /// Requests about invites and members from an address.
    pub invites_per_address: Option<Rate>,
}

/// What holds where nothing is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usual {
    /// Nothing is counted: those who come are the operator's own.
    Unlimited,
    /// What people and their programs do not reach, and a flood does.
    Sane,
}

impl Usual {
    /// The rates. A room takes more than both of its users may post, so that neither can take the other's part.
    #[must_use]
    pub const fn rates(self) -> Rates {
        match self {
            Self::Unlimited => Rates {
                posts_per_user: None,
                posts_per_room: None,
                posts_per_address: None,
                joins_per_address: None,
                tokens_per_address: None,
                invites_per_address: None,
            },
            Self::Sane => Rates {
                posts_per_user: Some(Rate::per_second(20, 100)),
                posts_per_room: Some(Rate::per_second(50, 250)),
                // Many people may have one address.
                posts_per_address: Some(Rate::per_second(100, 500)),
                joins_per_address: Some(Rate::per_second(10, 100)),
                tokens_per_address: Some(Rate::per_second(10, 100)),
                invites_per_address: Some(Rate::per_second(10, 100)),
            },
        }
    }
}
