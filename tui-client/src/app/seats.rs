//! Pure. A room that holds two others: who they are, since when we wait, and that a seat was free.

use shared::names::Username;

use crate::app::arrivals::Picture;
use crate::app::notice::Notice;
use crate::app::notifications::Notification;
use crate::app::preferences::Notifications as Wanted;
use crate::app::receipts::Focus;
use crate::app::{Connection, Effect, State};

/// How the sentence begins that says that it was asked for a seat.
pub(crate) const ASKING: &str = "Asking for a seat";

/// The connection while we wait. Whoever is turned away once more has waited all the time.
pub(crate) fn waiting(state: &mut State) -> Connection {
    state.notice.take_if(|notice| notice.text.starts_with(ASKING));
    match &state.connection {
        waiting @ Connection::Full { .. } => waiting.clone(),
        Connection::Connecting
        | Connection::Live
        | Connection::Lost { .. }
        | Connection::Reconnecting
        | Connection::Refused(_) => Connection::Full { since: state.now, holders: Vec::new() },
    }
}

/// Takes who holds the seats.
pub(crate) fn taken(state: &mut State, users: &[Username]) -> Picture {
    state.notice.take_if(|notice| notice.text.starts_with(ASKING));
    if !matches!(state.connection, Connection::Full { .. }) {
        return Picture::Same;
    }
    let names = users.iter().map(|user| state.meet(user).to_string()).collect();
    if let Connection::Full { holders, .. } = &mut state.connection {
        *holders = names;
    }
    Picture::Changed
}

/// Why nobody is let in, and what comes next. That a seat is waited for says the top line.
pub(crate) fn sentences(state: &State) -> Option<[String; 2]> {
    let Connection::Full { since, holders } = &state.connection else { return None };
    let who = match holders.as_slice() {
        [] => "two others are in it".to_owned(),
        [one] => format!("{one} and somebody else are in it"),
        [most @ .., last] => format!("{} and {last} are in it", most.join(", ")),
    };
    let since = since.to_zoned(state.zone.clone()).strftime("%H:%M").to_string();
    Some([
        format!("{} is full: {who}.", state.room),
        format!("You are let in when one of them leaves. Waiting since {since}."),
    ])
}

/// A seat was free. Whoever waited for it may look elsewhere, whether or not the terminal tells.
pub(crate) fn found(state: &mut State, effects: &mut Vec<Effect>) {
    let sentence = format!("A seat was free: you are in {} now.", state.room);
    let notification = match (state.preferences.notifications, state.focus) {
        (Wanted::Off, _) => None,
        (Wanted::Names | Wanted::Full, Focus::Elsewhere) => {
            Some(Notification::Words { title: state.room.clone(), text: sentence.clone() })
        }
        (Wanted::Bell | Wanted::Names | Wanted::Full, _) => Some(Notification::Bell),
    };
    effects.extend(notification.map(Effect::Notify));
    state.notice = Some(Notice::news(sentence, state.now));
}
