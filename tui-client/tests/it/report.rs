//! What a panic leaves behind, in a real terminal.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::scripted::Scripted;
use crate::terminal::expect_as_before;
use crate::tmux::Tmux;

const CLIENT: &str = env!("CARGO_BIN_EXE_tui-client");

fn reports(state: &Path) -> Vec<std::path::PathBuf> {
    let folder = std::fs::read_dir(state.join("reports")).into_iter().flatten();
    folder.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_panic_leaves_a_clean_terminal_a_report_and_a_sentence_that_names_it() {
    let server = Scripted::start().await;
    let tmux = Tmux::start().await;
    tmux.shell("echo before");
    tmux.expect("\nbefore").await;
    let join = format!("{CLIENT} join room1 --user alice --server {}", server.url());
    tmux.shell(&format!("DUET_TEST_PANIC='bob said hello' {join}; echo ended with $?"));
    let screen = tmux.expect("ended with 1").await;
    assert!(!screen.contains("panicked"), "{screen}");
    expect_as_before(&tmux, "ended with 1").await;

    let [file] = &reports(&tmux.state)[..] else { panic!("{:?}", reports(&tmux.state)) };
    let words: String = screen.split_whitespace().collect();
    assert!(words.contains(&file.display().to_string()), "{} is not in\n{screen}", file.display());
    assert!(words.contains("amistakeinthisprogramhasendedit"), "{screen}");
    let report = std::fs::read_to_string(file).unwrap();
    assert!(report.contains("where: tui-client/src/report.rs:") && report.contains("80 x 24"), "{report}");
    assert!(report.contains("src/run.rs:"), "no backtrace in {report}");
    assert!(!report.contains("hello"), "{report}");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn where_no_report_can_be_written_the_sentence_says_where_it_was() {
    let server = Scripted::start().await;
    let tmux = Tmux::start().await;
    let join = format!("{CLIENT} join room1 --user alice --state-dir /dev/null --server {}", server.url());
    tmux.shell(&format!("DUET_TEST_PANIC=x {join}; echo ended with $?"));
    let screen = tmux.expect("ended with 1").await;
    let words: String = screen.split_whitespace().collect();
    assert!(words.contains("itwasattui-client/src/report.rs:"), "{screen}");
}
