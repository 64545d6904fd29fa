//! Who sits where when there are several nodes: what this one has to say to the judge that all share, how that decides, and
//! the lease without which it holds nothing.

pub mod desk;
pub mod lease;
pub mod rules;
pub mod shared;
