//! Who may enter and speak.

pub mod codes;
pub mod gate;
pub mod invites;
pub mod issuer;
pub mod marks;
pub mod origin;
pub mod pass;
pub mod revocations;
pub mod store;
pub mod term;
pub mod tokens;
