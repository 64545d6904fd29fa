//! Pure. What is being written, and the keys to begin with.

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::commands::{Action, RoomAction};
use crate::app::hand::Deed;
use crate::app::{Connection, State, layout, wrap};
use crate::view::paint;
use crate::view::picture::Picture;
use crate::view::theme::Theme;

/// Paints the draft and says where the caret is.
pub(crate) fn paint(state: &State, theme: Theme, area: Rect, picture: &mut Picture) -> Position {
    let prompt = layout::prompt(state);
    paint::text(picture, area, 0, 0, prompt, theme.quiet());
    let width = layout::composer_width(state);
    let rows = state.composer.rows(width);
    for (y, row) in (0..area.height).zip(rows.iter().skip(state.composer.top())) {
        let text = state.composer.text().get(row.clone()).unwrap_or_default();
        paint::text(picture, area, prompt.len(), y, text, Style::new());
    }
    let (row, column) = state.composer.caret(&rows, width);
    let x = area.x.saturating_add(layout::cells(prompt.len() + column));
    let y = area.y.saturating_add(layout::cells(row.saturating_sub(state.composer.top())));
    Position::new(x, y)
}

/// Paints the keys to begin with, as many as there is room for.
pub(crate) fn hint(state: &State, theme: Theme, area: Rect, picture: &mut Picture) {
    // Then the keys to begin with mean something else, and stand above.
    if state.pasted.is_some() || state.question_of_hand().is_some() {
        return;
    }
    if state.selected().is_some() {
        let hint = deeds(state, usize::from(area.width).saturating_sub(2));
        return paint::text(picture, area, 1, area.height.saturating_sub(1), &hint, theme.quiet());
    }
    let mut hints = keys_to_begin_with(state).into_iter().map(|hints| format!(" {}", hints.join(" · ")));
    if let Some(hint) = hints.find(|hint| wrap::columns(hint) < usize::from(area.width)) {
        paint::text(picture, area, 0, area.height.saturating_sub(1), &hint, theme.quiet());
    }
}

/// What can be done with the message that is selected, as much as there is room for, and always how to go back.
fn deeds(state: &State, width: usize) -> String {
    let hint = |deed, what: &str| format!("{} {what}", key(state, Action::Select(deed)));
    let fold = state.selected_is_folded().then(|| hint(Deed::Fold, "unfold"));
    let deeds = [(Deed::Copy, "copy"), (Deed::CopyCode, "code"), (Deed::CopyLink, "link"), (Deed::Open, "open")];
    let others = deeds.into_iter().chain([(Deed::Quote, "quote")]).map(|(deed, what)| hint(deed, what));
    let back = hint(Deed::Release, "back");
    let mut hints = String::new();
    for deed in fold.into_iter().chain(others) {
        let more = format!("{hints}{deed} · ");
        if wrap::columns(&more) + wrap::columns(&back) > width {
            break;
        }
        hints = more;
    }
    wrap::fitted(&format!("{hints}{back}"), width)
}

/// The keys to begin with, in a full form and in shorter ones. Of those that do something now.
fn keys_to_begin_with(state: &State) -> [Vec<String>; 3] {
    let now = |action, what: &str| {
        let keymap = &state.preferences.keymap;
        let way = if state.composer.is_empty() { keymap.way(action) } else { keymap.way_while_writing(action) };
        format!("{} {what}", way.unwrap_or_default())
    };
    let help = now(Action::Help, "help");
    let retry = match state.connection {
        Connection::Full { .. } => Some("ask now"),
        Connection::Refused(_) => Some("try again"),
        Connection::Connecting | Connection::Live | Connection::Lost { .. } | Connection::Reconnecting => None,
    };
    if let Some(retry) = retry.map(|what| now(Action::Retry, what)) {
        let other = now(Action::Rooms(RoomAction::Switch), "other room");
        let leave = match state.composer.is_empty() {
            true => now(Action::Quit, "leave"),
            false => now(Action::ClearDraft, "clear"),
        };
        return [vec![other.clone(), leave, retry, help.clone()], vec![other.clone(), help], vec![other]];
    }
    let [send, new_line] = [now(Action::Send, "send"), now(Action::NewLine, "new line")];
    [vec![send.clone(), new_line, help.clone()], vec![send, help.clone()], vec![help]]
}

fn key(state: &State, action: Action) -> String {
    state.preferences.keymap.way(action).unwrap_or_default()
}
