//! Pure. What an entry of the log looks like as rows, at the width there is.

use std::collections::VecDeque;
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::app::commands::Action;
use crate::app::layout::{self, Columns, Shape};
use crate::app::log::{Entry, Item, Outgoing, Progress, Said, Slot, Voice};
use crate::app::markup::{Form, Kind, Markup};
use crate::app::preferences::{Glyphs, Preferences};
use crate::app::{State, shortcodes, wrap};

/// An entry as rows: a day line, the line where unread begins, a name, the text, and what is to be said of it, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block<'a> {
    /// Which entry it is.
    pub slot: Slot,
    /// The day that begins here.
    pub day: Option<Date>,
    /// What the line says where unread begins here.
    pub news: Option<String>,
    /// What it is.
    pub body: Body<'a>,
}

/// What a block shows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are messages, and no more than a window full is ever held")]
pub enum Body<'a> {
    /// One line about the room.
    Line(String),
    /// A message.
    Message(Message<'a>),
}

/// A message as rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who said it.
    pub voice: Voice,
    /// Whether the entry before it is of another voice, so that the name is to be told.
    pub opens_run: bool,
    /// When.
    pub at: Timestamp,
    /// What, as it is shown.
    pub shown: Markup<'a>,
    /// Which part of that stands in which row.
    pub rows: Vec<Row>,
    /// What is to be marked in it, in bytes of the shown text and in order.
    pub marked: Vec<Range<usize>>,
    /// A word on its state.
    pub mark: Option<&'static str>,
    /// The rows of why it was not sent.
    pub reason: Vec<String>,
    /// Whether the name has a row of its own.
    pub name_above: bool,
}

/// A row of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Bytes of the shown text.
    pub bytes: Range<usize>,
    /// What it is part of.
    pub kind: Kind,
    /// What stands at its left.
    pub bar: &'static str,
}

impl Block<'_> {
    /// How many rows it takes, one at the least.
    #[must_use]
    pub fn height(&self) -> usize {
        let body = match &self.body {
            Body::Line(_) => 1,
            Body::Message(message) => usize::from(message.name_above) + message.rows.len() + message.reason.len(),
        };
        self.rows_above() + body
    }

    /// How many rows stand above what was said.
    #[must_use]
    pub fn rows_above(&self) -> usize {
        usize::from(self.day.is_some()) + usize::from(self.news.is_some())
    }

    /// How many links are in it.
    #[must_use]
    pub fn links(&self) -> usize {
        match &self.body {
            Body::Line(_) => 0,
            Body::Message(message) => message.shown.links.len(),
        }
    }
}

/// The block of an entry.
#[must_use]
pub fn block<'a>(state: &'a State, columns: &Columns, slot: Slot) -> Option<Block<'a>> {
    let entry = state.log.get(slot)?;
    let before = state.log.before(slot).and_then(|before| state.log.get(before));
    let day = date(state, entry).filter(|day| day_before(state, slot).as_ref() != Some(day));
    let news = match entry {
        Entry::Item(Item::Said(said)) => state.line_before(said),
        Entry::Item(Item::Gap { .. }) | Entry::Outgoing(_) => None,
    };
    let opens_run = day.is_some() || news.is_some() || before.is_none_or(|before| voice(before) != voice(entry));
    let message = |post: MessageOf<'a>| {
        let message = post.rows(&state.preferences, columns, opens_run);
        Body::Message(Message { marked: state.marked_in(&message.shown.text), ..message })
    };
    let body = match entry {
        Entry::Item(Item::Gap { from, to }) => Body::Line(gap(to.0.saturating_sub(from.0).saturating_add(1))),
        Entry::Item(Item::Said(said)) => message(MessageOf::said(state, said)),
        Entry::Outgoing(post) => message(MessageOf::outgoing(state, post)),
    };
    Some(Block { slot, day, news, body })
}

/// The blocks that are in a window of so many rows at least in part, the oldest first.
#[must_use]
pub fn blocks_in_window<'a>(state: &'a State, columns: &Columns, window: usize) -> VecDeque<Block<'a>> {
    let mut blocks = VecDeque::new();
    let foot = state.foot();
    let mut missing = window + foot.hidden;
    for block in state.log.up_from(foot.slot).map_while(|slot| block(state, columns, slot)) {
        if missing == 0 {
            break;
        }
        missing = missing.saturating_sub(block.height());
        blocks.push_front(block);
    }
    blocks
}

/// The shown text in rows of at most `width` columns, their bars among them.
fn rows(shown: &Markup<'_>, width: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for part in &shown.parts {
        let text = shown.text.get(part.bytes.clone()).unwrap_or_default();
        let bar = part.kind.bar(width);
        let width = width.saturating_sub(bar.chars().count());
        let cut = match part.kind.form {
            Form::Code => wrap::rows_by_column(text, width),
            Form::Text => wrap::rows(text, width),
        };
        let (start, kind) = (part.bytes.start, part.kind);
        rows.extend(cut.into_iter().map(|row| Row { bytes: start + row.start..start + row.end, kind, bar }));
    }
    if rows.is_empty() {
        rows.push(Row { bytes: 0..0, kind: Kind::default(), bar: "" });
    }
    rows
}

/// What [`Message`] is made from.
struct MessageOf<'a> {
    voice: Voice,
    at: Timestamp,
    text: &'a str,
    mark: Option<&'static str>,
    reason: Option<&'a str>,
}

impl<'a> MessageOf<'a> {
    fn said(state: &State, said: &'a Said) -> Self {
        // One that the server keeps comes behind it, though it may take a while.
        let is_our_last = state.log.last_mine() == Some(said.seq) && state.log.last_accepted().is_none();
        let mark = if is_our_last { state.status_of_last() } else { None };
        Self { voice: said.voice.clone(), at: said.at, text: &said.text, mark, reason: None }
    }

    fn outgoing(state: &State, post: &'a Outgoing) -> Self {
        let (mark, reason) = match &post.progress {
            Progress::Waiting => (Some("waiting"), None),
            Progress::Accepted if state.log.last_accepted() == Some(&post.id) => (Some("sent"), None),
            Progress::Accepted => (None, None),
            Progress::Refused(reason) => (None, Some(reason.as_str())),
        };
        Self { voice: Voice::Me, at: post.at, text: &post.text, mark, reason }
    }

    fn rows(self, preferences: &Preferences, columns: &Columns, opens_run: bool) -> Message<'a> {
        let shown = match preferences.glyphs {
            Glyphs::Unicode => Markup::of(self.text),
            Glyphs::Ascii => Markup::of(&shortcodes::in_words(self.text)).into_owned(),
        };
        let rows = rows(&shown, columns.width_for(&self.voice));
        let reason = self.reason.map(|reason| {
            let sentence = format!("not sent: {reason} {} takes it back.", preferences.way(Action::TakeBack));
            let rows = wrap::rows(&sentence, columns.text_width);
            rows.into_iter().filter_map(|row| sentence.get(row).map(str::to_owned)).collect()
        });
        Message {
            opens_run,
            at: self.at,
            shown,
            rows,
            marked: Vec::new(),
            name_above: columns.shape == Shape::Narrow && opens_run,
            mark: self.mark,
            reason: reason.unwrap_or_default(),
            voice: self.voice,
        }
    }
}

fn gap(missing: u64) -> String {
    match missing {
        1 => "1 message is no longer kept".to_owned(),
        _ => format!("{missing} messages are no longer kept"),
    }
}

fn voice(entry: Entry<'_>) -> Option<Voice> {
    match entry {
        Entry::Item(Item::Said(said)) => Some(said.voice.clone()),
        Entry::Outgoing(_) => Some(Voice::Me),
        Entry::Item(Item::Gap { .. }) => None,
    }
}

/// The day of the nearest entry before this one that has a day.
fn day_before(state: &State, slot: Slot) -> Option<Date> {
    let before = state.log.up_from(slot).skip_while(|before| *before == slot);
    before.filter_map(|slot| state.log.get(slot)).filter_map(|entry| date(state, entry)).next()
}

fn date(state: &State, entry: Entry<'_>) -> Option<Date> {
    Some(state.zone.to_datetime(entry.at()?).date())
}

/// What a voice is called; `me` is our own name.
#[must_use]
pub fn name(voice: &Voice, me: &str) -> String {
    let name = match voice {
        Voice::Me => me,
        Voice::Person(name) => name,
        Voice::Outside => return layout::OUTSIDE.to_owned(),
    };
    // The word that only programs go by is never a person's name.
    if name.eq_ignore_ascii_case(layout::OUTSIDE) { format!("\"{name}\"") } else { name.to_owned() }
}
