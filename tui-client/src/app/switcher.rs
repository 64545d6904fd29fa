//! Pure. Where to go: the rooms that are open and those joined before, narrowed down by what is typed.

use std::cmp::Reverse;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use shared::names::RoomId;

use crate::app::client::{Client, RoomKey};
use crate::app::commands::{Action, Draft, RoomAction};
use crate::app::{layout, sanitize};
use crate::config;

/// What is looked for, and which of the rooms found is chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switcher {
    /// What is typed.
    pub search: String,
    /// Which row.
    pub chosen: usize,
    /// The rooms joined in earlier runs, the last first.
    pub joined_before: Vec<RoomId>,
}

/// A room to go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it leads.
    pub choice: Choice,
    /// The name, harmless.
    pub name: String,
    /// Which graphemes of the name match, in rising order.
    pub matched: Vec<u32>,
    /// Its number in the bar, if it is open.
    pub number: Option<usize>,
    /// What came since the person has looked.
    pub unread: usize,
    /// What else there is to say.
    pub words: &'static str,
}

/// Where a row leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// To a room that is open.
    Open(RoomKey),
    /// To one that is not.
    Join(RoomId),
}

/// What a key meant.
pub(crate) enum Pressed {
    Stay,
    Back,
    Go(Choice),
}

impl Switcher {
    /// Adds to what is looked for.
    pub(crate) fn look_for(&mut self, text: &str) {
        self.search.extend(text.chars().filter_map(sanitize::typed).filter(|c| !c.is_control()));
        self.chosen = 0;
    }

    /// The rooms found: what is unread first, then in the order of the bar, then those joined before; among those that match,
    /// the best first. Last of all a room that is not known yet.
    #[must_use]
    pub fn rows(&self, client: &Client) -> Vec<Row> {
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(&self.search, CaseMatching::Ignore, Normalization::Smart);
        let mut scored: Vec<(u32, Row)> = (self.all(client).into_iter())
            .filter_map(|mut row| {
                let score =
                    pattern.indices(Utf32Str::new(&row.name, &mut Vec::new()), &mut matcher, &mut row.matched)?;
                row.matched.sort_unstable();
                row.matched.dedup();
                Some((score, row))
            })
            .collect();
        // Stable: what is alike keeps its order.
        scored.sort_by_key(|(score, row)| (Reverse(*score), row.unread == 0));
        let mut rows: Vec<Row> = scored.into_iter().map(|(_, row)| row).collect();
        let name = self.search.trim();
        if let Ok(id) = config::room(name)
            && !rows.iter().any(|row| row.name == sanitize::name(name))
        {
            rows.push(Row { words: "join this room", ..Row::to(Choice::Join(id.clone()), &id) });
        }
        rows
    }

    fn all(&self, client: &Client) -> Vec<Row> {
        let is_open = |id: &RoomId| client.rooms().iter().any(|room| room.id == *id);
        let open = (1..).zip(client.rooms()).map(|(number, room)| Row {
            number: Some(number),
            unread: room.state.unread(),
            words: if room.key == client.shown().key { "you are here" } else { "" },
            ..Row::to(Choice::Open(room.key), &room.id)
        });
        let before = self.joined_before.iter().filter(|id| !is_open(id));
        let before = before.map(|id| Row { words: "joined before", ..Row::to(Choice::Join(id.clone()), id) });
        open.chain(before).collect()
    }

    pub(crate) fn press(&mut self, client: &Client, key: &KeyEvent) -> Pressed {
        let draft = Draft { is_empty: self.search.is_empty(), ends_at_caret: true };
        let rows = self.rows(client);
        let page = usize::from(layout::list_rows(client.shown().state.size)).max(1);
        match (client.shown().state.preferences.keymap.action(key, draft), key.code) {
            (Some(Action::Rooms(RoomAction::Switch) | Action::Quit | Action::ClearDraft), _) | (_, KeyCode::Esc) => {
                return Pressed::Back;
            }
            (Some(Action::Rooms(RoomAction::Nth(number))), _) => {
                if let Some(room) = client.rooms().get(number.wrapping_sub(1)) {
                    return Pressed::Go(Choice::Open(room.key));
                }
            }
            (_, KeyCode::Enter) => {
                if let Some(row) = rows.into_iter().nth(self.chosen) {
                    return Pressed::Go(row.choice);
                }
                return Pressed::Stay;
            }
            (_, KeyCode::Up) => self.chosen = self.chosen.saturating_sub(1),
            (_, KeyCode::Down | KeyCode::Tab) => self.chosen += 1,
            (_, KeyCode::PageUp) => self.chosen = self.chosen.saturating_sub(page),
            (_, KeyCode::PageDown) => self.chosen += page,
            (_, KeyCode::Backspace) => {
                self.search.pop();
                self.chosen = 0;
            }
            (_, KeyCode::Char(c)) if !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {
                self.look_for(c.encode_utf8(&mut [0; 4]));
            }
            (_, _) => {}
        }
        self.chosen = self.chosen.min(self.rows(client).len().saturating_sub(1));
        Pressed::Stay
    }
}

impl Row {
    fn to(choice: Choice, id: &RoomId) -> Self {
        let name = sanitize::name(id.as_str());
        Self { choice, name, matched: Vec::new(), number: None, unread: 0, words: "" }
    }
}
