//! Pure. Several rooms in one client: which are open, which one is shown, and what goes to which.
//!
//! A [`State`](crate::app::State) is one room and knows of no other. Keys go to the room that is shown unless they are about rooms; what the
//! network tells goes to the room it is about. A hidden room is one that nobody looks at. With one room nothing of this is
//! seen; from two on the last row of the terminal is the bar of rooms.

mod keys;
mod leaving;
mod opening;
pub mod room;
mod showing;

use crossterm::event::KeyEventKind;
use jiff::Timestamp;
use ratatui::layout::Size;
use shared::names::{MessageId, RoomId};

use crate::app::client::room::Room;
use crate::app::receipts::Focus;
use crate::app::switcher::Switcher;
use crate::app::update::update;
use crate::app::{Caused, Certainty, Effect, Event, Look, Wish, sanitize};
use crate::network::{Membership, NetworkEvent};

/// The least rows of a terminal that has a bar: below, the room needs them all.
const BAR_FROM: u16 = 4;
/// Which room, for as long as it is open. A room that is opened again is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoomKey(pub(crate) u32);

/// Effects, each with the room it comes from.
pub type Effects = Vec<(RoomKey, Effect)>;

/// Everything the screen is made from.
#[derive(Debug, Clone)]
pub struct Client {
    /// In the order of the bar; at least one.
    rooms: Vec<Room>,
    shown: usize,
    switcher: Option<Switcher>,
    /// Where the person looks.
    focus: Focus,
    /// Who joins, where and how. The room in it means nothing.
    membership: Membership,
    /// The size in it is that of the terminal.
    look: Look,
    session: MessageId,
    /// How many rooms were opened so far.
    opened: u32,
    now: Timestamp,
    /// How many messages in hidden rooms were not sent when the person asked to quit in spite of it.
    quit_in_spite_of: usize,
    /// What was asked last before all rooms are left.
    question: Option<String>,
    /// The room that was to be left, and how many messages would be lost with it.
    leaves_in_spite_of: Option<(RoomKey, usize)>,
}

impl Client {
    /// The client before anything happened, with the membership's room shown and `more` rooms behind it. What messages are
    /// called begins with `session`.
    #[must_use]
    pub fn new(membership: &Membership, more: &[RoomId], session: MessageId, look: Look, now: Timestamp) -> Self {
        let mut client = Self {
            rooms: Vec::new(),
            shown: 0,
            switcher: None,
            focus: Focus::Here,
            membership: membership.clone(),
            look,
            session,
            opened: 0,
            now,
            quit_in_spite_of: 0,
            question: None,
            leaves_in_spite_of: None,
        };
        for id in std::iter::once(&membership.room).chain(more) {
            if client.position(id).is_none() {
                client.add(id.clone());
            }
        }
        for (index, room) in client.rooms.iter_mut().enumerate() {
            room.state.focus = if index == 0 { Focus::Here } else { Focus::OtherRoom };
        }
        let size = client.room_size();
        client.shown_mut().state.size = size;
        client
    }

    /// The rooms, in the order of the bar.
    #[must_use]
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// What is to be opened at the start.
    #[must_use]
    pub fn open_rooms(&self) -> Vec<(RoomKey, RoomId)> {
        self.rooms.iter().map(|room| (room.key, room.id.clone())).collect()
    }

    /// The room that is shown.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "there is always a room, and `shown` is one of them")]
    pub fn shown(&self) -> &Room {
        &self.rooms[self.shown]
    }

    #[expect(clippy::indexing_slicing, reason = "as above")]
    fn shown_mut(&mut self) -> &mut Room {
        &mut self.rooms[self.shown]
    }

    /// Where to go, while the person is asked.
    #[must_use]
    pub fn switcher(&self) -> Option<&Switcher> {
        self.switcher.as_ref()
    }

    /// The size of the terminal.
    #[must_use]
    pub fn size(&self) -> Size {
        self.look.size
    }

    /// Whether the last row is the bar of rooms.
    #[must_use]
    pub fn has_bar(&self) -> bool {
        self.rooms.len() > 1 && self.look.size.height >= BAR_FROM
    }

    /// What stands in the title of the terminal: how much is not read in all rooms, and where.
    #[must_use]
    pub fn title(&self) -> String {
        let mut unread = self.rooms.iter().filter(|room| room.state.unread() > 0);
        match (unread.next(), unread.next()) {
            (None, _) => self.shown().state.title(),
            (Some(room), None) => room.state.title(),
            (Some(_), Some(_)) => {
                let count = room::unread(&self.rooms);
                format!("({count}) {} rooms", 2 + unread.count())
            }
        }
    }

    /// What is needed to join this room.
    #[must_use]
    pub fn membership(&self, room: &RoomId) -> Membership {
        Membership { room: room.clone(), ..self.membership.clone() }
    }

    /// When the picture changes next by itself.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        self.rooms.iter().flat_map(|room| [room.state.next_tick(), room.draft.due()]).flatten().min()
    }

    /// Changes the client by what the person or the terminal did at `now`, and says what is to be done.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not about rooms is the room's, whatever it will be")]
    pub fn update(&mut self, now: Timestamp, event: Event) -> Effects {
        self.now = now;
        let mut effects = Effects::new();
        match event {
            Event::Key(key) if key.kind == KeyEventKind::Release => {}
            Event::Key(key) => self.press(key, &mut effects),
            Event::Wheel { direction, rows } if self.switcher.is_some() => {
                (0..rows).for_each(|_| self.press(direction.arrow(), &mut effects));
            }
            Event::Wheel { .. } => {
                self.note_person(&mut effects);
                self.happens(self.shown, event, &mut effects);
            }
            Event::Paste(text) if self.switcher.is_some() => {
                if let Some(switcher) = &mut self.switcher {
                    switcher.look_for(&sanitize::line(&text));
                }
                self.draw(&mut effects);
            }
            Event::Resized(size) => {
                self.look.size = size;
                self.fit(&mut effects);
            }
            Event::Looks(focus) => {
                self.focus = focus;
                self.rooms.iter_mut().for_each(|room| room.state.note_that_terminal_tells());
                self.tell_focus(&mut effects);
            }
            Event::Tick => {
                for index in 0..self.rooms.len() {
                    let tick = self.rooms.get(index).and_then(|room| room.state.next_tick());
                    if tick.is_some_and(|tick| tick <= now) {
                        self.happens(index, Event::Tick, &mut effects);
                    }
                    let room = self.rooms.get_mut(index);
                    effects.extend(room.and_then(|room| room.rested_draft(now)));
                }
            }
            Event::Continued => {
                self.focus = Focus::Here;
                self.happens(self.shown, Event::Continued, &mut effects);
                self.tell_focus(&mut effects);
            }
            event => self.happens(self.shown, event, &mut effects),
        }
        effects
    }

    /// Changes the client by what happened in one room. Nothing happens in a room that was left.
    pub fn update_room(&mut self, now: Timestamp, key: RoomKey, event: Event) -> Effects {
        self.now = now;
        let mut effects = Effects::new();
        if let Some(index) = self.rooms.iter().position(|room| room.key == key) {
            self.happens(index, event, &mut effects);
        }
        effects
    }

    /// The drafts that are not kept and may never be unless they are now.
    pub fn unkept_drafts(&mut self) -> Vec<(RoomKey, String)> {
        let kept = |room: &mut Room| Some((room.key, room.draft.keep(room.state.composer.text())?));
        self.rooms.iter_mut().filter_map(kept).collect()
    }

    fn happens(&mut self, index: usize, event: Event, effects: &mut Effects) {
        let is_shown = index == self.shown;
        let is_asked = matches!(event, Event::Key(_)) && self.is_asked_before_leaving();
        let Some(room) = self.rooms.get_mut(index) else { return };
        let before = room.in_the_bar();
        let key = room.key;
        let is_typed = matches!(event, Event::Key(_) | Event::Paste(_));
        if let Event::DraftFound(text) = &event {
            room.draft.found(text);
        }
        if matches!(event, Event::Network(NetworkEvent::Welcomed(_))) && !room.is_joined {
            room.is_joined = true;
            effects.push((key, Effect::NoteJoined));
        }
        let knows_rooms = room.state.begins_room();
        let Caused { effects: caused, wish } = update(&mut room.state, self.now, event);
        let is_seen = is_shown || room.in_the_bar() != before;
        let draft = room.draft.note(room.state.composer.text(), self.now, is_typed);
        effects
            .extend(caused.into_iter().filter(|effect| is_seen || *effect != Effect::Draw).map(|effect| (key, effect)));
        if !knows_rooms && room.state.begins_room() {
            effects.push((key, Effect::Recall));
        }
        // Behind what is sent: that is on disk before the draft is not.
        effects.extend(draft.map(|text| (key, Effect::KeepDraft(text))));
        match wish {
            Some(Wish::Rooms(action, argument)) => self.act(action, &argument, effects),
            Some(Wish::Quit(certainty)) => {
                self.quit(if is_asked { Certainty::Meant } else { certainty }, effects);
            }
            None => {}
        }
    }

    fn warn(&mut self, sentence: String, effects: &mut Effects) {
        self.happens(self.shown, Event::Told(sentence), effects);
    }

    fn say(&mut self, sentence: String, effects: &mut Effects) {
        self.happens(self.shown, Event::News(sentence), effects);
    }

    fn draw(&self, effects: &mut Effects) {
        effects.push((self.shown().key, Effect::Draw));
    }

    fn room_size(&self) -> Size {
        let Size { width, height } = self.look.size;
        Size { width, height: height - u16::from(self.has_bar()) }
    }

    fn position(&self, id: &RoomId) -> Option<usize> {
        self.rooms.iter().position(|room| room.id == *id)
    }
}
