//! The keyring of the desktop, by way of libsecret's `secret-tool`. The secret goes in and out by pipes: arguments can be read by
//! anybody on this machine.

use std::env;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::credentials::{Member, Secret};
use crate::errands::wait;

/// A keyring answers at once, or asks the person for a password that nobody types, or never does.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest secret that is read.
const MAX_BYTES: u64 = 4 * 1024;

/// The secret of a member.
pub(super) fn look_up(member: &Member) -> io::Result<Secret> {
    let found = call("lookup", &attributes(member), &[], "")?;
    if found.is_empty() { Err(io::Error::other("it is empty")) } else { Ok(Secret::new(found)) }
}

/// Keeps the secret of a member, and sees that it can be had again.
pub(super) fn store(member: &Member, secret: &str) -> io::Result<()> {
    let label = format!("--label=Duet: {} in {}", member.user, member.room);
    call("store", &attributes(member), &[&label], secret)?;
    let kept = look_up(member)?;
    if kept.expose() == secret { Ok(()) } else { Err(io::Error::other("it gives another secret than it took")) }
}

/// Forgets the secret of a member.
pub(super) fn clear(member: &Member) -> io::Result<()> {
    call("clear", &attributes(member), &[], "").map(drop)
}

/// Whether there is a session bus on which a keyring could be. Without one `secret-tool` would try to start one.
fn is_there() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let socket =
        || env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| std::path::Path::new(&folder).join("bus").exists());
    is_set("DBUS_SESSION_BUS_ADDRESS") || socket()
}

fn attributes(member: &Member) -> [String; 8] {
    let Member { server, room, user } = member;
    ["application", "duet", "server", server, "room", room.as_str(), "user", user.as_str()].map(str::to_owned)
}

/// Calls the program with a text on its standard input, and gives what it said. It is ended when that takes too long.
fn call(what: &str, attributes: &[String], flags: &[&str], input: &str) -> io::Result<String> {
    if !is_there() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "this session has none"));
    }
    let mut command = Command::new("secret-tool");
    command.arg(what).args(flags).args(attributes);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // Not stopped with us by Ctrl+Z, not ended with us by the terminal.
    let mut child =
        command.process_group(0).spawn().map_err(|e| io::Error::new(e.kind(), format!("secret-tool: {e}")))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    thread::scope(|scope| {
        // Neither waits for longer than the program lives.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        let said = scope.spawn(move || {
            let mut said = String::new();
            stdout.map(|stdout| stdout.take(MAX_BYTES).read_to_string(&mut said)).transpose().map(|_| said)
        });
        let ended = wait(&mut child, PATIENCE);
        if !matches!(ended, Ok(Some(()))) {
            drop(child.kill());
            drop(child.wait());
        }
        // It ends in the same way, and says nothing, when the keyring is locked and when nothing is found.
        let ended = ended.map_err(|_| io::Error::other("it is locked, or has forgotten it"))?;
        ended.ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, "it does not answer"))?;
        said.join().map_err(|_| io::Error::other("it could not be read"))?
    })
}
