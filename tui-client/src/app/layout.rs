//! Pure. Which part of the terminal is for what, and in which columns a message stands.

use ratatui::layout::{Position, Rect, Size};

use crate::app::commands::Action;
use crate::app::log::Voice;
use crate::app::{Connection, State, pasting, seats, wrap};

/// Below this many columns the time goes and the name moves above the text.
const NARROW: u16 = 60;
/// Below this size there is room for the last message and the composer, and for nothing else.
const TINY: Size = Size { width: 20, height: 5 };
/// From this many rows on there is one for what must not be overlooked.
const LEAST_WITH_TROUBLE: u16 = 3;
/// From this many rows on there is one to spare between composer and hint.
const SPACIOUS: u16 = 20;
/// The composer grows to this many rows, then scrolls.
const MAX_COMPOSER_ROWS: usize = 8;
/// The longest sentence above the composer, in rows.
const MAX_NOTICE_ROWS: u16 = 4;
/// The widest name.
const MAX_NAME: usize = 16;
/// What a message from outside is called. A person of this name is shown in quotes.
pub const OUTSIDE: &str = "outside";
/// The columns that ours keep free for the longest word on their state, so that no word moves when it goes.
pub const MARK: usize = "delivered".len() + 2;
/// What stands before the draft.
pub const PROMPT: &str = " > ";

/// The parts of the terminal, from top to bottom. Those that there is no room for are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Areas {
    /// Room, people, connection.
    pub top: Rect,
    /// The conversation.
    pub messages: Rect,
    /// A sentence for the person, or how much is below.
    pub notice: Rect,
    /// The draft.
    pub composer: Rect,
    /// The keys to begin with.
    pub hint: Rect,
}

/// Where the parts of a message stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// How a message is laid out.
    pub shape: Shape,
    /// The room for a name.
    pub name: usize,
    /// Where the text begins.
    pub text: usize,
    /// The room for the text.
    pub text_width: usize,
}

/// How a message is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Time, name and text in columns.
    Wide,
    /// The name above the text, no time.
    Narrow,
}

/// Divides the terminal.
#[must_use]
pub fn areas(state: &State) -> Areas {
    let Size { width, height } = state.size;
    let composer_rows = match state.search {
        Some(_) => 1,
        None => state.composer.rows(composer_width(state)).len().min(MAX_COMPOSER_ROWS),
    };
    // What is asked is seen to its end, whatever goes for it.
    let asked = state.question_of_hand().map_or(0, |_| cells(notice_rows(state).len()).min(height.saturating_sub(1)));
    let composer = cells(composer_rows).min((height / 2).max(1)).min(height - asked);
    let is_tiny = !has_room_for_notices(state.size);
    let notice = match asked {
        1.. => asked,
        // What went wrong, or is asked, is told even there.
        0 if is_tiny => u16::from(state.is_in_trouble() && height >= LEAST_WITH_TROUBLE),
        0 => {
            let most = most_notice_rows(state).min(height.saturating_sub(composer + 2)).max(1);
            cells(notice_rows(state).len()).clamp(1, most)
        }
    };
    let (top, hint) = match height {
        _ if is_tiny => (0, 0),
        SPACIOUS.. => (1, 2),
        8.. => (1, 1),
        _ => (1, 0),
    };
    let left = height.saturating_sub(composer + notice);
    let top = top.min(left);
    let hint = hint.min(left - top);
    let messages = left - top - hint;
    let mut y = 0;
    let mut area = |rows: u16| {
        let area = Rect::new(0, y, width, rows.min(height - y));
        y += area.height;
        area
    };
    Areas { top: area(top), messages: area(messages), notice: area(notice), composer: area(composer), hint: area(hint) }
}

/// The columns of the conversation.
#[must_use]
pub fn columns(state: &State) -> Columns {
    let width = usize::from(state.size.width);
    if is_narrow(state.size) {
        // What a tiny screen shows begins at its edge and ends at it.
        let (text, margin) = if state.size.width < TINY.width { (0, 0) } else { (3, 1) };
        let text_width = width.saturating_sub(text + margin).max(1);
        return Columns { shape: Shape::Narrow, name: width, text, text_width };
    }
    let name = state.widest_name.max(OUTSIDE.len()).min(MAX_NAME);
    let text = " 14:02  ".len() + name + 2;
    Columns { shape: Shape::Wide, name, text, text_width: width.saturating_sub(text + 1).max(1) }
}

impl Columns {
    /// The room for the text of this voice.
    #[must_use]
    pub fn width_for(&self, voice: &Voice) -> usize {
        match voice {
            Voice::Me if self.text_width > 3 * MARK => self.text_width - MARK,
            Voice::Me | Voice::Person(_) | Voice::Outside => self.text_width,
        }
    }
}

/// The room for a row of the draft; one more column is kept for the caret.
#[must_use]
pub fn composer_width(state: &State) -> usize {
    usize::from(state.size.width).saturating_sub(prompt(state).len() + 1).max(1)
}

/// What stands before the draft, if there is room for it.
#[must_use]
pub fn prompt(state: &State) -> &'static str {
    if usize::from(state.size.width) > 2 * PROMPT.len() { PROMPT } else { "" }
}

/// Whether there is room for more than the last message and the composer.
#[must_use]
pub fn has_room_for_notices(size: Size) -> bool {
    size.width >= TINY.width && size.height >= TINY.height
}

/// The room for a row of the sentence above the composer.
fn notice_width(size: Size) -> usize {
    usize::from(size.width).saturating_sub(2).max(1)
}

/// What a sentence above the composer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// The rows there are for sentences.
    Usual,
    /// Every row but one to write in.
    All,
}

/// Whether a sentence is shown to its end above the composer, if it may take so much.
#[must_use]
pub fn has_room_for_all_of(notice: &str, size: Size, room: Room) -> bool {
    let rows = match room {
        Room::Usual if !has_room_for_notices(size) => return false,
        Room::Usual => (size.height / 3).max(1),
        Room::All => size.height.saturating_sub(1),
    };
    // It has a column at either side.
    size.width > 2 && wrap::rows(notice, notice_width(size)).len() <= usize::from(rows)
}

/// The rows there are for a sentence above the composer: most of them where it is all that there is to be seen.
fn most_notice_rows(state: &State) -> u16 {
    let is_all = matches!(state.connection, Connection::Refused(_)) && state.log.is_empty() && state.notice.is_none();
    let height = state.size.height;
    if is_all { height.saturating_sub(4).max(height / 3) } else { (height / 3).min(MAX_NOTICE_ROWS) }
}

/// Whether something is asked where notices stand, of what the person has in hand or has pasted.
#[must_use]
pub fn covers_notices(state: &State) -> bool {
    state.question_of_hand().is_some() || state.pasted.is_some() && state.notice.is_none()
}

/// The rows of the sentence above the composer.
#[must_use]
pub fn notice_rows(state: &State) -> Vec<String> {
    let width = notice_width(state.size);
    let in_rows = |notice: &str, most: usize| -> Vec<String> {
        wrap::rows(notice, width).into_iter().filter_map(|row| notice.get(row).map(str::to_owned)).take(most).collect()
    };
    // Enter would mean it, so nothing may stand in its place.
    if let Some(question) = state.question_of_hand() {
        return in_rows(&question, usize::MAX);
    }
    if let (Some(pasted), None) = (&state.pasted, &state.notice) {
        return pasted.rows(pasting::beside(state), width);
    }
    let notice = question(state, width).unwrap_or_else(|| notice(state));
    let most = usize::from(most_notice_rows(state).max(MAX_NOTICE_ROWS));
    let mut rows = in_rows(&notice, most + 1);
    if rows.len() > most {
        rows.truncate(most);
        if let Some(last) = rows.last_mut() {
            *last = wrap::fitted(&format!("{}……", last.trim_end()), width);
        }
    }
    rows
}

/// What is asked of whoever leaves, in the fullest form there is room for.
fn question(state: &State, width: usize) -> Option<String> {
    let rows = usize::from((state.size.height / 3).clamp(1, MAX_NOTICE_ROWS));
    let forms = state.question()?;
    let fitting = forms.iter().find(|form| wrap::rows(form, width).len() <= rows);
    fitting.or(forms.last()).cloned()
}

/// What a person needs to know now.
fn notice(state: &State) -> String {
    match (&state.notice, &state.connection) {
        (Some(notice), _) => notice.sentence(state.now),
        // Where there are no messages it stands in their place.
        (None, Connection::Full { .. }) if state.log.is_empty() => String::new(),
        (None, Connection::Full { .. }) => seats::sentences(state).map(|all| all.join(" ")).unwrap_or_default(),
        (None, Connection::Refused(sentence)) => {
            format!("{sentence} {} tries again.", state.preferences.way(Action::Retry))
        }
        (None, Connection::Connecting | Connection::Live | Connection::Lost { .. } | Connection::Reconnecting) => {
            String::new()
        }
    }
}

/// The parts of a screen with a list to choose from, below the row that says what is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    /// The list. Where there is little room it has what there is.
    pub list: Rect,
    /// The keys; empty where there is no room for them.
    pub hint: Rect,
}

/// Divides such a screen.
#[must_use]
pub fn listing(screen: Rect) -> Listing {
    let (above, below) = match screen.height {
        8.. => (2, 2),
        6..8 => (1, 1),
        height => (height.min(1), 0),
    };
    let list = Rect { y: screen.y.saturating_add(above), height: screen.height - above - below, ..screen };
    let hint = Rect { y: screen.bottom().saturating_sub(1), height: below.min(1), ..screen };
    Listing { list, hint }
}

/// The rows of such a list.
#[must_use]
pub fn list_rows(size: Size) -> u16 {
    listing(Rect::from((Position::ORIGIN, size))).list.height
}

/// Whether there is no room for two texts side by side.
#[must_use]
pub fn is_narrow(size: Size) -> bool {
    size.width < NARROW
}

/// A length in cells of the terminal, of which there are no more than [`u16::MAX`].
#[must_use]
pub fn cells(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
