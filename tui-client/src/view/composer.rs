//! Pure. What is being written, the sentence above it, and the keys to begin with.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::commands::Action;
use crate::app::log::Older;
use crate::app::scroll::Scroll;
use crate::app::{State, layout, wrap};
use crate::view::paint;
use crate::view::theme::Theme;

/// Paints the draft and says where the caret is.
pub(crate) fn paint(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Position {
    let prompt = layout::prompt(state);
    paint::text(buffer, area, 0, 0, prompt, theme.quiet());
    let width = layout::composer_width(state);
    let rows = state.composer.rows(width);
    for (y, row) in (0..area.height).zip(rows.iter().skip(state.composer.top())) {
        let text = state.composer.text().get(row.clone()).unwrap_or_default();
        paint::text(buffer, area, prompt.len(), y, text, Style::new());
    }
    let (row, column) = state.composer.caret(&rows, width);
    let x = area.x.saturating_add(layout::cells(prompt.len() + column));
    let y = area.y.saturating_add(layout::cells(row.saturating_sub(state.composer.top())));
    Position::new(x, y)
}

/// Paints the sentence for the person, or how much is below the window.
pub(crate) fn notice(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let rows = layout::notice_rows(state);
    for (y, row) in (0..).zip(&rows) {
        paint::text(buffer, area, 1, y, row.trim_end(), theme.urgent());
    }
    if rows.iter().any(|row| !row.is_empty()) {
        return;
    }
    let newest = key(state, Action::Newest);
    match (state.scroll, state.unseen, state.log.older) {
        (Scroll::At(_), unseen @ 1.., _) => {
            paint::text(buffer, area, 1, 0, &format!("{unseen} new below · {newest}"), theme.urgent());
        }
        (Scroll::At(_), 0, Older::Asked) => {
            paint::text(buffer, area, 1, 0, "fetching older messages…", theme.quiet());
        }
        (Scroll::At(_), 0, Older::Unknown | Older::None) => {
            paint::text(buffer, area, 1, 0, &format!("{newest} goes back to the newest message"), theme.quiet());
        }
        (Scroll::Newest, _, _) => {}
    }
}

/// Paints the keys to begin with, as many as there is room for.
pub(crate) fn hint(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let help = if state.composer.is_empty() {
        key(state, Action::Help)
    } else {
        state.preferences.keymap.way_while_writing(Action::Help).unwrap_or_default()
    };
    let [send, new_line, help] =
        [(key(state, Action::Send), "send"), (key(state, Action::NewLine), "new line"), (help, "help")]
            .map(|(key, what)| format!("{key} {what}"));
    let hints = [format!(" {send} · {new_line} · {help}"), format!(" {send} · {help}"), format!(" {help}")];
    if let Some(hint) = hints.iter().find(|hint| wrap::columns(hint) < usize::from(area.width)) {
        paint::text(buffer, area, 0, area.height.saturating_sub(1), hint, theme.quiet());
    }
}

fn key(state: &State, action: Action) -> String {
    state.preferences.keymap.way(action).unwrap_or_default()
}
