//! The server from outside: real sockets, a real RabbitMQ, and where it matters the real process.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected has failed")]
#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "tests may fail loudly"
)]

mod access;
mod access_store;
mod attacks;
mod backup;
mod check;
mod cluster;
mod cluster_chaos;
mod cluster_faults;
mod contract;
mod database;
mod documents;
mod door;
mod door_tls;
mod expiry;
mod faults;
mod fuzzed;
mod history;
mod invites;
mod lengths;
mod limits;
mod metrics;
mod migration;
mod model;
mod names;
mod postgres;
mod postgres_faults;
mod presence;
mod process;
mod producers;
mod rabbitmq;
mod rabbitmq_faults;
mod rabbitmq_tls;
mod receipts;
mod resume;
mod retention;
mod revoked;
mod search;
mod seats;
mod slow;
mod support;
mod tidy;
