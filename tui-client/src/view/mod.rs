//! Pure. What the state looks like.

mod ascii;
mod bar;
mod chip;
mod completion;
mod composer;
mod help;
mod kept;
mod messages;
mod paint;
pub mod picture;
mod search;
mod status;
mod switcher;
mod theme;

use ratatui::layout::{Position, Rect};

use crate::app::client::Client;
use crate::app::{Screen, State, layout};
use crate::view::picture::Picture;
use crate::view::theme::Theme;

/// Paints the client: the room that is shown, or where to go instead, and below it the bar of rooms.
pub fn view_client(client: &Client, picture: &mut Picture) {
    let state = &client.shown().state;
    let theme = Theme::of(&state.preferences, state.palette);
    let screen = Rect::from((Position::ORIGIN, state.size));
    picture.set_glyphs(state.preferences.glyphs);
    let caret = match client.switcher() {
        Some(switcher) => switcher::paint(client, switcher, theme, screen, picture),
        None => room(state, picture),
    };
    if client.has_bar() {
        bar::paint(client, theme, Rect::new(0, screen.bottom(), screen.width, 1), picture);
    }
    picture.set_caret(caret);
}

/// Paints the state alone.
pub fn view(state: &State, picture: &mut Picture) {
    picture.set_glyphs(state.preferences.glyphs);
    let caret = room(state, picture);
    picture.set_caret(caret);
}

/// Paints a room and says where the caret is.
fn room(state: &State, picture: &mut Picture) -> Position {
    let theme = Theme::of(&state.preferences, state.palette);
    let screen = Rect::from((Position::ORIGIN, state.size));
    match &state.screen {
        Screen::Help { search, top } => help::paint(state, search, *top, theme, screen, picture),
        Screen::Chat => {
            let areas = layout::areas(state);
            if areas.top.height > 0 {
                status::paint(state, theme, areas.top, picture);
            }
            messages::paint(state, theme, areas.messages, picture);
            chip::paint(state, theme, areas.notice, picture);
            if let Some(search) = &state.search {
                search::paint(state, search, theme, areas.composer, picture)
            } else {
                composer::hint(state, theme, areas.hint, picture);
                composer::paint(state, theme, areas.composer, picture)
            }
        }
    }
}
