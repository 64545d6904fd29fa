//! Everything of the client that needs sockets, a terminal or the built program.

// Without it clippy holds the helpers of tests to the rules for code that runs.
#![cfg(test)]

use std::io::Write;

mod anything;
mod authorities;
mod bench;
mod breaking_off;
mod broken;
mod cli;
mod client;
mod completing;
mod config;
mod corpus;
mod cost;
mod deeds;
mod doctor;
mod errands;
mod exporting;
mod fuzzed;
mod hand;
mod help;
mod hostile;
mod invited;
mod kept;
mod keyboard;
mod listening;
mod lookalikes;
mod manual;
mod markup;
mod network;
mod notifications;
mod outbox;
mod painting;
mod pasting;
mod pictures;
mod plain;
mod presence;
mod programs;
mod receipts;
mod refused;
mod report;
mod requests;
mod rooms;
mod screens;
mod scripted;
mod scrolling;
mod searching;
mod servers;
mod several;
mod stage;
mod terminal;
mod themes;
mod tmux;
mod together;
mod unread;
mod writing;

/// Says aloud that a test is skipped, and why: what is printed of a test that passes, nobody sees.
fn skipped(why: &str) {
    writeln!(std::io::stderr(), "skipped: {why}").unwrap();
}
