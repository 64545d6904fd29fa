//! Pure. Where to go: a list of rooms, narrowed down by what is typed.

use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

use crate::app::client::Client;
use crate::app::layout::{self, Listing, cells};
use crate::app::switcher::{Row, Switcher};
use crate::app::wrap;
use crate::view::paint::{self, Run};
use crate::view::picture::Picture;
use crate::view::theme::Theme;

/// What stands before the text to look for, the fullest form first.
const SEARCH: [&str; 3] = [" Rooms · look for: ", " look for: ", " "];
const HINTS: [&str; 3] =
    [" Enter goes there · Up and Down choose · Esc goes back", " Enter goes there · Esc goes back", " Esc"];

/// Paints the list and says where the caret is.
pub(crate) fn paint(client: &Client, switcher: &Switcher, theme: Theme, area: Rect, picture: &mut Picture) -> Position {
    let width = usize::from(area.width);
    let search = SEARCH.into_iter().find(|words| wrap::columns(words) + 8 <= width).unwrap_or_default();
    paint::text(picture, area, 0, 0, search, theme.strong());
    paint::text(picture, area, wrap::columns(search), 0, &switcher.search, Style::new());
    let rows = switcher.rows(client);
    let Listing { list, hint: below } = layout::listing(area);
    let window = usize::from(list.height).max(1);
    let top = (switcher.chosen + 1).saturating_sub(window);
    for (y, (index, row)) in (0..list.height).zip(rows.iter().enumerate().skip(top)) {
        paint::runs(picture, list, 0, y, &row_of(row, index == switcher.chosen, theme, width));
    }
    if rows.is_empty() {
        paint::text(
            picture,
            list,
            1,
            0,
            &wrap::fitted("No room is called that.", width.saturating_sub(1)),
            theme.quiet(),
        );
    }
    if let Some(hint) = HINTS.into_iter().find(|hint| wrap::columns(hint) < width) {
        paint::text(picture, below, 0, 0, hint, theme.quiet());
    }
    Position::new(area.x.saturating_add(cells(wrap::columns(search) + wrap::columns(&switcher.search))), area.y)
}

/// The name with what matches underlined, then what there is to say of the room. The chosen one is pointed at. What is new
/// has room before the name, and the name before the rest.
fn row_of(row: &Row, is_chosen: bool, theme: Theme, width: usize) -> Vec<Run> {
    let style = if is_chosen { theme.strong().add_modifier(Modifier::REVERSED) } else { Style::new() };
    let number = row.number.map_or_else(|| "   ".to_owned(), |number| format!("{number:>2} "));
    let mut runs = vec![Run::new(format!("{}{number}", if is_chosen { ">" } else { " " }), style)];
    let unread = match row.unread {
        0 => String::new(),
        unread => format!("  {unread} new"),
    };
    let room = width.saturating_sub(wrap::columns(&number) + 2 + wrap::columns(&unread));
    let name = wrap::fitted(&row.name, room);
    for (index, grapheme) in (0_u32..).zip(name.graphemes(true)) {
        let is_match = row.matched.binary_search(&index).is_ok();
        runs.push(Run::new(grapheme, if is_match { style.add_modifier(Modifier::UNDERLINED) } else { style }));
    }
    runs.push(Run::new(unread, theme.strong()));
    let words = format!("  {}", row.words);
    if !row.words.is_empty() && paint::columns(&runs) + wrap::columns(&words) < width {
        runs.push(Run::new(words, theme.quiet()));
    }
    runs
}
