//! Pure. What a key or an event changes, and what is to be done then.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use jiff::Timestamp;
use ratatui::layout::Size;

use crate::app::arrivals::{self, Picture};
use crate::app::commands::{self, Action, Direction, Draft, help};
use crate::app::composer::Edit;
use crate::app::hand::{self, Meant, copying, opening};
use crate::app::notice::Notice;
use crate::app::{
    Caused, Certainty, Connection, Effect, Event, Screen, State, Wish, layout, pasting, sanitize, search, seats,
    sending,
};
use crate::network::Request;

/// Changes the state by what happened at `now`, and says what is to be done.
pub fn update(state: &mut State, now: Timestamp, event: Event) -> Caused {
    let before = std::mem::replace(&mut state.now, now);
    let mut caused = Caused::default();
    let effects = &mut caused.effects;
    match event {
        Event::Network(event) => {
            if arrivals::arrive(state, event, effects) == Picture::Same {
                return caused;
            }
        }
        Event::Key(key) if key.kind == KeyEventKind::Release => return caused,
        Event::Adopted { held, trouble: None } if held.is_empty() => return caused,
        Event::Adopted { held, trouble } => sending::adopt(state, held, trouble, effects),
        Event::NotKept { id, reason } => sending::make_draft(state, &id, &reason),
        Event::NoOutbox { id, reason } => sending::go_without_outbox(state, id, &reason, effects),
        Event::Key(key) => {
            // Whoever types looks, whatever the terminal has told or forgotten to tell.
            state.note_person(effects);
            press(state, &key, &mut caused);
            state.note_writing(&mut caused.effects);
        }
        Event::Wheel { direction, rows } => {
            state.note_person(effects);
            turn_wheel(state, direction, rows, &mut caused);
        }
        Event::Paste(text) => {
            state.note_person(effects);
            if !state.paste_into_search(&text) {
                pasting::paste(state, &text);
            }
            state.note_writing(effects);
        }
        Event::PastedTooMuch(bytes) => pasting::refuse(state, bytes),
        Event::News(sentence) => state.notice = Some(Notice::news(sanitize::line(&sentence), now)),
        Event::Told(sentence) => state.notice = Some(Notice::trouble(sanitize::line(&sentence))),
        Event::DraftFound(text) => {
            if state.composer.is_empty() {
                state.composer.insert(&sanitize::body(&text));
            }
        }
        Event::SentFound(texts) => state.composer.sent_earlier(texts.iter().map(|text| sanitize::body(text))),
        Event::Drawn => {
            state.settle_hints();
            state.note_line_in_view();
            state.read(effects);
            return caused;
        }
        Event::Looks(focus) => {
            if state.looks(focus, effects) == Picture::Same {
                return caused;
            }
        }
        Event::Resized(size) => resize(state, size),
        Event::Tick => {
            if state.tick(before, effects) == Picture::Same {
                return caused;
            }
        }
        Event::Continued => {
            // A shell that was looked at has had the focus.
            state.note_person(effects);
            effects.push(Effect::Repaint);
        }
        Event::CannotStop => {
            let way = state.preferences.way(Action::Quit);
            state.notice =
                Some(Notice::news(format!("There is no shell here to go back to. {way} leaves Duet."), state.now));
            effects.push(Effect::Repaint);
        }
    }
    let height = usize::from(layout::areas(state).composer.height);
    state.composer.follow_caret(layout::composer_width(state), height);
    state.drawn_round_trip = state.round_trip;
    caused.effects.push(Effect::Draw);
    caused
}

fn resize(state: &mut State, size: Size) {
    state.size = size;
    state.settle_scroll();
}

/// Scrolls, whatever is written. Where there is something to choose from, that is what a row is.
fn turn_wheel(state: &mut State, direction: Direction, rows: usize, caused: &mut Caused) {
    if state.screen != Screen::Chat || state.search.is_some() || state.selected().is_some() {
        return (0..rows).for_each(|_| press(state, &direction.arrow(), caused));
    }
    state.notice = None;
    state.asks_before_leaving = false;
    state.go_no_more_to_unread();
    scroll(state, direction, rows, &mut caused.effects);
}

fn press(state: &mut State, key: &KeyEvent, caused: &mut Caused) {
    let effects = &mut caused.effects;
    state.notice = None;
    state.asks_before_leaving = false;
    state.go_no_more_to_unread();
    if let Screen::Help { .. } = state.screen {
        return press_in_help(state, key, effects);
    }
    if hand::press(state, key, effects) == Meant::ForIt {
        return;
    }
    let action = state.preferences.keymap.action(key, state.composer.draft());
    if pasting::press(state, key, action, effects) == Meant::ForIt
        || search::press(state, key, action, effects) == Meant::ForIt
    {
        return;
    }
    if !matches!(action, Some(Action::Complete(_))) {
        state.completion = None;
    }
    match (action, key.code) {
        (Some(action), _) => act(state, action, Asked::ByKey, caused),
        // AltGr reports as Ctrl+Alt on some terminals, and what it types is a text.
        (None, KeyCode::Char(c)) if !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {
            state.composer.type_char(c);
            if c == ':' {
                state.close_shortcode();
            }
        }
        (None, _) => {}
    }
}

/// How a person has asked for something.
#[derive(Debug, Clone, Copy)]
enum Asked<'a> {
    /// By a key.
    ByKey,
    /// By its name, with what stands behind that.
    ByName(&'a str),
}

/// Does what a person asks for.
fn act(state: &mut State, action: Action, asked: Asked<'_>, caused: &mut Caused) {
    let (argument, certainty) = match asked {
        Asked::ByKey => ("", Certainty::Key),
        Asked::ByName(argument) => (argument, Certainty::Meant),
    };
    let effects = &mut caused.effects;
    match action {
        Action::Send => sending::send(state, caused),
        Action::NewLine => state.composer.type_char('\n'),
        Action::Complete(turn) => state.complete(turn),
        Action::Edit(edit) => state.composer.edit(edit, layout::composer_width(state)),
        Action::ClearDraft => {
            state.composer.clear();
            let [back, quit] =
                [Action::Edit(Edit::BringBack), Action::Quit].map(|action| state.preferences.way(action));
            state.notice =
                Some(Notice::news(format!("Cleared. {back} brings it back, {quit} leaves Duet."), state.now));
        }
        Action::Page(direction) => scroll(state, direction, state.page_rows(), effects),
        Action::Row(direction) => scroll(state, direction, 1, effects),
        Action::Newest => {
            state.composer.edit(Edit::LineEnd, layout::composer_width(state));
            state.scroll_to_newest();
        }
        Action::Unread => state.go_to_unread(effects),
        Action::Times => state.preferences.times = state.preferences.times.other(),
        Action::Search => state.open_search(argument, effects),
        Action::Retry => retry(state, effects),
        Action::Select(deed) => hand::act(state, deed, effects),
        Action::CopyLast => copying::copy_last(state, effects),
        Action::OpenLink => opening::open(state, argument),
        Action::Help => state.screen = Screen::Help { search: argument.to_owned(), top: 0 },
        Action::Redraw => effects.push(Effect::Repaint),
        Action::Suspend => effects.push(Effect::Suspend),
        Action::TakeBack => sending::take_back(state, effects),
        Action::Rooms(action) => caused.wish = Some(Wish::Rooms(action, argument.to_owned())),
        Action::Quit => caused.wish = state.leave(certainty),
    }
}

pub(crate) fn run_command(state: &mut State, command: &str, caused: &mut Caused) {
    match commands::read(command) {
        Err(sentence) => state.notice = Some(Notice::trouble(sentence)),
        Ok((action, argument)) => {
            state.composer.sent();
            act(state, action, Asked::ByName(argument), caused);
        }
    }
}

fn scroll(state: &mut State, direction: Direction, rows: usize, effects: &mut Vec<Effect>) {
    match direction {
        Direction::Up => state.scroll_up(rows),
        Direction::Down => state.scroll_down(rows),
    }
    if direction == Direction::Up && state.is_near_the_top() {
        state.fetch_older(effects);
    }
}

fn retry(state: &mut State, effects: &mut Vec<Effect>) {
    match state.connection {
        Connection::Live => state.notice = Some(Notice::news("The connection is up.", state.now)),
        Connection::Connecting | Connection::Reconnecting => {}
        Connection::Full { .. } => {
            state.notice = Some(Notice::news(format!("{}…", seats::ASKING), state.now));
            effects.push(Effect::Request(Request::RetryNow));
        }
        Connection::Lost { .. } | Connection::Refused(_) => {
            state.connection = Connection::Reconnecting;
            effects.push(Effect::Request(Request::RetryNow));
        }
    }
}

fn press_in_help(state: &mut State, key: &KeyEvent, effects: &mut Vec<Effect>) {
    let Screen::Help { search, top } = &mut state.screen else { return };
    let page = usize::from(layout::list_rows(state.size)).max(1);
    let draft = Draft { is_empty: search.is_empty(), ends_at_caret: true };
    match (state.preferences.keymap.action(key, draft), key.code) {
        // Otherwise no message could begin with one.
        (Some(Action::Help), KeyCode::Char(c)) => {
            state.screen = Screen::Chat;
            state.composer.type_char(c);
        }
        (Some(Action::Help | Action::Quit | Action::Send | Action::ClearDraft), _) | (_, KeyCode::Esc) => {
            state.screen = Screen::Chat;
        }
        (Some(Action::Redraw), _) => effects.push(Effect::Repaint),
        (Some(Action::Row(Direction::Up)), _) | (_, KeyCode::Up) => *top = top.saturating_sub(1),
        (Some(Action::Row(Direction::Down)), _) | (_, KeyCode::Down) => *top += 1,
        (Some(Action::Page(Direction::Up)), _) | (_, KeyCode::PageUp) => *top = top.saturating_sub(page),
        (Some(Action::Page(Direction::Down)), _) | (_, KeyCode::PageDown) => *top += page,
        (_, KeyCode::Backspace) => {
            search.pop();
            *top = 0;
        }
        (None, KeyCode::Char(c)) if !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {
            search.extend(sanitize::typed(c).filter(|c| !c.is_control()));
            *top = 0;
        }
        (_, _) => {}
    }
    let Screen::Help { search, top } = &state.screen else { return };
    let top = (*top).min(help::rows(state, search).len().saturating_sub(page));
    state.screen = Screen::Help { search: search.clone(), top };
}

/// A size as people say it: 512 bytes, 64 KiB.
pub(crate) fn size_in_words(bytes: usize) -> String {
    match bytes {
        0..=1023 => format!("{bytes} bytes"),
        1024..=1_048_575 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
