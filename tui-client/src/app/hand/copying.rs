//! Pure. What is copied of messages: all of one, its code, its links.

use crate::app::hand::{Copied, Hand};
use crate::app::markup::{Markup, Target};
use crate::app::notice::Notice;
use crate::app::update::size_in_words;
use crate::app::{Effect, State};

/// Copies the message that is the last one in the window.
pub(crate) fn copy_last(state: &mut State, effects: &mut Vec<Effect>) {
    let last = state.log.up_from(state.foot().slot).find_map(|slot| state.text_of(slot));
    match last.map(str::to_owned) {
        Some(text) => {
            state.notice = Some(Notice::news(format!("Copied the last message, {}.", measure(&text)), state.now));
            effects.push(Effect::Copy(text));
        }
        None => state.notice = Some(Notice::news("There is no message to copy.", state.now)),
    }
}

pub(super) fn copy(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(text) = state.selected_text().map(str::to_owned) else { return };
    state.notice = Some(Notice::news(format!("Copied, {}.", measure(&text)), state.now));
    effects.push(Effect::Copy(text));
}

pub(super) fn copy_code(state: &mut State, effects: &mut Vec<Effect>) {
    let Hand::Selected { copied, .. } = state.hand else { return };
    let done = if let Copied::Code(done) = copied { done } else { 0 };
    let text = state.selected_text().unwrap_or_default();
    let blocks = Markup::of(text).code.iter().map(|code| code.in_message(text)).collect();
    copy_part(state, "code block", blocks, done, effects);
    note_copied(state, Copied::Code(done + 1));
}

pub(super) fn copy_link(state: &mut State, effects: &mut Vec<Effect>) {
    let Hand::Selected { slot, copied } = state.hand else { return };
    let done = if let Copied::Links(done) = copied { done } else { 0 };
    let links = state.links_of(slot).iter().filter_map(|link| link.target().map(|target| target.url)).collect();
    copy_part(state, "link", links, done, effects);
    note_copied(state, Copied::Links(done + 1));
}

/// Copies where a link leads, instead of going there.
pub(super) fn copy_address(state: &mut State, link: Target, effects: &mut Vec<Effect>) {
    state.notice = Some(Notice::news(format!("Copied the address, {}.", measure(&link.url)), state.now));
    effects.push(Effect::Copy(link.url));
}

/// Copies the last of a message's parts, or the one before those that are `done`.
fn copy_part(state: &mut State, what: &str, mut parts: Vec<String>, done: usize, effects: &mut Vec<Effect>) {
    let count = parts.len();
    let Some(at) = count.checked_sub(1 + done % count.max(1)) else {
        state.notice = Some(Notice::news(format!("There is no {what} in this message."), state.now));
        return;
    };
    let part = parts.swap_remove(at);
    let which = if count > 1 { format!("{} of {count}", at + 1) } else { "the only one".to_owned() };
    state.notice = Some(Notice::news(format!("Copied a {what} ({which}), {}.", measure(&part)), state.now));
    effects.push(Effect::Copy(part));
}

fn note_copied(state: &mut State, now: Copied) {
    if let Hand::Selected { copied, .. } = &mut state.hand {
        *copied = now;
    }
}

/// How much a text is: in lines where there are several, else in characters.
fn measure(text: &str) -> String {
    match text.trim_end().lines().count() {
        0 | 1 => size_in_words(text.len()),
        lines => format!("{lines} lines"),
    }
}
