//! What other programs do for us: keep what was copied, open a link.
//!
//! Started by their arguments and never through a shell, with nothing of our terminal, in a process group of their own;
//! each is waited for by a thread, for the loop waits for nobody.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How many sentences may wait for the loop; a person makes them one by one.
const WAITING: usize = 8;
/// A clipboard takes a text at once or not at all.
const CLIPBOARD: Duration = Duration::from_secs(2);
/// What opens links reports trouble by then, or is the browser itself and stays.
const OPENER: Duration = Duration::from_secs(5);
/// How often a program is asked whether it has ended.
const POLL: Duration = Duration::from_millis(10);

/// The way to the other programs, and back from them.
#[derive(Debug)]
pub(crate) struct Errands {
    told: Sender<String>,
    sentences: Receiver<String>,
}

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Call {
    program: OsString,
    arguments: Vec<OsString>,
}

/// What of our environment tells which programs there are to call.
#[derive(Debug, Default)]
struct Surroundings {
    wayland: bool,
    x11: bool,
    tmux: bool,
    macos: bool,
    browser: Option<String>,
}

impl Errands {
    pub(crate) fn new() -> Self {
        let (told, sentences) = channel(WAITING);
        Self { told, sentences }
    }

    /// The next sentence for the person. Never comes while nothing goes wrong.
    pub(crate) async fn told(&mut self) -> Option<String> {
        self.sentences.recv().await
    }

    /// Gives a text to the clipboards of this computer. Where the terminal has taken it as well, nobody need hear of
    /// trouble.
    pub(crate) fn copy(&self, text: String, terminal_took_it: bool) {
        let told = self.told.clone();
        self.go("clipboard", move || {
            let calls = Surroundings::look().clipboards();
            // All that there are: the one of tmux is another than that of the desktop.
            let kept = calls.iter().filter(|call| call.hand_over(text.as_bytes()).is_ok()).count();
            let sentence = match (terminal_took_it, kept) {
                (true, _) => return,
                (false, 0) => {
                    "Not copied: it is too long for the terminal, and none of wl-copy, xclip, xsel and pbcopy works here."
                }
                (false, _) => "Copied on this computer alone, for it is too long for the terminal.",
            };
            tell(&told, sentence.to_owned());
        });
    }

    /// Opens an address with the browser of the person.
    pub(crate) fn open(&self, address: String) {
        let told = self.told.clone();
        self.go("opener", move || {
            let calls = Surroundings::look().openers(&address);
            let mut trouble = String::new();
            for call in &calls {
                match call.run() {
                    Ok(()) => return,
                    Err(error) => trouble = format!("{}: {error}", call.program.display()),
                }
            }
            let remedy = "Set BROWSER to a program that opens links, or copy the address: c instead of Enter.";
            tell(&told, format!("The link was not opened ({trouble}). {remedy}"));
        });
    }

    fn go(&self, name: &str, errand: impl FnOnce() + Send + 'static) {
        if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(errand) {
            tell(&self.told, format!("No other program could be called: {error}."));
        }
    }
}

fn tell(told: &Sender<String>, sentence: String) {
    // Nobody is left to tell when the loop has ended, and one of many is enough when it is behind.
    drop(told.try_send(sentence));
}

impl Surroundings {
    fn look() -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        Self {
            wayland: is_set("WAYLAND_DISPLAY"),
            x11: is_set("DISPLAY"),
            tmux: is_set("TMUX"),
            macos: cfg!(target_os = "macos"),
            browser: env::var("BROWSER").ok().filter(|browser| !browser.is_empty()),
        }
    }

    /// The programs that take what was copied, those that are alternatives in order of preference.
    fn clipboards(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        if self.tmux {
            // With its default `set-clipboard external` tmux takes no OSC 52 from programs, but passes on this.
            calls.push(Call::of("tmux", &["load-buffer", "-w", "-"]));
        }
        if self.wayland {
            calls.push(Call::of("wl-copy", &[]));
        }
        if self.x11 {
            calls.push(Call::of("xclip", &["-selection", "clipboard"]));
            calls.push(Call::of("xsel", &["--input", "--clipboard"]));
        }
        if self.macos {
            calls.push(Call::of("pbcopy", &[]));
        }
        calls
    }

    /// The programs that open an address, in the order in which they are tried.
    fn openers(&self, address: &str) -> Vec<Call> {
        let mut calls = Vec::new();
        for browser in self.browser.iter().flat_map(|browsers| browsers.split(':')) {
            let mut words = browser.split_whitespace().map(str::to_owned);
            let Some(program) = words.next() else { continue };
            let mut arguments: Vec<String> = words.collect();
            if arguments.iter().any(|argument| argument.contains("%s")) {
                arguments.iter_mut().for_each(|argument| *argument = argument.replace("%s", address));
            } else {
                arguments.push(address.to_owned());
            }
            calls
                .push(Call { program: program.into(), arguments: arguments.into_iter().map(OsString::from).collect() });
        }
        calls.push(Call::of(if self.macos { "open" } else { "xdg-open" }, &[address]));
        calls
    }
}

impl Call {
    fn of(program: &str, arguments: &[&str]) -> Self {
        Self { program: program.into(), arguments: arguments.iter().map(OsString::from).collect() }
    }

    fn start(&self, stdin: Stdio) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null());
        // Not stopped with us by Ctrl+Z, not ended with us by the terminal.
        command.process_group(0).spawn()
    }

    /// Gives it a text, and waits until it has taken it.
    fn hand_over(&self, text: &[u8]) -> io::Result<()> {
        let mut child = self.start(Stdio::piped())?;
        let stdin = child.stdin.take();
        thread::scope(|scope| {
            // One that does not read is ended below, and then this does not wait any longer.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(text)));
            let ended = wait(&mut child, CLIPBOARD);
            if !matches!(ended, Ok(Some(()))) {
                drop(child.kill());
                drop(child.wait());
            }
            ended?.ok_or_else(|| io::ErrorKind::TimedOut.into())
        })
    }

    /// Starts it and waits until it has ended well, or has run so long that it is what was asked for.
    fn run(&self) -> io::Result<()> {
        let mut child = self.start(Stdio::null())?;
        if wait(&mut child, OPENER)?.is_none() {
            child.wait()?;
        }
        Ok(())
    }
}

/// Waits for the end of a program; nothing when it does not come in time.
pub(crate) fn wait(child: &mut Child, at_most: Duration) -> io::Result<Option<()>> {
    let start = Instant::now();
    while start.elapsed() < at_most {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(Some(())),
            Some(status) => return Err(io::Error::other(status.to_string())),
            None => thread::sleep(POLL),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(calls: &[Call]) -> Vec<String> {
        let words = |call: &Call| {
            let words = [&call.program].into_iter().chain(&call.arguments);
            words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        calls.iter().map(words).collect()
    }

    #[test]
    fn an_address_is_one_argument_and_goes_where_the_browser_wants_it() {
        let browser = Some("firefox --new-tab:w3m %s".to_owned());
        let surroundings = Surroundings { browser, ..Surroundings::default() };
        let calls = surroundings.openers("https://a.org/;rm -rf '$HOME'");
        assert_eq!(calls[1].arguments, ["https://a.org/;rm -rf '$HOME'"]);
        assert_eq!(
            told(&surroundings.openers("http://a.b")),
            ["firefox --new-tab http://a.b", "w3m http://a.b", "xdg-open http://a.b"]
        );
    }

    #[test]
    fn clipboards_are_those_of_the_surroundings() {
        assert!(Surroundings::default().clipboards().is_empty());
        let surroundings = Surroundings { wayland: true, tmux: true, ..Surroundings::default() };
        assert_eq!(told(&surroundings.clipboards()), ["tmux load-buffer -w -", "wl-copy"]);
    }

    #[test]
    fn a_program_takes_the_text_and_one_that_takes_none_is_ended() {
        let file = env::temp_dir().join(format!("duet-errand-{}", std::process::id()));
        let text = "x".repeat(200_000);
        let tee = Call { program: "tee".into(), arguments: vec![file.clone().into()] };
        tee.hand_over(text.as_bytes()).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        std::fs::remove_file(file).unwrap();
        let start = Instant::now();
        assert!(Call::of("sleep", &["60"]).hand_over(text.as_bytes()).is_err());
        assert!(start.elapsed() < 2 * CLIPBOARD);
        assert!(Call::of("false", &[]).hand_over(b"").is_err());
        assert!(Call::of("duet-no-such-program", &[]).run().is_err());
    }
}
