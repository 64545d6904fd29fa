//! Pure. The one table of what a person can do.

use crossterm::event::KeyCode;

use crate::app::commands::key::{Key, alt, ctrl, ctrl_code, plain, shift};
use crate::app::commands::{Action, Argument, Command, Direction, Group, RoomAction, When};
use crate::app::completion::Turn;
use crate::app::composer::Edit;
use crate::app::hand::Deed;

/// Every command. To add one, add a line; nothing is bound elsewhere.
pub const GROUPS: &[Group] = &[
    Group { heading: "Writing", commands: WRITING },
    Group { heading: "Reading", commands: READING },
    Group { heading: "With a message that is selected", commands: SELECTED },
    Group { heading: "Rooms", commands: ROOMS },
    Group { heading: "The program", commands: PROGRAM },
    Group { heading: "Moving and cutting in what you write", commands: EDITING },
];

const WRITING: &[Command] = &[
    always("send", &[plain(KeyCode::Enter)], "send the message", Action::Send),
    always("new-line", &[alt(KeyCode::Enter), ctrl('j'), shift(KeyCode::Enter)], "begin a new line", Action::NewLine),
    always("complete", &[plain(KeyCode::Tab)], "complete :emoji and /command; else a tab", Action::Complete(Turn::On)),
    always("complete-back", &[shift(KeyCode::Tab)], "the candidate before", Action::Complete(Turn::Back)),
    always("clear-draft", &[ctrl('c')], "clear what is written", Action::ClearDraft),
    always("take-back", &[ctrl('t')], "make the refused message a draft again", Action::TakeBack),
];

const READING: &[Command] = &[
    always("page-up", &[plain(KeyCode::PageUp)], "scroll to older messages", Action::Page(Direction::Up)),
    always("page-down", &[plain(KeyCode::PageDown)], "scroll to newer messages", Action::Page(Direction::Down)),
    always("row-up", &[ctrl_code(KeyCode::Up), shift(KeyCode::Up)], "scroll up by a row", Action::Row(Direction::Up)),
    always(
        "row-down",
        &[ctrl_code(KeyCode::Down), shift(KeyCode::Down)],
        "scroll down by a row",
        Action::Row(Direction::Down),
    ),
    Command {
        id: "unread",
        name: Some("unread"),
        argument: Argument::None,
        keys: &[alt(KeyCode::Char('u'))],
        when: When::Always,
        help: "go to where unread begins",
        action: Action::Unread,
    },
    Command {
        id: "times",
        name: Some("times"),
        argument: Argument::None,
        keys: &[alt(KeyCode::Char('t'))],
        when: When::Always,
        help: "times by the clock, or how long ago",
        action: Action::Times,
    },
    Command {
        id: "search",
        name: Some("search"),
        argument: Argument::Optional("WORDS"),
        keys: &[ctrl('f')],
        when: When::DraftIsEmpty,
        help: "search all that was said; F3 while you write",
        action: Action::Search,
    },
    hidden("search-while-writing", When::Always, &[plain(KeyCode::F(3))], Action::Search),
    always("select", &[alt(KeyCode::Up)], "select a message, to copy, quote or open it", Action::Select(Deed::Older)),
    named("copy", Argument::None, &[alt(KeyCode::Char('y'))], "copy the last message in the window", Action::CopyLast),
    named(
        "open",
        Argument::Optional("NUMBER"),
        &[alt(KeyCode::Char('o'))],
        "open a link by its number",
        Action::OpenLink,
    ),
    always("newest", &[plain(KeyCode::End)], "go to the newest message and to the end of the line", Action::Newest),
];

const SELECTED: &[Command] = &[
    selected(
        "select-older",
        &[plain(KeyCode::Up), alt(KeyCode::Up), plain(KeyCode::Char('k'))],
        "select the message above",
        Deed::Older,
    ),
    selected(
        "select-newer",
        &[plain(KeyCode::Down), alt(KeyCode::Down), plain(KeyCode::Char('j'))],
        "select the message below",
        Deed::Newer,
    ),
    selected("copy-selected", &[plain(KeyCode::Char('y'))], "copy it as it was written", Deed::Copy),
    selected(
        "copy-code",
        &[plain(KeyCode::Char('c'))],
        "copy its last code block; again for the one before",
        Deed::CopyCode,
    ),
    selected("copy-link", &[plain(KeyCode::Char('l'))], "copy its last link; again for the one before", Deed::CopyLink),
    selected("open-selected", &[plain(KeyCode::Char('o'))], "open its link", Deed::Open),
    selected("fold", &[plain(KeyCode::Char('f'))], "show all of a long one, or fold it", Deed::Fold),
    selected("quote", &[plain(KeyCode::Enter)], "quote it in what you write", Deed::Quote),
    selected(
        "unselect",
        &[plain(KeyCode::Esc), ctrl('c'), plain(KeyCode::Char('q'))],
        "go back to writing",
        Deed::Release,
    ),
];

const ROOMS: &[Command] = &[
    Command {
        argument: Argument::Text("ROOM"),
        name: Some("join"),
        ..rooms("join", &[], "open one more room, or go there", RoomAction::Join)
    },
    Command {
        name: Some("leave"),
        ..rooms("leave", &[], "leave this room, and stay in the others", RoomAction::Leave)
    },
    Command {
        name: Some("rooms"),
        ..rooms("rooms", &[alt(KeyCode::Char('k'))], "look for a room and go there", RoomAction::Switch)
    },
    Command {
        when: When::NothingBehindCaret,
        ..rooms("rooms-at-end", &[ctrl('k')], "the same, while there is nothing behind the caret", RoomAction::Switch)
    },
    Command { help: "go to room 1; Alt+2 to Alt+9 go to the others", ..nth("room-one", &[alt(KeyCode::Char('1'))], 1) },
    nth("room-two", &[alt(KeyCode::Char('2'))], 2),
    nth("room-three", &[alt(KeyCode::Char('3'))], 3),
    nth("room-four", &[alt(KeyCode::Char('4'))], 4),
    nth("room-five", &[alt(KeyCode::Char('5'))], 5),
    nth("room-six", &[alt(KeyCode::Char('6'))], 6),
    nth("room-seven", &[alt(KeyCode::Char('7'))], 7),
    nth("room-eight", &[alt(KeyCode::Char('8'))], 8),
    nth("room-nine", &[alt(KeyCode::Char('9'))], 9),
    rooms("room-news", &[alt(KeyCode::Char('a'))], "go to the next room with something new", RoomAction::News),
    rooms("room-before", &[ctrl_code(KeyCode::PageUp)], "go to the previous room", RoomAction::Before),
    rooms("room-next", &[ctrl_code(KeyCode::PageDown)], "go to the next room", RoomAction::Next),
];

const PROGRAM: &[Command] = &[
    Command {
        id: "help",
        name: Some("help"),
        argument: Argument::Optional("WORD"),
        keys: &[plain(KeyCode::Char('?')), plain(KeyCode::F(1))],
        when: When::DraftIsEmpty,
        help: "this help; F1 while you write; ?? writes a ?",
        action: Action::Help,
    },
    hidden("help-while-writing", When::Always, &[plain(KeyCode::F(1))], Action::Help),
    Command {
        id: "retry",
        name: Some("retry"),
        argument: Argument::None,
        keys: &[ctrl('r')],
        when: When::Always,
        help: "connect now instead of waiting",
        action: Action::Retry,
    },
    always("redraw", &[ctrl('l')], "draw the screen anew", Action::Redraw),
    always("suspend", &[ctrl('z')], "back to the shell; fg returns here", Action::Suspend),
    Command {
        id: "quit",
        name: Some("quit"),
        argument: Argument::None,
        keys: &[ctrl('c'), ctrl('d')],
        when: When::DraftIsEmpty,
        help: "leave all rooms and end",
        action: Action::Quit,
    },
];

const EDITING: &[Command] = &[
    edit("left", &[plain(KeyCode::Left), ctrl('b')], "move left", Edit::Left),
    edit("right", &[plain(KeyCode::Right), ctrl('f')], "move right", Edit::Right),
    edit(
        "earlier",
        &[plain(KeyCode::Up), ctrl('p')],
        "up a row; from the first to what you sent before",
        Edit::Earlier,
    ),
    edit("later", &[plain(KeyCode::Down), ctrl('n')], "down a row; from the last back to your draft", Edit::Later),
    edit(
        "word-left",
        &[ctrl_code(KeyCode::Left), alt(KeyCode::Left), alt(KeyCode::Char('b'))],
        "move left by a word",
        Edit::WordLeft,
    ),
    edit(
        "word-right",
        &[ctrl_code(KeyCode::Right), alt(KeyCode::Right), alt(KeyCode::Char('f'))],
        "move right by a word",
        Edit::WordRight,
    ),
    edit("line-start", &[plain(KeyCode::Home), ctrl('a')], "to the beginning of the line", Edit::LineStart),
    edit("line-end", &[ctrl('e')], "to the end of the line", Edit::LineEnd),
    edit(
        "backspace",
        &[plain(KeyCode::Backspace), ctrl('h'), shift(KeyCode::Backspace)],
        "delete to the left",
        Edit::Backspace,
    ),
    edit("delete", &[plain(KeyCode::Delete), ctrl('d')], "delete to the right", Edit::Delete),
    edit("cut-word", &[ctrl('w'), alt(KeyCode::Backspace)], "cut a word", Edit::CutWord),
    edit("cut-word-right", &[alt(KeyCode::Char('d'))], "cut the next word", Edit::CutWordRight),
    edit("cut-to-line-start", &[ctrl('u')], "cut back to the beginning of the line", Edit::CutToLineStart),
    edit("cut-to-line-end", &[ctrl('k')], "cut to the end of the line", Edit::CutToLineEnd),
    edit("bring-back", &[ctrl('y')], "bring back what was cut or cleared", Edit::BringBack),
    edit("undo", &[ctrl('_'), ctrl('/')], "take back the last change", Edit::Undo),
    edit("redo", &[alt(KeyCode::Char('_'))], "make it again", Edit::Redo),
];

const fn always(id: &'static str, keys: &'static [Key], help: &'static str, action: Action) -> Command {
    Command { id, name: None, argument: Argument::None, keys, when: When::Always, help, action }
}

/// A command that has a name, which is its id.
const fn named(
    name: &'static str,
    argument: Argument,
    keys: &'static [Key],
    help: &'static str,
    action: Action,
) -> Command {
    Command { id: name, name: Some(name), argument, keys, when: When::Always, help, action }
}

const fn selected(id: &'static str, keys: &'static [Key], help: &'static str, deed: Deed) -> Command {
    Command { when: When::Selecting, ..always(id, keys, help, Action::Select(deed)) }
}

const fn rooms(id: &'static str, keys: &'static [Key], help: &'static str, action: RoomAction) -> Command {
    always(id, keys, help, Action::Rooms(action))
}

/// Its help stands at the first of them.
const fn nth(id: &'static str, keys: &'static [Key], number: usize) -> Command {
    rooms(id, keys, "", RoomAction::Nth(number))
}

const fn edit(id: &'static str, keys: &'static [Key], help: &'static str, edit: Edit) -> Command {
    always(id, keys, help, Action::Edit(edit))
}

/// A second line for an action that the help already tells of.
const fn hidden(id: &'static str, when: When, keys: &'static [Key], action: Action) -> Command {
    Command { id, name: None, argument: Argument::None, keys, when, help: "", action }
}
