//! What keys do to a draft.

use proptest::prelude::*;

use super::*;
use crate::app::wrap;

const WIDTH: usize = 20;

/// `|` marks the caret.
fn composer(marked: &str) -> Composer {
    let caret = marked.find('|').expect("a caret");
    Composer { text: marked.replace('|', ""), caret, ..Composer::default() }
}

fn marked(composer: &Composer) -> String {
    let mut text = composer.text.clone();
    text.insert(composer.caret, '|');
    text
}

#[track_caller]
fn check(before: &str, edits: &[Edit], after: &str) {
    let mut composer = composer(before);
    for edit in edits {
        composer.edit(*edit, WIDTH);
    }
    assert_eq!(marked(&composer), after);
}

#[test]
fn the_caret_moves_by_grapheme() {
    check("a👩‍👩‍👧‍👦é|", &[Edit::Left], "a👩‍👩‍👧‍👦|é");
    check("a👩‍👩‍👧‍👦é|", &[Edit::Left, Edit::Left], "a|👩‍👩‍👧‍👦é");
    check("|👍🏽b", &[Edit::Right], "👍🏽|b");
    check("|a", &[Edit::Left], "|a");
    check("a|", &[Edit::Right], "a|");
}

#[test]
fn the_caret_moves_by_word_and_to_the_ends_of_a_line() {
    check("ship it  today|", &[Edit::WordLeft], "ship it  |today");
    check("ship it  |today", &[Edit::WordLeft], "ship |it  today");
    check("ship |it  today", &[Edit::WordRight], "ship it|  today");
    check("ship it|  today", &[Edit::WordRight], "ship it  today|");
    check("one\ntw|o\nthree", &[Edit::LineStart], "one\n|two\nthree");
    check("one\ntw|o\nthree", &[Edit::LineEnd], "one\ntwo|\nthree");
}

#[test]
fn up_and_down_keep_the_column_across_short_rows() {
    check("a long line\nno\nanother li|ne", &[Edit::Earlier], "a long line\nno|\nanother line");
    check("a long line\nno\nanother li|ne", &[Edit::Earlier, Edit::Earlier], "a long lin|e\nno\nanother line");
    check("a long l|ine\nno\nanother", &[Edit::Later, Edit::Later], "a long line\nno\nanother|");
    check("on|e", &[Edit::Earlier], "|one");
    check("on|e", &[Edit::Later], "one|");
}

#[test]
fn up_and_down_move_by_what_is_seen_not_by_lines() {
    check("twelve columns and some mo|re", &[Edit::Earlier], "twelve |columns and some more");
}

#[test]
fn what_is_cut_can_be_brought_back() {
    check("ship it today|", &[Edit::CutWord], "ship it |");
    check("ship it today|", &[Edit::CutWord, Edit::LineStart, Edit::BringBack], "today|ship it ");
    check("one\ntwo th|ree", &[Edit::CutToLineStart], "one\n|ree");
    check("on|e\ntwo", &[Edit::CutToLineEnd], "on|\ntwo");
    check("on|e\ntwo", &[Edit::CutToLineEnd, Edit::CutToLineEnd], "on|two");
    check("on|e\ntwo", &[Edit::CutToLineEnd, Edit::CutToLineEnd, Edit::BringBack], "one|two");
}

#[test]
fn backspace_and_delete_take_whole_graphemes() {
    check("a👍🏽|b", &[Edit::Backspace], "a|b");
    check("a|👍🏽b", &[Edit::Delete], "a|b");
    check("a\n|b", &[Edit::Backspace], "a|b");
}

#[test]
fn the_caret_at_the_end_of_a_full_row_stands_on_the_next_one() {
    let composer = composer("0123456789012345678 |next");
    let rows = composer.rows(WIDTH);
    assert_eq!(composer.caret(&rows, WIDTH), (1, 0));
}

#[test]
fn a_tall_draft_scrolls_only_when_the_caret_leaves_the_rows_in_view() {
    let mut composer = composer("1\n2\n3\n4\n5|");
    composer.follow_caret(WIDTH, 3);
    assert_eq!(composer.top(), 2);
    composer.edit(Edit::Earlier, WIDTH);
    composer.edit(Edit::Earlier, WIDTH);
    composer.follow_caret(WIDTH, 3);
    assert_eq!(composer.top(), 2);
    composer.edit(Edit::Earlier, WIDTH);
    composer.follow_caret(WIDTH, 3);
    assert_eq!(composer.top(), 1);
}

fn typed(text: &str) -> Composer {
    let mut composer = Composer::default();
    text.chars().for_each(|c| composer.type_char(c));
    composer
}

impl Composer {
    fn after(mut self, edits: &[Edit]) -> Self {
        edits.iter().for_each(|edit| self.edit(*edit, WIDTH));
        self
    }

    fn sends(mut self, text: &str) -> Self {
        text.chars().for_each(|c| self.type_char(c));
        self.sent();
        self
    }
}

#[test]
fn what_is_cut_in_a_row_comes_back_as_a_whole() {
    check("one two three|", &[Edit::CutWord, Edit::CutWord, Edit::BringBack], "one two three|");
    check("one| two three", &[Edit::CutWordRight, Edit::CutWordRight, Edit::BringBack], "one two three|");
    check("one two| three", &[Edit::CutWord, Edit::CutWordRight, Edit::BringBack], "one two three|");
    check("one two three|", &[Edit::CutWord, Edit::Left, Edit::CutWord, Edit::LineEnd, Edit::BringBack], "one  two|");
    check("one |two", &[Edit::CutWordRight], "one |");
}

#[test]
fn changes_are_taken_back_word_by_word_and_made_again() {
    let ship = || typed("ship it now");
    assert_eq!(marked(&ship().after(&[Edit::Undo])), "ship it |");
    assert_eq!(marked(&ship().after(&[Edit::Undo, Edit::Undo])), "ship |");
    assert_eq!(marked(&ship().after(&[Edit::Undo; 9])), "|");
    assert_eq!(marked(&ship().after(&[Edit::Undo, Edit::Undo, Edit::Redo])), "ship it |");
    assert_eq!(marked(&ship().after(&[Edit::Undo, Edit::Undo, Edit::Redo, Edit::Redo, Edit::Redo])), "ship it now|");
    assert_eq!(marked(&ship().after(&[Edit::CutWord, Edit::CutWord, Edit::Undo])), "ship it |");
    assert_eq!(marked(&ship().after(&[Edit::WordLeft, Edit::CutToLineStart, Edit::Undo])), "ship it |now");
    let deleted = [Edit::Backspace; 6];
    assert_eq!(marked(&ship().after(&deleted)), "ship |");
    assert_eq!(marked(&ship().after(&deleted).after(&[Edit::Undo])), "ship it |");
    assert_eq!(marked(&ship().after(&deleted).after(&[Edit::Undo, Edit::Undo])), "ship it now|");
    let deleted = [Edit::LineStart, Edit::Delete, Edit::Delete, Edit::Delete, Edit::Delete];
    assert_eq!(marked(&ship().after(&deleted).after(&[Edit::Undo])), "|ship it now");
}

#[test]
fn a_change_after_one_was_taken_back_is_the_last_one() {
    let mut composer = typed("ship it now").after(&[Edit::Undo]);
    composer.insert("today");
    assert_eq!(marked(&composer.clone().after(&[Edit::Redo])), "ship it today|");
    assert_eq!(marked(&composer.after(&[Edit::Undo])), "ship it |");
}

#[test]
fn what_was_cleared_can_be_taken_back_and_what_was_sent_cannot() {
    let mut composer = typed("ship it");
    composer.clear();
    assert_eq!(marked(&composer.clone().after(&[Edit::Undo])), "ship it|");
    composer.edit(Edit::Undo, WIDTH);
    composer.sent();
    assert_eq!(marked(&composer.after(&[Edit::Undo])), "|");
}

#[test]
fn what_was_sent_comes_back_and_so_does_the_draft() {
    let composer = || typed("").sends("one").sends("two\nlines").sends("three");
    assert_eq!(marked(&composer().after(&[Edit::Earlier])), "three|");
    assert_eq!(marked(&composer().after(&[Edit::Earlier, Edit::Earlier])), "two\nlines|");
    // Within a text of several rows it moves between them first.
    assert_eq!(marked(&composer().after(&[Edit::Earlier; 3])), "two|\nlines");
    assert_eq!(marked(&composer().after(&[Edit::Earlier; 4])), "one|");
    assert_eq!(marked(&composer().after(&[Edit::Earlier; 9])), "|one");
    assert_eq!(marked(&composer().after(&[Edit::Earlier, Edit::Later, Edit::Later])), "|");
    let mut drafting = composer();
    drafting.insert("a draft");
    assert_eq!(marked(&drafting.clone().after(&[Edit::Later])), "a draft|");
    assert_eq!(marked(&drafting.clone().after(&[Edit::Earlier, Edit::Earlier, Edit::Later, Edit::Later])), "a draft|");
    // What was changed on the way is there until something is sent, and then the draft comes back.
    let mut changed = drafting.after(&[Edit::Earlier]);
    changed.type_char('!');
    let changed = changed.after(&[Edit::Earlier, Edit::Later]);
    assert_eq!(marked(&changed), "three!|");
    let changed = changed.sends("");
    assert_eq!(marked(&changed), "a draft|");
    assert_eq!(marked(&changed.clone().after(&[Edit::Earlier])), "three!|");
    assert_eq!(marked(&changed.after(&[Edit::Earlier, Edit::Earlier])), "three|");
}

#[test]
fn the_same_sent_twice_is_remembered_once() {
    assert_eq!(
        marked(&typed("").sends("one").sends("two").sends("two").after(&[Edit::Earlier, Edit::Earlier])),
        "one|"
    );
}

const EDITS: [Edit; 17] = [
    Edit::Left,
    Edit::Right,
    Edit::WordLeft,
    Edit::WordRight,
    Edit::LineStart,
    Edit::LineEnd,
    Edit::Backspace,
    Edit::Delete,
    Edit::CutWord,
    Edit::CutWordRight,
    Edit::CutToLineStart,
    Edit::CutToLineEnd,
    Edit::BringBack,
    Edit::Undo,
    Edit::Redo,
    Edit::Earlier,
    Edit::Later,
];

#[test]
fn what_can_be_taken_back_holds_no_more_than_some_mebibytes() {
    const LONG: usize = 3 * 1024 * 1024;
    let mut composer = Composer::default();
    composer.insert("first");
    (0..3).for_each(|_| composer.insert(&"x".repeat(LONG)));
    assert_eq!(composer.after(&[Edit::Undo; 10]).text.len(), "first".len() + LONG);
    let mut composer = Composer::default();
    composer.insert(&"x".repeat(3 * LONG));
    assert_eq!(composer.after(&[Edit::Undo]).text, "");
}

#[test]
fn what_was_sent_leaves_no_rows() {
    let mut composer = Composer::default();
    composer.insert("two rows");
    assert_eq!(composer.rows(4).len(), 2);
    composer.sent();
    assert_eq!(composer.rows(4).len(), 1);
}

proptest! {
    #[test]
    fn no_edit_leaves_the_text_or_its_rows(
        text in "[a-c \n\t你é👍🏽\u{301}\u{200d}🇦]{0,20}",
        edits in prop::collection::vec(0_usize..EDITS.len() + 1, 0..40),
        width in 1_usize..9,
        height in 1_usize..4,
    ) {
        let mut composer = Composer::default();
        for edit in edits {
            match EDITS.get(edit) {
                Some(edit) => composer.edit(*edit, width),
                None => composer.insert(&text),
            }
            composer.follow_caret(width, height);
            let rows = composer.rows(width);
            prop_assert_eq!(&*rows, &*wrap::rows(composer.text(), width));
            let (row, column) = composer.caret(&rows, width);
            prop_assert!(column <= width);
            prop_assert!((composer.top()..composer.top() + height).contains(&row));
        }
        let end_to_end = |composer: Composer| {
            let start = composer.after(&[Edit::Undo; 80]);
            let end = start.clone().after(&[Edit::Redo; 80]);
            (start.text, end.text)
        };
        let (start, end) = end_to_end(composer.clone());
        prop_assert_eq!(&start, "");
        prop_assert_eq!(end_to_end(composer.after(&[Edit::Redo; 80])), (start, end));
    }
}
