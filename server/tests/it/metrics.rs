//! What an operator reads, of the real program.

use std::net::SocketAddr;

use crate::support::client::Client;
use crate::support::process::Process;
use crate::support::{Folder, soon};

/// Where the metrics are served, by the log.
pub(crate) fn address(log: &[String]) -> SocketAddr {
    let line = log.iter().find(|line| line.contains("metrics are served")).unwrap();
    line.split(" at=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

/// The value of a series.
#[track_caller]
pub(crate) fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
    let line = line.unwrap_or_else(|| panic!("{series} is not in {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_operator_reads_what_happens_on_an_address_of_its_own() {
    let folder = Folder::new();
    let server = Process::start(&folder, &["--metrics=127.0.0.1:0"]);
    let operator = Client::of(address(&server.log()));
    let client = Client::of(server.address);
    let mut alice = client.listen("alice", "room1").await;
    client.post("room1", "from outside").await;
    assert_eq!(alice.text().await, "from outside");
    assert_eq!(client.get_with("/rooms/room2", &client.token("alice", "room1").await).await.status, 403);

    let read = operator.get("/metrics").await;
    assert!(read.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    for (series, expected) in [
        ("duet_sessions", 1.0),
        ("duet_rooms", 1.0),
        ("duet_broker_up", 1.0),
        ("duet_intake_here", 1.0),
        ("duet_history_up", 1.0),
        ("duet_messages_accepted_total{origin=\"outside\"}", 1.0),
        ("duet_messages_accepted_total{origin=\"user\"}", 0.0),
        ("duet_messages_announced_total{origin=\"outside\"}", 1.0),
        ("duet_requests_refused_total{code=\"wrong_room\"}", 1.0),
        ("duet_intake_batches_total", 1.0),
        ("duet_history_errors_total", 0.0),
        ("duet_connections_refused_total{reason=\"full\"}", 0.0),
    ] {
        assert_eq!(value(&read.body, series), expected, "{series}");
    }
    assert!(value(&read.body, "duet_connections") >= 1.0);
    assert!(value(&read.body, "process_start_time_seconds") > 1_700_000_000.0);
    assert!(value(&read.body, "duet_intake_lag_seconds_total") < 10.0);

    drop(alice);
    soon(async {
        while value(&operator.get("/metrics").await.body, "duet_rooms") > 0.0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    // Who is in no room sees nothing of them, and the operator's address is no way in.
    assert_eq!(client.get("/metrics").await.status, 404);
    assert_eq!(operator.get("/docs").await.status, 404);
    assert_eq!(operator.post_json("/message", &serde_json::json!({})).await.status, 404);
    assert_eq!(operator.post_json("/metrics", &serde_json::json!({})).await.status, 405);
}
