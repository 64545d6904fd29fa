//! The plot at the end: how long the deliveries took, and how many messages were accepted from second to second. Pure.

use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::cli::bench::report::float;

/// Where a decade is divided, in tenths: as finely as leaves few enough rows.
const DIVISIONS: [&[u64]; 6] = [
    &[10, 12, 15, 20, 25, 30, 40, 50, 60, 80],
    &[10, 15, 20, 30, 40, 50, 70],
    &[10, 15, 25, 40, 60],
    &[10, 20, 50],
    &[10, 30],
    &[10],
];
const MAX_ROWS: usize = 11;
/// The longest bar, and the longest line of seconds, in cells: with what stands beside it within 60 columns.
const WIDTH: u32 = 30;
const BAR_BLOCKS: [char; 8] = ['█', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Parts of a cell (Unicode, Block Elements).
    Blocks,
    /// Whole characters of ASCII.
    Ascii,
}

impl Ink {
    /// Blocks where the locale is UTF-8, the terminal is one, and the person did not ask for plain text.
    pub(crate) fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        // The order of POSIX (XBD 8.2).
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_lowercase();
        let is_utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let is_plain = set("NO_COLOR").is_some() || set("TERM").is_some_and(|term| term == "dumb");
        if is_utf8 && !is_plain { Self::Blocks } else { Self::Ascii }
    }

    /// A bar of so many eighths of a cell.
    fn bar(self, eighths: u32) -> String {
        match self {
            Self::Blocks => {
                let part = BAR_BLOCKS.get((eighths % 8) as usize).filter(|_| !eighths.is_multiple_of(8));
                std::iter::repeat_n('█', (eighths / 8) as usize).chain(part.copied()).collect()
            }
            Self::Ascii => "#".repeat(eighths.div_ceil(8) as usize),
        }
    }

    /// One cell for a level from 0, which is nothing, to 8.
    fn cell(self, level: u32) -> char {
        let levels = match self {
            Self::Blocks => "_▁▂▃▄▅▆▇█",
            Self::Ascii => "_.:-=+*%#",
        };
        levels.chars().nth(level as usize).unwrap_or(' ')
    }
}

/// Draws both; nothing of what there is nothing to see of.
///
/// `delivery` is in microseconds; `accepted` says how many messages were accepted so long after the start.
pub(crate) fn draw(delivery: &Histogram<u64>, accepted: &[(Duration, u64)], ink: Ink) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    _ = draw_buckets(&mut out, &buckets(delivery), ink);
    _ = draw_rates(&mut out, &rates(accepted), ink);
    out
}

/// The messages that took at least `from` and less than `to`, in microseconds.
#[derive(Debug, PartialEq, Eq)]
struct Bucket {
    from: u64,
    to: u64,
    count: u64,
}

/// From the fastest to the slowest, in the finest division that makes few enough.
fn buckets(times: &Histogram<u64>) -> Vec<Bucket> {
    let mut found = vec![];
    for steps in DIVISIONS {
        found = divided(times, steps);
        if found.len() <= MAX_ROWS {
            break;
        }
    }
    found
}

/// Without the empty ones at both ends.
fn divided(times: &Histogram<u64>, steps: &[u64]) -> Vec<Bucket> {
    let mut edges: Vec<u64> =
        (0..9).flat_map(|decade| steps.iter().map(move |step| step * 10_u64.pow(decade) / 10)).collect();
    // Below 10 microseconds there are fewer than there are steps.
    edges.dedup();
    let pairs = edges.iter().zip(edges.iter().skip(1));
    let mut buckets: Vec<_> = pairs.map(|(from, to)| Bucket { from: *from, to: *to, count: 0 }).collect();
    for value in times.iter_recorded() {
        if let Some(bucket) = buckets.iter_mut().find(|bucket| value.value_iterated_to() < bucket.to) {
            bucket.count += value.count_at_value();
        }
    }
    let is_used = |bucket: &Bucket| bucket.count > 0;
    let (first, last) = (buckets.iter().position(is_used), buckets.iter().rposition(is_used));
    buckets.truncate(last.map_or(0, |last| last + 1));
    buckets.drain(..first.unwrap_or(0));
    buckets
}

fn draw_buckets(out: &mut String, buckets: &[Bucket], ink: Ink) -> std::fmt::Result {
    let Some(most) = buckets.iter().map(|bucket| bucket.count).max() else { return Ok(()) };
    writeln!(out, "milliseconds       messages, due until heard by all")?;
    for Bucket { from, to, count } in buckets {
        let bar = ink.bar(steps(float(*count), float(most), 8 * WIDTH));
        writeln!(out, "{:>7} - {:<7}  {bar} {count}", milliseconds(*from), milliseconds(*to))?;
    }
    Ok(())
}

fn draw_rates(out: &mut String, rates: &[f64], ink: Ink) -> std::fmt::Result {
    let (least, most) =
        rates.iter().fold((f64::MAX, 0.0_f64), |(least, most), rate| (least.min(*rate), most.max(*rate)));
    if most <= 0.0 {
        return Ok(());
    }
    let line: String = rates.iter().map(|rate| ink.cell(steps(*rate, most, 8))).collect();
    writeln!(out, "accepted per second, warm-up included: {least:.0} to {most:.0}")?;
    writeln!(out, "                   {line}")
}

/// Messages a second in equal parts of the run, of a second or more each.
fn rates(accepted: &[(Duration, u64)]) -> Vec<f64> {
    let whole = accepted.last().map_or(Duration::ZERO, |(time, _)| *time);
    let cells = (1..=WIDTH).rev().find(|cells| whole / *cells >= Duration::from_secs(1)).unwrap_or(0);
    let by = |cell| accepted_by(accepted, whole * cell / cells);
    (0..cells).map(|cell| (by(cell + 1) - by(cell)) / (whole / cells).as_secs_f64()).collect()
}

/// Between two samples as many each moment.
fn accepted_by(accepted: &[(Duration, u64)], time: Duration) -> f64 {
    let next = accepted.partition_point(|(at, _)| *at < time);
    let sample = |index| accepted.get(index).copied().map(|(at, count)| (at, float(count)));
    let (from, before) = next.checked_sub(1).and_then(sample).unwrap_or_default();
    let (to, after) = sample(next).unwrap_or((time, before));
    match to.saturating_sub(from) {
        Duration::ZERO => after,
        between => before + (after - before) * (time.saturating_sub(from)).div_duration_f64(between),
    }
}

/// How many of so many steps `value` fills; at least one unless it is nothing.
fn steps(value: f64, most: f64, steps: u32) -> u32 {
    let filled = value / most * f64::from(steps);
    (0..steps).map(|step| u32::from(f64::from(step) < filled)).sum()
}

fn milliseconds(micros: u64) -> f64 {
    float(micros) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(times: &[(u64, u64)]) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 60_000_000, 3).unwrap();
        for (micros, count) in times {
            histogram.record_n(*micros, *count).unwrap();
        }
        histogram
    }

    #[track_caller]
    fn check(times: &[(u64, u64)], accepted: &[(u64, u64)], ink: Ink, expected: &[&str]) {
        let accepted: Vec<_> = accepted.iter().map(|(at, count)| (Duration::from_millis(*at), *count)).collect();
        let drawn = draw(&histogram(times), &accepted, ink);
        assert_eq!(drawn.lines().collect::<Vec<_>>(), expected);
    }

    const TITLE: &str = "milliseconds       messages, due until heard by all";

    #[test]
    fn each_bucket_has_a_bar_and_the_smallest_is_seen() {
        let times = [(700, 700), (1_000, 350), (1_999, 1), (9_000, 1)];
        let accepted = [(0, 0), (1_000, 100), (2_000, 100), (3_000, 300), (4_000, 350)];
        let expected = [
            TITLE,
            "    0.7 - 1        ██████████████████████████████ 700",
            "      1 - 1.5      ███████████████ 350",
            "    1.5 - 2        ▏ 1",
            "      2 - 3         0",
            "      3 - 4         0",
            "      4 - 5         0",
            "      5 - 7         0",
            "      7 - 10       ▏ 1",
            "accepted per second, warm-up included: 0 to 200",
            "                   ▄_█▂",
        ];
        check(&times, &accepted, Ink::Blocks, &expected);
        let expected = [
            TITLE,
            "    0.7 - 1        ############################## 700",
            "      1 - 1.5      ############### 350",
            "    1.5 - 2        # 1",
            "      2 - 3         0",
            "      3 - 4         0",
            "      4 - 5         0",
            "      5 - 7         0",
            "      7 - 10       # 1",
            "accepted per second, warm-up included: 0 to 200",
            "                   =_#:",
        ];
        check(&times, &accepted, Ink::Ascii, &expected);
    }

    #[test]
    fn the_edge_of_a_bucket_is_in_the_one_above() {
        let edges = [5_000, 20_000, 50_000].map(|edge| (edge, 1));
        assert_eq!(buckets(&histogram(&edges[..1])), [Bucket { from: 5_000, to: 6_000, count: 1 }]);
        let counts: Vec<u64> = buckets(&histogram(&edges)).iter().map(|bucket| bucket.count).collect();
        assert_eq!(counts, [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
    }

    #[test]
    fn however_far_apart_the_times_are_the_rows_are_few_and_lack_nobody() {
        for slowest in [10, 1_000, 100_000, 5_000_000, 60_000_000] {
            let buckets = buckets(&histogram(&[(1, 5), (slowest, 7), (slowest / 2, 1)]));
            assert!(buckets.len() <= MAX_ROWS, "{slowest}: {buckets:?}");
            assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 13, "{slowest}");
        }
    }

    #[test]
    fn a_long_run_is_one_line_and_what_was_not_measured_is_none() {
        let hour: Vec<_> = (0..=3_600).map(|second| (second * 1_000, second * 10)).collect();
        let line = format!("                   {}", "█".repeat(30));
        check(&[], &hour, Ink::Blocks, &["accepted per second, warm-up included: 10 to 10", &line]);
        check(&[], &[(0, 0), (900, 30)], Ink::Blocks, &[]);
        check(&[], &[(0, 0), (5_000, 0)], Ink::Blocks, &[]);
        check(&[], &[], Ink::Blocks, &[]);
    }

    #[test]
    fn blocks_are_for_terminals_that_can_show_them() {
        #[track_caller]
        fn check(variables: &[(&str, &str)], expected: Ink) {
            let value =
                |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(Ink::of(value), expected, "{variables:?}");
        }
        check(&[("LANG", "en_US.UTF-8"), ("TERM", "xterm")], Ink::Blocks);
        check(&[("LANG", "C"), ("LC_CTYPE", "C.utf8"), ("LC_ALL", ""), ("NO_COLOR", "")], Ink::Blocks);
        check(&[], Ink::Ascii);
        check(&[("LANG", "en_US.UTF-8"), ("LC_ALL", "C")], Ink::Ascii);
        check(&[("LANG", "en_US.UTF-8"), ("TERM", "dumb")], Ink::Ascii);
        check(&[("LANG", "en_US.UTF-8"), ("NO_COLOR", "1")], Ink::Ascii);
    }
}
