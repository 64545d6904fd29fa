//! Pure. Makes text from others harmless: nothing in it can move the cursor, reorder, hide, or overflow a cell.
//!
//! Applied to everything on arrival, and once more to the finished picture by [`sweep`]. What is taken out is shown
//! where it can be, for deleting it would let `1<ESC>0` look like `10`.

use ratatui::buffer::Cell;
use unicode_segmentation::UnicodeSegmentation;

use crate::app::characters::{self, REPLACEMENT, Treatment};

/// The most marks that may stand on one character. Vietnamese needs two, cantillated Hebrew three.
const MAX_MARKS: usize = 4;

/// The longest grapheme, in bytes. The syllables of living scripts are shorter.
const MAX_GRAPHEME_BYTES: usize = 32;

/// The longest emoji made of several, in bytes. The longest that Unicode recommends has 35.
const MAX_EMOJI_BYTES: usize = 48;

/// The longest name that is shown, in graphemes.
const MAX_NAME_GRAPHEMES: usize = 64;

/// What stands for the marks and parts that were too many.
const ELLIPSIS: char = '…';

/// What stands for a blank where one would not be seen.
const VISIBLE_BLANK: char = '␣';

/// What a mark stands on that came without a character.
const DOTTED_CIRCLE: char = '\u{25cc}';

/// What becomes of characters that take no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Invisibles {
    /// Left out.
    Dropped,
    /// Shown as U+FFFD, so that `al<U+200B>ice` is not taken for `alice`.
    Shown,
}

/// Makes the content of a message harmless. Newlines and tabs stay.
#[must_use]
pub fn body(text: &str) -> String {
    if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\t')) {
        return text.to_owned();
    }
    let mut clean = pass(text, Invisibles::Dropped);
    // Leaving something out can join what stood on both sides of it to one grapheme, too long again. Each round ends
    // with fewer characters to treat, so a few rounds settle it, and the sweep of the picture is there for the rest.
    for _ in 0..3 {
        let again = pass(&clean, Invisibles::Dropped);
        if again == clean {
            break;
        }
        clean = again;
    }
    clean
}

/// Makes a text harmless that is shown in one line: an error's detail, a sentence of the server.
#[must_use]
pub fn line(text: &str) -> String {
    body(text).replace(['\n', '\t'], " ")
}

/// Makes the name of a room or a person harmless, and shows what would hide in it: one with blanks that do not just
/// stand between words is put in quotes and shows them, so that ` bob` does not look like `bob`.
#[must_use]
pub fn name(text: &str) -> String {
    let visible: String = pass(text, Invisibles::Shown).graphemes(true).take(MAX_NAME_GRAPHEMES).collect();
    if visible.is_empty() {
        return REPLACEMENT.to_string();
    }
    let is_plain = visible.split(' ').all(|word| !word.is_empty() && !word.contains(char::is_whitespace));
    if is_plain && !visible.starts_with('"') {
        return visible;
    }
    let shown = visible.chars().map(|c| match c {
        ' ' => VISIBLE_BLANK,
        c if c.is_whitespace() => REPLACEMENT,
        c => c,
    });
    format!("\"{}\"", shown.collect::<String>())
}

/// What a typed character becomes in the composer, if anything.
///
/// Joiners, selectors and marks arrive one by one from an input method and are taken on trust; the content as a whole
/// is made harmless again before it is shown.
#[must_use]
pub fn typed(c: char) -> Option<char> {
    match characters::treatment(c) {
        Treatment::Keep | Treatment::Mark | Treatment::Joiner | Treatment::Selector => Some(c),
        Treatment::Newline => Some('\n'),
        Treatment::Blank => Some(' '),
        Treatment::Replace(_) | Treatment::Name(_) | Treatment::Invisible | Treatment::Tag => None,
    }
}

/// Goes over finished cells and replaces what is not harmless in any of them.
pub fn sweep(cells: &mut [Cell]) {
    for cell in cells {
        if !is_harmless(cell.symbol()) {
            cell.set_symbol("\u{fffd}");
        }
    }
}

/// Whether a cell may hold this.
fn is_harmless(symbol: &str) -> bool {
    if let [byte] = symbol.as_bytes() {
        return matches!(byte, b' '..=b'~');
    }
    let mut chars = symbol.chars();
    match (chars.next(), chars.next()) {
        // The bulk of what is ever shown, without a look into the tables.
        (Some('¡'..='¬' | '®'..='\u{2ff}' | '‐'..='‧' | '─'..='◿' | 'ぁ'..='ゖ' | 'ァ'..='ヺ'), None) => {
            true
        }
        (Some('一'..='鿯' | '가'..='힣'), None) => true,
        (Some(c), None) => characters::treatment(c) == Treatment::Keep,
        (None | Some(_), _) => symbol.graphemes(true).count() == 1 && body(symbol) == symbol,
    }
}

fn pass(text: &str, invisibles: Invisibles) -> String {
    let mut clean = String::with_capacity(text.len());
    for grapheme in text.graphemes(true) {
        match grapheme.as_bytes() {
            [byte @ (b' '..=b'~' | b'\n' | b'\t')] => clean.push(char::from(*byte)),
            _ if grapheme == "\r\n" => clean.push('\n'),
            _ => push_grapheme(&mut clean, grapheme, invisibles),
        }
    }
    clean
}

fn push_grapheme(clean: &mut String, grapheme: &str, invisibles: Invisibles) {
    if is_flag_of_a_region(grapheme) {
        clean.push_str(grapheme);
        return;
    }
    let is_emoji = grapheme.chars().next().is_some_and(characters::is_emoji);
    let limit = clean.len() + if is_emoji { MAX_EMOJI_BYTES } else { MAX_GRAPHEME_BYTES };
    let mut marks = 0;
    let mut before: Option<char> = None;
    let mut chars = grapheme.chars().peekable();
    while let Some(c) = chars.next() {
        if clean.len() + c.len_utf8() > limit {
            clean.push(ELLIPSIS);
            return;
        }
        match characters::treatment(c) {
            Treatment::Keep => clean.push(c),
            Treatment::Newline => clean.push('\n'),
            Treatment::Replace(visible) => clean.push(visible),
            Treatment::Name(name) => {
                clean.push('<');
                clean.push_str(name);
                clean.push('>');
            }
            Treatment::Blank if invisibles == Invisibles::Dropped => clean.push(' '),
            Treatment::Mark if marks == MAX_MARKS => {
                clean.push(ELLIPSIS);
                return;
            }
            // Unicode tables differ in age: what one calls a mark, the one that finds graphemes may not know yet.
            Treatment::Mark if before.is_none() && !joins_a_base(c) => clean.push(REPLACEMENT),
            Treatment::Mark => {
                if before.is_none() {
                    clean.push(DOTTED_CIRCLE);
                }
                clean.push(c);
                marks += 1;
            }
            Treatment::Joiner if before.is_some_and(|b| characters::joins(b, c, chars.peek().copied())) => {
                clean.push(c);
            }
            Treatment::Selector if before.is_some_and(characters::takes_a_selector) => clean.push(c),
            Treatment::Blank | Treatment::Joiner | Treatment::Selector | Treatment::Invisible | Treatment::Tag => {
                if invisibles == Invisibles::Shown {
                    clean.push(REPLACEMENT);
                }
                continue;
            }
        }
        before = Some(c);
    }
}

/// Whether a mark makes one grapheme with what stands before it.
fn joins_a_base(mark: char) -> bool {
    [DOTTED_CIRCLE, mark].iter().collect::<String>().graphemes(true).count() == 1
}

/// The flags of England, Scotland and Wales: a black flag, tags, and the tag that ends them (UTS #51 §B.1).
fn is_flag_of_a_region(grapheme: &str) -> bool {
    grapheme
        .strip_prefix('\u{1f3f4}')
        .and_then(|tags| tags.strip_suffix('\u{e007f}'))
        .is_some_and(|tags| (3..=6).contains(&tags.chars().count()) && tags.chars().all(is_flag_tag))
}

fn is_flag_tag(c: char) -> bool {
    matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mark_that_joins_nothing_is_shown_as_unknown() {
        // A mark since Unicode 17.
        assert_eq!(body("\u{10ecb}"), "\u{fffd}");
        assert_eq!(body("\u{301}"), "\u{25cc}\u{301}");
    }

    #[test]
    fn ordinary_text_in_any_script_stays_as_it_is() {
        for text in [
            "Hello, Room!",
            "two\nlines\tand a tab",
            "Grüße, naïve café, Việt Nam, e\u{301}",
            "你好，世界 こんにちは 안녕하세요",
            "שלום עולם, مرحبا بالعالم, می\u{200c}خواهم",
            "नमस्ते दुनिया, ক্ষ, க்ஷ, क्\u{200d}ष",
            "👍🏽 👩\u{200d}👩\u{200d}👧\u{200d}👦 🏳\u{fe0f}\u{200d}🌈 ❤\u{fe0f} 1\u{fe0f}\u{20e3} 🇦🇺 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "── ▏│ ├ █ → ≤ € ∑ ½ №",
        ] {
            assert_eq!(body(text), text);
        }
    }

    #[test]
    fn control_characters_are_seen_and_not_obeyed() {
        assert_eq!(body("hi\u{1b}]52;c;aGk=\u{7}"), "hi␛]52;c;aGk=␇");
        assert_eq!(body("a\u{8}b\rc\0d\u{7f}"), "a␈b␍c␀d␡");
        assert_eq!(body("\u{9b}31m \u{9d}0;x\u{9c} \u{85}"), "\u{fffd}31m \u{fffd}0;x\u{fffd} \u{fffd}");
        assert_eq!(body("1\u{1b}0"), "1␛0");
    }

    #[test]
    fn every_way_to_end_a_line_is_a_newline() {
        assert_eq!(body("a\r\nb\u{2028}c\u{2029}d\ne"), "a\nb\nc\nd\ne");
    }

    #[test]
    fn what_reorders_is_named() {
        assert_eq!(body("user\u{202e}txt.exe\u{2066}"), "user<RLO>txt.exe<LRI>");
    }

    #[test]
    fn what_takes_no_room_is_left_out_of_a_body_and_shown_in_a_name() {
        assert_eq!(body("al\u{200b}i\u{ad}c\u{feff}e\u{e0041}"), "alice");
        assert_eq!(body("a\u{34f}\u{17b4}\u{fe00}\u{180b}\u{e0100}\u{e0167}b"), "ab");
        assert_eq!(name("al\u{200b}ice"), "al\u{fffd}ice");
        assert_eq!(name("\u{3164}"), "\u{fffd}");
        assert_eq!(name("bob\u{200d}"), "bob\u{fffd}");
    }

    #[test]
    fn no_two_names_look_the_same_by_their_blanks() {
        assert_eq!(name("bob smith"), "bob smith");
        assert_eq!(name(" bob "), "\"␣bob␣\"");
        assert_eq!(name("bob  smith"), "\"bob␣␣smith\"");
        assert_eq!(name("bob\u{a0}smith"), "\"bob\u{fffd}smith\"");
        assert_eq!(name("\"␣bob␣\""), "\"\"␣bob␣\"\"");
    }

    #[test]
    fn a_flood_of_marks_is_cut() {
        let flood = format!("a{}", "\u{301}".repeat(10_000));
        assert_eq!(body(&flood), format!("a{}…", "\u{301}".repeat(4)));
        assert_eq!(body("\u{301}x"), "\u{25cc}\u{301}x");
    }

    #[test]
    fn a_grapheme_without_end_is_cut() {
        for bomb in ["👩\u{200d}".repeat(1_000), "\u{1100}".repeat(1_000), format!("क{}", "\u{903}".repeat(1_000))]
        {
            for grapheme in body(&bomb).graphemes(true) {
                assert!(grapheme.len() <= MAX_EMOJI_BYTES, "{grapheme:?}");
            }
        }
    }

    #[test]
    fn private_and_unassigned_characters_are_replaced() {
        assert_eq!(body("\u{e0b0}\u{f8ff}\u{10fffd}\u{ffff}\u{378}\u{fffc}"), "\u{fffd}".repeat(6));
    }

    #[test]
    fn an_error_is_one_line() {
        assert_eq!(line("first\nsecond\tthird\u{1b}"), "first second third␛");
    }

    #[test]
    fn a_sweep_leaves_nothing_that_came_in_another_way() {
        let mut cells = vec![Cell::EMPTY; 6];
        let flood = format!("a{}", "\u{301}".repeat(50));
        for (x, symbol) in ["\u{1b}", "\u{9b}", "\u{202e}", "ab", &flood, "é"].into_iter().enumerate() {
            cells[x].set_symbol(symbol);
        }
        sweep(&mut cells);
        let symbols: Vec<&str> = cells.iter().map(Cell::symbol).collect();
        assert_eq!(symbols, ["\u{fffd}", "\u{fffd}", "\u{fffd}", "\u{fffd}", "\u{fffd}", "é"]);
    }

    /// Any character, the dangerous ones far more often than chance would have it.
    fn hostile() -> impl Strategy<Value = String> {
        let dangerous = prop::sample::select(
            "\u{1b}\u{9b}\u{7}\r\n\u{200b}\u{200c}\u{200d}\u{fe0f}\u{301}\u{202e}\u{e0041}\u{e007f}\u{1f3f4}\u{1100}\u{1160}👩क\u{94d}\u{903}🇦a "
                .chars()
                .collect::<Vec<_>>(),
        );
        prop::collection::vec(prop_oneof![3 => dangerous, 1 => any::<char>()], 0..80)
            .prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_comes_out_is_harmless_to_the_last_character(text in hostile()) {
            for clean in [body(&text), name(&text), line(&text)] {
                for c in clean.chars() {
                    let t = characters::treatment(c);
                    prop_assert!(
                        !matches!(t, Treatment::Replace(_) | Treatment::Name(_) | Treatment::Invisible) || c == REPLACEMENT,
                        "{c:?} in {clean:?}"
                    );
                }
            }
            prop_assert!(!name(&text).contains(['\n', '\t']));
            prop_assert!(!line(&text).contains(['\n', '\t']));
        }

        #[test]
        fn a_harmless_text_stays_as_it_is(text in hostile()) {
            let once = body(&text);
            prop_assert_eq!(body(&once), once);
        }

        #[test]
        fn a_cell_of_a_harmless_text_passes_the_sweep(text in hostile()) {
            for piece in body(&text).split(['\n', '\t']).flat_map(|line| line.graphemes(true)) {
                prop_assert!(is_harmless(piece), "{piece:?}");
            }
        }
    }
}
