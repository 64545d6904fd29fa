//! The man page and the completions, as the tools read them that they are for.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::cli::command;
use crate::skipped;

fn printed(arguments: &[&str]) -> Vec<u8> {
    let Output { status, stdout, stderr } = command("", arguments).output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    stdout
}

/// What a tool says of `input`; None where it is not installed.
fn fed(tool: &str, arguments: &[&str], input: &[u8]) -> Option<Output> {
    let mut tool = Command::new(tool);
    let child = tool.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.ok()?;
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    // By a thread of its own, for a tool may write before it has read everything.
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    Some(output)
}

#[test]
fn groff_reads_the_man_page_without_a_warning() {
    let page = printed(&["man"]);
    let Some(output) = fed("groff", &["-Tutf8", "-man", "-ww"], &page) else {
        return skipped("there is no groff");
    };
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() > 200, "{text}");
}

#[test]
fn shells_read_their_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        assert!(String::from_utf8_lossy(&script).contains("theme"), "{shell}");
    }
    let script = printed(&["completions", "bash"]);
    let Some(output) = fed("bash", &["-n"], &script) else { return skipped("there is no bash") };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn bash_completes_what_follows_a_command() {
    let script = printed(&["completions", "bash"]);
    for (typed, expected) in [("tail --pre", "--presence"), ("config check --con", "--config"), ("hist", "history")] {
        // As bash calls it: the command, the word at the cursor, the one before it.
        let words: Vec<&str> = typed.split(' ').collect();
        let ask = format!(
            "\nCOMP_WORDS=(tui-client {typed})\nCOMP_CWORD={}\n\
             $(complete -p tui-client | sed 's/.*-F //; s/ .*//') tui-client '{}' x\n\
             echo \"${{COMPREPLY[*]}}\"",
            words.len(),
            words.last().unwrap()
        );
        let input = [script.as_slice(), ask.as_bytes()].concat();
        let Some(output) = fed("bash", &["--norc"], &input) else { return skipped("there is no bash") };
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{typed}");
    }
}
