//! How people come into a room by an invite, stay, and leave for good: the real program, with the built server and with one that
//! loses answers.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use tokio::task::JoinHandle;

use crate::cli::command;
use crate::programs::{self, end};
use crate::scripted::Scripted;
use crate::skipped;
use crate::together::Server;

const INVITE: &str = "duet_inv_0123456789abcdefghijklmn";

/// A computer of somebody: a state folder of their own, gone with the value, and programs that stand in front of others.
struct Computer {
    folder: PathBuf,
}

impl Computer {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("duet-invited-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(folder.join("bin")).unwrap();
        Self { folder }
    }

    fn command(&self, server: &str, arguments: &[&str]) -> Command {
        let mut command = command(server, arguments);
        let path = format!("{}:/usr/bin:/bin", self.folder.join("bin").display());
        command.env("DUET_STATE_DIR", self.folder.join("state")).env("PATH", path);
        // Nobody's keyring is written to.
        command.env_remove("DBUS_SESSION_BUS_ADDRESS").env_remove("XDG_RUNTIME_DIR");
        command
    }

    /// One on which a keyring answers: a program that keeps secrets in a folder, as `secret-tool` does in the keyring.
    fn with_keyring(name: &str, script: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let computer = Self::new(name);
        let program = computer.folder.join("bin/secret-tool");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
        computer
    }

    /// In a session of a desktop without a screen, whose keyring is in the home folder.
    fn at_the_desktop(&self, keyring: Keyring, program: &Command) -> JoinHandle<Output> {
        let mut session = Command::new("dbus-run-session");
        session
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        for (name, folder) in [("HOME", "home"), ("XDG_RUNTIME_DIR", "run")] {
            std::fs::create_dir_all(self.folder.join(folder)).unwrap();
            session.env(name, self.folder.join(folder));
        }
        let script = match keyring {
            // It answers once before the client gives it two seconds.
            Keyring::Unlocked => {
                "echo | gnome-keyring-daemon --unlock --components=secrets >&2; \
                 secret-tool lookup application none >/dev/null 2>&1; exec \"$@\""
            }
            Keyring::Locked => "exec \"$@\"",
        };
        session.args(["--", "sh", "-c", script, "sh"]).arg(program.get_program()).args(program.get_args());
        session.stdin(std::process::Stdio::null());
        programs::run(session)
    }

    async fn run(&self, server: &str, arguments: &[&str]) -> (i32, String, String) {
        self.run_with(server, arguments, &[]).await
    }

    async fn run_with(&self, server: &str, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
        end(self.start(server, arguments, variables)).await
    }

    fn start(&self, server: &str, arguments: &[&str], variables: &[(&str, &str)]) -> JoinHandle<Output> {
        let mut command = self.command(server, arguments);
        command.envs(variables.iter().copied()).stdin(std::process::Stdio::null());
        programs::run(command)
    }

    /// All that is kept of memberships.
    fn kept(&self) -> String {
        let Ok(files) = std::fs::read_dir(self.folder.join("state/credentials")) else { return String::new() };
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    }
}

impl Drop for Computer {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

#[derive(Clone, Copy)]
enum Keyring {
    /// As after a login, here with an empty password.
    Unlocked,
    /// It would ask for its password.
    Locked,
}

/// `duet-server` as its operator types it, on the folder of a running one.
fn operator(server: &Server, arguments: &[&str]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_tui-client")).with_file_name("duet-server");
    let mut command = Command::new(program);
    let output = command.env_clear().env("DUET_DATA_DIR", &server.folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The link in a line such as `tui-client join 'duet://…'`.
fn link(line: &str) -> String {
    line.trim().strip_prefix("tui-client join '").and_then(|rest| rest.strip_suffix('\'')).expect(line).to_owned()
}

#[tokio::test]
async fn two_people_come_in_by_invites_from_nothing_and_stay_until_they_leave() {
    let server = Server::closed();
    let url = format!("http://{}", server.address);
    let (alice, bob) = (Computer::new("alice"), Computer::new("bob"));
    let (code, _, err) = bob.run(&url, &["who", "room1", "--user", "bob"]).await;
    assert!(code == 4 && err.contains("invite"), "{code} {err}");

    let said = operator(&server, &["invite", "room1", "--for", "alice", "--server", &url]);
    let (code, _, err) = alice.run(&url, &["join", &link(&said), "--plain"]).await;
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("kept in a file for you alone"), "{err}");
    let invites = ["invite", "room1", "--for", "bob", "--user", "alice"];
    let (code, out, err) = alice.run(&url, &invites).await;
    assert_eq!((code, out.lines().count()), (0, 1), "{err}");
    let (_, listed, _) = alice.run(&url, &["invite", "room1", "--list", "--user", "alice"]).await;
    assert!(listed.contains("for bob, by alice, until ") && !listed.contains("duet_inv_"), "{listed}");

    // With quotes and line breaks lost or added, as it comes out of a chat.
    let whole = link(&out);
    let (begin, rest) = whole.split_at(20);
    let (code, _, err) = bob.run(&url, &["join", begin, rest, "--plain"]).await;
    assert_eq!(code, 0, "{err}");
    assert!(bob.kept().contains("duet_ref_") && !bob.kept().contains("duet_inv_"), "{}", bob.kept());

    // The next day: the name of the room is enough, and so is the same line once more.
    for arguments in [vec!["who", "room1", "--user", "bob"], vec!["send", "room1", "hi", "--user", "bob"]] {
        assert_eq!(bob.run(&url, &arguments).await.0, 0, "{arguments:?}");
    }
    assert_eq!(bob.run(&url, &["join", &link(&out), "--plain"]).await.0, 0);
    // On another computer it is of no use to anybody.
    let thief = Computer::new("thief");
    let (code, _, err) = thief.run(&url, &["join", &link(&out), "--plain"]).await;
    assert!(code == 4 && err.contains("the invite has been used"), "{code} {err}");
    assert_eq!(thief.kept(), "");

    // Alice is sent away, Bob goes.
    operator(&server, &["revoke", "room1", "--user", "alice"]);
    let (code, _, err) = alice.run(&url, &["who", "room1", "--user", "alice"]).await;
    assert!(code == 4 && err.contains("ask for a new invite"), "{code} {err}");
    let (code, _, err) = bob.run(&url, &["logout", "room1", "--user", "bob"]).await;
    assert!(code == 0 && err.contains("bob is no member of room1 any more"), "{code} {err}");
    assert_eq!(bob.kept(), "");
    let (code, _, err) = bob.run(&url, &["logout", "room1", "--user", "bob"]).await;
    assert!(code == 4 && err.contains("bob is not invited into room1"), "{code} {err}");
}

#[tokio::test]
async fn a_link_leads_to_whichever_of_its_servers_is_there() {
    let server = Server::closed();
    // Nobody listens on port 1.
    let both = format!("http://127.0.0.1:1,http://{}", server.address);
    let (alice, bob) = (Computer::new("alice-of-two"), Computer::new("bob-of-two"));
    let said = operator(&server, &["invite", "room1", "--for", "alice", "--server", &both]);
    assert!(said.contains("duet://alice@127.0.0.1:1,127.0.0.1:"), "{said}");
    let (code, _, err) = alice.run("", &["join", &link(&said), "--plain"]).await;
    assert_eq!(code, 0, "{err}");
    let (_, said, err) = alice.run(&both, &["invite", "room1", "--for", "bob", "--user", "alice"]).await;
    assert!(said.contains("duet://bob@127.0.0.1:1,127.0.0.1:"), "{said} {err}");
    let (code, _, err) = bob.run("", &["join", &link(&said), "--plain"]).await;
    assert_eq!(code, 0, "{err}");

    // From then on any of them is enough, and what is kept goes whichever is named.
    let one = format!("http://{}", server.address);
    let (code, _, err) = bob.run(&one, &["who", "room1", "--user", "bob"]).await;
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = bob.run(&one, &["logout", "room1", "--user", "bob"]).await;
    assert_eq!((code, bob.kept().as_str()), (0, ""), "{err}");
}

#[tokio::test]
async fn somebody_at_two_computers_has_an_invite_for_each() {
    let server = Server::fresh();
    let url = format!("http://{}", server.address);
    let (desk, lap) = (Computer::new("desk"), Computer::new("lap"));
    let first = operator(&server, &["invite", "room1", "--for", "bob", "--server", &url]);
    assert_eq!(desk.run(&url, &["join", &link(&first), "--plain"]).await.0, 0);
    let (_, second, _) = desk.run(&url, &["invite", "room1", "--for", "bob", "--user", "bob"]).await;
    assert_eq!(lap.run(&url, &["join", &link(&second), "--plain"]).await.0, 0);
    for computer in [&desk, &lap] {
        assert_eq!(computer.run(&url, &["who", "room1", "--user", "bob"]).await.0, 0);
    }
}

#[tokio::test]
async fn a_client_that_dies_before_it_has_its_answer_asks_again_with_the_same_key() {
    let mut server = Scripted::start().await;
    let bob = Computer::new("lost");
    let link = format!("duet://bob@{}/room1#{INVITE}", server.address());
    let mut child = programs::spawn(bob.command("", &["join", &link, "--plain"]));
    let request = server.expect("POST /generate-token").await;
    assert_eq!(request.header("authorization"), Some(format!("Bearer {INVITE}").as_str()));
    let key = request.header("idempotency-key").unwrap().to_owned();
    // It is on disk before the server hears of it.
    assert!(bob.kept().contains(&key), "{}", bob.kept());
    child.kill().await.unwrap();
    request.drop_connection();

    let program = bob.start("", &["join", &link, "--plain"], &[]);
    let request = server.expect("POST /generate-token").await;
    assert_eq!(request.header("idempotency-key"), Some(key.as_str()));
    request.ok(json!({"token": "t1", "refresh_token": "duet_ref_x"}));
    let request = server.expect("POST /generate-token").await;
    assert_eq!(request.header("authorization"), Some("Bearer duet_ref_x"));
    assert!(!bob.kept().contains(INVITE), "{}", bob.kept());
    request.problem(401, "refresh_invalid", "you are no member of this room any more");
    let (code, _, err) = end(program).await;
    assert!(code == 4 && err.contains("no member of this room any more"), "{code} {err}");
}

#[tokio::test]
async fn an_invite_that_lets_nobody_in_is_told_by_the_servers_sentence() {
    for (status, code) in [
        (401, "invite_invalid"),
        (401, "invite_used"),
        (401, "invite_expired"),
        (403, "wrong_user"),
        (403, "wrong_room"),
    ] {
        let mut server = Scripted::start().await;
        let bob = Computer::new(code);
        let link = format!("duet://bob@{}/room1#{INVITE}", server.address());
        let program = bob.start("", &["join", &link, "--plain"], &[]);
        server.expect("POST /generate-token").await.problem(status, code, "a sentence");
        let (exit, _, err) = end(program).await;
        assert!(exit == 4 && err.contains("a sentence") && !err.contains(INVITE), "{code}: {exit} {err}");
        assert_eq!(bob.kept(), "", "{code}");
    }
}

#[tokio::test]
async fn a_link_that_is_cut_off_is_said_before_anything_is_asked() {
    let bob = Computer::new("cut");
    let (code, _, err) = bob.run("", &["join", "duet://bob@chat.example.org/room1#duet_inv_012345", "--plain"]).await;
    assert!(code == 2 && err.contains("cut off") && !err.contains("012345"), "{code} {err}");
}

#[tokio::test]
async fn a_keyring_that_answers_keeps_the_secret_and_no_file_does() {
    let keyring = "#!/bin/sh\nfile=\"$DUET_STATE_DIR/../ring\"\ncase $1 in store) cat > \"$file\";; \
                   lookup) cat \"$file\";; clear) rm \"$file\";; esac\n";
    let server = Server::fresh();
    let url = format!("http://{}", server.address);
    let bob = Computer::with_keyring("ring", keyring);
    let bus = [("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")];
    let said = operator(&server, &["invite", "room1", "--for", "bob", "--server", &url]);
    let (code, _, err) = bob.run_with(&url, &["join", &link(&said), "--plain"], &bus).await;
    assert_eq!(code, 0, "{err}");
    assert!(!bob.kept().contains("duet_ref_"), "{}", bob.kept());
    let ring = bob.folder.join("ring");
    assert!(std::fs::read_to_string(&ring).unwrap().starts_with("duet_ref_"));
    assert_eq!(bob.run_with(&url, &["who", "room1", "--user", "bob"], &bus).await.0, 0);
    std::fs::write(&ring, "").unwrap();
    let (code, _, err) = bob.run_with(&url, &["who", "room1", "--user", "bob"], &bus).await;
    assert!(code == 4 && err.contains("the keyring does not give"), "{code} {err}");
}

#[tokio::test]
async fn a_keyring_that_does_not_answer_is_left_for_a_file_after_two_seconds() {
    let server = Server::fresh();
    let url = format!("http://{}", server.address);
    let bob = Computer::with_keyring("stuck", "#!/bin/sh\nexec sleep 60\n");
    let bus = [("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")];
    let said = operator(&server, &["invite", "room1", "--for", "bob", "--server", &url]);
    let (code, _, err) = bob.run_with(&url, &["join", &link(&said), "--plain"], &bus).await;
    assert!(code == 0 && err.contains("kept in a file"), "{code} {err}");
    assert!(bob.kept().contains("duet_ref_"));
}

#[tokio::test]
async fn the_keyring_of_a_desktop_keeps_it_from_one_session_to_the_next() {
    for program in ["dbus-run-session", "gnome-keyring-daemon", "secret-tool"] {
        if !Path::new("/usr/bin").join(program).exists() {
            return skipped("there is no keyring here; install dbus, gnome-keyring and libsecret-tools");
        }
    }
    let server = Server::closed();
    let url = format!("http://{}", server.address);
    let bob = Computer::new("desktop");
    let ends =
        async |keyring, arguments: &[&str]| end(bob.at_the_desktop(keyring, &bob.command(&url, arguments))).await;

    let said = operator(&server, &["invite", "room1", "--for", "bob", "--server", &url]);
    let (code, _, err) = ends(Keyring::Unlocked, &["join", &link(&said), "--plain"]).await;
    assert!(code == 0 && !err.contains("kept in a file"), "{code} {err}");
    assert!(bob.kept().contains(r#""kept":"keyring""#), "{}", bob.kept());
    let (who, logout) = (["who", "room1", "--user", "bob"], ["logout", "room1", "--user", "bob"]);
    assert_eq!(ends(Keyring::Unlocked, &who).await.0, 0);

    for arguments in [who, logout] {
        let (code, _, err) = ends(Keyring::Locked, &arguments).await;
        assert!(code == 4 && err.contains("it is locked, or has forgotten it"), "{arguments:?}: {code} {err}");
        assert!(!err.contains("no member of room1 any more"), "{err}");
    }

    let (code, _, err) = ends(Keyring::Unlocked, &logout).await;
    assert!(code == 0 && err.contains("no member of room1 any more"), "{code} {err}");
    assert_eq!(bob.kept(), "");
    let mut search = Command::new("secret-tool");
    search.args(["search", "--all", "application", "duet"]);
    let (_, found, err) = end(bob.at_the_desktop(Keyring::Unlocked, &search)).await;
    assert!(!found.contains("bob"), "{found} {err}");
}
