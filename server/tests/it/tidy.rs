//! What the architecture promises of the source, checked on the source.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every source file below a folder of the repository, with its text.
pub(crate) fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no source");
    found
}

/// The part of a file that is not tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap()
}

#[test]
fn the_cores_hold_no_clock_socket_task_or_await() {
    let pure = ["server/src/rooms", "server/src/limits", "tui-client/src/app", "tui-client/src/view"];
    let forbidden = [
        "tokio",
        ".await",
        "async ",
        "Instant::now",
        "Timestamp::now",
        "SystemTime",
        "std::net",
        "std::fs",
        "std::env",
    ];
    for (path, text) in pure.iter().flat_map(|folder| sources(folder)) {
        // The simulation is a test; it starts its clock somewhere.
        if path.ends_with("simulation.rs") {
            continue;
        }
        for line in code(&text).lines().filter(|line| !line.trim_start().starts_with("//")) {
            for word in forbidden {
                assert!(!line.contains(word), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn the_clock_of_the_server_is_read_in_one_place() {
    for (path, text) in sources("server/src") {
        let is_clock = path.ends_with("clock.rs") || path.ends_with("simulation.rs");
        let reads = code(&text).contains("Instant::now()") || code(&text).contains("Timestamp::now()");
        assert!(is_clock || !reads, "{} reads the clock", path.display());
    }
}

#[test]
fn no_file_is_longer_than_can_be_read_at_once() {
    for (path, text) in ["server/src", "tui-client/src", "shared/src"].iter().flat_map(|folder| sources(folder)) {
        let lines = code(&text).lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for (path, text) in ["server/src", "tui-client/src", "shared/src"].iter().flat_map(|folder| sources(folder)) {
        assert!(text.starts_with("//!"), "{} begins without a sentence", path.display());
    }
}

#[test]
fn layers_only_reach_down() {
    let rules = [
        (
            "server/src/rooms",
            ["crate::http", "crate::hub", "crate::broker", "crate::history", "crate::access"].as_slice(),
        ),
        ("server/src/broker", &["crate::http", "crate::hub", "crate::history", "crate::node"]),
        ("server/src/history", &["crate::http", "crate::hub", "crate::node", "crate::rooms"]),
        ("server/src/http", &["crate::node", "crate::intake"]),
        (
            "tui-client/src/app",
            &[
                "network::start",
                "network::api",
                "network::socket",
                "network::connection",
                "crate::run",
                "crate::view",
                "crate::terminal",
                "crate::cli",
            ],
        ),
        ("tui-client/src/view", &["crate::network", "crate::run", "crate::terminal", "crate::cli"]),
    ];
    for (folder, above) in rules {
        for (path, text) in sources(folder) {
            for module in above {
                // `crate::node` is not `crate::nodes`.
                let mut uses = text.split(module).skip(1);
                let is_used = uses.any(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()));
                assert!(!is_used, "{} reaches up to {module}", path.display());
            }
        }
    }
}

/// The messages of all `warn!` and `error!`: the first text in each, for fields hold none.
fn warnings(text: &str) -> impl Iterator<Item = &str> {
    ["warn!(", "error!("]
        .into_iter()
        .flat_map(|call| code(text).split(call).skip(1))
        .filter_map(|rest| rest.split('"').nth(1))
}

#[test]
fn every_warning_is_explained_to_the_operator() {
    let text = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let table = text.split("\n## What the log says\n").nth(1).unwrap();
    let explained: Vec<&str> = table.split('`').skip(1).step_by(2).collect();
    let mut found = 0;
    for (path, text) in sources("server/src") {
        // What is no constant is the sentence with which the program ends, and explains itself.
        for warning in warnings(&text).filter(|warning| !warning.starts_with('{')) {
            let is_explained = explained.iter().any(|begin| warning.starts_with(begin));
            assert!(is_explained, "{warning:?} of {} is not in docs/operations.md", path.display());
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}
