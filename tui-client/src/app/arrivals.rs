//! Pure. What the network tells, and what it changes.

use std::time::Duration;

use shared::frames::{Receipt, Resume, Welcome};
use shared::message::Message;
use shared::rest::HistoryPage;

use crate::app::commands::Action;
use crate::app::hand::Hand;
use crate::app::hints::Hints;
use crate::app::log::{Item, Older, Said, Voice};
use crate::app::notice::{Kind, Notice};
use crate::app::scroll::Scroll;
use crate::app::{Connection, Effect, State, rows, sanitize, seats, wrap};
use crate::network::{NetworkEvent, Request};

/// Round trips below this are all the same to a person.
const UNNOTICEABLE: Duration = Duration::from_millis(20);

/// How the sentence begins that says why a post is not accepted yet.
const STILL_WAITING: &str = "Still waiting:";

/// A restored backup and an emptied folder look alike from here.
const ANOTHER_HISTORY: &str = "The server has another history now, restored or begun anew: this is what is in it.";

/// Whether the picture has to be drawn anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Picture {
    Changed,
    Same,
}

pub(crate) fn arrive(state: &mut State, event: NetworkEvent, effects: &mut Vec<Effect>) -> Picture {
    match event {
        NetworkEvent::Server(host) => {
            // It is shown once it is connected to.
            state.host = Some(sanitize::line(&host));
            return Picture::Same;
        }
        NetworkEvent::Connecting if state.connection == Connection::Connecting => return Picture::Same,
        // Whoever waits for a seat need not know how often it is tried.
        NetworkEvent::Connecting if matches!(state.connection, Connection::Full { .. }) => return Picture::Same,
        NetworkEvent::Connecting => state.connection = Connection::Reconnecting,
        NetworkEvent::Welcomed(welcome) => {
            let is_awaited = matches!(state.connection, Connection::Full { .. });
            welcomed(state, &welcome);
            state.search_again(effects);
            if is_awaited {
                seats::found(state, effects);
            }
            effects.push(Effect::Adopt);
        }
        NetworkEvent::Message(message) => message_arrived(state, message, effects),
        NetworkEvent::Presence(presence) => state.take_presence(&presence),
        NetworkEvent::Receipt(receipt) => return receipt_arrived(state, &receipt),
        NetworkEvent::Gap(gap) => drop(state.log.insert(Item::Gap { from: gap.from, to: gap.to })),
        NetworkEvent::RoundTrip(time) => return round_trip(state, time),
        NetworkEvent::Lost { reason, retry_at, is_reached } => {
            state.was_reached |= is_reached;
            lost(state, Connection::Lost { reason: sanitize::line(&reason), retry_at });
        }
        NetworkEvent::NotLetIn(_) => return Picture::Same,
        NetworkEvent::RoomFull => {
            let waiting = seats::waiting(state);
            lost(state, waiting);
            effects.push(Effect::Request(Request::WaitForSeat));
        }
        NetworkEvent::SeatsTaken(users) => return seats::taken(state, &users),
        NetworkEvent::Refused(sentence) => {
            lost(state, Connection::Refused(full_stop(sanitize::line(&sentence))));
            // They would stand before the reason.
            state.notice.take_if(|notice| matches!(notice.kind, Kind::News { .. }));
        }
        NetworkEvent::Posted(id) => {
            state.log.accept(&id);
            effects.push(Effect::Forget(id));
            // What it waited for is there.
            state.notice.take_if(|notice| notice.text.starts_with(STILL_WAITING));
        }
        NetworkEvent::PostDelayed(reason) => {
            state.notice = Some(Notice::trouble(format!("{STILL_WAITING} {}", full_stop(sanitize::line(&reason)))));
        }
        NetworkEvent::PostedTooOften { retry_at } => {
            state.notice = Some(Notice::delay(format!("{STILL_WAITING} sent too often, trying"), retry_at));
        }
        NetworkEvent::PostRefused { id, reason } => {
            let sentence = full_stop(sanitize::line(&reason));
            if state.log.refuse(&id, sentence.clone()) {
                let way = state.preferences.way(Action::TakeBack);
                state.notice =
                    Some(Notice::trouble(format!("A message was not sent: {sentence} {way} takes it back.")));
            }
            effects.push(Effect::Refuse { id, reason });
        }
        NetworkEvent::Typing(typing) => return state.take_typing(&typing),
        NetworkEvent::Found { query, page } => return state.take_found(&query, &page, effects),
        NetworkEvent::SearchFailed { query, reason } => return state.take_search_failed(&query, &reason),
        NetworkEvent::Page(page) => {
            page_arrived(state, page);
            state.go_on_to_unread(effects);
            state.go_on_to_found(effects);
        }
        NetworkEvent::PageFailed(reason) => {
            state.log.older = Older::Unknown;
            state.go_no_more_to_unread();
            let reason = sanitize::line(&reason);
            state.go_no_more_to_found(&reason);
            state.notice =
                Some(Notice::trouble(format!("Older messages could not be fetched ({reason}). PgUp tries again.")));
        }
    }
    state.settle_scroll();
    Picture::Changed
}

fn welcomed(state: &mut State, welcome: &Welcome) {
    state.welcome(welcome);
    if welcome.resume == Resume::Reset {
        state.log.reset();
        state.unfolded.clear();
        state.hand = Hand::Free;
        state.hints = Hints::default();
        state.search_another_history();
        state.count_unread();
        state.scroll_to_newest();
        state.notice = Some(Notice::trouble(ANOTHER_HISTORY));
    }
}

fn message_arrived(state: &mut State, message: Message, effects: &mut Vec<Effect>) {
    let on_its_way = state.log.slot_of_outgoing(&message.id);
    if state.log.settle(&message.id).is_some() {
        effects.push(Effect::Forget(message.id.clone()));
    }
    let said = said(state, message);
    let (place, is_mine) = (said.seq, said.voice == Voice::Me);
    state.has_written(&said.voice);
    let is_new = state.log.insert(Item::Said(said));
    if let (Some(before), Some(slot)) = (on_its_way, state.log.slot_of(place)) {
        state.follow(before, slot);
    }
    if !is_new || is_mine {
        return;
    }
    if state.is_news(place) {
        state.notify_of(place, effects);
    }
    state.note_unread(place);
    if state.scroll != Scroll::Newest {
        state.unseen += 1;
    }
}

fn said(state: &mut State, message: Message) -> Said {
    let voice = match message.sender {
        None => Voice::Outside,
        Some(sender) if sender == state.user => Voice::Me,
        // A hundred thousand messages of one person share one name.
        Some(sender) => Voice::Person(state.meet(&sender)),
    };
    state.widest_name = state.widest_name.max(wrap::columns(&rows::name(&voice, &state.me)));
    Said { seq: message.seq, voice, text: sanitize::body(&message.content).into(), at: message.sent_at }
}

fn receipt_arrived(state: &mut State, receipt: &Receipt) -> Picture {
    let before = (state.status_of_last(), state.unread());
    if receipt.user == state.user {
        state.has_read(receipt.reached.read);
    }
    state.receipts.take(receipt, &state.user);
    if (state.status_of_last(), state.unread()) == before { Picture::Same } else { Picture::Changed }
}

/// A figure that changes with every ping is not worth a frame of its own; one that a person would notice is.
fn round_trip(state: &mut State, time: Duration) -> Picture {
    state.round_trip = Some(time);
    let Some(drawn) = state.drawn_round_trip else { return Picture::Changed };
    let (one, other) = (drawn.max(UNNOTICEABLE), time.max(UNNOTICEABLE));
    let is_of_another_magnitude = one.max(other) > one.min(other) * 5;
    if is_of_another_magnitude { Picture::Changed } else { Picture::Same }
}

fn lost(state: &mut State, connection: Connection) {
    state.connection = connection;
    state.round_trip = None;
    state.lose_sight_of_peer(state.now);
    state.forget_typing();
    if state.log.older == Older::Asked {
        state.log.older = Older::Unknown;
    }
}

fn page_arrived(state: &mut State, page: HistoryPage) {
    let older = page.messages.into_iter().map(|message| said(state, message)).collect();
    state.log.prepend(older);
    state.count_unread();
}

/// What others call a sentence ends like one.
pub(crate) fn full_stop(sentence: String) -> String {
    if sentence.ends_with(['.', '!', '?']) { sentence } else { sentence + "." }
}
