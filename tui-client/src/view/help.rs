//! Pure. The help: the table of commands, narrowed down by what is typed.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::commands;
use crate::app::layout::{self, cells};
use crate::app::wrap;
use crate::view::paint;
use crate::view::theme::Theme;

/// What stands before the text to look for.
const SEARCH: &str = " Keys and commands · look for: ";

/// Paints the help and says where the caret is.
pub(crate) fn paint(search: &str, top: usize, theme: Theme, area: Rect, buffer: &mut Buffer) -> Position {
    let rows = commands::help(search);
    paint::text(buffer, area, 0, 0, SEARCH, theme.strong());
    paint::text(buffer, area, SEARCH.chars().count(), 0, search, Style::new());
    let ways = commands::help("").iter().map(|(ways, _)| wrap::columns(ways)).max().unwrap_or(0);
    let list = Rect { y: area.y.saturating_add(2), height: layout::help_rows(area.as_size()), ..area };
    for (y, (way, help)) in (0..list.height).zip(rows.iter().skip(top)) {
        paint::text(buffer, list, 1, y, way, theme.strong());
        // Where there is no room for both in full, the way to do it is the part to keep.
        let x = if usize::from(area.width) > ways + 30 { ways + 3 } else { wrap::columns(way) + 3 };
        paint::text(buffer, list, x, y, &wrap::fitted(help, usize::from(area.width).saturating_sub(x)), Style::new());
    }
    let more = rows.len().saturating_sub(top + usize::from(list.height));
    let hint = match more {
        0 => " Esc goes back".to_owned(),
        more => format!(" Esc goes back · PgDn shows {more} more"),
    };
    paint::text(buffer, area, 0, area.height.saturating_sub(1), &hint, theme.quiet());
    Position::new(area.x.saturating_add(cells(SEARCH.chars().count() + wrap::columns(search))), area.y)
}
