//! Pure. What becomes of a message of ours before the server has it: sent, kept, not kept, left by a client that is gone,
//! refused and taken back.

use shared::names::MessageId;

use crate::app::arrivals::full_stop;
use crate::app::commands::Action;
use crate::app::composer::Edit;
use crate::app::log::{Origin, Outgoing, Progress, Unsent};
use crate::app::notice::Notice;
use crate::app::update::{run_command, size_in_words};
use crate::app::{Caused, Connection, Effect, State, sanitize};
use crate::network::Request;
use crate::outbox::lines::{Held, Kept};

/// Sends what is written, or does it where it is a command.
pub(crate) fn send(state: &mut State, caused: &mut Caused) {
    let draft = state.composer.text();
    let Some(content) = content(draft).map(str::to_owned) else {
        if let Some(command) = draft.trim_end().strip_prefix('/').map(str::to_owned) {
            run_command(state, &command, caused);
        }
        return;
    };
    if send_text(state, &content, &mut caused.effects) {
        note_sent(state, &mut caused.effects);
    }
}

/// The draft was sent.
pub(crate) fn note_sent(state: &mut State, effects: &mut Vec<Effect>) {
    effects.push(Effect::NoteSent(state.composer.text().to_owned()));
    state.composer.sent();
}

/// What of a draft is sent: nothing of an empty one and of a command, without the first slash what begins with two.
pub(crate) fn content(draft: &str) -> Option<&str> {
    let draft = draft.trim_end();
    match draft.strip_prefix('/') {
        None => Some(draft).filter(|draft| !draft.is_empty()),
        Some(rest) => Some(rest).filter(|rest| rest.starts_with('/')),
    }
}

/// Sends a text, or says why not.
pub(crate) fn send_text(state: &mut State, content: &str, effects: &mut Vec<Effect>) -> bool {
    if matches!(state.connection, Connection::Full { .. }) {
        state.notice =
            Some(Notice::trouble("Not sent: you are not in the room yet. You are let in when a seat is free."));
        return false;
    }
    if matches!(state.connection, Connection::Refused(_)) {
        let way = state.preferences.way(Action::Retry);
        state.notice = Some(Notice::trouble(format!("Not sent: you are not in the room. {way} tries to get in.")));
        return false;
    }
    if content.len() > state.max_content_bytes {
        state.notice = Some(Notice::trouble(format!(
            "Not sent: the message is {}, and the room takes at most {}. Shorten it, or send it in parts.",
            size_in_words(content.len()),
            size_in_words(state.max_content_bytes)
        )));
        return false;
    }
    let Some(id) = state.next_message_id() else { return false };
    let kept = Kept { id, content: content.to_owned(), at: state.now };
    state.log.send(outgoing(&kept, Origin::Here));
    state.scroll_to_newest();
    state.quit_in_spite_of = Unsent::default();
    effects.push(Effect::Keep(kept));
    true
}

fn outgoing(kept: &Kept, origin: Origin) -> Outgoing {
    Outgoing {
        id: kept.id.clone(),
        text: sanitize::body(&kept.content).into(),
        content: kept.content.as_str().into(),
        at: kept.at,
        progress: Progress::Waiting,
        origin,
    }
}

/// What there was no room for is a draft again.
pub(crate) fn make_draft(state: &mut State, id: &MessageId, reason: &str) {
    let Some(post) = state.log.settle(id) else { return };
    state.composer.insert(&as_draft(&post));
    state.settle_scroll();
    state.notice = Some(Notice::trouble(format!("Not sent: {}.", sanitize::line(reason))));
}

/// A message as it was typed.
fn as_draft(post: &Outgoing) -> String {
    let slash = if post.content.starts_with('/') { "/" } else { "" };
    format!("{slash}{}", post.text)
}

/// A server that is there can keep what the disk cannot.
pub(crate) fn go_without_outbox(state: &mut State, id: MessageId, reason: &str, effects: &mut Vec<Effect>) {
    if state.connection != Connection::Live {
        return make_draft(state, &id, reason);
    }
    let Some(content) = state.log.unkept(&id) else { return };
    effects.push(Effect::Request(Request::Post { id, content }));
    if !state.told_of_no_outbox {
        state.told_of_no_outbox = true;
        let reason = sanitize::line(reason);
        state.notice =
            Some(Notice::trouble(format!("Messages are sent but not kept until the server has them: {reason}.")));
    }
}

/// Makes the message that was refused last a draft.
pub(crate) fn take_back(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(post) = state.log.take_refused() else {
        state.notice = Some(Notice::news("No message was refused.", state.now));
        return;
    };
    if !state.composer.is_empty() {
        state.composer.clear();
        let way = state.preferences.way(Action::Edit(Edit::BringBack));
        state.notice = Some(Notice::news(format!("What you were writing is cut; {way} brings it back."), state.now));
    }
    state.composer.insert(&as_draft(&post));
    state.settle_scroll();
    effects.push(Effect::Forget(post.id));
}

pub(crate) fn adopt(state: &mut State, held: Held, trouble: Option<String>, effects: &mut Vec<Effect>) {
    if let Some(trouble) = trouble {
        let trouble = sanitize::line(&trouble);
        state.notice = Some(Notice::trouble(format!("Earlier messages may still be waiting to be sent: {trouble}.")));
    } else if !held.refused.is_empty() {
        let (messages, one) = match held.refused.len() {
            1 => ("An earlier message was".to_owned(), "it"),
            count => (format!("{count} earlier messages were"), "the last of them"),
        };
        let way = state.preferences.way(Action::TakeBack);
        state.notice = Some(Notice::trouble(format!("{messages} not sent. {way} takes {one} back.")));
    }
    for refused in held.refused {
        let progress = Progress::Refused(full_stop(sanitize::line(&refused.reason)));
        state.log.send(Outgoing { progress, ..outgoing(&refused.kept, Origin::Left) });
    }
    for kept in held.waiting {
        state.log.send(outgoing(&kept, Origin::Left));
        effects.push(Effect::Request(Request::Post { id: kept.id, content: kept.content }));
    }
}
