//! The frames of a server that does not know `duet.v1`: each text frame is the content of one message. Pure but for the
//! clock.
//!
//! Such a server keeps nothing and names nobody. So places are counted here, from one connection to the next, and
//! what was said in between is lost, as it is for every client of the first system.

use jiff::Timestamp;
use shared::frames::{Resume, ServerFrame, Welcome};
use shared::message::{Message, Seq};
use shared::rest::{MAX_CONTENT_BYTES, TokenRequest};

use crate::network::feed::ResumePoint;
use crate::network::new_message_id;

/// What stands for the identity of a history that does not exist.
const EPOCH: &str = "plain";

/// Makes the frames that such a server does not send.
#[derive(Debug)]
pub(crate) struct Plain {
    first: Option<Welcome>,
    seq: Seq,
}

impl Plain {
    pub(crate) fn new(who: &TokenRequest, resume: Option<ResumePoint>) -> Self {
        let (seq, resume) = match resume {
            None => (Seq::START, Resume::Live),
            Some(ResumePoint { after, epoch }) if epoch == EPOCH => (after, Resume::Complete),
            Some(_) => (Seq::START, Resume::Reset),
        };
        let first = Welcome {
            room_id: who.room_id.clone(),
            user: who.username.clone(),
            epoch: EPOCH.to_owned(),
            head: seq,
            receipts: vec![],
            idle: vec![],
            occupants: vec![who.username.clone()],
            resume,
            max_content_bytes: MAX_CONTENT_BYTES,
        };
        Self { first: Some(first), seq }
    }

    /// The frame every connection begins with, once.
    pub(crate) fn first(&mut self) -> Option<ServerFrame> {
        self.first.take().map(ServerFrame::Welcome)
    }

    pub(crate) fn message(&mut self, content: &str) -> ServerFrame {
        self.seq = self.seq.next();
        ServerFrame::Message(Message {
            seq: self.seq,
            id: new_message_id(),
            sender: None,
            content: content.to_owned(),
            sent_at: Timestamp::now(),
        })
    }
}

#[cfg(test)]
mod tests {
    use shared::names::{Email, RoomId, Username};

    use super::*;

    fn connect(resume: Option<ResumePoint>) -> (Plain, Welcome) {
        let (room_id, username) = (RoomId::new("room1").unwrap(), Username::new("alice").unwrap());
        let who = TokenRequest { username, email: Email::new("").unwrap(), room_id };
        let mut plain = Plain::new(&who, resume);
        let Some(ServerFrame::Welcome(welcome)) = plain.first() else { panic!("no welcome") };
        assert_eq!(plain.first(), None);
        (plain, welcome)
    }

    fn hear(plain: &mut Plain, content: &str) -> Message {
        let ServerFrame::Message(message) = plain.message(content) else { panic!("no message") };
        message
    }

    #[test]
    fn places_count_on_from_one_connection_to_the_next() {
        let (mut plain, welcome) = connect(None);
        assert_eq!((welcome.head, welcome.resume), (Seq(0), Resume::Live));
        let first = hear(&mut plain, "one");
        assert_eq!((first.seq, first.sender, first.content.as_str()), (Seq(1), None, "one"));
        assert_ne!(first.id, hear(&mut plain, "two").id);

        let (mut plain, welcome) = connect(Some(ResumePoint { after: Seq(2), epoch: welcome.epoch }));
        assert_eq!((welcome.head, welcome.resume), (Seq(2), Resume::Complete));
        assert_eq!(hear(&mut plain, "three").seq, Seq(3));
    }

    #[test]
    fn the_places_of_a_real_history_mean_nothing_here() {
        let (_, welcome) = connect(Some(ResumePoint { after: Seq(90), epoch: "of a real history".to_owned() }));
        assert_eq!((welcome.head, welcome.resume), (Seq(0), Resume::Reset));
    }
}
