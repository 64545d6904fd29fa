//! Programs that a test starts. They end with the test, however it ends, and one that does not end by itself fails it.

use std::process::{Command, Output};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::scripted::SOON;

/// Starts a program that is killed with the value.
pub(crate) fn spawn(command: Command) -> Child {
    tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap()
}

/// Runs a program to its end while the test plays the server.
pub(crate) fn run(command: Command) -> JoinHandle<Output> {
    let output = tokio::process::Command::from(command).kill_on_drop(true).output();
    tokio::spawn(async move { output.await.unwrap() })
}

/// The end of a program that goes on by itself until something ends it.
pub(crate) async fn ended(child: Child) -> Output {
    timeout(SOON, child.wait_with_output()).await.expect("the program ends").unwrap()
}

/// The exit code of a program that [`run`], and what it printed.
pub(crate) async fn end(program: JoinHandle<Output>) -> (i32, String, String) {
    let output = timeout(SOON, program).await.expect("the program ends").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
}

/// The lines that a program prints.
pub(crate) fn lines(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

/// The next of them; `None` where nothing more is printed.
pub(crate) async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<String> {
    timeout(SOON, lines.next_line()).await.expect("a line, or the end").unwrap()
}

/// Reads so little that the writing of the rest has begun and cannot end.
pub(crate) async fn begin_to_read(child: &mut Child) -> ChildStdout {
    let mut out = child.stdout.take().unwrap();
    timeout(SOON, out.read_exact(&mut [0; 10])).await.expect("it prints").unwrap();
    out
}
