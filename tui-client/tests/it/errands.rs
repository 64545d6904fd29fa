//! The built client with programs that stand for xclip, wl-copy and xdg-open: what they are given, and what is said where
//! they are missing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::tmux::Tmux;
use crate::together::Server;

const CLIENT: &str = env!("CARGO_BIN_EXE_tui-client");

/// alice in a room, with programs that write down what they are given.
struct Desk {
    server: Server,
    alice: Tmux,
    programs: PathBuf,
}

impl Desk {
    /// `environment` is what the shell is to set. Nothing is found but what is here, so that no test copies into the
    /// clipboard of whoever runs it.
    async fn with(programs: &[&str], environment: &str) -> Self {
        let (server, alice) = (Server::fresh(), Tmux::start().await);
        let folder = alice.state.join("programs");
        fs::create_dir_all(&folder).unwrap();
        for name in programs {
            let place = folder.join(name).display().to_string();
            let script = format!(
                "#!/bin/sh\nPATH=/usr/bin:/bin\nprintf '%s\\n' \"$#\" \"$@\" >'{place}.arguments'\n\
                 cat >'{place}.partial'\nmv '{place}.partial' '{place}.input'\n"
            );
            fs::write(folder.join(name), script).unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let without = "env -u TMUX -u BROWSER -u DISPLAY -u WAYLAND_DISPLAY";
        alice.shell(&format!(
            "{without} PATH='{}' {environment} {CLIENT} join room1 --user alice --server http://{}",
            folder.display(),
            server.address
        ));
        alice.expect("live").await;
        Self { server, alice, programs: folder }
    }

    fn hears(&self, content: &str) {
        let server = format!("http://{}", self.server.address);
        let arguments = ["send", "room1", "--user", "bob", "--server", &server, "--config", "/dev/null", "--", content];
        assert!(Command::new(CLIENT).args(arguments).status().unwrap().success());
    }

    /// What a program was given on its standard input.
    async fn input(&self, program: &str) -> String {
        let file = self.programs.join(format!("{program}.input"));
        self.alice.until(format!("input of {program}"), || fs::read_to_string(&file).ok()).await
    }

    /// How many arguments a program was given, and which, a line each; if it was started.
    fn arguments(&self, program: &str) -> Option<String> {
        fs::read_to_string(self.programs.join(format!("{program}.arguments"))).ok()
    }
}

#[tokio::test]
async fn what_is_copied_is_in_the_clipboards_of_this_computer_as_it_was_written() {
    let desk = Desk::with(&["xclip", "xsel", "wl-copy"], "DISPLAY=:99 WAYLAND_DISPLAY=none").await;
    let text = "**so** \"it\" $HOME\n\tnaïve 你好 `x`";
    desk.hears(text);
    desk.alice.expect("naïve").await;
    desk.alice.keys(&["M-y"]);
    for program in ["xclip", "wl-copy"] {
        assert_eq!(desk.input(program).await, text);
    }
    assert_eq!(desk.arguments("xclip").as_deref(), Some("2\n-selection\nclipboard\n"));
    desk.alice.expect("Copied the last message, 2 lines.").await;
}

#[tokio::test]
async fn what_is_too_long_for_the_terminal_is_copied_here_alone_or_not_at_all_and_that_is_said() {
    let long = "words and ".repeat(6_000);
    let desk = Desk::with(&["wl-copy"], "WAYLAND_DISPLAY=none").await;
    desk.hears(&long);
    desk.alice.expect("words and").await;
    desk.alice.keys(&["M-y"]);
    desk.alice.expect("Copied on this computer alone, for it is too long for the terminal.").await;
    assert_eq!(desk.input("wl-copy").await, long);
    let desk = Desk::with(&[], "WAYLAND_DISPLAY=none DISPLAY=:99").await;
    desk.hears(&long);
    desk.alice.expect("words and").await;
    desk.alice.keys(&["M-y"]);
    desk.alice.expect("Not copied: it is too long for the terminal").await;
}

#[tokio::test]
async fn a_link_is_opened_after_the_question_and_as_it_was_written() {
    let desk = Desk::with(&["xdg-open"], "").await;
    let address = "https://example.org/a?b='%22;$(x)&c=%20#-d";
    desk.hears(&format!("see {address} now"));
    desk.alice.expect("[1]").await;
    desk.alice.keys(&["M-o"]);
    desk.alice.expect("Open on example.org?").await;
    desk.alice.keys(&["n"]);
    let nothing_asked = || (!desk.alice.screen().contains("Open on")).then_some(());
    desk.alice.until("no question".to_owned(), nothing_asked).await;
    desk.alice.keys(&["M-o"]);
    desk.alice.expect("Open on example.org?").await;
    assert_eq!(desk.arguments("xdg-open"), None, "nobody has agreed");
    desk.alice.keys(&["Enter"]);
    desk.alice.expect("Opening example.org.").await;
    assert_eq!(desk.input("xdg-open").await, "", "it has nothing of the terminal");
    assert_eq!(desk.arguments("xdg-open"), Some(format!("1\n{}\n", address.replace('\'', "%27"))));
}

#[tokio::test]
async fn the_browser_that_the_person_has_named_comes_first() {
    let desk = Desk::with(&["xdg-open", "my-browser"], "BROWSER='my-browser --new %s'").await;
    desk.hears("http://example.org/a");
    desk.alice.expect("[1]").await;
    desk.alice.keys(&["M-o"]);
    desk.alice.expect("Open on example.org?").await;
    desk.alice.keys(&["y"]);
    desk.input("my-browser").await;
    assert_eq!(desk.arguments("my-browser").as_deref(), Some("2\n--new\nhttp://example.org/a\n"));
    assert_eq!(desk.arguments("xdg-open"), None);
}

#[tokio::test]
async fn where_nothing_opens_links_that_is_said_with_the_key_that_copies_the_address() {
    let desk = Desk::with(&["xclip"], "DISPLAY=:99").await;
    desk.hears("http://example.org/a");
    desk.alice.expect("[1]").await;
    desk.alice.keys(&["M-o"]);
    desk.alice.expect("Open on example.org?").await;
    desk.alice.keys(&["Enter"]);
    let screen = desk.alice.expect("The link was not opened (xdg-open: ").await;
    let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("or copy the address: c instead of Enter."), "{screen}");
    desk.alice.keys(&["M-o"]);
    desk.alice.expect("c copies").await;
    desk.alice.keys(&["c"]);
    desk.alice.expect("Copied the address, 20 bytes.").await;
    assert_eq!(desk.input("xclip").await, "http://example.org/a");
}
