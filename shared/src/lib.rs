//! What crosses the wire between `duet-server` and its clients, and nothing more.
//!
//! Read in this order: the names people and rooms go by, the message, the frames of a WebSocket, the bodies of
//! the HTTP routes, and the errors a program may branch on.

pub mod error;
pub mod frames;
pub mod link;
pub mod message;
pub mod names;
pub mod rest;
pub mod search;
