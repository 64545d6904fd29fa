//! Duet's terminal client: a pure core (`app`, `view`), the loop that feeds it (`run`), and what it talks to.
//!
//! Read in this order: what the program keeps and how it changes, how that looks, the loop, the terminal, the
//! network, what is kept on disk, and the subcommands for scripts.

pub mod app;
pub mod cli;
pub mod config;
pub mod credentials;
mod errands;
mod files;
pub mod keys;
pub mod memory;
pub mod network;
pub mod notify;
pub mod outbox;
mod pace;
pub mod painter;
mod probe;
mod report;
pub mod rooms;
pub mod run;
mod signals;
pub mod terminal;
pub mod view;
