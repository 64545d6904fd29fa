//! Pure. The bar of rooms: which are open, what is new in them, and which of them have no connection.

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::app::client::Client;
use crate::app::client::room::{self, Room, Standing};
use crate::app::commands::keymap::Keymap;
use crate::app::commands::{Action, RoomAction};
use crate::app::wrap;
use crate::view::paint::{self, Run};
use crate::view::picture::Picture;
use crate::view::theme::Theme;

/// The keys to begin with.
const HINT: &str = "Alt+1..9 · Ctrl+K";
/// What stands between two rooms.
const BETWEEN: &str = " · ";
/// How long names may be where there is no room for all of them.
const SHORTENED: [usize; 3] = [12, 6, 3];

/// How much is told of a room.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// The most columns of its name.
    name: usize,
    /// Whether its connection is told in words beside the mark.
    words: bool,
}

/// Paints the bar, in the fullest form there is room for.
pub(crate) fn paint(client: &Client, theme: Theme, area: Rect, picture: &mut Picture) {
    let width = usize::from(area.width);
    let full = [Form { name: usize::MAX, words: true }, Form { name: usize::MAX, words: false }];
    let forms = full.into_iter().chain(SHORTENED.map(|name| Form { name, words: false }));
    let bar = forms.map(|form| all(client, theme, form)).find(|runs| paint::columns(runs) <= width);
    let bar = bar.unwrap_or_else(|| around_the_shown(client, theme, width));
    let end = paint::columns(&bar);
    paint::runs(picture, area, 0, 0, &bar);
    let keymap = &client.shown().state.preferences.keymap;
    let chosen = || keymap.way(Action::Rooms(RoomAction::Switch)).unwrap_or_default();
    let hint = if *keymap == Keymap::default() { HINT.to_owned() } else { chosen() };
    let x = width.saturating_sub(wrap::columns(&hint) + 1);
    if x >= end + 3 {
        paint::text(picture, area, x, 0, &hint, theme.quiet());
    }
}

fn all(client: &Client, theme: Theme, form: Form) -> Vec<Run> {
    let mut runs = Vec::new();
    for (index, room) in client.rooms().iter().enumerate() {
        let is_bracketed = room.key == client.shown().key;
        match index {
            0 if is_bracketed => {}
            0 => runs.push(Run::new(" ", theme.quiet())),
            _ => runs.push(Run::new(BETWEEN, theme.quiet())),
        }
        runs.extend(entry(client, theme, index, room, form));
    }
    runs
}

/// The shown room, and as many around it as there is room for. What is left out is told by an arrow, with what is new there.
fn around_the_shown(client: &Client, theme: Theme, width: usize) -> Vec<Run> {
    let rooms = client.rooms();
    let shown = rooms.iter().position(|room| room.key == client.shown().key).unwrap_or(0);
    let form = Form { name: SHORTENED[2], words: false };
    let bar = |first: usize, last: usize| {
        let mut runs = Vec::new();
        if first > 0 {
            runs.push(arrow("‹", rooms.get(..first).unwrap_or_default(), theme));
        }
        for (index, room) in rooms.iter().enumerate().take(last + 1).skip(first) {
            if index > first {
                runs.push(Run::new(BETWEEN, theme.quiet()));
            }
            runs.extend(entry(client, theme, index, room, form));
        }
        if last + 1 < rooms.len() {
            runs.push(arrow("›", rooms.get(last + 1..).unwrap_or_default(), theme));
        }
        runs
    };
    let (mut first, mut last) = (shown, shown);
    loop {
        let wider = [(first, (last + 1).min(rooms.len() - 1)), (first.saturating_sub(1), last)];
        let fitting =
            wider.into_iter().find(|(a, b)| (*a, *b) != (first, last) && paint::columns(&bar(*a, *b)) <= width);
        match fitting {
            Some(fitting) => (first, last) = fitting,
            None => break,
        }
    }
    let runs = bar(first, last);
    if paint::columns(&runs) <= width {
        return runs;
    }
    // Not even the shown one has room: its name, as far as it goes.
    vec![Run::new(wrap::fitted(&client.shown().state.room, width), theme.strong().add_modifier(Modifier::REVERSED))]
}

fn arrow(arrow: &str, left_out: &[Room], theme: Theme) -> Run {
    match room::unread(left_out) {
        0 => Run::new(arrow, theme.quiet()),
        unread => Run::new(format!("{arrow}({unread})"), theme.strong()),
    }
}

/// One room: its number and name, how much is new, and a mark where there is no connection. The shown one is bracketed.
fn entry(client: &Client, theme: Theme, index: usize, room: &Room, form: Form) -> Vec<Run> {
    let is_shown = room.key == client.shown().key;
    let name = format!("{} {}", index + 1, wrap::fitted(&room.state.room, form.name));
    let mut runs = match (is_shown, room.state.unread()) {
        (true, _) => vec![Run::new(format!("[{name}]"), theme.strong().add_modifier(Modifier::REVERSED))],
        (false, 0) => vec![Run::new(name, theme.quiet())],
        (false, unread) => vec![Run::new(format!("{name} ({unread})"), theme.strong())],
    };
    let (mark, words) = standing(room);
    match (mark, form.words && !is_shown) {
        ("", _) => {}
        // Of the shown one the top line has the words.
        (_, false) => runs.push(Run::new(format!(" {mark}"), theme.urgent())),
        (_, true) => runs.push(Run::new(format!(" {mark} {words}"), theme.urgent())),
    }
    runs
}

/// A mark and words for a room that has no connection.
fn standing(room: &Room) -> (&'static str, &'static str) {
    match room.standing() {
        Standing::In => ("", ""),
        Standing::Connecting => ("~", "connecting"),
        Standing::Lost => ("!", "no connection"),
        Standing::Full => ("!", "waiting for a seat"),
        Standing::Refused => ("!", "not let in"),
    }
}
