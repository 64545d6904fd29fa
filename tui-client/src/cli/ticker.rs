//! The one line that moves, on standard error, where a person watches: how far something has come.

use std::io::{IsTerminal, Write};

use rustix::termios::tcgetwinsize;

/// How many cells of the bar are filled at the end.
const BAR: u8 = 12;
/// Of a terminal that does not tell.
const COLUMNS: u16 = 80;

/// A bar that is filled when `done` is 1.
pub(crate) fn bar(done: f64) -> String {
    let filled = "=".repeat((0..BAR).filter(|cell| f64::from(*cell) < done * f64::from(BAR)).count());
    format!("[{filled:<width$}]", width = usize::from(BAR))
}

/// Shows a person who watches what happens, in place of what was shown before.
pub(crate) fn show(line: &str) {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if std::io::stderr().is_terminal() && !is_dumb {
        // With standard error closed there is nobody to watch.
        _ = write!(std::io::stderr(), "\r{}\x1b[K", cut(line, columns()));
    }
}

/// Takes away what was shown.
pub(crate) fn clear() {
    show("");
}

/// What fits one row. A line that goes on in the next one would be left behind, and one that ends in the last column
/// lose its end to the erasing.
fn cut(line: &str, columns: u16) -> String {
    line.chars().take(usize::from(columns).saturating_sub(1)).collect()
}

/// The columns of the terminal that is written to.
fn columns() -> u16 {
    tcgetwinsize(std::io::stderr()).ok().map(|size| size.ws_col).filter(|columns| *columns > 0).unwrap_or(COLUMNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_never_reaches_the_last_column() {
        assert_eq!(cut("123456", 6), "12345");
        assert_eq!(cut("12345", 6), "12345");
        assert_eq!(cut("12345", 0), "");
    }

    #[test]
    fn a_bar_is_full_at_the_end_and_not_before() {
        assert_eq!(bar(0.0), "[            ]");
        assert_eq!(bar(0.5), "[======      ]");
        assert_eq!(bar(1.0), "[============]");
    }
}
