//! Pure. What an entry of the log looks like as rows, at the width there is.

use std::collections::VecDeque;
use std::ops::Range;

use jiff::civil::Date;

use crate::app::commands::Action;
use crate::app::hand::Deed;
use crate::app::layout::{self, Columns, Shape};
use crate::app::log::{Slot, Voice};
use crate::app::markup::{Form, Kind, Markup};
use crate::app::outline::{self, Facts, Outline, Post};
use crate::app::preferences::Glyphs;
use crate::app::{State, shortcodes, wrap};

/// A message of others that takes more rows than this is folded to so many, until it is opened or something is found in it.
const MAX_ROWS: usize = 200;

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
    /// What is known of it.
    pub post: Post,
    /// What, as it is shown.
    pub shown: Markup<'a>,
    /// Which part of that stands in which row.
    pub rows: Vec<Row>,
    /// What is to be marked in it, in bytes of the shown text and in order.
    pub marked: Vec<Range<usize>>,
    /// What stands below its rows where it is folded: how many more there are, and how to see them.
    pub more: Option<String>,
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
            Body::Message(message) => {
                let above_and_below = usize::from(message.name_above) + usize::from(message.more.is_some());
                above_and_below + message.rows.len() + message.reason.len()
            }
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
    Outline::of(state, slot).map(|outline| laid_out(outline, state, columns))
}

/// The block of an outline.
#[must_use]
pub fn laid_out<'a>(outline: Outline<'a>, state: &State, columns: &Columns) -> Block<'a> {
    let Outline { text, facts: Facts { slot, day, news, kind } } = outline;
    let body = match kind {
        outline::Kind::Gap(missing) => Body::Line(gap(missing)),
        outline::Kind::Post(post) => Body::Message(message(text, post, state, columns)),
    };
    Block { slot, day, news, body }
}

/// The blocks that are in a window of so many rows at least in part, the oldest first.
#[must_use]
pub fn blocks_in_window<'a>(state: &'a State, columns: &Columns, window: usize) -> VecDeque<Block<'a>> {
    let mut blocks = VecDeque::with_capacity(window + 1);
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

fn message<'a>(text: &'a str, post: Post, state: &State, columns: &Columns) -> Message<'a> {
    let preferences = &state.preferences;
    let shown = match preferences.glyphs {
        Glyphs::Unicode => Markup::of(text),
        Glyphs::Ascii => Markup::of(&shortcodes::in_words(text)).into_owned(),
    };
    let mut rows = rows(&shown, columns.width_for(&post.voice));
    let more = (post.folds && rows.len() > MAX_ROWS).then(|| {
        let [select, fold] = [Deed::Older, Deed::Fold].map(|deed| preferences.way(Action::Select(deed)));
        format!("+{} lines · {select}, then {fold}", rows.len() - MAX_ROWS)
    });
    if more.is_some() {
        rows.truncate(MAX_ROWS);
    }
    let reason = post.reason.as_ref().map(|reason| {
        let sentence = format!("not sent: {reason} {} takes it back.", preferences.way(Action::TakeBack));
        let rows = wrap::rows(&sentence, columns.text_width);
        rows.into_iter().filter_map(|row| sentence.get(row).map(str::to_owned)).collect()
    });
    Message {
        marked: state.marked_in(&shown.text),
        shown,
        rows,
        more,
        reason: reason.unwrap_or_default(),
        name_above: columns.shape == Shape::Narrow && post.opens_run,
        post,
    }
}

fn gap(missing: u64) -> String {
    match missing {
        1 => "1 message is no longer kept".to_owned(),
        _ => format!("{missing} messages are no longer kept"),
    }
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
