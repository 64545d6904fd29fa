//! Pure. Which characters may reach a terminal, and what becomes of the others.
//!
//! A whitelist: letters, numbers, punctuation and symbols that Unicode assigns stay; every other kind of character
//! is listed here with its reason.

use icu_properties::props::{DefaultIgnorableCodePoint, Emoji, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// What is to be done with a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It stays.
    Keep,
    /// It ends a line.
    Newline,
    /// Something visible takes its place.
    Replace(char),
    /// Its name in brackets takes its place, for it would reorder what is seen.
    Name(&'static str),
    /// It takes no room and is left out.
    Invisible,
    /// It takes room and shows nothing; a space takes its place.
    Blank,
    /// It stands on the character before it, of which only so many may.
    Mark,
    /// U+200C and U+200D, which stay where a script or an emoji needs them.
    Joiner,
    /// U+FE0E and U+FE0F, which stay behind an emoji.
    Selector,
    /// U+E0020 to U+E007F, which stay within a flag.
    Tag,
}

/// What stands for a character that may not be shown.
pub(crate) const REPLACEMENT: char = '\u{fffd}';

pub(crate) fn treatment(c: char) -> Treatment {
    match c {
        ' '..='~' | '\t' => Treatment::Keep,
        '\n' | '\u{2028}' | '\u{2029}' => Treatment::Newline,
        '\0'..='\u{1f}' => Treatment::Replace(control_picture(c)),
        '\u{7f}' => Treatment::Replace('\u{2421}'),
        '\u{80}'..='\u{9f}' | '\u{fffc}' => Treatment::Replace(REPLACEMENT),
        '\u{61c}' => Treatment::Name("ALM"),
        '\u{200e}' => Treatment::Name("LRM"),
        '\u{200f}' => Treatment::Name("RLM"),
        '\u{202a}' => Treatment::Name("LRE"),
        '\u{202b}' => Treatment::Name("RLE"),
        '\u{202c}' => Treatment::Name("PDF"),
        '\u{202d}' => Treatment::Name("LRO"),
        '\u{202e}' => Treatment::Name("RLO"),
        '\u{2066}' => Treatment::Name("LRI"),
        '\u{2067}' => Treatment::Name("RLI"),
        '\u{2068}' => Treatment::Name("FSI"),
        '\u{2069}' => Treatment::Name("PDI"),
        // Hangul fillers: letters by category; libraries and terminals disagree on whether they take room.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => Treatment::Blank,
        '\u{200c}' | '\u{200d}' => Treatment::Joiner,
        '\u{fe0e}' | '\u{fe0f}' => Treatment::Selector,
        '\u{e0020}'..='\u{e007f}' => Treatment::Tag,
        // Arabic signs that stand before a number or a word: of category Cf, yet visible.
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{8e2}' => Treatment::Keep,
        _ => {
            let treatment = by_category(CodePointMapData::<GeneralCategory>::new().get(c));
            // Marks by category that show nothing, such as the combining grapheme joiner and variation selectors.
            let hides =
                treatment == Treatment::Mark && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c);
            if hides { Treatment::Invisible } else { treatment }
        }
    }
}

fn by_category(category: GeneralCategory) -> Treatment {
    match category {
        GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark => Treatment::Mark,
        GeneralCategory::Format => Treatment::Invisible,
        GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator => Treatment::Newline,
        GeneralCategory::Control
        | GeneralCategory::Surrogate
        | GeneralCategory::PrivateUse
        | GeneralCategory::Unassigned => Treatment::Replace(REPLACEMENT),
        GeneralCategory::UppercaseLetter
        | GeneralCategory::LowercaseLetter
        | GeneralCategory::TitlecaseLetter
        | GeneralCategory::ModifierLetter
        | GeneralCategory::OtherLetter
        | GeneralCategory::SpacingMark
        | GeneralCategory::DecimalNumber
        | GeneralCategory::LetterNumber
        | GeneralCategory::OtherNumber
        | GeneralCategory::ConnectorPunctuation
        | GeneralCategory::DashPunctuation
        | GeneralCategory::OpenPunctuation
        | GeneralCategory::ClosePunctuation
        | GeneralCategory::InitialPunctuation
        | GeneralCategory::FinalPunctuation
        | GeneralCategory::OtherPunctuation
        | GeneralCategory::MathSymbol
        | GeneralCategory::CurrencySymbol
        | GeneralCategory::ModifierSymbol
        | GeneralCategory::OtherSymbol
        | GeneralCategory::SpaceSeparator => Treatment::Keep,
    }
}

/// The visible picture of a C0 control: U+2400 and the control's own number.
fn control_picture(c: char) -> char {
    char::from_u32(0x2400 + u32::from(c)).unwrap_or(REPLACEMENT)
}

/// Whether a joiner between these two is part of how a script or an emoji is written.
pub(crate) fn joins(before: char, joiner: char, after: Option<char>) -> bool {
    let between_emoji = joiner == '\u{200d}'
        && (is_emoji(before) || matches!(before, '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}'))
        && after.is_some_and(is_emoji);
    between_emoji || is_of_a_joining_script(before)
}

/// Whether U+FE0E or U+FE0F means something behind this.
pub(crate) fn takes_a_selector(before: char) -> bool {
    CodePointSetData::new::<Emoji>().contains(before)
}

pub(crate) fn is_emoji(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<Emoji>().contains(c)
}

/// Arabic and its kin, the scripts of India and South-East Asia.
fn is_of_a_joining_script(c: char) -> bool {
    matches!(c,
        '\u{620}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{180a}'
        | '\u{1820}'..='\u{18aa}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}
