//! Everything of the client that needs sockets, a terminal or the built program.

// Without it clippy holds the helpers of tests to the rules for code that runs.
#![cfg(test)]

mod anything;
mod bench;
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
mod hand;
mod help;
mod hostile;
mod kept;
mod keyboard;
mod listening;
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
