//! A terminal for the built program: a tmux of our own, as large as the test says.

use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::scripted::SOON;

/// One shell in one tmux server, both gone with the value.
pub(crate) struct Tmux {
    socket: PathBuf,
    /// Every byte that was written to the terminal.
    log: PathBuf,
    /// Where the programs in it keep what outlives them.
    pub(crate) state: PathBuf,
}

impl Tmux {
    /// A terminal of 80 columns and 24 rows in which a shell waits.
    pub(crate) async fn start() -> Self {
        Self::open(None).await
    }

    /// Another one, whose programs find what those of the first have left in its folder `state`.
    pub(crate) async fn start_with(state: &Path) -> Self {
        Self::open(Some(state)).await
    }

    async fn open(state: Option<&Path>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let files = std::env::temp_dir().join(format!("duet-test-{}-{number}", std::process::id()));
        let of = |extension| files.with_extension(extension);
        let tmux =
            Self { socket: of("socket"), log: of("log"), state: state.map_or_else(|| of("state"), Path::to_owned) };
        let state = tmux.state.display();
        // What the person who runs the tests has configured is no part of them.
        let shell = format!(
            "env -u DUET_CONFIG PS1='shell$ ' ENV= LC_ALL=C.UTF-8 TERM=screen-256color DUET_STATE_DIR='{state}' \
             XDG_CONFIG_HOME='{state}/config' sh -i"
        );
        // It is read as soon as somebody asks, `cat` having begun or not.
        std::fs::write(&tmux.log, "").unwrap();
        tmux.run(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", &shell]);
        tmux.run(&["pipe-pane", &format!("cat >> '{}'", tmux.log.display())]);
        tmux.expect("shell$").await;
        tmux
    }

    /// Types a line into the shell.
    pub(crate) fn shell(&self, line: &str) {
        self.text(line);
        self.keys(&["Enter"]);
    }

    /// Types a text as it is.
    pub(crate) fn text(&self, text: &str) {
        self.run(&["send-keys", "-l", text]);
    }

    /// Presses keys by tmux's names for them.
    pub(crate) fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    /// Sends bytes as a terminal would that tmux does not know.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:x}")).collect();
        self.run(&[&["send-keys", "-H"], bytes.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat());
    }

    /// Pastes as the terminal of a person does.
    pub(crate) fn paste(&self, text: &str) {
        self.set_buffer(text);
        self.run(&["paste-buffer", "-p"]);
    }

    /// Pastes as a terminal does that knows nothing of bracketed paste.
    pub(crate) fn paste_unmarked(&self, text: &str) {
        self.set_buffer(text);
        self.run(&["paste-buffer"]);
    }

    /// From a file, for a command line has an end.
    fn set_buffer(&self, text: &str) {
        let file = self.log.with_extension("paste");
        std::fs::write(&file, text).unwrap();
        self.run(&["load-buffer", &file.display().to_string()]);
        std::fs::remove_file(file).unwrap();
    }

    /// Sets an option of the terminal.
    pub(crate) fn set(&self, option: &str, value: &str) {
        self.run(&["set-option", "-s", option, value]);
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        String::from_utf8(self.run(&["capture-pane", "-p"]).stdout).unwrap()
    }

    /// What was copied last, if anything.
    pub(crate) fn buffer(&self) -> Option<String> {
        let output = Command::new("tmux").arg("-S").arg(&self.socket).arg("show-buffer").output().ok()?;
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// Whether the terminal shows its alternate screen, and whether its cursor.
    pub(crate) fn modes(&self) -> String {
        let modes = self.run(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        String::from_utf8(modes.stdout).unwrap().trim().to_owned()
    }

    /// What stands in the title.
    pub(crate) fn title(&self) -> String {
        String::from_utf8(self.run(&["display-message", "-p", "#{pane_title}"]).stdout).unwrap().trim().to_owned()
    }

    /// Waits until the screen holds `text`, and gives the screen.
    #[track_caller]
    pub(crate) fn expect(&self, text: &str) -> impl Future<Output = String> {
        self.until(format!("{text:?} on the screen"), move || {
            Some(self.screen()).filter(|screen| screen.contains(text))
        })
    }

    /// Waits until `look` sees something. The scripted servers of the tests run meanwhile.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: String, look: impl Fn() -> Option<T>) -> impl Future<Output = T> {
        let caller = Location::caller();
        async move {
            let deadline = Instant::now() + SOON;
            loop {
                if let Some(seen) = look() {
                    return seen;
                }
                assert!(Instant::now() < deadline, "no {what} at {caller}:\n{}", self.screen());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// Every byte that was written to the terminal so far, as far as it is in the log, which comes behind the screen.
    pub(crate) fn written(&self) -> Vec<u8> {
        std::fs::read(&self.log).unwrap()
    }

    /// Every byte that was written to the terminal, once `what` is among them.
    #[track_caller]
    pub(crate) fn written_with(&self, what: &str) -> impl Future<Output = Vec<u8>> {
        self.until(format!("{what:?} in the log"), move || {
            Some(self.written()).filter(|all| all.windows(what.len()).any(|part| part == what.as_bytes()))
        })
    }

    /// A command line that leaves its process id in a file, and the way to that id.
    pub(crate) fn with_pid(&self, command: &str) -> (String, PathBuf) {
        let file = self.log.with_extension("pid");
        (format!("sh -c 'echo $$ > {}; exec {command}'", file.display()), file)
    }

    /// Sends a process a signal, named as kill(1) wants it.
    pub(crate) fn kill(&self, process: &str, signal: &str) {
        let status = Command::new("kill").args([signal, process]).status().unwrap();
        assert!(status.success(), "kill {signal} {process}: {}", self.screen());
    }

    /// Closes the terminal with whatever runs in it.
    pub(crate) fn close(&self) {
        self.run(&["kill-server"]);
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = Command::new("tmux").arg("-S").arg(&self.socket).args(arguments).env_remove("TMUX").output();
        let output = output.expect("tmux is installed");
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // Without a server there is nothing to end, and without files nothing to remove.
        let _ = Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output();
        for file in [&self.socket, &self.log, &self.log.with_extension("pid")] {
            let _ = std::fs::remove_file(file);
        }
        let _ = std::fs::remove_dir_all(&self.state);
    }
}

/// The process id that a command line of [`Tmux::with_pid`] left.
pub(crate) fn pid(file: &Path) -> Option<String> {
    std::fs::read_to_string(file).ok().map(|pid| pid.trim().to_owned()).filter(|pid| !pid.is_empty())
}

/// Whether a process runs: it is there and not merely unburied.
pub(crate) fn runs(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with('Z'))
}
