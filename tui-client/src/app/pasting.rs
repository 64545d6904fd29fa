//! Pure. What is pasted: a short text goes into the draft, a long one is shown first and asked about.

use crossterm::event::{KeyCode, KeyEvent};

use crate::app::commands::Action;
use crate::app::composer::Edit;
use crate::app::hand::{Hand, Meant};
use crate::app::markup::fence;
use crate::app::notice::Notice;
use crate::app::update::size_in_words;
use crate::app::{Effect, Screen, State, layout, sanitize, sending, wrap};

/// From so many lines on a paste is asked about.
const LONG_LINES: usize = 4;
/// Above so many characters as well.
const LONG_CHARS: usize = 400;
/// How many of its lines are shown at the most.
const SHOWN_LINES: usize = 3;

/// A long text that was pasted and is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pasted {
    text: String,
    lines: usize,
    chars: usize,
    form: Form,
    asked: Asked,
}

/// How often it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Once,
    /// A key was pressed that is no answer.
    Again,
}

/// As what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    CodeBlock,
    /// As it is.
    Text,
}

/// What goes out with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// The draft, above it.
    Draft,
}

impl Pasted {
    fn new(text: String) -> Self {
        let lines = text.lines().count();
        // So many lines are most likely code, or what a program said.
        let form = if lines >= LONG_LINES { Form::CodeBlock } else { Form::Text };
        Self { lines, chars: text.chars().count(), text, form, asked: Asked::Once }
    }

    /// How much it is and what can be done with it, in the fullest form that fits, and then how it begins.
    #[must_use]
    pub fn rows(&self, beside: Beside, width: usize) -> Vec<String> {
        let (count, it) = match (self.lines, self.chars) {
            (0 | 1, chars) => (format!("{chars} characters"), "it"),
            (lines, _) => (format!("{lines} lines"), "them"),
        };
        let (what, keys) = match (self.asked, self.has_many_lines()) {
            (Asked::Once, true) => (format!("{count} pasted"), "Enter, t, e, Esc"),
            (Asked::Once, false) => (format!("{count} pasted"), "Paste: Enter/e/Esc"),
            (Asked::Again, true) => ("Not an answer".to_owned(), "Only Enter/t/e/Esc"),
            (Asked::Again, false) => ("Not an answer".to_owned(), "Only Enter, e, Esc"),
        };
        let (below, draft) = match beside {
            Beside::Nothing => ("", ""),
            Beside::Draft => (" below your draft", "your draft + "),
        };
        let answers = match self.form {
            Form::CodeBlock => [
                format!("Enter sends {it}{below} as one code block · t as text"),
                format!("Enter sends {draft}a code block · t as text"),
                format!("Enter: {draft}code · t: text"),
            ],
            Form::Text if self.has_many_lines() => [
                format!("Enter sends {it}{below} as text · t as one code block"),
                format!("Enter sends {draft}text · t as a code block"),
                format!("Enter: {draft}text · t: code"),
            ],
            Form::Text => {
                [format!("Enter sends {it}{below} as text"), format!("Enter sends {draft}it"), "Enter sends".to_owned()]
            }
        };
        let forms = answers.map(|answers| format!("{what} · {answers} · e edits · Esc drops"));
        let forms = forms.into_iter().chain([keys.to_owned()]).collect::<Vec<_>>();
        let form = forms.iter().find(|form| wrap::columns(form) <= width).or(forms.last());
        let beginning = self.text.lines().take(SHOWN_LINES).map(|line| {
            // No more of a line of a megabyte is looked at than there is room for.
            let line: String = wrap::pieces(line).take(width).map(|piece| piece.text).collect();
            wrap::fitted(&format!("  {line}"), width)
        });
        form.cloned().into_iter().chain(beginning).collect()
    }

    /// Whether there is a choice of forms.
    fn has_many_lines(&self) -> bool {
        self.lines >= LONG_LINES
    }

    /// What is sent of it.
    fn content(&self) -> String {
        match self.form {
            Form::CodeBlock => self.as_code_block(),
            Form::Text => self.text.trim_end().to_owned(),
        }
    }

    /// In the other form.
    fn turned(self) -> Self {
        let form = match self.form {
            Form::CodeBlock => Form::Text,
            Form::Text => Form::CodeBlock,
        };
        Self { form, asked: Asked::Once, ..self }
    }

    /// The text between fences that no fence within it ends.
    fn as_code_block(&self) -> String {
        fence::around("", self.text.trim_end_matches('\n'))
    }
}

/// What would go out with a paste.
pub(crate) fn beside(state: &State) -> Beside {
    if sending::content(state.composer.text()).is_some() { Beside::Draft } else { Beside::Nothing }
}

/// Takes what was pasted.
pub(crate) fn paste(state: &mut State, text: &str) {
    if let Screen::Help { search, top } = &mut state.screen {
        search.push_str(&sanitize::line(text.lines().next().unwrap_or_default()));
        *top = 0;
        return;
    }
    state.notice = None;
    state.asks_before_leaving = false;
    state.hand = Hand::Free;
    state.completion = None;
    // Terminals send the newlines of a paste as carriage returns.
    let mut text = sanitize::body(&text.replace("\r\n", "\n").replace('\r', "\n"));
    // What comes while it is asked about belongs to it: a slow terminal parts a paste that it does not mark.
    if let Some(before) = &state.pasted {
        text.insert_str(0, &before.text);
    }
    let pasted = Pasted::new(text);
    let is_long = pasted.lines >= LONG_LINES || pasted.chars > LONG_CHARS;
    if is_long && layout::has_room_for_notices(state.size) {
        match pasted.content().len() {
            bytes if bytes > state.max_content_bytes => refuse(state, bytes),
            _ => state.pasted = Some(pasted),
        }
    } else if insert(state, &pasted.text) {
        state.pasted = None;
    }
}

/// Says why nothing came of a paste that would make a message of so many bytes.
pub(crate) fn refuse(state: &mut State, bytes: usize) {
    state.notice = Some(Notice::trouble(format!(
        "Not pasted: the message would be {}, and the room takes at most {}.",
        size_in_words(bytes),
        size_in_words(state.max_content_bytes)
    )));
}

/// Sends what is written with the paste below it as one message, and says whether it went.
fn send(state: &mut State, pasted: &Pasted, effects: &mut Vec<Effect>) -> bool {
    let text = pasted.content();
    if text.is_empty() {
        state.notice = Some(Notice::trouble("Not sent: there is nothing in it but blanks."));
        return false;
    }
    let Some(draft) = sending::content(state.composer.text()) else {
        return sending::send_text(state, &text, effects);
    };
    let content = format!("{draft}\n{text}");
    let is_sent = sending::send_text(state, &content, effects);
    if is_sent {
        sending::note_sent(state, effects);
    }
    is_sent
}

/// Puts a text at the caret. A fence is one at the beginning of a line alone, so it gets a line of its own.
fn insert(state: &mut State, text: &str) -> bool {
    let (head, tail) = (state.composer.head(), state.composer.tail());
    let is_fence = |line: Option<&str>| line.is_some_and(fence::is_fence);
    let stands_apart = |text: &str| text.is_empty() || text.ends_with('\n');
    let above = if is_fence(text.lines().next()) && !stands_apart(head) { "\n" } else { "" };
    let is_open = is_fence(text.lines().next_back()) && !text.ends_with('\n');
    let below = if is_open && !tail.is_empty() && !tail.starts_with('\n') { "\n" } else { "" };
    let text = &format!("{above}{text}{below}");
    let bytes = state.composer.text().len() + text.len();
    if bytes > state.max_content_bytes {
        refuse(state, bytes);
        return false;
    }
    state.composer.insert(text);
    true
}

/// Does what a key asks of a paste that is asked about.
pub(crate) fn press(state: &mut State, key: &KeyEvent, action: Option<Action>, effects: &mut Vec<Effect>) -> Meant {
    let Some(pasted) = state.pasted.take() else { return Meant::ForTheRest };
    match (action, key.code) {
        (Some(Action::Send), _) => {
            if !send(state, &pasted, effects) {
                state.pasted = Some(pasted);
            }
        }
        // It sends nothing by itself: it may be the first letter of a word.
        (None, KeyCode::Char('t')) if pasted.has_many_lines() => state.pasted = Some(pasted.turned()),
        (None, KeyCode::Char('e')) => {
            if !insert(state, &pasted.text) {
                state.pasted = Some(pasted);
            }
        }
        (Some(Action::ClearDraft | Action::Quit), _) | (None, KeyCode::Esc) => {
            state.composer.keep_cut(pasted.text);
            let way = state.preferences.way(Action::Edit(Edit::BringBack));
            state.notice = Some(Notice::news(format!("Dropped. {way} brings it back."), state.now));
        }
        // A text typed at it would be lost on the way, an edit would be of what is not looked at.
        (Some(Action::Edit(_) | Action::NewLine | Action::Complete(_) | Action::TakeBack) | None, _) => {
            state.pasted = Some(Pasted { asked: Asked::Again, ..pasted });
        }
        (Some(_), _) => {
            state.pasted = Some(pasted);
            return Meant::ForTheRest;
        }
    }
    Meant::ForIt
}
