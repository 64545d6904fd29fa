//! Pure. The question to whoever leaves while messages are not in the room: what becomes of them.

use crate::app::commands::Action;
use crate::app::log::Unsent;
use crate::app::{Certainty, State, Wish};

impl State {
    /// Leaves, or asks once while there are messages that nobody has but we.
    pub(crate) fn leave(&mut self, certainty: Certainty) -> Option<Wish> {
        let unsent = self.log.unsent();
        let known = self.quit_in_spite_of;
        if unsent.waiting <= known.waiting && unsent.refused <= known.refused && unsent.unkept <= known.unkept {
            return Some(Wish::Quit(certainty));
        }
        self.quit_in_spite_of = unsent;
        self.asks_before_leaving = true;
        None
    }

    /// The question, the fullest form first, as long as there is something to ask.
    pub(crate) fn question(&self) -> Option<[String; 3]> {
        let unsent = self.log.unsent();
        let is_open = self.asks_before_leaving && unsent.count() > 0;
        is_open.then(|| forms(unsent, &self.preferences.way(Action::Quit)))
    }
}

/// `way` is how to leave.
fn forms(unsent: Unsent, way: &str) -> [String; 3] {
    let Unsent { waiting, refused, unkept } = unsent;
    let all = unsent.count();
    let (it, is_lost) = if all == 1 { ("it", "it is lost") } else { ("them", "they are lost") };
    let becomes = match (waiting, refused, unkept) {
        (_, 0, 0) => format!("the outbox keeps {it} and sends {it} when you are back in this room"),
        (_, _, 0) => format!("the outbox keeps {it} until you are back in this room"),
        (0, 0, _) => format!("{is_lost} then, for the outbox does not work"),
        (_, _, _) => "what the outbox could not keep is lost then".to_owned(),
    };
    let heads = [
        (waiting, "is still waiting to be sent", "are still waiting to be sent"),
        (refused, "was refused", "were refused"),
        (unkept, "is nowhere but here", "are nowhere but here"),
    ];
    let heads: Vec<String> = heads
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| match count {
            1 => format!("1 message {one}"),
            _ => format!("{count} messages {many}"),
        })
        .collect();
    let messages = if all == 1 { "message" } else { "messages" };
    [
        format!("{}. {way} again leaves; {becomes}.", heads.join(", ")),
        format!("{all} {messages} unsent. {way} again leaves."),
        format!("{all} unsent · {way}"),
    ]
}
