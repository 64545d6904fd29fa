//! Asks the terminal what it knows and how wide it draws, and takes its answers from the input.

use std::io::Write;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// A terminal answers in less, over a slow line as well.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// More than all answers together.
const MAX_ANSWER_BYTES: usize = 4096;
/// What is drawn, and how many columns most terminals take for it.
const SAMPLES: [(&str, u16); 6] =
    [("e\u{301}", 1), ("漢", 2), ("👍", 2), ("❤\u{fe0f}", 2), ("🇩🇪", 2), ("👩\u{200d}💻", 2)];

/// What a terminal answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answers {
    /// It answered nothing at all.
    pub(super) is_silent: bool,
    /// Whether it knows of mode 1004.
    pub(super) focus: Mode,
    /// Whether it knows of mode 2004.
    pub(super) paste: Mode,
    /// How wide it drew.
    pub(super) widths: Vec<Width>,
}

/// Whether a terminal knows a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Known,
    Unknown,
    /// It does not understand the question.
    NotSaid,
}

/// How wide a sample was drawn.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Width {
    pub(super) sample: &'static str,
    pub(super) drawn: u16,
    pub(super) usual: u16,
}

/// Asks. The last question is one that every terminal answers, so its answer is the end.
pub(super) fn ask() -> Answers {
    let modes = "\x1b[?1004$p\x1b[?2004$p";
    let widths: String = SAMPLES.iter().map(|(sample, _)| format!("\r\x1b[K{sample}\x1b[6n")).collect();
    let answer = asked(&format!("{modes}{widths}\r\x1b[K\x1b[c")).unwrap_or_default();
    read(&String::from_utf8_lossy(&answer))
}

/// The input as it was, whatever happens.
struct Raw(Termios);

impl Drop for Raw {
    fn drop(&mut self) {
        // Where it cannot be set, it is gone.
        _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

fn asked(questions: &str) -> std::io::Result<Vec<u8>> {
    let before = Raw(tcgetattr(std::io::stdin())?);
    let mut raw = before.0.clone();
    raw.make_raw();
    tcsetattr(std::io::stdin(), OptionalActions::Now, &raw)?;
    let mut stdout = std::io::stdout();
    stdout.write_all(questions.as_bytes())?;
    stdout.flush()?;
    let deadline = Instant::now() + ANSWER_WITHIN;
    let mut answer = vec![];
    while !is_whole(&answer) && answer.len() < MAX_ANSWER_BYTES {
        let left = deadline.saturating_duration_since(Instant::now());
        let stdin = std::io::stdin();
        let mut waiting = [PollFd::new(&stdin, PollFlags::IN)];
        let timeout = Timespec::try_from(left).ok();
        if left.is_zero() || poll(&mut waiting, timeout.as_ref())? == 0 {
            break;
        }
        let mut bytes = [0; 256];
        let count = rustix::io::read(&stdin, &mut bytes)?;
        if count == 0 {
            break;
        }
        answer.extend(bytes.iter().take(count));
    }
    Ok(answer)
}

/// Whether the answer to the last question is there (DA1, ECMA-48 §8.3.24: `CSI ? … c`).
fn is_whole(answer: &[u8]) -> bool {
    sequences(&String::from_utf8_lossy(answer)).any(|(parameters, end)| parameters.starts_with('?') && end == 'c')
}

/// The control sequences in a text: what stands in them, and the letter that ends each.
fn sequences(text: &str) -> impl Iterator<Item = (&str, char)> {
    text.split("\x1b[").skip(1).filter_map(|from| {
        let end = from.find(|c: char| ('@'..='~').contains(&c))?;
        Some((from.get(..end)?, from.get(end..)?.chars().next()?))
    })
}

fn read(text: &str) -> Answers {
    let mode = |number: &str| {
        // DECRPM: CSI ? mode ; state $ y, where 0 is unknown and 4 never set.
        let states = sequences(text)
            .filter(|(_, end)| *end == 'y')
            .filter_map(|(parameters, _)| parameters.strip_prefix('?')?.strip_suffix('$')?.split_once(';'));
        match states.filter(|(mode, _)| *mode == number).map(|(_, state)| state).next() {
            None => Mode::NotSaid,
            Some("0" | "4") => Mode::Unknown,
            Some(_) => Mode::Known,
        }
    };
    let columns = sequences(text)
        .filter(|(_, end)| *end == 'R')
        .filter_map(|(parameters, _)| parameters.split_once(';')?.1.parse::<u16>().ok());
    let width = |(column, (sample, usual)): (u16, (&'static str, u16))| Width {
        sample,
        drawn: column.saturating_sub(1),
        usual,
    };
    Answers {
        is_silent: sequences(text).next().is_none(),
        focus: mode("1004"),
        paste: mode("2004"),
        widths: columns.zip(SAMPLES).map(width).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_answers_is_understood() {
        let text = "\x1b[?1004;2$y\x1b[?2004;0$y\x1b[3;2R\x1b[3;3R\x1b[3;3R\x1b[3;2R\x1b[3;5R\x1b[3;5R\x1b[?62;22c";
        let Answers { is_silent, focus, paste, widths } = read(text);
        assert_eq!((is_silent, focus, paste), (false, Mode::Known, Mode::Unknown));
        let drawn: Vec<u16> = widths.iter().map(|width| width.drawn).collect();
        assert_eq!(drawn, [1, 2, 2, 1, 4, 4]);
        assert!(is_whole(text.as_bytes()) && !is_whole(&text.as_bytes()[..text.len() - 1]));
    }

    #[test]
    fn one_that_does_not_answer_or_knows_little_says_nothing_wrong() {
        assert!(read("").is_silent && read("jk").is_silent);
        let answers = read("\x1b[?6c");
        assert_eq!((answers.is_silent, answers.focus, answers.widths.len()), (false, Mode::NotSaid, 0));
    }
}
