//! Duet's server: rooms for two over WebSocket, carried by the embedded broker or RabbitMQ.
//!
//! Read in this order: what is set, what is built of it, the pure cores (`rooms`, `limits`), how connections come in, who may
//! enter, a message's way (`http`, `broker`, `intake`, `history`, `hub`, `session`), how people are taken leave of, the
//! connections to PostgreSQL, files of SQLite, the metrics, and the clock.

pub mod access;
pub mod broker;
pub mod clock;
pub mod config;
pub mod database;
pub mod departure;
mod doors;
pub mod history;
pub mod http;
pub mod hub;
pub mod intake;
pub mod limits;
pub mod listener;
pub mod membership;
pub mod metrics;
pub mod node;
pub mod nodes;
pub mod revoking;
pub mod rooms;
pub mod seats;
pub mod session;
mod sqlite;
