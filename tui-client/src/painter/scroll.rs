//! Pure. Rows that stand somewhere else in the next frame: the terminal moves them itself, for a line that comes in at the
//! foot of the window would otherwise draw the whole of it anew.

use std::io::{self, Write};
use std::ops::Range;

use crate::painter::row::Row;

/// It takes so many rows to be worth the orders, which are some twenty bytes.
const MIN_ROWS_SPARED: usize = 3;

/// Rows that move within a part of the screen. Those that come in are blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scroll {
    /// The rows of the screen that are scrolled.
    rows: Range<usize>,
    by: usize,
    direction: Direction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Scroll {
    /// The scroll that spares most rows from being drawn, if one spares enough. `next` are the prints of the next frame.
    pub(crate) fn between(shown: &[Row], next: &[u64]) -> Option<Self> {
        let shown: Vec<u64> = shown.iter().map(|row| row.print).collect();
        let is_changed = |row: &usize| shown.get(*row) != next.get(*row);
        let mut rows = 0..shown.len();
        let first = rows.find(is_changed)?;
        let last = rows.rev().find(is_changed)?;
        let from = |to: usize, by: usize, direction| match direction {
            Direction::Up => to.checked_add(by),
            Direction::Down => to.checked_sub(by),
        };
        let is_moved = |to: usize, by, direction| {
            from(to, by, direction).and_then(|from| shown.get(from)).is_some_and(|before| next.get(to) == Some(before))
        };
        let moves = (1..=(last - first) / 2).flat_map(|by| [(by, Direction::Up), (by, Direction::Down)]);
        let scrolls = moves.filter_map(|(by, direction)| {
            // A run that is long enough has one of these rows in it.
            let least = MIN_ROWS_SPARED + by;
            (first + least - 1..=last).step_by(least).find(|row| is_moved(*row, by, direction))?;
            let run = longest_run(first..last + 1, |row| is_moved(row, by, direction))?;
            let spared = run.clone().filter(is_changed).count();
            let rows = match direction {
                Direction::Up => run.start..run.end + by,
                Direction::Down => run.start - by..run.end,
            };
            Some((spared, Self { rows, by, direction }))
        });
        // What is written once more below or above the rows that have moved was spared in vain.
        let (spared, scroll) = scrolls.max_by_key(|(spared, scroll)| spared.saturating_sub(scroll.by))?;
        (spared >= MIN_ROWS_SPARED + scroll.by).then_some(scroll)
    }

    /// The orders: a scrolling region (DECSTBM), lines deleted or inserted at its top (DL, IL), and no region any more.
    /// Every terminal knows these, the console of Linux included, which knows SU and SD not.
    pub(crate) fn queue(&self, bytes: &mut impl Write) -> io::Result<()> {
        let Self { rows: Range { start, end }, by, direction } = self;
        let order = match direction {
            Direction::Up => 'M',
            Direction::Down => 'L',
        };
        write!(bytes, "\x1b[{};{end}r\x1b[{};1H\x1b[{by}{order}\x1b[r", start + 1, start + 1)
    }

    /// Does to the rows what the orders do to the terminal.
    pub(crate) fn apply(&self, shown: &mut [Row]) {
        let Some(rows) = shown.get_mut(self.rows.clone()) else { return };
        let blank = match self.direction {
            Direction::Up => {
                rows.rotate_left(self.by);
                rows.len() - self.by..rows.len()
            }
            Direction::Down => {
                rows.rotate_right(self.by);
                0..self.by
            }
        };
        rows.get_mut(blank).into_iter().flatten().for_each(Row::clear);
    }
}

fn longest_run(rows: Range<usize>, is_in: impl Fn(usize) -> bool) -> Option<Range<usize>> {
    let mut longest: Option<Range<usize>> = None;
    let mut start = rows.start;
    for row in rows.start..=rows.end {
        if row < rows.end && is_in(row) {
            continue;
        }
        if row > start && longest.as_ref().is_none_or(|longest| longest.len() < row - start) {
            longest = Some(start..row);
        }
        start = row + 1;
    }
    longest
}

#[cfg(test)]
mod tests {
    use ratatui::layout::{Rect, Size};
    use ratatui::style::Style;

    use super::*;
    use crate::app::preferences::Glyphs;
    use crate::view::picture::{Line, Picture};

    fn rows(texts: &[&str]) -> Vec<Row> {
        let size = Size::new(u16::try_from(texts[0].len()).unwrap(), u16::try_from(texts.len()).unwrap());
        let mut picture = Picture::new(size);
        for (y, text) in (0..).zip(texts) {
            picture.put(Rect::from(size), 0, y, [(*text, Style::new())]);
        }
        let row = |line: &mut Line| {
            let mut row = Row::blank(size.width);
            let print = line.print();
            row.show(line, print, Glyphs::Unicode, |_, _| ());
            row
        };
        picture.lines().iter_mut().map(row).collect()
    }

    #[track_caller]
    fn check(before: &[&str], after: &[&str], expected: Option<&str>) {
        let (mut shown, next) = (rows(before), rows(after));
        let scroll = Scroll::between(&shown, &next.iter().map(|row| row.print).collect::<Vec<_>>());
        let mut orders = Vec::new();
        if let Some(scroll) = &scroll {
            scroll.queue(&mut orders).unwrap();
            scroll.apply(&mut shown);
        }
        let orders = String::from_utf8(orders).unwrap().replace('\x1b', "");
        assert_eq!(Some(orders).filter(|orders| !orders.is_empty()).as_deref(), expected);
        // A terminal of its own mind does the same.
        let mut terminal = vt100::Parser::new(
            u16::try_from(before.len()).unwrap().try_into().unwrap(),
            before[0].len().try_into().map(|width: u16| width.try_into().unwrap()).unwrap(),
            0,
        );
        terminal.process(before.join("\r\n").as_bytes());
        if let Some(scroll) = scroll {
            let mut orders = Vec::new();
            scroll.queue(&mut orders).unwrap();
            terminal.process(&orders);
        }
        let width = before[0].len();
        let columns = u16::try_from(width).unwrap();
        let seen: Vec<String> = terminal.screen().rows(0, columns).map(|row| format!("{row:width$}")).collect();
        let kept: Vec<String> = shown.iter().map(|row| row.text()).collect();
        assert_eq!(seen, kept);
    }

    #[test]
    fn a_line_that_comes_in_at_the_foot_moves_the_rest_up() {
        check(
            &["top", "aaa", "bbb", "ccc", "ddd", "eee", ">  "],
            &["top", "bbb", "ccc", "ddd", "eee", "fff", ">  "],
            Some("[2;6r[2;1H[1M[r"),
        );
    }

    #[test]
    fn a_line_that_comes_in_at_the_head_moves_the_rest_down() {
        check(
            &["top", "bbb", "ccc", "ddd", "eee", "fff", ">  "],
            &["top", "aaa", "bbb", "ccc", "ddd", "eee", ">  "],
            Some("[2;6r[2;1H[1L[r"),
        );
    }

    #[test]
    fn what_spares_next_to_nothing_is_drawn() {
        check(&["aaa", "bbb", "ccc"], &["bbb", "ccc", "ddd"], None);
        check(&["aaa", "bbb", "ccc", "ddd"], &["aaa", "bbx", "ccc", "ddd"], None);
        check(&["aaa", "aaa", "aaa", "aaa", "aaa"], &["aaa", "aaa", "aaa", "aaa", "aaa"], None);
    }
}
