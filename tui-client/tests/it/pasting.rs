//! Pictures: what is pasted, from a word to a megabyte.

use crossterm::event::KeyCode;
use ratatui::layout::Size;
use tui_client::app::Event;

use crate::stage::{Stage, post};

fn lines(count: usize) -> String {
    (1..=count).map(|line| format!("line {line}\r")).collect()
}

impl Stage {
    fn pastes(self, text: &str) -> Self {
        self.happens(Event::Paste(text.to_owned()))
    }
}

#[test]
fn a_short_paste_goes_into_the_draft() {
    Stage::joined(80, 12, 3).types("see ").pastes(&lines(3)).expect_text("> see line 1 line 2 line 3 ▏");
    Stage::joined(80, 12, 3).pastes(&"x".repeat(400)).expect_no_text("pasted");
}

#[test]
fn a_long_paste_is_shown_and_asked_about() {
    Stage::joined(80, 12, 3).types("and so").pastes(&lines(37)).expect_screen(
        "
 room1   alice · bob is here                                               live





 37 lines pasted · Enter: your draft + code · t: text · e edits · Esc drops
   line 1
   line 2
   line 3
 > and so▏

",
    );
    Stage::joined(80, 12, 3)
        .pastes(&"word ".repeat(100))
        .expect_row(8, " 500 characters pasted · Enter sends it as text · e edits · Esc drops");
}

#[test]
fn enter_sends_it_below_what_is_written_as_a_code_block_that_nothing_in_it_ends() {
    Stage::joined(80, 12, 3)
        .types("look: ")
        .pastes("a\n````\nb\n```\n")
        .press(KeyCode::Enter)
        .expect_requests(&[post(1, "look:\n`````\na\n````\nb\n```\n`````")])
        .expect_text("> ▏")
        .expect_no_text("pasted");
    // What is written and is no text stays.
    let command = Stage::joined(80, 12, 3).types("/re").pastes("a\nb\nc\nd").press(KeyCode::Enter);
    command.expect_requests(&[post(1, "```\na\nb\nc\nd\n```")]).expect_text("> /re▏");
    Stage::joined(80, 12, 3)
        .pastes("a\nb\nc\nd")
        .press(KeyCode::Enter)
        .expect_requests(&[post(1, "```\na\nb\nc\nd\n```")]);
}

#[test]
fn a_long_text_without_many_lines_is_sent_as_it_is() {
    let words = "word ".repeat(100);
    let asked = || Stage::joined(80, 12, 3).pastes(&words);
    asked().press(KeyCode::Enter).expect_requests(&[post(1, words.trim_end())]).expect_text("> ▏");
    let below = Stage::joined(80, 12, 3).types("look:").pastes(&words);
    let below = below.expect_text("500 characters pasted · Enter sends your draft + it · e edits · Esc drops");
    below.press(KeyCode::Enter).expect_requests(&[post(1, &format!("look:\n{}", words.trim_end()))]);
    // The room takes no blank message from here.
    let blank = Stage::joined(80, 12, 3).pastes(&" ".repeat(500)).press(KeyCode::Enter);
    blank.expect_text("Not sent: there is nothing in it but blanks.").expect_requests(&[]);
}

#[test]
fn t_turns_many_lines_into_text_and_back_and_enter_sends_them() {
    let asked = || Stage::joined(80, 12, 3).pastes("a\nb\nc\nd\n");
    let as_code = "4 lines pasted · Enter sends a code block · t as text · e edits · Esc drops";
    let as_text = "4 lines pasted · Enter sends text · t as a code block · e edits · Esc drops";
    asked().expect_text(as_code).types("t").expect_requests(&[]).expect_text(as_text).types("t").expect_text(as_code);
    let sent = asked().types("t").press(KeyCode::Enter);
    sent.expect_requests(&[post(1, "a\nb\nc\nd")]).expect_no_text("pasted");
    let below = Stage::joined(80, 12, 3).types("look:").pastes("a\nb\nc\nd").types("t").press(KeyCode::Enter);
    below.expect_requests(&[post(1, "look:\na\nb\nc\nd")]).expect_text("> ▏");
}

#[test]
fn e_puts_it_into_the_draft_and_escape_drops_it_until_it_is_brought_back() {
    let asked = || Stage::joined(80, 14, 3).types("see ").pastes("a\nb\nc\nd");
    asked().types("e").expect_text("> see a b c d▏").expect_no_text("pasted");
    let fenced = Stage::joined(80, 14, 3).types("see it").press(KeyCode::Left).press(KeyCode::Left);
    let fenced = fenced.pastes("```\na\nb\n```").types("e").sends("");
    fenced.expect_requests(&[post(1, "see \n```\na\nb\n```\nit")]);
    for dropped in [asked().press(KeyCode::Esc), asked().ctrl('c')] {
        dropped.expect_text("Dropped. Ctrl+Y brings it back. > see ▏").ctrl('y').expect_text("> see a b c d▏");
    }
}

#[test]
fn while_it_is_asked_nothing_is_typed_and_nothing_is_left() {
    let stage = Stage::joined(80, 12, 3).pastes(&lines(5)).types("x").press(KeyCode::Backspace).press(KeyCode::Tab);
    let answers = "Not an answer · Enter sends a code block · t as text · e edits · Esc drops";
    let stage = stage.expect_text(answers).expect_text("line 1").expect_text("> ▏");
    stage.pastes("more").expect_text("6 lines pasted").types("x").press(KeyCode::Enter).expect_no_text("line 1 line 2");
    let stage = Stage::joined(80, 12, 3).pastes(&lines(5)).ctrl('d');
    assert!(!stage.quits());
    // What reads does.
    Stage::joined(80, 12, 3).bob_counts_to(20).pastes(&lines(5)).press(KeyCode::PageUp).expect_no_text("message 20");
}

#[test]
fn a_paste_that_comes_in_parts_is_one() {
    Stage::joined(80, 12, 3)
        .pastes(&lines(5))
        .pastes("and the rest")
        .expect_text("6 lines pasted")
        .press(KeyCode::Enter)
        .expect_requests(&[post(1, "```\nline 1\nline 2\nline 3\nline 4\nline 5\nand the rest\n```")]);
}

#[test]
fn what_is_larger_than_the_room_takes_is_refused_and_nothing_is_lost() {
    Stage::joined(80, 12, 3)
        .types("draft")
        .pastes(&lines(200))
        .expect_text("Not pasted: the message would be 2 KiB, and the room takes at most 1 KiB.")
        .expect_text("> draft▏")
        .happens(Event::PastedTooMuch(5 * 1024 * 1024))
        .expect_text("Not pasted: the message would be 5.0 MiB, and the room takes at most 1 KiB.")
        .expect_text("> draft▏");
    // Beside a long draft there may be no room for it, and it is asked about again.
    Stage::joined(80, 12, 3)
        .types(&"d".repeat(900))
        .pastes(&lines(20))
        .types("e")
        .expect_text("Not pasted")
        .types("x")
        .expect_text("Not an answer");
    // Refused beside one that is asked about, it changes nothing.
    Stage::joined(80, 12, 3).pastes(&lines(20)).pastes(&lines(200)).types("x").expect_text("Not an answer");
}

#[test]
fn where_it_cannot_be_asked_it_goes_into_the_draft() {
    for (width, height) in [(19, 10), (30, 4), (1, 1)] {
        let stage = Stage::joined(width, height, 3).pastes("a\nb\nc\nd").press(KeyCode::Enter);
        stage.expect_requests(&[post(1, "a\nb\nc\nd")]);
    }
    let small = Stage::joined(20, 5, 3).pastes(&lines(5));
    small.expect_row(3, " Enter, t, e, Esc").happens(Event::Resized(Size::new(1, 1))).press(KeyCode::Esc);
}

#[test]
fn in_the_help_a_paste_is_looked_for() {
    let help = Stage::joined(80, 24, 3).types("?").pastes("older\nmessages");
    help.expect_text("look for: older▏").press(KeyCode::Esc).expect_text("> ▏");
}
