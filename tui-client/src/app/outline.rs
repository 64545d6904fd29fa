//! Pure. An entry of the log before it is laid out: all that decides how it looks, but for what decides it for every entry.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use crate::app::State;
use crate::app::log::{Entry, Item, Outgoing, Progress, Said, Slot, Voice};

/// What an entry says, and what else decides how it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline<'a> {
    /// What it says. Empty where messages are missing.
    pub text: &'a str,
    /// All but that.
    pub facts: Facts,
}

/// What is known of an entry besides its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Which it is.
    pub slot: Slot,
    /// The day that begins here.
    pub day: Option<Date>,
    /// What the line says where unread begins here.
    pub news: Option<String>,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// So many messages are missing.
    Gap(u64),
    /// A message.
    Post(Post),
}

/// What is known of a message besides its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Who said it.
    pub voice: Voice,
    /// Whether the entry before it is of another voice, so that the name is to be told.
    pub opens_run: bool,
    /// When.
    pub at: Timestamp,
    /// When, by the clocks here.
    pub local: DateTime,
    /// A word on its state.
    pub mark: Option<&'static str>,
    /// Why it was not sent.
    pub reason: Option<String>,
    /// Whether it is folded where it is long.
    pub folds: bool,
}

impl<'a> Outline<'a> {
    /// That of an entry.
    #[must_use]
    pub fn of(state: &'a State, slot: Slot) -> Option<Self> {
        let entry = state.log.get(slot)?;
        let local = entry.at().map(|at| state.zone.to_datetime(at));
        let day = local.map(DateTime::date).filter(|day| day_before(state, slot).as_ref() != Some(day));
        let (text, at, mark, reason) = match entry {
            Entry::Item(Item::Gap { from, to }) => {
                let kind = Kind::Gap(to.0.saturating_sub(from.0).saturating_add(1));
                return Some(Self { text: "", facts: Facts { slot, day, news: None, kind } });
            }
            Entry::Item(Item::Said(said)) => (&said.text, said.at, mark_of_said(state, said), None),
            Entry::Outgoing(post) => {
                let (mark, reason) = fate(state, post);
                (&post.text, post.at, mark, reason)
            }
        };
        let news = match entry {
            Entry::Item(Item::Said(said)) => state.line_before(said),
            Entry::Item(Item::Gap { .. }) | Entry::Outgoing(_) => None,
        };
        let voice = voice_of(entry)?;
        let goes_on = || state.log.before(slot).and_then(|before| voice_of(state.log.get(before)?)) == Some(voice);
        let post = Post {
            opens_run: day.is_some() || news.is_some() || !goes_on(),
            folds: *voice != Voice::Me && !state.unfolded.contains(&slot) && state.found() != Some(slot),
            voice: voice.clone(),
            at,
            local: local?,
            mark,
            reason,
        };
        Some(Self { text, facts: Facts { slot, day, news, kind: Kind::Post(post) } })
    }
}

fn mark_of_said(state: &State, said: &Said) -> Option<&'static str> {
    // One that the server keeps comes behind it, though it may take a while.
    let is_our_last = state.log.last_mine() == Some(said.seq) && state.log.last_accepted().is_none();
    if is_our_last { state.status_of_last() } else { None }
}

/// How far a message of ours is, or why it was not sent.
fn fate(state: &State, post: &Outgoing) -> (Option<&'static str>, Option<String>) {
    match &post.progress {
        Progress::Waiting => (Some("waiting"), None),
        Progress::Accepted if state.log.last_accepted() == Some(&post.id) => (Some("sent"), None),
        Progress::Accepted => (None, None),
        Progress::Refused(reason) => (None, Some(reason.clone())),
    }
}

fn voice_of(entry: Entry<'_>) -> Option<&Voice> {
    match entry {
        Entry::Item(Item::Said(said)) => Some(&said.voice),
        Entry::Outgoing(_) => Some(&Voice::Me),
        Entry::Item(Item::Gap { .. }) => None,
    }
}

/// The day of the nearest entry before this one that has a day.
fn day_before(state: &State, slot: Slot) -> Option<Date> {
    let before = state.log.up_from(slot).skip_while(|before| *before == slot);
    let at = before.filter_map(|slot| state.log.get(slot)).filter_map(Entry::at).next()?;
    Some(state.zone.to_datetime(at).date())
}
