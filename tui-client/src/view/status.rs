//! Pure. The top line: which room, who is there, does it work.

use ratatui::layout::Rect;

use crate::app::commands::Action;
use crate::app::log::Voice;
use crate::app::people::PeerPresence;
use crate::app::preferences::Glyphs;
use crate::app::times::{again, how_long, moment};
use crate::app::{Connection, State, wrap};
use crate::view::paint::{self, Run};
use crate::view::picture::Picture;
use crate::view::theme::Theme;

/// The least columns of the name of a room that is cut.
const LEAST_ROOM: usize = 8;

pub(crate) fn paint(state: &State, theme: Theme, area: Rect, picture: &mut Picture) {
    let width = usize::from(area.width);
    let mut connections = connection(state);
    if state.preferences.glyphs == Glyphs::Ascii {
        // They end at the edge, where there is no room for the dots later.
        connections.iter_mut().for_each(|words| *words = words.replace('…', "..."));
    }
    let people = people(state, theme);
    let least = connections.last().map_or(0, |words| wrap::columns(words));
    // A long name of the room is cut before anything goes, a short one never.
    let room_beside = |columns: usize| {
        let columns = width.saturating_sub(columns + least + " ".len() + 3);
        (columns >= LEAST_ROOM.min(wrap::columns(&state.room))).then(|| wrap::fitted(&state.room, columns))
    };
    let room = room_beside(0).map(|room| vec![Run::new(format!(" {room}"), theme.strong())]);
    let room_and_people = room_beside(paint::columns(&people) + 3).map(|room| {
        let room = Run::new(format!(" {room}   "), theme.strong());
        [room].into_iter().chain(people).collect::<Vec<_>>()
    });
    // The people go first, then the words on the connection, then the name of the room.
    let fitting = [room_and_people, room].into_iter().flatten().find_map(|left| {
        let room_left = width.checked_sub(paint::columns(&left) + 3)?;
        let right = connections.iter().find(|words| wrap::columns(words) <= room_left)?;
        Some((left, right.clone()))
    });
    let (left, right) = match fitting {
        Some(fitting) => fitting,
        None => (Vec::new(), connections.last().map(|words| wrap::fitted(words, width)).unwrap_or_default()),
    };
    paint::runs(picture, area, 0, 0, &left);
    let style = if state.connection == Connection::Live { theme.quiet() } else { theme.urgent() };
    let at = width.saturating_sub(wrap::columns(&right) + 1);
    paint::text(picture, area, at, 0, &right, style);
}

fn people(state: &State, theme: Theme) -> Vec<Run> {
    let mut runs = vec![Run::new(&*state.me, theme.name(&Voice::Me)), Run::new(" · ", theme.quiet())];
    match &state.peer {
        Some(peer) => {
            runs.push(Run::new(&*peer.name, theme.name(&Voice::Person(peer.name.clone()))));
            let words = match peer.presence {
                PeerPresence::Here => " is here".to_owned(),
                PeerPresence::IdleSince(since) => match how_long(since, state.now) {
                    Some(time) => format!(" idle {time}"),
                    None => " idle".to_owned(),
                },
                PeerPresence::GoneSince(since) => format!(" was here {}", moment(state, since)),
            };
            runs.push(Run::new(words, theme.quiet()));
        }
        None if state.connection == Connection::Live => runs.push(Run::new("nobody else is here", theme.quiet())),
        None => drop(runs.pop()),
    }
    runs
}

/// The state of the connection in words, the fullest first.
fn connection(state: &State) -> Vec<String> {
    match &state.connection {
        Connection::Connecting => vec!["connecting…".to_owned()],
        Connection::Reconnecting => vec!["connecting again…".to_owned(), "connecting…".to_owned()],
        Connection::Live => {
            let time = state.round_trip.map(|time| format!(" · {} ms", time.as_millis().max(1))).unwrap_or_default();
            let at = state.host.as_ref().map(|host| format!("live at {host}"));
            let fullest_first = at.map(|at| [format!("{at}{time}"), at]).into_iter().flatten();
            fullest_first.chain([format!("live{time}"), "live".to_owned()]).collect()
        }
        Connection::Lost { reason, retry_at } => {
            let again = again(*retry_at, state.now);
            let key =
                state.preferences.keymap.way(Action::Retry).map_or_else(String::new, |way| format!(" · {way} now"));
            vec![
                format!("no connection ({reason}) · {again}{key}"),
                format!("no connection ({reason}) · {again}"),
                format!("no connection · {again}"),
                "no connection".to_owned(),
            ]
        }
        Connection::Full { .. } => vec!["waiting for a seat".to_owned(), "full".to_owned()],
        Connection::Refused(_) => vec!["not let in".to_owned()],
    }
}
