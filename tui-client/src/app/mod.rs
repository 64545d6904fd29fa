//! Pure. What the client knows, and what a key or a frame changes in it.
//!
//! Read in this order: this file (the state), `connection`, `look`, `events` (what may happen to it, what is to be done then),
//! `update`, `sending`, `arrivals` (what the network tells), `commands` (the table of keys and names), `preferences`,
//! `colours`, `log` and `entry`, `composer`, `completion`, `notice`, `pasting`, `hand`, `scroll`, `search`, `people`, `seats`,
//! `receipts`, `attention`, `unread`, `notifications`, `typing`, `ticks`, `leaving`; then what they stand on: `layout`, `rows`,
//! `markup`, `hints`, `times`, `wrap`, `widths`, `characters`, `shortcodes`, `sanitize`, `invitation`; and last `client`, which
//! holds a state for each room, `drafts` and `switcher`.

pub mod arrivals;
pub(crate) mod attention;
pub(crate) mod characters;
pub mod client;
pub mod colours;
pub mod commands;
pub mod completion;
pub mod composer;
pub(crate) mod connection;
pub(crate) mod drafts;
pub(crate) mod entry;
pub(crate) mod events;
pub mod hand;
pub mod hints;
pub(crate) mod invitation;
pub mod layout;
pub(crate) mod leaving;
pub mod log;
pub(crate) mod look;
pub mod lookalikes;
pub mod markup;
pub mod notice;
pub mod notifications;
pub mod outline;
pub mod pasting;
pub mod people;
pub mod preferences;
pub mod receipts;
pub mod rows;
pub mod sanitize;
pub mod scroll;
pub mod search;
pub(crate) mod seats;
pub(crate) mod sending;
pub mod shortcodes;
pub mod switcher;
pub(crate) mod ticks;
pub mod times;
pub mod typing;
pub mod unread;
pub mod update;
pub mod widths;
pub mod wrap;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::layout::Size;
use shared::message::Seq;
use shared::names::{MessageId, Username};
use shared::rest::MAX_CONTENT_BYTES;

use crate::app::attention::Attention;
use crate::app::completion::Completion;
use crate::app::composer::Composer;
pub use crate::app::connection::Connection;
pub use crate::app::events::{Caused, Certainty, Effect, Event, Wish};
use crate::app::hand::Hand;
use crate::app::hints::Hints;
use crate::app::log::{Log, Slot, Unsent, Voice};
pub use crate::app::look::{Look, Palette};
use crate::app::lookalikes::Acquaintances;
use crate::app::notice::Notice;
use crate::app::notifications::Notifications;
use crate::app::pasting::Pasted;
use crate::app::people::Peer;
use crate::app::preferences::Preferences;
use crate::app::receipts::{Focus, Receipts};
use crate::app::scroll::Scroll;
use crate::app::search::Search;
use crate::app::typing::Typing;
use crate::app::unread::Unread;
use crate::network::Membership;

/// Everything the screen is made from.
#[derive(Debug, Clone)]
pub struct State {
    /// The room's name, harmless.
    pub room: String,
    /// Who we are.
    pub user: Username,
    /// Our name, harmless.
    pub me: Arc<str>,
    /// The server's address, harmless.
    pub server: String,
    /// Of several servers the one that is tried or connected to: host and port.
    pub host: Option<String>,
    /// The command by which somebody else joins this room.
    pub invitation: String,
    /// How the connection is.
    pub connection: Connection,
    /// The time a ping took last.
    pub round_trip: Option<Duration>,
    /// The other person, once one was seen.
    pub peer: Option<Peer>,
    /// Everybody who was seen here.
    pub(crate) acquaintances: Acquaintances,
    /// Who has come how far.
    pub receipts: Receipts,
    /// What is not read.
    pub(crate) unread: Unread,
    /// What somebody who looks elsewhere was told.
    pub(crate) notifications: Notifications,
    /// Who is writing.
    pub(crate) typing: Typing,
    /// Where the person looks.
    pub focus: Focus,
    /// Whether somebody is at this client.
    pub(crate) attention: Attention,
    /// The columns of the widest name that was seen.
    pub widest_name: usize,
    /// Whether a server has answered, be it to say no.
    pub was_reached: bool,
    /// The place of the room's newest message when we came in.
    pub head: Option<Seq>,
    /// What was said.
    pub log: Log,
    /// What is being written.
    pub composer: Composer,
    /// What the person has in hand.
    pub hand: Hand,
    /// The long messages that are shown as a whole.
    pub(crate) unfolded: BTreeSet<Slot>,
    /// The numbers of the links in the window.
    pub hints: Hints,
    /// What Tab goes through, until another key.
    pub completion: Option<Completion>,
    /// The names of other rooms, those that are open first, then those joined before; as far as they were looked up.
    pub(crate) known_rooms: Vec<String>,
    /// A long text that was pasted and is asked about.
    pub pasted: Option<Pasted>,
    /// What is looked for in the room's history.
    pub search: Option<Search>,
    /// Which part of the log is in the window.
    pub scroll: Scroll,
    /// How many messages came in below the window.
    pub unseen: usize,
    /// What is on the screen.
    pub screen: Screen,
    /// A sentence for the person, until the next key.
    pub notice: Option<Notice>,
    /// The longest content of a message, in bytes.
    pub max_content_bytes: usize,
    /// The size of the terminal.
    pub size: Size,
    /// How many colours to use.
    pub palette: Palette,
    /// How the person wants it.
    pub preferences: Preferences,
    /// Where times are told in.
    pub zone: TimeZone,
    /// When the last event happened.
    pub now: Timestamp,
    /// The beginning of the ids of all messages of this run.
    session: MessageId,
    /// How many messages were posted in this run.
    posted: u64,
    /// What was not in the room when the person asked to quit in spite of it.
    quit_in_spite_of: Unsent,
    /// Whether that stands as a question, until the next key.
    asks_before_leaving: bool,
    /// Whether the person was told that the outbox does not work.
    told_of_no_outbox: bool,
    /// What [`State::round_trip`] was when the screen was drawn last.
    drawn_round_trip: Option<Duration>,
}

/// What is on the screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Screen {
    /// The room.
    #[default]
    Chat,
    /// The keys and commands.
    Help {
        /// What to look for; empty for all.
        search: String,
        /// The first row in view.
        top: usize,
    },
}

impl State {
    /// The state before anything happened. `session` becomes the beginning of every message's id.
    #[must_use]
    pub fn new(membership: &Membership, session: MessageId, look: Look, now: Timestamp) -> Self {
        let mut state = Self {
            room: sanitize::name(membership.room.as_str()),
            me: sanitize::name(membership.user.as_str()).into(),
            user: membership.user.clone(),
            server: sanitize::line(&membership.servers.to_string().replace(',', " or ")),
            host: None,
            invitation: invitation::line(membership),
            connection: Connection::Connecting,
            round_trip: None,
            peer: None,
            acquaintances: Acquaintances::new(&membership.user),
            receipts: Receipts::default(),
            unread: Unread::default(),
            notifications: Notifications::default(),
            typing: Typing::default(),
            focus: Focus::Here,
            attention: Attention::new(now),
            widest_name: 0,
            was_reached: false,
            head: None,
            log: Log::default(),
            composer: Composer::default(),
            hand: Hand::Free,
            unfolded: BTreeSet::new(),
            hints: Hints::default(),
            completion: None,
            known_rooms: Vec::new(),
            pasted: None,
            search: None,
            scroll: Scroll::Newest,
            unseen: 0,
            screen: Screen::Chat,
            notice: None,
            max_content_bytes: MAX_CONTENT_BYTES,
            size: look.size,
            palette: look.palette,
            preferences: look.preferences,
            zone: look.zone,
            now,
            session,
            posted: 0,
            quit_in_spite_of: Unsent::default(),
            asks_before_leaving: false,
            told_of_no_outbox: false,
            drawn_round_trip: None,
        };
        state.widest_name = wrap::columns(&rows::name(&Voice::Me, &state.me));
        state
    }

    /// Whether the room is known to be empty.
    #[must_use]
    pub fn is_empty_room(&self) -> bool {
        self.head == Some(Seq::START) && self.log.is_empty()
    }

    fn next_message_id(&mut self) -> Option<MessageId> {
        self.posted += 1;
        MessageId::new(format!("{}-{}", self.session, self.posted)).ok()
    }
}
