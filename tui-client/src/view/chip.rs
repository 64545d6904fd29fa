//! Pure. The row above the composer: a sentence for the person, else what is below the window or who is writing.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::commands::Action;
use crate::app::log::{Older, Voice};
use crate::app::scroll::Scroll;
use crate::app::{State, layout, wrap};
use crate::view::paint::{self, Run};
use crate::view::theme::Theme;

/// Paints it. Whatever it says, it takes the rows that are there anyway.
pub(crate) fn paint(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let rows = layout::notice_rows(state);
    for (y, row) in (0..).zip(&rows) {
        paint::text(buffer, area, 1, y, row.trim_end(), theme.urgent());
    }
    if rows.iter().any(|row| !row.is_empty()) {
        return;
    }
    let newest = state.preferences.keymap.way(Action::Newest).unwrap_or_default();
    let words = match (state.scroll, state.unseen, state.log.older) {
        (Scroll::At(_), unseen @ 1.., _) => vec![Run::new(format!("{unseen} new below · {newest}"), theme.urgent())],
        (Scroll::At(_), 0, Older::Asked) => vec![Run::new("fetching older messages…", theme.quiet())],
        (_, _, _) if state.who_writes().is_some() => writing(state, theme, area),
        (Scroll::At(_), 0, Older::Unknown | Older::None) => {
            vec![Run::new(format!("{newest} goes back to the newest message"), theme.quiet())]
        }
        (Scroll::Newest, _, _) => return,
    };
    paint::runs(buffer, area, 1, 0, &words);
}

fn writing(state: &State, theme: Theme, area: Rect) -> Vec<Run> {
    let (name, words) = (state.who_writes().unwrap_or_default(), " is typing");
    let style = theme.name(&Voice::Person(name.into()));
    let name = wrap::fitted(name, usize::from(area.width).saturating_sub(words.len() + 2));
    vec![Run::new(name, style), Run::new(words, theme.quiet())]
}
