//! Pure. What is begun and can be completed: `:tad` to an emoji, `/re` to a command, `/join o` to a room.

use crate::app::commands::{self, Action, Argument, RoomAction};
use crate::app::markup::fence;
use crate::app::preferences::{Glyphs, Switch};
use crate::app::{Screen, State};

/// How many emoji are offered: one that is not among them is found by another letter.
const MAX_EMOJI: usize = 20;
/// How many rooms are offered.
const MAX_ROOMS: usize = 20;
/// From so many letters on an emoji is looked for.
const LEAST_LETTERS: usize = 2;

/// What the beginning may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What is written then.
    pub text: String,
    /// How it is offered.
    pub offer: String,
    /// What it does, of a command.
    pub help: &'static str,
}

/// The candidates that Tab goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    candidates: Vec<Candidate>,
    chosen: usize,
}

/// Which of the candidates comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The next one, or the first.
    On,
    /// The one before.
    Back,
}

impl Completion {
    fn turned(&self, turn: Turn) -> Self {
        let count = self.candidates.len();
        let step = if turn == Turn::On { 1 } else { count - 1 };
        Self { candidates: self.candidates.clone(), chosen: (self.chosen + step) % count }
    }
}

impl State {
    /// What can be written in the place of what is begun, and which of it was chosen.
    #[must_use]
    pub fn offers(&self) -> (Vec<Candidate>, Option<usize>) {
        match &self.completion {
            _ if self.screen != Screen::Chat || self.pasted.is_some() => (Vec::new(), None),
            Some(completion) => (completion.candidates.clone(), Some(completion.chosen)),
            None => (begun(self).map(|(_, candidates)| candidates).unwrap_or_default(), None),
        }
    }

    /// Completes what is begun, or goes to another candidate. Where there is nothing to complete, a tab is typed.
    pub(crate) fn complete(&mut self, turn: Turn) {
        let chosen = self.completion.take().and_then(|completion| {
            let written = &completion.candidates.get(completion.chosen)?.text;
            self.composer.head().ends_with(written).then(|| (written.len(), completion.turned(turn)))
        });
        let first = || begun(self).map(|(begun, candidates)| (begun, Completion { candidates, chosen: 0 }));
        match (chosen.or_else(first), turn) {
            (Some((written, completion)), _) => {
                if let Some(candidate) = completion.candidates.get(completion.chosen) {
                    self.composer.replace_before(written, &candidate.text);
                }
                self.completion = Some(completion);
            }
            (None, Turn::On) => self.composer.type_char('\t'),
            (None, Turn::Back) => {}
        }
    }

    /// Whether the name of a room is begun, so that those that are known are to be looked up.
    pub(crate) fn begins_room(&self) -> bool {
        room(self).is_some()
    }

    /// Makes an emoji of `:name:`, whose last colon was typed just now.
    pub(crate) fn close_shortcode(&mut self) {
        if !makes_emoji(self) {
            return;
        }
        let Some(head) = self.composer.head().strip_suffix(':') else { return };
        let found = shortcode(head).and_then(|name| Some((name.len(), emojis::get_by_shortcode(name)?)));
        if let Some((name, emoji)) = found {
            self.composer.replace_before(name + ":".len() * 2, emoji.as_str());
        }
    }
}

fn makes_emoji(state: &State) -> bool {
    state.preferences.emoji == Switch::On && state.preferences.glyphs == Glyphs::Unicode
}

/// How many bytes before the caret are begun, and what they may become: at least one candidate.
fn begun(state: &State) -> Option<(usize, Vec<Candidate>)> {
    let head = state.composer.head();
    let (begun, candidates) = if let Some(name) = room(state) {
        (name.len(), rooms_like(name, &state.known_rooms))
    } else if let Some(name) = head.strip_prefix('/') {
        if !state.composer.draft().ends_at_caret {
            return None;
        }
        (head.len(), commands_like(name))
    } else {
        let name = shortcode(head).filter(|name| name.len() >= LEAST_LETTERS)?;
        (":".len() + name.len(), emoji_like(name, makes_emoji(state)))
    };
    (!candidates.is_empty()).then_some((begun, candidates))
}

fn commands_like(begun: &str) -> Vec<Candidate> {
    let like = |command: &&commands::Command| command.name.is_some_and(|name| name.starts_with(begun));
    let candidate = |command: &commands::Command| {
        let offer = command.usage()?;
        let space = if command.argument == Argument::None { "" } else { " " };
        Some(Candidate { text: format!("/{}{space}", command.name?), offer, help: command.help })
    };
    let mut like: Vec<&commands::Command> = commands::all().filter(like).collect();
    like.sort_by_key(|command| !is_of_the_first(command.action));
    like.into_iter().filter_map(candidate).collect()
}

/// Whether it is among those that a newcomer looks for.
fn is_of_the_first(action: Action) -> bool {
    matches!(action, Action::Rooms(RoomAction::Join | RoomAction::Leave) | Action::Help | Action::Quit)
}

/// What is written of a room's name, behind the command that goes there.
fn room(state: &State) -> Option<&str> {
    let head = state.composer.head();
    let (name, begun) = head.strip_prefix('/')?.split_once(' ')?;
    let joins = |command: &commands::Command| command.action == Action::Rooms(RoomAction::Join);
    let is_join = commands::all().any(|command| command.name == Some(name) && joins(command));
    (is_join && state.composer.draft().ends_at_caret).then(|| begun.trim_start())
}

/// Those that begin so, and then those that hold it, as they are known.
fn rooms_like(begun: &str, known: &[String]) -> Vec<Candidate> {
    let begun = begun.to_lowercase();
    let place = |name: &&String| name.to_lowercase().find(&begun).map(|at| at > 0);
    let mut like: Vec<(bool, &String)> = known.iter().filter_map(|name| Some((place(&name)?, name))).collect();
    like.sort_by_key(|(is_within, _)| *is_within);
    let candidate = |(_, name): (bool, &String)| Candidate { text: name.clone(), offer: name.clone(), help: "" };
    like.into_iter().take(MAX_ROOMS).map(candidate).collect()
}

/// Those whose names begin so, the shortest first, and then those that hold it.
fn emoji_like(begun: &str, as_emoji: bool) -> Vec<Candidate> {
    let mut like: Vec<(bool, &str, &emojis::Emoji)> = emojis::iter()
        .filter_map(|emoji| {
            let names = emoji.shortcodes().filter(|name| name.contains(begun));
            let name = names.min_by_key(|name| (!name.starts_with(begun), name.len()))?;
            Some((!name.starts_with(begun), name, emoji))
        })
        .collect();
    like.sort_by_key(|(is_within, name, _)| (*is_within, name.len()));
    let candidate = |(_, name, emoji): (bool, &str, &emojis::Emoji)| {
        let shortcode = format!(":{name}:");
        let (text, offer) = match as_emoji {
            true => (emoji.as_str().to_owned(), format!("{emoji} {shortcode}")),
            false => (shortcode.clone(), shortcode),
        };
        Candidate { text, offer, help: "" }
    };
    like.into_iter().take(MAX_EMOJI).map(candidate).collect()
}

/// The name behind a colon at the end of `head`, where it can be one: not in `12:30`, an address or code.
fn shortcode(head: &str) -> Option<&str> {
    let (before, name) = head.rsplit_once(':')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_+-".contains(&byte));
    let is_apart = !before.ends_with(|c: char| c.is_alphanumeric() || c == ':');
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    (is_name && is_apart && !word.contains("://") && !word.starts_with("www.") && !is_in_code(before)).then_some(name)
}

/// Whether a fence or a backtick before this place has not ended.
fn is_in_code(before: &str) -> bool {
    let (above, line) = before.rsplit_once('\n').unwrap_or(("", before));
    fence::is_open_behind(above) || line.matches('`').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, expected: Option<&str>) {
        assert_eq!(shortcode(head), expected, "{head:?}");
    }

    #[test]
    fn a_shortcode_stands_apart_from_times_addresses_and_code() {
        check("nice :tad", Some("tad"));
        check("(:+1", Some("+1"));
        check(":", Some(""));
        check("😄:tada", Some("tada"));
        check("at 12:30", None);
        check("std::io", None);
        check("http://localhost:80", None);
        check("see https://example.org/:tada", None);
        check("www.example.org/:tada", None);
        check("`a :tada", None);
        check("`a` :tada", Some("tada"));
        check("```\n:tada", None);
        check("```\na\n```\n:tada", Some("tada"));
        check(":no name", None);
        check("nothing", None);
    }

    #[test]
    fn the_shortest_name_comes_first_and_one_emoji_once() {
        let offers: Vec<String> = emoji_like("smi", true).into_iter().map(|candidate| candidate.offer).collect();
        assert_eq!(offers.first().map(String::as_str), Some("😄 :smile:"));
        assert_eq!(emoji_like("a", true).len(), MAX_EMOJI);
        let thumbs = emoji_like("+1", true);
        assert_eq!(thumbs.first().map(|candidate| candidate.text.as_str()), Some("👍"));
        assert!(emoji_like("xyzzy", true).is_empty());
        assert!(emoji_like("mile", true).iter().any(|candidate| candidate.offer == "😄 :smile:"));
    }
}
