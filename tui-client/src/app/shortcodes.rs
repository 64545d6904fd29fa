//! Pure. Emoji in words, for who wants nothing but ASCII drawn.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

/// The text with `:tada:` in place of each emoji that has a name, and three dots for the one character that are three.
#[must_use]
pub fn in_words(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut words = String::with_capacity(text.len());
    for grapheme in text.graphemes(true) {
        match emojis::get(grapheme) {
            _ if grapheme == "…" => words.push_str("..."),
            Some(emoji) if !grapheme.is_ascii() => {
                let named = || emoji.name().replace(": ", "_").replace(' ', "_");
                let name = emoji.shortcode().map_or_else(named, str::to_owned);
                words.extend([":", &name, ":"]);
            }
            Some(_) | None => words.push_str(grapheme),
        }
    }
    Cow::Owned(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_are_told_and_letters_stay() {
        assert_eq!(in_words("naïve 你 🎉 #1"), "naïve 你 :tada: #1");
        assert_eq!(in_words("👍🏽 ❤️…"), ":thumbs_up_medium_skin_tone: :heart:...");
    }
}
