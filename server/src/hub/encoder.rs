//! Pure. Frames as values to frames as text; a message that goes to several sessions is encoded once for each voice.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use shared::frames::{Gap, Presence, Receipt, Typing};
use shared::message::Message;

use crate::rooms::Voice;
use crate::rooms::output::Frame;

/// Remembers the encodings of the message it saw last.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    message: Option<Arc<Message>>,
    plain: Option<Utf8Bytes>,
    json: Option<Utf8Bytes>,
}

/// `shared::frames::ServerFrame`, borrowing what it sends.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Borrowed<'a> {
    Message(&'a Message),
    Presence(&'a Presence),
    Receipt(&'a Receipt),
    Typing(&'a Typing),
    Gap(&'a Gap),
}

impl Encoder {
    /// The text of a frame. What a plain session does not understand it is never sent.
    pub(super) fn encode(&mut self, frame: &Frame, voice: Voice) -> Utf8Bytes {
        match frame {
            Frame::Message(message) => self.message(message, voice),
            Frame::Presence(presence) => json(&Borrowed::Presence(presence)),
            Frame::Receipt(receipt) => json(&Borrowed::Receipt(receipt)),
            Frame::Typing(typing) => json(&Borrowed::Typing(typing)),
            Frame::Gap(gap) => json(&Borrowed::Gap(gap)),
        }
    }

    fn message(&mut self, message: &Arc<Message>, voice: Voice) -> Utf8Bytes {
        if !self.message.as_ref().is_some_and(|last| Arc::ptr_eq(last, message)) {
            *self = Self { message: Some(Arc::clone(message)), plain: None, json: None };
        }
        let encoded = match voice {
            Voice::Plain => self.plain.get_or_insert_with(|| message.content.as_str().into()),
            Voice::DuetV1 => self.json.get_or_insert_with(|| json(&Borrowed::Message(message))),
        };
        encoded.clone()
    }
}

/// The text of a frame.
pub fn json(frame: &impl Serialize) -> Utf8Bytes {
    #[expect(clippy::expect_used, reason = "frames are maps with text keys, which serde_json never refuses")]
    let mut text = serde_json::to_string(frame).expect("a frame can be written as JSON");
    // It may wait long, and what waits is counted by its length. A large one would have twice that.
    text.shrink_to_fit();
    text.into()
}

#[cfg(test)]
mod tests {
    use shared::frames::{Activity, PresenceState, Reached, ServerFrame, TypingState};
    use shared::message::Seq;
    use shared::names::{MessageId, Username};

    use super::*;

    fn message() -> Arc<Message> {
        Arc::new(Message {
            seq: Seq(7),
            id: MessageId::new("m7").unwrap(),
            sender: Some(Username::new("alice").unwrap()),
            content: "Hello, \"Room\"!".to_owned(),
            sent_at: "2026-11-22T14:02:11.125Z".parse().unwrap(),
        })
    }

    #[track_caller]
    fn check(frame: &Frame, expected: &ServerFrame) {
        let text = Encoder::default().encode(frame, Voice::DuetV1);
        assert_eq!(serde_json::from_str::<ServerFrame>(&text).unwrap(), *expected);
        assert_eq!(*text, *serde_json::to_string(expected).unwrap());
    }

    #[test]
    fn a_duet_session_gets_the_frames_of_the_protocol() {
        check(&Frame::Message(message()), &ServerFrame::Message((*message()).clone()));
        let gap = Gap { from: Seq(3), to: Seq(7) };
        check(&Frame::Gap(gap), &ServerFrame::Gap(gap));
        let reached = Reached { delivered: Seq(7), read: Seq(6) };
        let receipt = Receipt { user: Username::new("bob").unwrap(), reached };
        check(&Frame::Receipt(receipt.clone()), &ServerFrame::Receipt(receipt));
        let activity = Activity { state: TypingState::Active };
        let typing = Typing { user: Username::new("bob").unwrap(), activity };
        check(&Frame::Typing(typing.clone()), &ServerFrame::Typing(typing));
        let presence = Presence {
            user: Username::new("bob").unwrap(),
            state: PresenceState::Away,
            since: "2026-11-22T14:02:11.125Z".parse().unwrap(),
            occupants: vec![Username::new("alice").unwrap()],
        };
        check(&Frame::Presence(presence.clone()), &ServerFrame::Presence(presence));
    }

    #[test]
    fn a_plain_session_gets_the_content_alone() {
        let text = Encoder::default().encode(&Frame::Message(message()), Voice::Plain);
        assert_eq!(text.as_str(), "Hello, \"Room\"!");
    }

    #[test]
    fn each_message_is_encoded_anew() {
        let mut encoder = Encoder::default();
        let first = encoder.encode(&Frame::Message(message()), Voice::DuetV1);
        let mut second = (*message()).clone();
        second.seq = Seq(8);
        assert_ne!(encoder.encode(&Frame::Message(Arc::new(second)), Voice::DuetV1), first);
    }
}
