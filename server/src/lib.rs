//! Duet's server: rooms for two over WebSocket, carried by the embedded broker or RabbitMQ.
//!
//! Read in this order: what is set, what is built of it, the pure core, who may enter, a message's way (`http`,
//! `broker`, `intake`, `history`, `hub`, `session`), how people are taken leave of, the connections to PostgreSQL, and the clock.

pub mod access;
pub mod broker;
pub mod clock;
pub mod config;
pub mod database;
pub mod departure;
pub mod history;
pub mod http;
pub mod hub;
pub mod intake;
pub mod node;
pub mod nodes;
pub mod rooms;
pub mod seats;
pub mod session;
