//! The fault suite: real processes under load, broken in every way we can think of, and a checker that reads all that
//! happens. docs/faults.md says what is done and what is checked.
#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    reason = "a run has fewer messages, rooms and microseconds than its numbers have room for"
)]

mod checker;
mod content;
pub(crate) mod disk;
mod event;
mod http;
mod intruding;
mod kinds;
mod listening;
mod node;
mod nodes;
mod people;
mod posting;
mod producing;
mod progress;
mod recorder;
mod report;
mod run;
mod soak;
mod world;

use std::time::Duration;

use tokio::sync::Mutex;

use crate::faults::progress::Progress;
use crate::faults::run::{Outcome, Plan, run};
use crate::faults::world::Carrier;

/// One run at a time: each wants the machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// Modest, for other tests run beside it: 10 to 40 s. Even seeds are for RabbitMQ.
fn short(seed: u64, faults: usize) -> Plan {
    Plan {
        seed,
        carrier: if seed.is_multiple_of(2) { Carrier::RabbitMq } else { Carrier::Embedded },
        nodes: 1,
        rooms: 3,
        rate: 120,
        longest_pause: 0.3,
        longest_fault: 0.7,
        only: String::new(),
        server_lives: false,
        length: Duration::from_secs(90),
        faults,
        messages: 0,
    }
}

/// The same of several nodes, with whatever only they know first; what lasts longer than a lease takes its time.
fn short_of_nodes(seed: u64, faults: usize) -> Plan {
    Plan { carrier: Carrier::RabbitMq, nodes: 3, length: Duration::from_secs(150), ..short(seed, faults) }
}

#[track_caller]
fn check(seed: u64, outcome: &Outcome) {
    if !outcome.violations.is_empty() {
        let stories: Vec<_> = outcome.violations.iter().map(|(_, story)| story.as_str()).collect();
        panic!(
            "seed {seed}, after {} faults:\n{}\nthe same faults again: DUET_SOAK_NODES={} DUET_SOAK_SEED={seed} \
             DUET_SOAK_FAULTS={} cargo test -p server --test it faults::soak -- --exact",
            outcome.faults,
            stories.join("\n"),
            outcome.nodes,
            outcome.faults.max(1)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_accepted_is_lost_whatever_fails_around_the_embedded_broker() {
    let _turn = TURN.lock().await;
    let Some(outcome) = run(&short(1, 10), &Progress::of(None)).await else { return };
    check(1, &outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_accepted_is_lost_whatever_fails_around_rabbitmq() {
    let _turn = TURN.lock().await;
    let Some(outcome) = run(&short(2, 20), &Progress::of(None)).await else { return };
    check(2, &outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_accepted_is_lost_whatever_fails_around_three_nodes() {
    let _turn = TURN.lock().await;
    let Some(outcome) = run(&short_of_nodes(3, 8), &Progress::of(None)).await else { return };
    check(3, &outcome);
}

/// A long run, as the environment says; see scripts/soak. Without it a short one, with a seed of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak() {
    let _turn = TURN.lock().await;
    soak::soak().await;
}
