//! Pure. What the state looks like.

mod ascii;
mod bar;
mod chip;
mod completion;
mod composer;
mod help;
mod messages;
mod paint;
mod search;
mod status;
mod switcher;
mod theme;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::client::Client;
use crate::app::preferences::Glyphs;
use crate::app::{Screen, State, layout, sanitize};
use crate::view::theme::Theme;

/// Paints the client: the room that is shown, or where to go instead, and below it the bar of rooms. The caret is as in
/// [`view`].
pub fn view_client(client: &Client, frame: &mut Frame<'_>) -> Position {
    let state = &client.shown().state;
    let theme = Theme::of(&state.preferences, state.palette);
    let screen = Rect::from((Position::ORIGIN, state.size));
    let buffer = frame.buffer_mut();
    let caret = match client.switcher() {
        Some(switcher) => switcher::paint(client, switcher, theme, screen, buffer),
        None => room(state, buffer),
    };
    if client.has_bar() {
        bar::paint(client, theme, Rect::new(0, screen.bottom(), screen.width, 1), buffer);
    }
    finish(state, frame, caret)
}

/// Paints the state alone and says where the caret is. The terminal's own cursor belongs there: input methods open their
/// window there.
pub fn view(state: &State, frame: &mut Frame<'_>) -> Position {
    let caret = room(state, frame.buffer_mut());
    finish(state, frame, caret)
}

/// Paints a room and says where the caret is.
fn room(state: &State, buffer: &mut Buffer) -> Position {
    let theme = Theme::of(&state.preferences, state.palette);
    let screen = Rect::from((Position::ORIGIN, state.size));
    match &state.screen {
        Screen::Help { search, top } => help::paint(state, search, *top, theme, screen, buffer),
        Screen::Chat => {
            let areas = layout::areas(state);
            if areas.top.height > 0 {
                status::paint(state, theme, areas.top, buffer);
            }
            messages::paint(state, theme, areas.messages, buffer);
            chip::paint(state, theme, areas.notice, buffer);
            if let Some(search) = &state.search {
                search::paint(state, search, theme, areas.composer, buffer)
            } else {
                composer::hint(state, theme, areas.hint, buffer);
                composer::paint(state, theme, areas.composer, buffer)
            }
        }
    }
}

fn finish(state: &State, frame: &mut Frame<'_>, caret: Position) -> Position {
    let buffer = frame.buffer_mut();
    sanitize::sweep(buffer);
    if state.preferences.glyphs == Glyphs::Ascii {
        ascii::replace_our_own(buffer);
    }
    let area = frame.area();
    let last = Position::new(area.right().saturating_sub(1), area.bottom().saturating_sub(1));
    let caret = Position::new(caret.x.min(last.x), caret.y.min(last.y));
    frame.set_cursor_position(caret);
    caret
}
