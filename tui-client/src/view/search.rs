//! Pure. The line that words are written on to look for them.

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::layout::cells;
use crate::app::search::Search;
use crate::app::{State, wrap};
use crate::view::paint;
use crate::view::picture::Picture;
use crate::view::theme::Theme;

/// What stands before the words.
const PROMPT: &str = " search: ";

/// Between the words and what is said of them.
const SPACE: usize = 3;

/// The columns of the words that stay, where there is not room for all of them and for what is said of them.
const LEAST_TEXT: usize = 12;

/// Paints it and says where the caret is.
pub(crate) fn paint(state: &State, search: &Search, theme: Theme, area: Rect, picture: &mut Picture) -> Position {
    let width = usize::from(area.width);
    let prompt = if width > 2 * PROMPT.len() { PROMPT } else { "" };
    let room = width.saturating_sub(prompt.len() + 1);
    let status = search.status(state.log.first_seq());
    let text_columns = wrap::columns(&search.text);
    let keys: &[&str] = if search.is_anything_found() {
        &["Up older · Down newer · Enter stay · Esc back", "Up older · Down newer · Esc back", "Esc back"]
    } else {
        &["Esc back"]
    };
    let forms: Vec<String> = keys.iter().map(|keys| format!("{status} · {keys}")).collect();
    let fits = |form: &str, text: usize| wrap::columns(form) + SPACE + text <= room;
    let with_keys = forms.iter().find(|form| fits(form, text_columns));
    // Of a long text the end is enough.
    let told = with_keys.or(Some(&status).filter(|status| fits(status, text_columns.min(LEAST_TEXT))));
    let told = told.map_or("", String::as_str);
    let told_columns = if told.is_empty() { 0 } else { wrap::columns(told) + SPACE };
    let text = end_of(&search.text, room.saturating_sub(told_columns));
    paint::text(picture, area, 0, 0, prompt, theme.strong());
    paint::text(picture, area, prompt.len(), 0, text, Style::new());
    let caret = prompt.len() + wrap::columns(text);
    paint::text(picture, area, caret + SPACE, 0, told, theme.quiet());
    Position::new(area.x.saturating_add(cells(caret)), area.y)
}

/// As much of the end of a text as fits.
fn end_of(text: &str, width: usize) -> &str {
    let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let tails = starts.filter_map(|at| text.get(at..));
    tails.into_iter().find(|tail| wrap::columns(tail) <= width).unwrap_or_default()
}
