//! What an operator watches: every metric by its name. Counting takes a relaxed atomic; what can be asked for is asked for when
//! somebody reads.

use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};
use shared::error::ErrorCode;

use crate::clock;

/// The media type of what is read (OpenMetrics 1.0).
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether a token vouched for the sender.
const ORIGINS: [&str; 2] = ["user", "outside"];

type Labels = Vec<(&'static str, String)>;

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Connections that did not get in, and those that were ended.
    pub connections: Connections,
    /// That as much waited for a session as may.
    pub stalled: Counter,
    /// That frames came faster than they are read.
    pub paused: Counter,
    /// WebSockets that were ended, for their readers were too slow.
    pub too_slow: Counter,
    /// WebSockets that were ended, for more came in one message than is taken.
    pub too_large: Counter,
    /// Posts that were answered with 200.
    pub accepted: ByOrigin,
    /// Messages that have got their place and were told to their rooms.
    pub announced: ByOrigin,
    /// Batches that the intake has committed.
    pub batches: Counter,
    /// Commits and reads of the history that have failed.
    pub history_errors: Counter,
    lag_seconds: Counter<f64, AtomicU64>,
    refused: Family<Labels, Counter>,
    /// Requests that came too often, by the limit.
    pub limited: Limited,
    asked: Asked,
}

/// Requests that came too often, by the limit.
#[derive(Debug)]
pub struct Limited {
    /// Posts of a user to a room.
    pub posts_per_user: Counter,
    /// Posts to a room.
    pub posts_per_room: Counter,
    /// Posts from an address.
    pub posts_per_address: Counter,
    /// Attempts to enter a room.
    pub joins_per_address: Counter,
    /// Requests for a token.
    pub tokens_per_address: Counter,
    /// Requests about invites and members.
    pub invites_per_address: Counter,
}

/// Connections that did not get in, and those that were ended.
#[derive(Debug)]
pub struct Connections {
    /// Refused, for there were as many as there may be.
    pub full: Counter,
    /// Refused, for there were as many of their address as there may be.
    pub many_of_address: Counter,
    /// The head of a request took too long.
    pub slow_head: Counter,
    /// Idle, or an answer that was not taken.
    pub idle: Counter,
    /// Could not agree on keys, or not in time.
    pub handshake: Counter,
}

/// Messages by where they come from.
#[derive(Debug)]
pub struct ByOrigin {
    user: Counter,
    outside: Counter,
}

/// What is asked for when somebody reads.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Connections that are open, WebSockets among them.
    pub connections: usize,
    /// WebSockets.
    pub sessions: usize,
    /// Rooms with somebody in them.
    pub rooms: usize,
    /// Whether messages can be carried.
    pub is_broker_up: bool,
    /// Whether this server gives messages their places.
    pub is_intake_here: bool,
    /// Whether history takes messages and can be read.
    pub is_history_up: bool,
}

#[derive(Debug)]
struct Asked {
    connections: Gauge,
    sessions: Gauge,
    rooms: Gauge,
    broker: Gauge,
    intake: Gauge,
    history: Gauge,
}

impl ByOrigin {
    /// One more, from a user whom a token vouched for, or from outside.
    pub fn count(&self, is_of_user: bool) {
        if is_of_user { &self.user } else { &self.outside }.inc();
    }
}

impl Metrics {
    /// All of them at zero, of a server that starts now. The one place with all names; a counter gets `_total` behind its name,
    /// information `_info`.
    #[must_use]
    pub fn new() -> Self {
        let mut names = Names(Registry::default());
        names.add("duet_build", "Which version this is", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let started: Gauge = names.one("process_start_time_seconds", "When it started, in seconds since 1970");
        started.set(clock::timestamp().as_second());
        let asked = Asked {
            connections: names.one("duet_connections", "Open connections, WebSockets among them"),
            sessions: names.one("duet_sessions", "WebSockets"),
            rooms: names.one("duet_rooms", "Rooms with somebody in them on this server"),
            broker: names.one("duet_broker_up", "1 while messages can be carried"),
            intake: names.one("duet_intake_here", "1 where messages get their places; of several servers on one"),
            history: names.one("duet_history_up", "1 while the history takes messages and can be read"),
        };
        let help = "Connections refused because there were as many as there may be";
        let [full, many_of_address] = names.each("duet_connections_refused", help, "reason", ["full", "address"]);
        let help = "Connections that kept the server waiting and were closed";
        let reasons = ["head", "idle", "handshake"];
        let [slow_head, idle, handshake] = names.each("duet_connections_cut_off", help, "reason", reasons);
        let help = "How often as much waited for a WebSocket as may; it catches up from history";
        let stalled = names.one("duet_sessions_stalled", help);
        let help = "How often a WebSocket was not read for a while, for frames came faster than they may";
        let paused = names.one("duet_sessions_paused", help);
        let help = "WebSockets that were closed for what came, or for what was not taken";
        let [too_slow, too_large] = names.each("duet_sessions_cut_off", help, "reason", ["slow", "large"]);
        let help = "Requests refused because they came too often";
        let limits = [
            "posts_per_user",
            "posts_per_room",
            "posts_per_address",
            "joins_per_address",
            "tokens_per_address",
            "invites_per_address",
        ];
        let limited = names.each("duet_requests_limited", help, "limit", limits);
        let [
            posts_per_user,
            posts_per_room,
            posts_per_address,
            joins_per_address,
            tokens_per_address,
            invites_per_address,
        ] = limited;
        let limited = Limited {
            posts_per_user,
            posts_per_room,
            posts_per_address,
            joins_per_address,
            tokens_per_address,
            invites_per_address,
        };
        let help = "Posts that were answered with 200";
        let [user, outside] = names.each("duet_messages_accepted", help, "origin", ORIGINS);
        let accepted = ByOrigin { user, outside };
        let help = "Messages that got their places and were told to their rooms, also those from the queue";
        let [user, outside] = names.each("duet_messages_announced", help, "origin", ORIGINS);
        let announced = ByOrigin { user, outside };
        Self {
            connections: Connections { full, many_of_address, slow_head, idle, handshake },
            stalled,
            paused,
            too_slow,
            too_large,
            accepted,
            announced,
            batches: names.one("duet_intake_batches", "Batches of messages that were committed"),
            lag_seconds: names.one(
                "duet_intake_lag_seconds",
                "From acceptance to commit, of the oldest message of each batch, all together",
            ),
            history_errors: names.one("duet_history_errors", "Commits that have failed; each is tried again"),
            refused: names.one("duet_requests_refused", "Answers that were no success, by their code"),
            limited,
            asked,
            registry: names.0,
        }
    }

    /// A request was answered with an error.
    pub fn refused(&self, code: ErrorCode) {
        let code =
            serde_json::to_value(code).ok().and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default();
        self.refused.get_or_create(&vec![("code", code)]).inc();
    }

    /// A batch was committed whose oldest message was accepted then.
    pub fn committed(&self, oldest: Timestamp) {
        self.batches.inc();
        // Clocks of producers may be ahead.
        self.lag_seconds.inc_by(clock::timestamp().duration_since(oldest).as_secs_f64().max(0.0));
    }

    /// All of them as text.
    #[must_use]
    pub fn text(&self, now: &Now) -> String {
        let Asked { connections, sessions, rooms, broker, intake, history } = &self.asked;
        for (gauge, number) in [(connections, now.connections), (sessions, now.sessions), (rooms, now.rooms)] {
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
        for (gauge, is_so) in [(broker, now.is_broker_up), (intake, now.is_intake_here), (history, now.is_history_up)] {
            gauge.set(is_so.into());
        }
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Where names are given.
struct Names(Registry);

impl Names {
    fn add(&mut self, name: &str, help: &str, metric: impl Metric) {
        self.0.register(name, help, metric);
    }

    /// A metric of one series.
    fn one<M: Metric + Default + Clone>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.add(name, help, metric.clone());
        metric
    }

    /// A counter for each value of a label. All are there from the beginning, at zero.
    fn each<const N: usize>(&mut self, name: &str, help: &str, label: &'static str, values: [&str; N]) -> [Counter; N] {
        let family: Family<Labels, Counter> = self.one(name, help);
        values.map(|value| family.get_or_create(&vec![(label, value.to_owned())]).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now =
        Now { connections: 3, sessions: 2, rooms: 1, is_broker_up: true, is_intake_here: false, is_history_up: true };

    #[test]
    fn what_was_counted_and_what_is_now_is_read() {
        let metrics = Metrics::new();
        metrics.accepted.count(true);
        metrics.announced.count(false);
        metrics.connections.full.inc();
        metrics.refused(ErrorCode::WrongRoom);
        metrics.committed(clock::timestamp());
        let text = metrics.text(&NOW);
        for line in [
            "duet_messages_accepted_total{origin=\"user\"} 1",
            "duet_messages_accepted_total{origin=\"outside\"} 0",
            "duet_messages_announced_total{origin=\"outside\"} 1",
            "duet_connections_refused_total{reason=\"full\"} 1",
            "duet_requests_refused_total{code=\"wrong_room\"} 1",
            "duet_intake_batches_total 1",
            "duet_connections 3",
            "duet_sessions 2",
            "duet_rooms 1",
            "duet_broker_up 1",
            "duet_intake_here 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in {text}");
        }
    }

    /// The names that stand in the table of docs/operations.md, and those that are read, are the same.
    #[test]
    fn every_metric_is_explained_to_the_operator() {
        let document = include_str!("../../docs/operations.md");
        let table = document.split("\n## Metrics\n").nth(1).unwrap().split("\n## ").next().unwrap();
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let mut explained: Vec<&str> = rows.map(|name| name.split('{').next().unwrap()).collect();
        let metrics = Metrics::new();
        metrics.refused(ErrorCode::NotFound);
        let text = metrics.text(&NOW);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut read: Vec<&str> = lines.map(|line| line.split(['{', ' ']).next().unwrap()).collect();
        for names in [&mut explained, &mut read] {
            names.sort_unstable();
            names.dedup();
        }
        assert_eq!(explained, read);
    }
}
