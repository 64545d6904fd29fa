//! What reaches the client, and the words both sides share.

pub mod frames;
pub mod keys;
pub mod links;
pub mod names;
pub mod text;
