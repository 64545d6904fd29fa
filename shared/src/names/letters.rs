//! Pure. Which characters the name of a room or a person may hold, by the properties that Unicode gives them.
//!
//! What is refused is what cannot be seen, what is seen as something else, and what reorders its surroundings: two names
//! that differ should look different. Letters that look alike are not refused, for whole scripts do; clients warn of them.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;
use icu_properties::props::{
    BidiControl, DefaultIgnorableCodePoint, Emoji, EmojiModifier, ExtendedPictographic, GeneralCategory as Category,
    JoiningType, NoncharacterCodePoint, WhiteSpace,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The most marks that may stand on one letter. Vietnamese needs two, cantillated Hebrew three.
const MAX_MARKS: usize = 4;

/// The canonical combining class of a virama, which joins the letters of an Indic syllable.
const VIRAMA: u8 = 9;

/// What is wrong with a character, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Unicode category Cc.
    #[error("a control character: leave it out")]
    Control,
    /// Bidi_Control: it changes the order in which others are shown.
    #[error("which changes the order of letters: leave it out")]
    Reordering,
    /// It takes no room, or stands where it does nothing.
    #[error("which is not seen there: leave it out")]
    Invisible,
    /// It takes room and shows nothing, and is no space.
    #[error("which looks like a blank: leave it out")]
    Blank,
    /// White space that is not U+0020.
    #[error("a space of its own kind: use an ordinary one")]
    Space,
    /// A space at an end or beside another one.
    #[error("a space at an end or beside another one: leave only single ones between words")]
    LooseSpace,
    /// A combining mark at the beginning or behind a space.
    #[error("a mark with no letter to stand on: put it behind one or leave it out")]
    LooseMark,
    /// A combining mark where four stand on the letter already.
    #[error("one of more than four marks on a letter: leave some out")]
    TooManyMarks,
    /// Unicode category Co: everybody sees something else.
    #[error("a private-use character: leave it out")]
    PrivateUse,
    /// Not assigned by the version of Unicode that is built in, or never to be.
    #[error("which is no character of Unicode: leave it out")]
    Unassigned,
    /// U+FFFC and U+FFFD: something else was there and was lost.
    #[error("which stands for something that was lost: write it anew or leave it out")]
    Lost,
}

/// A character that a name may not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) c: char,
    pub(super) fault: Fault,
}

/// `text` in Normalization Form C (UAX #15), in which what looks the same by definition is the same.
pub(super) fn normal(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { ComposingNormalizerBorrowed::new_nfc().normalize(text) }
}

/// Looks at every character of a name that is normal and not empty.
///
/// # Errors
/// The first that may not be there.
pub(super) fn check(name: &str) -> Result<(), Refused> {
    // What nearly every name consists of.
    if name.bytes().all(|byte| matches!(byte, b'!'..=b'~')) {
        return Ok(());
    }
    let mut before = None;
    let mut marks = 0;
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        let after = rest.clone().next();
        let refused = |fault| Err(Refused { c, fault });
        match kind(c) {
            Kind::Seen => marks = 0,
            Kind::Space if before.is_none_or(|b| b == ' ') || after.is_none() => return refused(Fault::LooseSpace),
            Kind::Space => marks = 0,
            Kind::Mark | Kind::SpacingMark if before.is_none_or(|b| b == ' ') => return refused(Fault::LooseMark),
            Kind::Mark if marks == MAX_MARKS => return refused(Fault::TooManyMarks),
            Kind::Mark => marks += 1,
            Kind::SpacingMark => {}
            Kind::Selector if before.is_some_and(|b| selects(b, c, after)) => {}
            Kind::Joiner if before.is_some_and(|b| joins(name, rest.as_str(), b, c)) => {}
            Kind::Tag if before == Some(BLACK_FLAG) => {
                let Some(behind) = behind_a_flag(rest.as_str()) else { return refused(Fault::Invisible) };
                rest = behind.chars();
            }
            Kind::Selector | Kind::Joiner | Kind::Tag => return refused(Fault::Invisible),
            Kind::Never(fault) => return refused(fault),
        }
        before = Some(c);
    }
    Ok(())
}

/// What a character is to a name.
enum Kind {
    Seen,
    Space,
    /// It stands on the letter before it, of which only so many may (Unicode categories Mn and Me).
    Mark,
    /// It stands beside the letter before it (category Mc).
    SpacingMark,
    /// U+FE0E and U+FE0F, which tell a character to be text or emoji.
    Selector,
    /// U+200C and U+200D.
    Joiner,
    /// U+E0020 to U+E007F, with which the flags of regions are written.
    Tag,
    Never(Fault),
}

fn kind(c: char) -> Kind {
    match c {
        ' ' => Kind::Space,
        '!'..='~' => Kind::Seen,
        '\u{fe0e}' | '\u{fe0f}' => Kind::Selector,
        '\u{200c}' | '\u{200d}' => Kind::Joiner,
        '\u{e0020}'..='\u{e007f}' => Kind::Tag,
        // By category a letter, marks and symbols: Egyptian blanks, the filler of Khitan, the empty cell of Braille, a note
        // without a head.
        '\u{13441}' | '\u{13442}' | '\u{16fe4}' | '\u{2800}' | '\u{1d159}' => Kind::Never(Fault::Blank),
        // Letters by category: the fillers of Hangul syllables.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => Kind::Never(Fault::Blank),
        '\u{fffc}' | '\u{fffd}' => Kind::Never(Fault::Lost),
        _ if CodePointSetData::new::<BidiControl>().contains(c) => Kind::Never(Fault::Reordering),
        _ if CodePointSetData::new::<NoncharacterCodePoint>().contains(c) => Kind::Never(Fault::Unassigned),
        _ => by_category(c),
    }
}

fn by_category(c: char) -> Kind {
    match CodePointMapData::<Category>::new().get(c) {
        Category::Control => Kind::Never(Fault::Control),
        _ if CodePointSetData::new::<WhiteSpace>().contains(c) => Kind::Never(Fault::Space),
        _ if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) => Kind::Never(Fault::Invisible),
        Category::Format => Kind::Never(Fault::Invisible),
        Category::SpaceSeparator | Category::LineSeparator | Category::ParagraphSeparator => Kind::Never(Fault::Space),
        Category::PrivateUse => Kind::Never(Fault::PrivateUse),
        Category::Unassigned | Category::Surrogate => Kind::Never(Fault::Unassigned),
        Category::NonspacingMark | Category::EnclosingMark => Kind::Mark,
        Category::SpacingMark => Kind::SpacingMark,
        Category::UppercaseLetter
        | Category::LowercaseLetter
        | Category::TitlecaseLetter
        | Category::ModifierLetter
        | Category::OtherLetter
        | Category::DecimalNumber
        | Category::LetterNumber
        | Category::OtherNumber
        | Category::DashPunctuation
        | Category::OpenPunctuation
        | Category::ClosePunctuation
        | Category::ConnectorPunctuation
        | Category::InitialPunctuation
        | Category::FinalPunctuation
        | Category::OtherPunctuation
        | Category::MathSymbol
        | Category::CurrencySymbol
        | Category::ModifierSymbol
        | Category::OtherSymbol => Kind::Seen,
    }
}

/// Whether a selector says something there: behind a pictograph, or within the picture of a key such as `1️⃣`.
fn selects(before: char, selector: char, after: Option<char>) -> bool {
    is_pictograph(before)
        || (selector == '\u{fe0f}' && after == Some('\u{20e3}') && CodePointSetData::new::<Emoji>().contains(before))
}

/// Whether a joiner between what stands before it and `after` is part of how a script or an emoji is written: the rules A1,
/// A2 and B of UAX #31 §2.3, and the sequences of UTS #51.
fn joins(name: &str, after: &str, before: char, joiner: char) -> bool {
    let next = after.chars().next();
    let is_behind_a_virama = CanonicalCombiningClassMapBorrowed::new().get_u8(before) == VIRAMA;
    if joiner == '\u{200d}' {
        let joins_emoji = is_part_of_an_emoji(before) && next.is_some_and(is_pictograph);
        return is_behind_a_virama || joins_emoji;
    }
    let in_front = name.get(..name.len() - after.len() - joiner.len_utf8()).unwrap_or_default();
    let is_between_joined = joining(in_front.chars().rev())
        .is_some_and(|j| matches!(j, JoiningType::LeftJoining | JoiningType::DualJoining))
        && joining(after.chars()).is_some_and(|j| matches!(j, JoiningType::RightJoining | JoiningType::DualJoining));
    is_between_joined || (is_behind_a_virama && next.is_some_and(is_letter))
}

/// How the first letter joins its neighbours; marks have no say in it.
fn joining(chars: impl Iterator<Item = char>) -> Option<JoiningType> {
    let types = CodePointMapData::<JoiningType>::new();
    chars.map(|c| types.get(c)).find(|joining| *joining != JoiningType::Transparent)
}

fn is_letter(c: char) -> bool {
    let category = CodePointMapData::<Category>::new().get(c);
    matches!(category, Category::OtherLetter | Category::UppercaseLetter | Category::LowercaseLetter)
}

fn is_pictograph(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<ExtendedPictographic>().contains(c)
}

fn is_part_of_an_emoji(c: char) -> bool {
    c == '\u{fe0f}' || is_pictograph(c) || CodePointSetData::new::<EmojiModifier>().contains(c)
}

/// What the flags of England, Scotland and Wales begin with (UTS #51 §B.1).
const BLACK_FLAG: char = '\u{1f3f4}';

/// What follows on a flag of which the first tag is read.
fn behind_a_flag(rest: &str) -> Option<&str> {
    let (tags, behind) = rest.split_once('\u{e007f}')?;
    let is_region = (2..=5).contains(&tags.chars().count())
        && tags.chars().all(|c| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}'));
    is_region.then_some(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(name: &str) -> (char, Fault) {
        let Refused { c, fault } = check(&normal(name)).expect_err(name);
        (c, fault)
    }

    #[test]
    fn names_as_people_have_them_are_good_in_every_script() {
        for name in [
            "room1",
            "alice@example.com",
            "a/b:c_d-e.f",
            "Zimmer für zwei",
            "O'Brien",
            "Nguyễn Thị Ánh",
            "Ångström",
            "房间",
            "山田 太郎",
            "김철수",
            "Ольга",
            "שָׁלוֹם",
            "محمّد",
            "می\u{200c}خواهم",
            "नमस्ते",
            "ශ\u{dca}\u{200d}රී",
            "ക\u{d4d}\u{200c}ഷ",
            "ന\u{d4d}\u{200d}",
            "ទីក្រុង",
            "ภาษาไทย",
            "བསྒྲུབས",
            "👍🏽",
            "👩\u{200d}👩\u{200d}👧",
            "👩🏽\u{200d}🚀",
            "🏳\u{fe0f}\u{200d}🌈",
            "❤\u{fe0f} room",
            "1\u{fe0f}\u{20e3}",
            "🇦🇺",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} pub",
        ] {
            assert_eq!(check(&normal(name)), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_looks_the_same_by_definition_is_the_same() {
        assert_eq!(normal("e\u{301}"), "é");
        assert_eq!(normal("\u{1112}\u{1161}\u{11ab}"), "한");
        assert_eq!(normal("\u{212b}"), "Å");
        assert!(matches!(normal("é"), Cow::Borrowed("é")));
    }

    #[test]
    fn what_is_not_seen_or_seen_as_something_else_is_refused() {
        for (name, c, fault) in [
            ("a\u{1b}[31m", '\u{1b}', Fault::Control),
            ("a\tb", '\t', Fault::Control),
            ("a\u{85}b", '\u{85}', Fault::Control),
            ("a\u{9b}b", '\u{9b}', Fault::Control),
            ("user\u{202e}txt", '\u{202e}', Fault::Reordering),
            ("a\u{2066}b", '\u{2066}', Fault::Reordering),
            ("a\u{61c}", '\u{61c}', Fault::Reordering),
            ("a\u{200f}", '\u{200f}', Fault::Reordering),
            ("al\u{200b}ice", '\u{200b}', Fault::Invisible),
            ("al\u{ad}ice", '\u{ad}', Fault::Invisible),
            ("\u{feff}alice", '\u{feff}', Fault::Invisible),
            ("al\u{34f}ice", '\u{34f}', Fault::Invisible),
            ("al\u{2063}ice", '\u{2063}', Fault::Invisible),
            ("a\u{180e}b", '\u{180e}', Fault::Invisible),
            ("a\u{fff9}b", '\u{fff9}', Fault::Invisible),
            ("a\u{e0041}b", '\u{e0041}', Fault::Invisible),
            ("葛\u{e0100}", '\u{e0100}', Fault::Invisible),
            ("\u{3164}", '\u{3164}', Fault::Blank),
            ("\u{115f}", '\u{115f}', Fault::Blank),
            ("a\u{1160}", '\u{1160}', Fault::Blank),
            ("\u{ffa0}", '\u{ffa0}', Fault::Blank),
            ("\u{2800}", '\u{2800}', Fault::Blank),
            ("a\u{a0}b", '\u{a0}', Fault::Space),
            ("a\u{3000}b", '\u{3000}', Fault::Space),
            ("a\u{2028}b", '\u{2028}', Fault::Space),
            (" bob", ' ', Fault::LooseSpace),
            ("bob ", ' ', Fault::LooseSpace),
            ("bob  smith", ' ', Fault::LooseSpace),
            ("\u{301}a", '\u{301}', Fault::LooseMark),
            ("a \u{301}", '\u{301}', Fault::LooseMark),
            ("\u{903}", '\u{903}', Fault::LooseMark),
            ("a\u{e000}", '\u{e000}', Fault::PrivateUse),
            ("a\u{10fffd}", '\u{10fffd}', Fault::PrivateUse),
            ("a\u{378}", '\u{378}', Fault::Unassigned),
            ("a\u{fdd0}", '\u{fdd0}', Fault::Unassigned),
            ("a\u{1ffff}", '\u{1ffff}', Fault::Unassigned),
            ("a\u{fffd}", '\u{fffd}', Fault::Lost),
        ] {
            assert_eq!(refused(name), (c, fault), "{name:?}");
        }
    }

    #[test]
    fn joiners_selectors_and_tags_are_refused_where_they_do_nothing() {
        for (name, c) in [
            ("bob\u{200d}", '\u{200d}'),
            ("b\u{200c}ob", '\u{200c}'),
            ("\u{200d}👩", '\u{200d}'),
            ("👩\u{200d}", '\u{200d}'),
            ("👩\u{200d}a", '\u{200d}'),
            ("م\u{200c}", '\u{200c}'),
            // An alef does not join what follows it anyway.
            ("ا\u{200c}ب", '\u{200c}'),
            ("क\u{94d}\u{200c}", '\u{200c}'),
            ("a\u{fe0f}", '\u{fe0f}'),
            ("room1\u{fe0f}", '\u{fe0f}'),
            ("❤\u{fe0f}\u{fe0f}", '\u{fe0f}'),
            ("🏴\u{e0067}", '\u{e0067}'),
            ("🏴\u{e0067}\u{e0062}\u{e0041}\u{e007f}", '\u{e0067}'),
        ] {
            assert_eq!(refused(name), (c, Fault::Invisible), "{name:?}");
        }
    }

    #[test]
    fn four_marks_may_stand_on_a_letter() {
        let marked = |marks| format!("x{}y", "\u{331}".repeat(marks));
        assert_eq!(check(&normal(&marked(4))), Ok(()));
        assert_eq!(refused(&marked(5)), ('\u{331}', Fault::TooManyMarks));
    }
}
