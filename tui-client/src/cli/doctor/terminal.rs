//! What the environment says of the terminal, and what the terminal says of itself.

use std::io::IsTerminal;
use std::process::Command;

use rustix::termios::tcgetwinsize;

use crate::cli::doctor::Report;
use crate::cli::doctor::probe::{Answers, Mode, Width, ask};
use crate::cli::exit::Failure;
use crate::cli::schema::Verdict::{Ok as Fine, Warn};

/// Below this the client shows the last message and the composer alone.
const SMALL: (u16, u16) = (60, 10);

/// An environment variable that says something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

pub(super) fn look(report: &mut Report) -> Result<(), Failure> {
    locale(report)?;
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return report.say("terminal", Warn, "input or output is no terminal: `join` talks in lines here");
    }
    let term = variable("TERM").unwrap_or_default();
    if term.is_empty() || term == "dumb" {
        return report.say("terminal", Warn, "TERM is not set, or dumb: `join` talks in lines where it is dumb");
    }
    let size = tcgetwinsize(std::io::stdout()).map_or((0, 0), |size| (size.ws_col, size.ws_row));
    let (columns, rows) = size;
    match size {
        (0, _) | (_, 0) => report.say("terminal", Warn, &format!("{term}, does not tell its size"))?,
        _ if columns < SMALL.0 || rows < SMALL.1 => {
            report.say("terminal", Warn, &format!("{term}, {columns} columns and {rows} rows: little room to read"))?;
        }
        _ => report.say("terminal", Fine, &format!("{term}, {columns} columns and {rows} rows"))?,
    }
    let colours = if variable("NO_COLOR").is_some() {
        "none, for NO_COLOR is set: words and weight tell everything".to_owned()
    } else {
        let more = variable("COLORTERM").map_or_else(String::new, |more| format!("; the terminal says {more}"));
        format!("the sixteen of your theme{more}")
    };
    report.say("colours", Fine, &colours)?;
    answers(&ask(), report)?;
    if variable("TMUX").is_some() { tmux(report) } else { Ok(()) }
}

fn locale(report: &mut Report) -> Result<(), Failure> {
    // POSIX, Base Definitions §8.2: the first that is set counts.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name)).unwrap_or_default();
    let is_utf8 = locale.to_ascii_lowercase().replace('-', "").contains("utf8");
    if is_utf8 {
        return report.say("locale", Fine, &locale);
    }
    let named = if locale.is_empty() { "none".to_owned() } else { locale };
    let words = format!("{named} is not UTF-8, so letters may come out wrong: set LANG=C.UTF-8, or join with --ascii");
    report.say("locale", Warn, &words)
}

fn answers(Answers { is_silent, focus, paste, widths }: &Answers, report: &mut Report) -> Result<(), Failure> {
    if *is_silent {
        return report.say(
            "answers",
            Warn,
            "the terminal does not answer when it is asked, so what it can do is not known",
        );
    }
    match focus {
        Mode::Known => {
            report.say("focus", Fine, "the terminal tells where you look, for read marks and notifications")?
        }
        Mode::Unknown => {
            let words = "the terminal does not tell where you look: what is on the screen counts as read";
            report.say("focus", Warn, words)?;
        }
        Mode::NotSaid => report.say("focus", Fine, "the terminal does not say whether it tells where you look")?,
    }
    match paste {
        Mode::Known => report.say("paste", Fine, "pastes are marked, so a newline in one sends nothing")?,
        Mode::Unknown => {
            report.say("paste", Warn, "pastes are not marked by this terminal: look before you paste several lines")?;
        }
        Mode::NotSaid => report.say("paste", Fine, "the terminal does not say whether pastes are marked")?,
    }
    let odd: Vec<String> = widths
        .iter()
        .filter(|width| width.drawn != width.usual)
        .map(|Width { sample, drawn, usual }| format!("{sample} takes {drawn} and not {usual}"))
        .collect();
    match odd.as_slice() {
        [] => report.say("widths", Fine, "wide letters and emoji take the columns they should"),
        _ => report.say(
            "widths",
            Warn,
            &format!("of these columns: {}; lines that hold such may be ragged", odd.join(", ")),
        ),
    }
}

fn tmux(report: &mut Report) -> Result<(), Failure> {
    let ask = |arguments: &[&str]| {
        let output = Command::new("tmux").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(version) = ask(&["display-message", "-p", "#{version}"]) else {
        return report.say("tmux", Warn, "TMUX is set, and tmux does not answer");
    };
    let wrong: Vec<String> = [
        (["show-options", "-gv", "focus-events"], "on", "tell where you look"),
        (["show-options", "-gv", "set-clipboard"], "on", "let messages be copied"),
        (["show-options", "-gwv", "allow-passthrough"], "on", "let notifications through"),
    ]
    .into_iter()
    .filter(|(asked, wanted, _)| {
        let is = ask(asked).unwrap_or_default();
        // `all` is more than `on`.
        is != *wanted && is != "all"
    })
    .map(|([_, flags, name], wanted, why)| {
        let flags = flags.trim_end_matches('v');
        format!("`set {flags} {name} {wanted}` would {why}")
    })
    .collect();
    match wrong.as_slice() {
        [] => report.say("tmux", Fine, &format!("{version}, set as it should be")),
        _ => report.say("tmux", Warn, &format!("{version}: in ~/.tmux.conf {}", wrong.join(", "))),
    }
}
