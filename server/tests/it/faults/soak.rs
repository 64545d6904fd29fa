//! The long run: several worlds one after the other, and a table at the end.

use std::io::{Write, stderr};
use std::time::Duration;

use crate::faults::progress::Progress;
use crate::faults::report::markdown;
use crate::faults::run::{Outcome, Plan, run};
use crate::faults::world::Carrier;
use crate::faults::{check, short, short_of_nodes};

/// What part of the time each world gets, and whether the server lives through all of it.
const WORLDS: [(Carrier, f64, bool); 3] =
    [(Carrier::RabbitMq, 0.5, false), (Carrier::Embedded, 0.2, false), (Carrier::RabbitMq, 0.3, true)];

/// The worlds of a long run of several nodes.
const WORLDS_OF_NODES: [(Carrier, f64, bool); 1] = [(Carrier::RabbitMq, 1.0, false)];

/// Lines between which the table stands in docs/faults.md.
const BEGIN: &str = "<!-- the last soak -->\n";
const END: &str = "<!-- the end of the last soak -->";

/// A setting of scripts/soak.
fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(format!("DUET_SOAK_{name}")).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("DUET_SOAK_{name} is not a number: {text}")))
}

pub(crate) async fn soak() {
    let seed = setting("SEED").unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let minutes: Option<f64> = setting("MINUTES");
    let nodes = setting("NODES").unwrap_or(1);
    let Some(minutes) = minutes else {
        say(&format!("fault suite: seed {seed}"));
        let faults = setting("FAULTS").unwrap_or(6);
        let plan = if nodes > 1 { Plan { nodes, ..short_of_nodes(seed, faults) } } else { short(seed, faults) };
        if let Some(outcome) = run(&plan, &Progress::of(None)).await {
            check(seed, &outcome);
        }
        return;
    };
    let length = Duration::from_secs_f64(minutes * 60.0);
    say(&format!("seed {seed}, {minutes} minutes"));
    let progress = Progress::of(Some(length));
    let mut outcomes: Vec<Outcome> = Vec::new();
    let worlds = if nodes > 1 { &WORLDS_OF_NODES[..] } else { &WORLDS };
    for (number, (carrier, part, server_lives)) in (0..).zip(worlds.iter().copied()) {
        // An absent limit is never reached, so that the time ends the run.
        let part_of = |limit: Option<usize>| limit.map_or(usize::MAX, |limit| (limit as f64 * part).ceil() as usize);
        let (faults, messages): (Option<usize>, Option<usize>) = (setting("FAULTS"), setting("MESSAGES"));
        let limited = faults.is_some() || messages.is_some();
        let plan = Plan {
            seed: seed + number,
            carrier,
            nodes,
            rooms: 12,
            rate: setting("RATE").unwrap_or(1500),
            longest_pause: 1.5,
            longest_fault: 7.0,
            only: std::env::var("DUET_SOAK_ONLY").unwrap_or_default(),
            server_lives,
            length: length.mul_f64(part),
            faults: part_of(faults.or(limited.then_some(0))),
            messages: part_of(messages.or(limited.then_some(0))),
        };
        let outcome = run(&plan, &progress).await.expect("a soak needs RabbitMQ, and with several nodes PostgreSQL");
        for (_, story) in &outcome.violations {
            say(&format!("\nin world {number} (seed {}, {carrier:?}):\n{story}", plan.seed));
        }
        progress.add(outcome.faults, outcome.counts.accepted);
        outcomes.push(outcome);
    }
    let text = markdown(seed, &outcomes);
    say(&format!("\n\n{text}"));
    if let Some(path) = std::env::var_os("DUET_SOAK_WRITE") {
        let old = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = old.split_once(BEGIN).expect("the mark where the table begins is missing");
        let (_, after) = rest.split_once(END).expect("the mark where the table ends is missing");
        std::fs::write(&path, format!("{before}{BEGIN}\n{text}\n{END}{after}")).unwrap();
    }
    let wrong: usize = outcomes.iter().map(|outcome| outcome.violations.len()).sum();
    assert_eq!(wrong, 0, "something went wrong: see above");
}

/// The harness shows nothing else while a test passes.
#[expect(clippy::explicit_write, reason = "eprintln would be captured")]
fn say(text: &str) {
    writeln!(stderr(), "{text}").unwrap();
}
