//! Pure. What may happen to a room, what is to be done then, and what the room asks of the client that holds it.

use crossterm::event::KeyEvent;
use ratatui::layout::Size;
use shared::names::{MessageId, RoomId};

use crate::app::commands::{Direction, RoomAction};
use crate::app::notifications::Notification;
use crate::app::receipts::Focus;
use crate::network::{NetworkEvent, Request};
use crate::outbox::lines::{Held, Kept};

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The wheel was turned by so many rows.
    Wheel {
        /// Where to.
        direction: Direction,
        /// How far.
        rows: usize,
    },
    /// A text was pasted.
    Paste(String),
    /// A text of so many bytes was pasted, more than any room takes.
    PastedTooMuch(usize),
    /// The terminal has this size now.
    Resized(Size),
    /// What the network tells.
    Network(NetworkEvent),
    /// There is no room in the outbox for a message, and it is not sent: a sentence that says why and what to do.
    NotKept {
        /// Which.
        id: MessageId,
        /// Why, and what to do.
        reason: String,
    },
    /// The outbox does not work, so a message was not written down: a sentence that says why and what to do.
    NoOutbox {
        /// Which.
        id: MessageId,
        /// Why, and what to do.
        reason: String,
    },
    /// What clients that are gone had left in the outbox is ours now.
    Adopted {
        /// The messages.
        held: Held,
        /// Why there may be more that cannot be had, if so.
        trouble: Option<String>,
    },
    /// Something went wrong, or needs the person: a sentence.
    Told(String),
    /// Something is so that the person asked about: a sentence.
    News(String),
    /// An earlier run has left this draft.
    DraftFound(String),
    /// In earlier runs these texts were sent, the newest last.
    SentFound(Vec<String>),
    /// A frame stands on the screen.
    Drawn,
    /// The person looks here, or elsewhere.
    Looks(Focus),
    /// A moment came that [`State::next_tick`](crate::app::State::next_tick) named.
    Tick,
    /// The program was stopped and runs again.
    Continued,
    /// The program was to stop, and nothing here can continue it.
    CannotStop,
}

/// What comes of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caused {
    /// What is to be done, in order.
    pub effects: Vec<Effect>,
    /// What is to be granted then.
    pub wish: Option<Wish>,
}

/// What a room asks of the client that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Do what concerns more than one room, with what stands behind the command's name.
    Rooms(RoomAction, String),
    /// End the program.
    Quit(Certainty),
}

/// How certain it is that the person means it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// It was a key, which may have been pressed once too often.
    Key,
    /// It was asked for by name, or a question was answered.
    Meant,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write this message down before the next frame is drawn, then hand it to the network.
    Keep(Kept),
    /// The outbox need not keep this message any longer.
    Forget(MessageId),
    /// The outbox is to keep this message as one that the server will never take.
    Refuse {
        /// Which.
        id: MessageId,
        /// The server's sentence.
        reason: String,
    },
    /// Look in the outbox for what clients that are gone have left.
    Adopt,
    /// Hand this to the network.
    Request(Request),
    /// Put this, which is harmless, where the person can paste it from.
    Copy(String),
    /// Let another program open this address, which is http, https or mailto, and ASCII.
    Open(String),
    /// Tell the person, who looks elsewhere.
    Notify(Notification),
    /// The picture has changed.
    Draw,
    /// The terminal may show anything; draw every cell of it.
    Repaint,
    /// Remember this draft, which was sent, for later runs.
    NoteSent(String),
    /// Stop until the shell continues the program.
    Suspend,
    /// Connect to this room, which is the room that the effect comes from. It comes from a client alone, as those below do.
    Enter(RoomId),
    /// Close the connection to the room.
    Close,
    /// Keep this draft for the next run, or none where it is empty.
    KeepDraft(String),
    /// Remember that the room was joined.
    NoteJoined,
    /// Look up which rooms were joined before, for [`Client::recall`](crate::app::client::Client::recall).
    Recall,
    /// End the program.
    Quit,
}
