//! Pure. The help: the table of commands, narrowed down by what is typed.

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::commands::help::{self, Row};
use crate::app::layout::{self, Listing, cells};
use crate::app::{State, wrap};
use crate::view::paint;
use crate::view::picture::Picture;
use crate::view::theme::Theme;

/// What stands before the text to look for, the fullest first.
const PROMPTS: [&str; 2] = [" Keys and commands · look for: ", " Look for: "];
/// From this many columns on there is room for every key of a command.
const WIDE: usize = 100;
/// Where there is less, so many keys of a command are shown as fit into this many columns, but two at the most.
const MAX_WAYS: usize = 24;
/// What a command does gets this many columns at the least beside the ways to do it.
const MIN_HELP: usize = 30;
/// Commands stand a little to the right of their heading.
const INDENT: usize = 3;

/// Paints the help and says where the caret is.
pub(crate) fn paint(
    state: &State,
    search: &str,
    top: usize,
    theme: Theme,
    area: Rect,
    picture: &mut Picture,
) -> Position {
    let width = usize::from(area.width);
    let fits = |prompt: &&&str| wrap::columns(prompt) + wrap::columns(search) + MIN_HELP / 2 <= width;
    let prompt = PROMPTS.iter().find(fits).or(PROMPTS.last()).copied().unwrap_or_default();
    paint::text(picture, area, 0, 0, prompt, theme.strong());
    paint::text(picture, area, wrap::columns(prompt), 0, search, Style::new());
    let form = Form { width, is_narrow: layout::is_narrow(area.as_size()) };
    // Of all rows, so that nothing moves sideways while somebody looks for something.
    let all = help::rows(state, "");
    let widest = all.iter().map(|row| wrap::columns(&form.ways(row))).max().unwrap_or(0);
    let column = INDENT + widest.min(width.saturating_sub(MIN_HELP + INDENT));
    let rows = help::rows(state, search);
    let Listing { list, hint: below } = layout::listing(area);
    for (y, row) in (0..list.height).zip(rows.iter().skip(top)) {
        match row {
            Row::Blank => {}
            Row::Heading(heading) => paint::text(picture, list, 1, y, heading, theme.strong()),
            Row::Told(told) => paint::text(picture, list, help::BESIDE_TOLD - 1, y, told, theme.quiet()),
            Row::Command { help, .. } => {
                let (ways, indent) = (form.ways(row), form.indent());
                paint::text(picture, list, indent, y, &ways, Style::new());
                // Where there is no room for both in full, the way to do it is the part to keep.
                let x = column.max(indent + wrap::columns(&ways)) + 2;
                paint::text(picture, list, x, y, &wrap::fitted(help, width.saturating_sub(x)), Style::new());
            }
        }
    }
    let more = rows.len().saturating_sub(top + usize::from(list.height));
    let hint = match more {
        0 if rows.is_empty() => " Nothing has that word. Esc goes back".to_owned(),
        0 => " Esc goes back".to_owned(),
        more => format!(" Esc goes back · PgDn shows {more} more"),
    };
    paint::text(picture, below, 0, 0, &hint, theme.quiet());
    Position::new(area.x.saturating_add(cells(wrap::columns(prompt) + wrap::columns(search))), area.y)
}

/// How a command is shown: with what it does beside it, or below it where the screen is narrow.
struct Form {
    width: usize,
    is_narrow: bool,
}

impl Form {
    /// As many ways to do what a command does as there is room for.
    fn ways(&self, row: &Row) -> String {
        match [2, 1].map(|count| row.ways(count)) {
            _ if self.width >= WIDE => row.ways(usize::MAX),
            [two, _] if self.is_narrow && wrap::columns(&two) < self.width => two,
            [_, one] if self.is_narrow => wrap::fitted(&one, self.width.saturating_sub(1)),
            [two, _] if wrap::columns(&two) <= MAX_WAYS => two,
            [_, one] => one,
        }
    }

    fn indent(&self) -> usize {
        if self.is_narrow { 1 } else { INDENT }
    }
}
