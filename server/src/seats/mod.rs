//! Who sits where when there are several nodes: what this one has to say to the judge that all share.

pub mod desk;
