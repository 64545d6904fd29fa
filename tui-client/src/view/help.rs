//! Pure. The help: the table of commands, narrowed down by what is typed.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::commands::help::{self, Row};
use crate::app::layout::{self, cells};
use crate::app::{State, wrap};
use crate::view::paint;
use crate::view::theme::Theme;

/// What stands before the text to look for.
const SEARCH: &str = " Keys and commands · look for: ";
/// What a command does gets this many columns at the least beside the ways to do it.
const MIN_HELP: usize = 30;

/// Paints the help and says where the caret is.
pub(crate) fn paint(
    state: &State,
    search: &str,
    top: usize,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Position {
    let keymap = &state.preferences.keymap;
    let width = usize::from(area.width);
    paint::text(buffer, area, 0, 0, SEARCH, theme.strong());
    paint::text(buffer, area, SEARCH.chars().count(), 0, search, Style::new());
    // Of all rows, so that nothing moves sideways while somebody looks for something.
    let ways_of = |row: &Row| match row {
        Row::Command { ways, .. } => wrap::columns(ways),
        Row::Blank | Row::Heading(_) => 0,
    };
    let ways_column = help::rows(keymap, "").iter().map(ways_of).max().unwrap_or(0).min(width.saturating_sub(MIN_HELP));
    let rows = help::rows(keymap, search);
    let list = Rect { y: area.y.saturating_add(2), height: layout::help_rows(area.as_size()), ..area };
    for (y, row) in (0..list.height).zip(rows.iter().skip(top)) {
        match row {
            Row::Blank => {}
            Row::Heading(heading) => paint::text(buffer, list, 1, y, heading, theme.strong()),
            Row::Command { ways, help } => {
                paint::text(buffer, list, 1, y, ways, theme.strong());
                // Where there is no room for both in full, the way to do it is the part to keep.
                let x = ways_column.max(wrap::columns(ways)) + 3;
                paint::text(buffer, list, x, y, &wrap::fitted(help, width.saturating_sub(x)), Style::new());
            }
        }
    }
    let more = rows.len().saturating_sub(top + usize::from(list.height));
    let hint = match more {
        0 => " Esc goes back".to_owned(),
        more => format!(" Esc goes back · PgDn shows {more} more"),
    };
    paint::text(buffer, area, 0, area.height.saturating_sub(1), &hint, theme.quiet());
    Position::new(area.x.saturating_add(cells(SEARCH.chars().count() + wrap::columns(search))), area.y)
}
