//! What the bench found, for people and for programs. Pure.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::cli::bench::book::Share;
use crate::cli::bench::ledger::{LISTENERS, Tally};
use crate::cli::bench::plan::{Load, Plan};
use crate::cli::bench::usage::Usage;
use crate::cli::exit::{Exit, Failure};

/// The version of the JSON object; rises when a field changes its meaning.
const VERSION: u8 = 1;

/// What was seen from outside the shards.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    /// How long opening the connections took.
    pub(crate) opening: Duration,
    /// How long was measured.
    pub(crate) time: Duration,
    /// Messages accepted and frames heard in that time.
    pub(crate) accepted: u64,
    pub(crate) heard: u64,
    /// What this program used in that time.
    pub(crate) own: Duration,
    /// Messages that were due and found their sender too far behind.
    pub(crate) overrun: u64,
    /// What the server used, when its process is known.
    pub(crate) server: Option<ServerUsage>,
    /// Listening connections that ended before the bench did.
    pub(crate) ended: u64,
    /// When all of them had, after the start.
    pub(crate) over_after: Option<Duration>,
    /// When it was ended by hand, after the start.
    pub(crate) stopped_after: Option<Duration>,
    /// How many messages were accepted so long after the start.
    pub(crate) series: Vec<(Duration, u64)>,
}

/// What the server had used by four moments.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ServerUsage {
    /// Nothing was connected.
    pub(crate) before: Usage,
    /// Everything was connected.
    pub(crate) connected: Usage,
    /// The measured time began.
    pub(crate) begin: Usage,
    /// The measured time ended.
    pub(crate) end: Usage,
}

/// All figures. The names are the JSON's.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    v: u8,
    load: String,
    rooms: u32,
    threads: u32,
    content_bytes: usize,
    measured_s: f64,
    accepted_per_s: f64,
    frames_per_s: f64,
    /// From when a message was due to its frame at the last listener.
    delivery_ms: Option<Percentiles>,
    /// From the request to its answer.
    http_ms: Option<Percentiles>,
    /// From when a message was due to its request, for its sender waited for the last answer or the bench was slow.
    /// Part of `delivery_ms`.
    lateness_ms: Option<Percentiles>,
    /// Over the whole run, the warm-up included.
    whole_run: Correctness,
    connections: u32,
    connections_ended: u64,
    /// When all of them had, and with them the bench.
    ended_after_s: Option<f64>,
    /// When a person or a program ended the run early.
    stopped_after_s: Option<f64>,
    connecting_s: f64,
    own_processor_us_per_message: Option<f64>,
    server: Option<Server>,
}

#[derive(Debug, Serialize)]
struct Percentiles {
    p50: f64,
    p90: f64,
    p95: f64,
    p99: f64,
    p999: f64,
    max: f64,
    mean: f64,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Correctness {
    accepted: u64,
    failed: BTreeMap<String, u64>,
    unsent: u64,
    frames: u64,
    lost: u64,
    repeated: u64,
    disordered: u64,
    foreign: u64,
}

#[derive(Debug, Serialize)]
struct Server {
    processor_us_per_message: Option<f64>,
    processor_share: f64,
    resident_kib: u64,
    resident_kib_before: u64,
    resident_kib_connected: u64,
    /// Only with idle ones: a few hundred tell nothing beside what a server sets up anyway. Neither does a server that
    /// had the memory from an earlier load.
    kib_per_connection: Option<f64>,
    #[serde(skip)]
    has_idle: bool,
}

impl Report {
    pub(crate) fn new(plan: &Plan, share: &Share, measured: &Measured) -> Self {
        let Tally { accepted, heard, lost, repeated, disordered, foreign } = share.tally;
        // A run that was ended in its warm-up has measured for no time at all.
        let seconds = measured.time.as_secs_f64().max(0.001);
        let load = match plan.load {
            Load::Rate(rate) => format!("{rate} messages a second"),
            Load::Closed(senders) => format!("{senders} senders in a closed loop"),
            Load::None => "connections only".to_owned(),
        };
        Self {
            v: VERSION,
            load,
            rooms: if plan.load == Load::None { 0 } else { plan.rooms },
            threads: plan.threads,
            content_bytes: plan.size,
            measured_s: rounded(seconds),
            accepted_per_s: rounded(float(measured.accepted) / seconds),
            frames_per_s: rounded(float(measured.heard) / seconds),
            delivery_ms: percentiles(&share.delivery),
            http_ms: percentiles(&share.http),
            lateness_ms: percentiles(&share.lateness),
            whole_run: Correctness {
                accepted,
                failed: share.failed.clone(),
                unsent: share.unsent + measured.overrun,
                frames: heard,
                lost,
                repeated,
                disordered,
                foreign,
            },
            connections: plan.listening(),
            connections_ended: measured.ended,
            ended_after_s: measured.over_after.map(|time| rounded(time.as_secs_f64())),
            stopped_after_s: measured.stopped_after.map(|time| rounded(time.as_secs_f64())),
            connecting_s: rounded(measured.opening.as_secs_f64()),
            own_processor_us_per_message: per_message(measured.own, measured.accepted),
            server: measured.server.map(|usage| server(usage, plan, measured)),
        }
    }

    /// Whether every message arrived everywhere once and in order, and no connection was lost.
    ///
    /// # Errors
    /// When not, with what went wrong.
    pub(crate) fn verdict(&self) -> Result<(), Failure> {
        let connections = self.connections;
        if let Some(seconds) = self.ended_after_s {
            let words = format!(
                "all {connections} connections ended {seconds:.1} s after the start, and the bench with them: \
                 see whether the server still runs, and what its log says"
            );
            return Err(Failure::new(Exit::NoConnection, words));
        }
        let Correctness { failed, unsent, lost, repeated, disordered, foreign, .. } = &self.whole_run;
        let faults = [
            (failed.values().sum(), "messages not accepted".to_owned()),
            (*unsent, "messages not sent in time".to_owned()),
            (*lost, "frames lost".to_owned()),
            (*repeated, "frames repeated".to_owned()),
            (*disordered, "frames out of order".to_owned()),
            (*foreign, "frames that nobody sent".to_owned()),
            (self.connections_ended, format!("of {connections} connections ended early")),
        ];
        let found: Vec<_> =
            faults.iter().filter(|(count, _)| *count > 0).map(|(count, fault)| format!("{count} {fault}")).collect();
        if found.is_empty() {
            return Ok(());
        }
        Err(Failure::new(Exit::Unexpected, found.join(", ")))
    }

    pub(crate) fn json(&self) -> String {
        // Cannot fail: the only map has text for keys.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn table(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        _ = self.write_table(&mut out);
        out
    }

    fn write_table(&self, out: &mut String) -> std::fmt::Result {
        let Self { load, rooms, content_bytes, measured_s, connections, connecting_s, .. } = self;
        writeln!(out, "{load}, {measured_s} s measured")?;
        if *rooms > 0 {
            writeln!(out, "{rooms} rooms of {LISTENERS}, {content_bytes} bytes a message")?;
        }
        writeln!(out, "{connections} connections opened in {connecting_s} s, {} ended early", self.connections_ended)?;
        if let Some(seconds) = self.stopped_after_s {
            writeln!(out, "ended by hand {seconds} s after the start")?;
        }
        if self.whole_run.accepted > 0 || !self.whole_run.failed.is_empty() {
            self.write_load(out)?;
        }
        if let Some(server) = &self.server {
            writeln!(out, "server          {} % of one processor", server.processor_share)?;
            if let Some(micros) = server.processor_us_per_message {
                writeln!(out, "                {micros} us of processor a message")?;
            }
            writeln!(out, "                {} KiB resident", server.resident_kib)?;
            if let Some(kib) = server.kib_per_connection {
                writeln!(out, "                {kib} KiB a connection")?;
            } else if server.has_idle {
                writeln!(out, "                used memory again that it had: start it anew")?;
                writeln!(out, "                to see what a connection costs")?;
            }
        }
        Ok(())
    }

    fn write_load(&self, out: &mut String) -> std::fmt::Result {
        let Correctness { accepted, failed, unsent, frames, lost, repeated, disordered, foreign } = &self.whole_run;
        writeln!(out, "throughput      {} messages/s, {} frames/s", self.accepted_per_s, self.frames_per_s)?;
        // Nothing is measured in a run that was ended in its warm-up.
        if self.http_ms.is_some() {
            writeln!(out, "milliseconds        p50    p90    p99  p99.9    max   mean")?;
        }
        for (name, times) in [
            ("due to heard", &self.delivery_ms),
            ("due to sent", &self.lateness_ms),
            ("sent to answered", &self.http_ms),
        ] {
            let Some(Percentiles { p50, p90, p99, p999, max, mean, .. }) = times else { continue };
            write!(out, "{name:<16}")?;
            for time in [p50, p90, p99, p999, max, mean] {
                write!(out, " {:>6}", six_wide(*time))?;
            }
            writeln!(out)?;
        }
        writeln!(out, "messages        {accepted} accepted, {unsent} not sent in time")?;
        for (reason, count) in failed {
            writeln!(out, "                {count} failed: {reason}")?;
        }
        writeln!(out, "frames          {frames} heard, {lost} lost, {repeated} repeated")?;
        writeln!(out, "                {disordered} out of order, {foreign} foreign")?;
        if let Some(micros) = self.own_processor_us_per_message {
            writeln!(out, "bench           {micros} us of processor a message")?;
        }
        Ok(())
    }
}

fn server(usage: ServerUsage, plan: &Plan, measured: &Measured) -> Server {
    let ServerUsage { before, connected, begin, end } = usage;
    let processor = end.processor.saturating_sub(begin.processor);
    let grown = connected.resident_kib.saturating_sub(before.resident_kib);
    let connections = plan.listening();
    Server {
        processor_us_per_message: per_message(processor, measured.accepted),
        processor_share: rounded(100.0 * processor.as_secs_f64() / measured.time.as_secs_f64().max(0.001)),
        resident_kib: end.resident_kib,
        resident_kib_before: before.resident_kib,
        resident_kib_connected: connected.resident_kib,
        kib_per_connection: (plan.idle > 0 && grown >= connections.into())
            .then(|| rounded(float(grown) / f64::from(connections))),
        has_idle: plan.idle > 0,
    }
}

fn per_message(time: Duration, messages: u64) -> Option<f64> {
    (messages > 0).then(|| rounded(time.as_secs_f64() * 1e6 / float(messages)))
}

fn percentiles(times: &Histogram<u64>) -> Option<Percentiles> {
    let at = |quantile| rounded(float(times.value_at_quantile(quantile)) / 1000.0);
    (!times.is_empty()).then(|| Percentiles {
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: rounded(float(times.max()) / 1000.0),
        mean: rounded(times.mean() / 1000.0),
        count: times.len(),
    })
}

/// Milliseconds up to a minute, with as many decimals as leave the number six characters wide.
fn six_wide(time: f64) -> String {
    let decimals = [(99.9995, 3), (999.995, 2), (9_999.95, 1)];
    let decimals = decimals.iter().find(|(below, _)| time < *below).map_or(0, |(_, decimals)| *decimals);
    format!("{time:.decimals$}")
}

/// To three decimals.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(idle: u32) -> Plan {
        let (addresses, run, second) = (vec![String::new()], "r".to_owned(), Duration::from_secs(1));
        let load = Load::Rate(300.0);
        Plan {
            addresses,
            run,
            load,
            rooms: 50,
            idle,
            size: 128,
            warmup: second,
            duration: second,
            threads: 1,
            issuer_key: None,
        }
    }

    /// A server that grew by so much while 100 connections of listeners and 100 idle ones were opened.
    fn grown(kib: u64) -> Report {
        let connected = Usage { resident_kib: 50_000 + kib, ..Usage::default() };
        let before = Usage { resident_kib: 50_000, ..Usage::default() };
        let server = Some(ServerUsage { before, connected, begin: connected, end: connected });
        let time = Duration::from_millis(10_003);
        Report::new(&plan(100), &share(), &Measured { server, time, accepted: 30_000, ..Measured::default() })
    }

    fn share() -> Share {
        let mut share = Share::default();
        for micros in [1, 700, 99_999, 1_234_567, 59_999_000] {
            share.delivery.saturating_record(micros);
            share.http.saturating_record(micros);
            share.lateness.saturating_record(micros);
        }
        share.tally = Tally { accepted: 30_000_000, heard: 60_000_000, ..Tally::default() };
        share
    }

    #[test]
    fn the_table_fits_sixty_columns() {
        for report in [grown(0), grown(4_000)] {
            let table = report.table();
            let widest = table.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(60), "{table}");
        }
    }

    #[test]
    fn memory_that_was_there_before_is_not_called_the_cost_of_a_connection() {
        assert!(grown(4_000).table().contains(" 20 KiB a connection"));
        for kib in [0, 199] {
            let table = grown(kib).table();
            assert!(table.contains("used memory again") && !table.contains("KiB a connection"), "{table}");
        }
    }

    #[test]
    fn times_are_six_characters_wide_at_most() {
        let times = [0.001, 99.999, 99.9996, 999.99, 999.999, 9_999.9, 9_999.99, 60_000.0];
        let wide = times.map(six_wide);
        assert_eq!(wide, ["0.001", "99.999", "100.00", "999.99", "1000.0", "9999.9", "10000", "60000"]);
    }
}
