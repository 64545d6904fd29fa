//! Pictures: Markdown in messages, with its weight and colour.

use std::time::Duration;

use proptest::prelude::*;
use tui_client::app::Event;
use tui_client::app::commands::Direction;
use tui_client::app::markup::Markup;
use tui_client::app::preferences::Glyphs;

use crate::cost::processor_time;
use crate::stage::Stage;

/// A message with everything in it.
const ALL: &str = "so **very** *nice*, `let x`\n```rust\nfn main() {\n    say(\"hi\"); // all\n}\n```\n> was it **you**?\nno: https://example.org/a and [bank](http://evil.example/b)";

#[test]
fn a_message_is_shown_as_it_is_meant() {
    Stage::joined(80, 14, 1).says(1, "14:02", "bob", ALL).expect_screen(
        "
 room1   alice · bob is here                                               live
                               Sunday 22 November
 14:02  bob      so very nice, `let x`
                 │ rust
                 │ fn main() {
                 │     say(\"hi\"); // all
                 │ }
                 > was it you?
                 no: https://example.org/a [1] and bank (evil.example) [2]



 > ▏
 Enter send · Alt+Enter new line · ? help
",
    );
}

#[test]
fn what_was_quoted_in_a_quote_has_a_bar_for_each_and_its_code_one_more() {
    let text = "> > how?\n> like this\n> ```sh\n> ls | wc -l\n> ```\nthanks";
    Stage::joined(60, 10, 1)
        .says(1, "14:02", "bob", text)
        .expect_screen(
            "
 room1   alice · bob is here                           live
                     Sunday 22 November
 14:02  bob      > > how?
                 > like this
                 > │ sh
                 > │ ls | wc -l
                 thanks

 > ▏
 Enter send · Alt+Enter new line · ? help
",
        )
        .expect_styles(
            5,
            "
                 > │ ls | wc -l
                 dddddddddddddd

",
        );
}

#[test]
fn a_link_keeps_its_number_while_it_is_in_the_window() {
    let stage = Stage::joined(60, 8, 4)
        .says(1, "14:01", "bob", "http://a.bc")
        .says(2, "14:02", "bob", "http://c.de")
        .expect_text("http://a.bc [1]")
        .expect_text("http://c.de [2]")
        .happens(Event::Drawn);
    let stage = stage
        .says(3, "14:03", "bob", "words\nand words")
        .expect_text("http://c.de [2]")
        .happens(Event::Drawn)
        .says(4, "14:04", "bob", "http://e.fg")
        .expect_no_text("http://a.bc")
        .expect_text("http://c.de [2]")
        .expect_text("http://e.fg [1]");
    let many: String = (0..11).map(|n| format!("http://a.bc/{n} ")).collect();
    stage.says(5, "14:05", "bob", &many).expect_text("[9]").expect_text("http://a.bc/10").expect_no_text("#");
}

#[test]
fn in_ascii_marks_are_drawn_with_it_and_emoji_told_in_words() {
    let mut stage = Stage::joined(60, 10, 1);
    stage.state.preferences.glyphs = Glyphs::Ascii;
    stage.says(1, "14:02", "bob", "naïve 🎉 **👍🏽**\n```\nx\n```").selects().expect_screen(
        "
 room1   alice - bob is here                           live
                     Sunday 22 November
>14:02  bob      naïve :tada: :thumbs_up_medium_skin_tone:
>                | x




 > ▏
 y copy - c code - l link - o open - Enter quote - Esc back
",
    );
}

#[test]
fn weight_and_colour_follow_the_text() {
    Stage::joined(80, 14, 1)
        .says(1, "14:02", "bob", ALL)
        .expect_styles(
            2,
            "
 14:02  bob      so very nice, `let x`
 ddddd              bbbb iiii
        mmm                    yyyyyyy
",
        )
        .expect_styles(
            4,
            "
                 │ fn main() {
                 ddbb
                   mm
",
        );
}

#[test]
fn hostile_texts_take_no_longer_than_others() {
    let size = 40_000;
    let time = |text: &str| {
        let time = || {
            let start = processor_time();
            std::hint::black_box(Markup::of(text));
            processor_time() - start
        };
        (0..3).map(|_| time()).min().unwrap_or_default()
    };
    let plain = time(&"plain words, and _one_ mark\n".repeat(size / 28)).max(Duration::from_millis(2));
    let fences: String = (3..600).rev().map(|length| "`".repeat(length) + "\n").collect();
    for text in [
        "*",
        "_",
        "~",
        "`",
        ">",
        "[",
        "](",
        "* ",
        "*a ",
        "**a*",
        "*a _b ",
        "_a*b~~c`",
        "`a``b",
        "[a](http://",
        "https://",
        "://",
        "http://a",
        "mailto:",
        "a@",
        "\\",
        "```a\n",
        "~~~\n```\n",
        "> > ",
        ">",
        "> ```\n",
        "> > ```\n> ",
        "[a](http://b)",
        "<https://a",
        "('\"a://",
    ]
    .map(|piece| piece.repeat(size / piece.len()))
    .into_iter()
    .chain([fences])
    {
        let took = time(&text);
        assert!(took < plain * 20, "{:?}… took {took:?}, plain text {plain:?}", &text[..20]);
    }
}

#[test]
fn a_message_of_the_longest_kind_is_drawn_about_as_fast_with_marks_as_without() {
    let time = |text: &str| {
        let stage = Stage::joined(120, 40, 1).says(1, "14:02", "bob", text);
        let frame = || {
            let start = processor_time();
            std::hint::black_box(stage.screen());
            processor_time() - start
        };
        (0..3).map(|_| frame()).min().unwrap_or_default()
    };
    let plain = time(&"some words that are wrapped at their spaces, ".repeat(1_450));
    let code = time(&format!("```rust\n{}\n```", "    let x = f(\"a\"); // why\n".repeat(2_200)));
    let marked = time(&"some *words* and `code` and **bold** at https://a.example/b ".repeat(1_080));
    for (what, took) in [("code", code), ("marked", marked)] {
        assert!(took < plain * 12, "{what}: {took:?}, plain {plain:?}");
    }
}

#[test]
fn weight_and_colour_are_the_same_on_the_smallest_and_on_a_large_screen() {
    Stage::joined(20, 5, 1).says(1, "14:02", "bob", "```\nlet abcdefghijklmnopq\n```").expect_screen(
        "
 room1         live
   │ let abcdefghij
   │ klmnopq

 > ▏
",
    );
    Stage::joined(20, 5, 1).says(1, "14:02", "bob", "**bold** `x`").expect_styles(
        2,
        "
   bold `x`
   bbbb
        yyy
",
    );
    Stage::joined(200, 50, 1).says(1, "14:02", "bob", "*a* ~~b~~ [c](http://d.ef)").expect_styles(
        2,
        "
 14:02  bob      a b c (d.ef) [1]
 ddddd           i x uddddddddddd
        mmm          b
",
    );
}

#[test]
fn a_block_taller_than_the_window_scrolls_by_row_with_its_bar() {
    let code: String = (1..=30).map(|n| format!("line {n}\n")).collect();
    let stage = Stage::joined(60, 8, 1).says(1, "14:02", "bob", &format!("```\n{code}```\nend"));
    let stage = stage.expect_text("│ line 30").expect_text("end").wheel(Direction::Up);
    let rows = stage.screen();
    let rows: Vec<&str> = rows.lines().skip(1).take(4).map(str::trim_start).collect();
    assert_eq!(rows, ["bob      │ line 25", "│ line 26", "│ line 27", "│ line 28"]);
}

proptest! {
    #[test]
    fn every_row_of_a_message_is_on_the_screen_and_within_it(
        text in r"([*_`~>] ?|```rs\n|(> ){1,7}|(> ){1,3}```\n|```\n|\n|word |wordwordword|你|👍🏽|\t|https://a\.bc/d |\[a\]\(http://b\.cd\)){1,25}",
        width in 4_u16..90,
    ) {
        // As high as the longest is in two columns beside its bar.
        let stage = Stage::joined(width, 300, 1).says(1, "14:02", "bob", &text);
        let shown = Markup::of(&text);
        let screen = stage.screen();
        let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).collect::<String>();
        let (seen, all) = (letters(&screen), letters(&shown.text));
        // A narrow screen breaks what is seen into rows, which letters alone do not tell.
        prop_assert!(seen.contains(&all), "{all:?} is not in\n{screen}");
    }
}
