//! What is typed or piped in, line by line, read by a thread of its own: a read of a terminal cannot be broken off.

use std::io::{BufRead, IsTerminal, Read};

use tokio::sync::mpsc;

use crate::cli::send::MAX_INPUT_BYTES;

/// Lines are read as they are wanted, so that what cannot be sent yet waits in the pipe.
const AHEAD: usize = 1;

/// Why the last line that was typed is none.
const ENDED_WITHIN: &str = "the input ended within the line";

/// A line without its end, or why it is none.
pub(crate) type Line = Result<String, &'static str>;

/// Begins to read standard input. The end of the lines is its end.
pub(crate) fn read() -> mpsc::Receiver<Line> {
    let (sender, lines) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let is_typed = input.is_terminal();
        while let Some(line) = next(&mut input, is_typed) {
            let is_last = line == Err(ENDED_WITHIN);
            if sender.blocking_send(line).is_err() || is_last {
                return;
            }
        }
    });
    lines
}

/// The next line. One without an end is the last one of a pipe; of one that was typed nobody has said that it is whole.
fn next(input: &mut impl BufRead, is_typed: bool) -> Option<Line> {
    let mut bytes = vec![];
    // What cannot be read any more is at its end.
    let read = |input: &mut dyn BufRead, bytes: &mut Vec<u8>| {
        input.take(MAX_INPUT_BYTES).read_until(b'\n', bytes).ok().filter(|read| *read > 0)
    };
    read(input, &mut bytes)?;
    let is_too_long = !bytes.ends_with(b"\n") && bytes.len() as u64 >= MAX_INPUT_BYTES;
    while is_too_long && !bytes.ends_with(b"\n") {
        bytes.clear();
        if read(input, &mut bytes).is_none() {
            break;
        }
    }
    if is_too_long {
        return Some(Err("the line is longer than any message can be: send it in parts"));
    }
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    } else if is_typed {
        return Some(Err(ENDED_WITHIN));
    }
    Some(String::from_utf8(bytes).map_err(|_| "the line is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_without_their_ends_and_the_last_one_needs_none() {
        let mut input: &[u8] = "one\r\n\ntwo ü\nbad \u{0}\nend".as_bytes();
        let lines: Vec<_> = std::iter::from_fn(|| next(&mut input, false)).collect();
        assert_eq!(lines, ["one", "", "two ü", "bad \u{0}", "end"].map(|line| Ok(line.to_owned())));
    }

    #[test]
    fn a_line_that_was_typed_is_whole_with_its_end_alone() {
        let mut input: &[u8] = b"whole\nhalf";
        assert_eq!(next(&mut input, true), Some(Ok("whole".to_owned())));
        assert_eq!(next(&mut input, true), Some(Err(ENDED_WITHIN)));
    }

    #[test]
    fn what_is_no_text_or_too_long_costs_that_line_alone() {
        let long = vec![b'x'; usize::try_from(MAX_INPUT_BYTES).unwrap() + 5];
        let text = [b"a\xff\n".as_slice(), &long, b"\nb\n"].concat();
        let mut input = text.as_slice();
        assert!(next(&mut input, false).unwrap().unwrap_err().contains("UTF-8"));
        assert!(next(&mut input, false).unwrap().unwrap_err().contains("longer"));
        assert_eq!(next(&mut input, false), Some(Ok("b".to_owned())));
        assert_eq!(next(&mut input, false), None);
    }
}
