//! What came of a soak, as Markdown.

use std::time::Duration;

use crate::faults::checker::Wrong;
use crate::faults::kinds::{KINDS, Kind};
use crate::faults::run::{Outcome, TWO};
use crate::faults::world::{Life, Recovery};

/// Lives that are shorter say nothing of memory, in seconds.
const LONG_LIFE: f64 = 30.0;

const WRONGS: [(Wrong, &str); 10] = [
    (Wrong::Lost, "lost"),
    (Wrong::Repeated, "repeated"),
    (Wrong::Disordered, "out of order"),
    (Wrong::Phantom, "never posted so"),
    (Wrong::Missed, "missed by a plain connection"),
    (Wrong::Gap, "gaps"),
    (Wrong::Reset, "resets"),
    (Wrong::ThirdUser, "third users"),
    (Wrong::Receipt, "wrong receipts"),
    (Wrong::Unwell, "did not heal"),
];

/// The whole report of these worlds.
pub(crate) fn markdown(seed: u64, outcomes: &[Outcome]) -> String {
    let length: Duration = outcomes.iter().map(|outcome| outcome.length).sum();
    let faults: usize = outcomes.iter().map(|outcome| outcome.faults).sum();
    let mut text = format!(
        "Seed {seed}, {:.1} minutes, {faults} faults.\n\n{}\n{}",
        length.as_secs_f64() / 60.0,
        messages(outcomes),
        recoveries(outcomes)
    );
    text += &slowest(outcomes);
    text += &memory(outcomes);
    text
}

fn messages(outcomes: &[Outcome]) -> String {
    let sum = |count: &dyn Fn(&Outcome) -> u64| outcomes.iter().map(count).sum::<u64>();
    let mut rows = vec![
        ("messages posted", sum(&|o| o.posted as u64)),
        ("accepted", sum(&|o| o.counts.accepted)),
        ("posts repeated with their key", sum(&|o| o.counts.repeated_posts)),
        ("delivered, to all clients", sum(&|o| o.counts.delivered)),
        ("connections made by listeners", sum(&|o| o.counts.connections)),
        ("third users turned away", sum(&|o| o.counts.turned_away)),
        ("third users who found a seat free", sum(&|o| o.counts.let_in)),
        ("receipts told", sum(&|o| o.counts.told)),
    ];
    rows.extend(WRONGS.map(|(wrong, name)| (name, sum(&|o| o.counts.wrong.get(&wrong).copied().unwrap_or_default()))));
    let mut text = "| messages | |\n| --- | ---: |\n".to_owned();
    for (name, count) in rows {
        text += &format!("| {name} | {count} |\n");
    }
    text
}

fn recoveries(outcomes: &[Outcome]) -> String {
    let mut text = "| fault | times | first message after it: median, worst | everybody has one: median, worst |\n\
                    | --- | ---: | ---: | ---: |\n"
        .to_owned();
    for name in KINDS.iter().map(|row| row.1).chain([TWO]) {
        let of_kind: Vec<_> = outcomes.iter().filter_map(|o| o.recoveries.get(name)).flatten().collect();
        if of_kind.is_empty() {
            continue;
        }
        let measured: Vec<Recovery> = of_kind.iter().filter_map(|recovery| **recovery).collect();
        let first = spread(measured.iter().map(|recovery| recovery.first).collect());
        let all = spread(measured.iter().map(|recovery| recovery.all).collect());
        text += &format!("| {name} | {} | {first} | {all} |\n", of_kind.len());
    }
    text
}

/// Of those faults that are measured from their beginning.
fn slowest(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for kind in [Kind::KillIntake, Kind::RestartAll] {
        let of_kind = outcomes.iter().filter_map(|o| o.recoveries.get(kind.name())).flatten().flatten();
        let times: Vec<Duration> = of_kind.map(|recovery| recovery.slowest).collect();
        if !times.is_empty() {
            text += &format!("| {} | {} |\n", kind.name(), spread(times));
        }
    }
    if text.is_empty() {
        return text;
    }
    format!("\n| meanwhile | slowest message, from its first post to a client: median, worst |\n| --- | ---: |\n{text}")
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    match times.last() {
        Some(worst) => format!("{:.2} s, {:.2} s", times[times.len() / 2].as_secs_f64(), worst.as_secs_f64()),
        None => String::new(),
    }
}

/// Of each life of the server that was long enough.
fn memory(outcomes: &[Outcome]) -> String {
    let is_long = |life: &&Life| life.memory.last().is_some_and(|(age, _)| *age >= LONG_LIFE);
    let lives: Vec<&Life> = outcomes.iter().flat_map(|outcome| &outcome.lives).filter(is_long).collect();
    let all: usize = outcomes.iter().map(|outcome| outcome.lives.len()).sum();
    if lives.is_empty() {
        return format!("\nNo life of the server was longer than {LONG_LIFE} s, of {all}.\n");
    }
    let mut text = format!(
        "\nMemory of the server (RSS, MiB) in the {} of its {all} lives that were longer than {LONG_LIFE} s:\n\n\
         | life | at 10 s | a quarter | a half | three quarters | at the end |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
        lives.len()
    );
    let longest = lives.iter().max_by(|a, b| length(a).total_cmp(&length(b))).unwrap();
    let stations: Vec<[f64; 5]> = lives.iter().map(|life| stations(life)).collect();
    let of_all = |pick: &dyn Fn(Vec<f64>) -> f64| {
        let mut row = [0.0; 5];
        for (i, cell) in row.iter_mut().enumerate() {
            let mut values: Vec<f64> = stations.iter().map(|station| station[i]).collect();
            values.sort_by(f64::total_cmp);
            *cell = pick(values);
        }
        row
    };
    let rows = [
        ("median".to_owned(), of_all(&|values| values[values.len() / 2])),
        ("highest".to_owned(), of_all(&|values| *values.last().unwrap())),
        (format!("longest ({:.0} s)", length(longest)), self::stations(longest)),
    ];
    for (name, row) in rows {
        text += &format!("| {name} |{}\n", row.map(|mib| format!(" {mib:.1} |")).join(""));
    }
    text
}

fn length(life: &Life) -> f64 {
    life.memory.last().map_or(0.0, |(age, _)| *age)
}

fn stations(life: &Life) -> [f64; 5] {
    let at = |age: f64| life.memory.iter().find(|(a, _)| *a >= age).map_or(0.0, |(_, kib)| *kib as f64 / 1024.0);
    let length = length(life);
    [at(10.0), at(length * 0.25), at(length * 0.5), at(length * 0.75), at(length)]
}
