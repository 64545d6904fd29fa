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

mod backup;
mod check;
mod cluster;
mod cluster_chaos;
mod cluster_faults;
mod contract;
mod database;
mod documents;
mod faults;
mod history;
mod migration;
mod model;
mod postgres;
mod postgres_faults;
mod presence;
mod process;
mod rabbitmq;
mod rabbitmq_faults;
mod rabbitmq_tls;
mod receipts;
mod resume;
mod retention;
mod search;
mod seats;
mod slow;
mod support;
mod tidy;
