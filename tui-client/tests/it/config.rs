//! The configuration file: written, checked, and heard by the program.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::cli::command;
use crate::programs;
use crate::scripted::Scripted;
use crate::tmux::Tmux;

/// A home for configurations, gone with the value.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("duet-config-{name}-{}", std::process::id())))
    }

    fn file(&self) -> PathBuf {
        self.0.join("duet/config.toml")
    }

    fn write(&self, text: &str) {
        std::fs::create_dir_all(self.0.join("duet")).unwrap();
        std::fs::write(self.file(), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command("", arguments);
        command.env("XDG_CONFIG_HOME", &self.0).env_remove("DUET_SERVER");
        command
    }

    /// The exit code, standard output and standard error, with `FILE` for the file.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(&self.file().display().to_string(), "FILE");
        (status.code().unwrap(), text(stdout), text(stderr))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Where nothing was written there is no folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_first_file_is_written_once_and_is_understood() {
    let home = Home::new("init");
    let (code, out, _) = home.run(&["config", "check"]);
    assert_eq!(
        (code, out.as_str()),
        (0, "there is no FILE, and none is needed: `tui-client config init` writes one\n")
    );
    let (code, out, _) = home.run(&["config", "init"]);
    assert_eq!((code, out.as_str()), (0, "FILE is written: it holds every setting and changes nothing yet\n"));
    let (code, out, _) = home.run(&["config", "check"]);
    assert_eq!((code, out.as_str()), (0, "FILE is understood and changes nothing\n"));
    home.write("# mine\n");
    let (code, _, err) = home.run(&["config", "init"]);
    assert_eq!(code, 2);
    assert!(err.contains("FILE is there already and stays as it is"), "{err}");
    assert_eq!(std::fs::read_to_string(home.file()).unwrap(), "# mine\n");
}

#[test]
fn what_a_file_changes_is_told() {
    let home = Home::new("changes");
    home.write("[screen]\ntheme = \"light\"\nascii = false\n[keys]\nquit = [\"Ctrl+Q\"]\n");
    let (code, out, _) = home.run(&["config", "check"]);
    let told = "FILE is understood:\n  screen.theme = \"light\", not \"dark\"\n  \
                keys.quit = [\"Ctrl+Q\"], not [\"Ctrl+C\", \"Ctrl+D\"]\n";
    assert_eq!((code, out.as_str()), (0, told));
}

#[test]
fn everything_that_is_wrong_is_shown_with_its_line() {
    let home = Home::new("wrong");
    home.write("[screen]\ntheme = \"drak\"\nascii = 1\n\n[kyes]\nquit = \"Ctrl+Q\"\n");
    let (code, out, err) = home.run(&["config", "check"]);
    let told = "\
FILE:2:9: \"drak\" cannot be chosen: did you mean \"dark\"? (dark, light, high-contrast or none)
 2 | theme = \"drak\"
   |         ^^^^^^
FILE:3:9: ascii is true or false, not a number
 3 | ascii = 1
   |         ^
FILE:5:2: there is no section [kyes]: did you mean [keys]?
 5 | [kyes]
   |  ^^^^
tui-client: 3 things are wrong in FILE
";
    assert_eq!((code, out.as_str(), err.as_str()), (2, "", told));
}

#[test]
fn a_file_that_is_no_text_names_the_line() {
    let home = Home::new("latin1");
    home.write("");
    std::fs::write(home.file(), b"[server]\nuser = \"J\xfcrgen\"\n").unwrap();
    for arguments in [&["config", "check"][..], &["who", "room1"]] {
        let (code, _, err) = home.run(arguments);
        let told = "tui-client: reading FILE: line 2 is not UTF-8: save the file as UTF-8\n";
        assert_eq!((code, err.as_str()), (2, told), "{arguments:?}");
    }
}

#[test]
fn without_a_home_there_is_no_file_and_none_is_needed() {
    let mut command = command("", &["config", "check"]);
    let output = command.env_remove("HOME").env_remove("XDG_CONFIG_HOME").output().unwrap();
    let told = "there is no home here to look for a configuration in, and none is needed\n";
    assert_eq!((output.status.code(), String::from_utf8(output.stdout).unwrap().as_str()), (Some(0), told));
}

#[test]
fn a_broken_file_ends_every_command_that_needs_it_with_2_and_says_how_to_see_all() {
    let home = Home::new("broken");
    home.write("[screen]\ntheme = \"drak\"\nascii = 1\n");
    for arguments in [&["join", "room1"][..], &["send", "room1", "hi"]] {
        let (code, _, err) = home.run(arguments);
        let told = "tui-client: FILE:2:9: \"drak\" cannot be chosen: did you mean \"dark\"? (dark, light, high-contrast \
                    or none); `tui-client config check` shows this and 1 more\n";
        assert_eq!((code, err.as_str()), (2, told), "{arguments:?}");
    }
    let (code, _, err) = home.run(&["join", "room1", "--config", "/nonexistent/duet.toml"]);
    assert_eq!(code, 2);
    assert!(err.starts_with("tui-client: reading /nonexistent/duet.toml: No such file"), "{err}");
}

#[tokio::test]
async fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let mut server = Scripted::start().await;
    let home = Home::new("order");
    let address = server.url();
    home.write(&format!("[server]\naddress = \"{address}\"\nuser = \"of-file\"\nemail = \"f@example.org\"\n"));
    for (variable, flag, expected) in [
        (None, None, "of-file"),
        (Some("of-variable"), None, "of-variable"),
        (Some("of-variable"), Some("of-flag"), "of-flag"),
    ] {
        let mut command = home.command(&["token", "room1"]);
        command.args(flag.iter().flat_map(|name| ["--user", name])).env_remove("DUET_USER");
        command.envs(variable.map(|name| ("DUET_USER", name)));
        let program = programs::run(command);
        let request = server.expect("POST /generate-token").await;
        assert_eq!(request.body["username"], expected);
        assert_eq!(request.body["email"], "f@example.org");
        request.ok(serde_json::json!({"token": "t"}));
        assert!(program.await.unwrap().status.success());
    }
}

#[tokio::test]
async fn a_key_that_was_given_away_works_and_is_the_one_the_screen_names() {
    let server = Scripted::start().await;
    let tmux = Tmux::start().await;
    let folder = tmux.state.join("config/duet");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "[keys]\nquit = \"Ctrl+Q\"\nsend = [\"F2\", \"Enter\"]\n").unwrap();
    let client = env!("CARGO_BIN_EXE_tui-client");
    tmux.shell(&format!("{client} join room1 --user alice --server {}; echo ended with $?", server.url()));
    tmux.expect("F2 send").await;
    tmux.keys(&["C-q"]);
    tmux.expect("ended with 0").await;
}

#[test]
fn a_variable_that_is_empty_is_none_and_one_that_is_wrong_is_named() {
    let with = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = command("http://127.0.0.1:1", &[&["who", "room1", "--timeout", "0"], arguments].concat());
        let output = command.env("USER", "alice").envs(variables.iter().copied()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, err) = with(&[("DUET_USER", ""), ("DUET_EMAIL", ""), ("DUET_SERVER", "http://127.0.0.1:2")], &[]);
    assert!(code == Some(5) && err.contains("127.0.0.1:2"), "{err}");
    let (code, err) = with(&[("DUET_SERVER", "")], &[]);
    assert!(code == Some(5) && err.contains("127.0.0.1:8000"), "{err}");
    let (code, err) = with(&[("DUET_SERVER", "ftp://a")], &[]);
    assert!(code == Some(2) && err.ends_with("\n  that is the value of DUET_SERVER\n"), "{err}");
    let (code, err) = with(&[("DUET_SERVER", "ftp://a")], &["--server", "ftp://a"]);
    assert!(code == Some(2) && !err.contains("DUET_SERVER"), "{err}");
}
