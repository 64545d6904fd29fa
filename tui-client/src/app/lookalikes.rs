//! Pure. People whose names look alike: a mark before the name wherever it is shown, and a sentence when they are first met.
//!
//! The server keeps to names that can be seen (docs/protocol.md, Names), but `аlice` with a Cyrillic `а` is as good a name as
//! `alice`. Two names look alike when they have one skeleton (UTS #39 §4).

use std::sync::Arc;

use shared::names::Username;
use unicode_security::{MixedScript, RestrictionLevel, RestrictionLevelDetection, skeleton};

use crate::app::sanitize;

/// How many people are remembered: whoever is and was in the room, and a few more who only seem to have been.
const MAX_KNOWN: usize = 32;

/// Everybody who was seen in a room.
#[derive(Debug, Clone)]
pub struct Acquaintances {
    me: Known,
    /// Who was met first comes first.
    others: Vec<Known>,
}

#[derive(Debug, Clone)]
struct Known {
    user: Username,
    skeleton: String,
    /// The name as it is shown, harmless and with its mark.
    shown: Arc<str>,
}

/// What is to be known of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness<'a> {
    /// It looks like ours.
    Me,
    /// It looks like that of somebody who was here before.
    Other(&'a Username),
    /// A word of it has letters of several scripts (UTS #39 §5.2, beyond moderately restrictive).
    Mixed,
}

impl Acquaintances {
    /// We, and nobody yet.
    #[must_use]
    pub fn new(me: &Username) -> Self {
        Self { me: Known { user: me.clone(), skeleton: skeleton_of(me), shown: harmless(me) }, others: Vec::new() }
    }

    /// Sees somebody, and says what is to be said where the name is new and looks like one that is known.
    pub fn meet(&mut self, user: &Username) -> Option<String> {
        if self.known(user).is_some() {
            return None;
        }
        let skeleton = skeleton_of(user);
        let likeness = self.likeness(user, &skeleton);
        let shown = match likeness {
            None => harmless(user),
            Some(likeness) => format!("{} {}", likeness.mark(), harmless(user)).into(),
        };
        let warning = likeness.and_then(|likeness| likeness.warning(user, &self.me.user));
        if self.others.len() == MAX_KNOWN {
            self.others.remove(0);
        }
        self.others.push(Known { user: user.clone(), skeleton, shown });
        warning
    }

    /// The name of somebody as it is shown, with its mark if they were met and it has one.
    #[must_use]
    pub fn shown(&self, user: &Username) -> Arc<str> {
        self.known(user).map_or_else(|| harmless(user), |known| Arc::clone(&known.shown))
    }

    fn known(&self, user: &Username) -> Option<&Known> {
        self.others.iter().chain([&self.me]).find(|known| known.user == *user)
    }

    fn likeness(&self, user: &Username, skeleton: &str) -> Option<Likeness<'_>> {
        if self.me.skeleton == skeleton {
            return Some(Likeness::Me);
        }
        let alike = self.others.iter().find(|known| known.skeleton == skeleton);
        alike.map(|known| Likeness::Other(&known.user)).or(mixes_scripts(user.as_str()).then_some(Likeness::Mixed))
    }
}

impl Likeness<'_> {
    /// Stands before the name, for what is too long is cut at its end.
    fn mark(self) -> &'static str {
        match self {
            Self::Me => "(not you)",
            Self::Other(_) => "(another)",
            Self::Mixed => "(mixed)",
        }
    }

    fn warning(self, user: &Username, me: &Username) -> Option<String> {
        let name = harmless(user);
        match self {
            Self::Me => Some(format!("Careful: {name} is not you, the name only looks like yours{}.", apart(user, me))),
            Self::Other(other) => {
                let apart = apart(user, other);
                Some(format!("Careful: this {name} is another one than before, the names only look alike{apart}."))
            }
            // It may well be somebody's name; the mark is enough.
            Self::Mixed => None,
        }
    }
}

fn harmless(user: &Username) -> Arc<str> {
    sanitize::name(user.as_str()).into()
}

fn skeleton_of(user: &Username) -> String {
    skeleton(user.as_str()).collect()
}

/// The first letter in which two names differ.
fn apart(user: &Username, other: &Username) -> String {
    let letters = user.as_str().chars().zip(other.as_str().chars());
    let different = letters.into_iter().find(|(this, that)| this != that);
    different
        .map_or_else(String::new, |(this, that)| format!(" (U+{:04X} for U+{:04X})", u32::from(this), u32::from(that)))
}

/// Whether a word has letters of scripts that are not written together. Signs and emoji are of every script.
fn mixes_scripts(name: &str) -> bool {
    name.split([' ', '-', '_', '.', '@', ':', '/']).any(|word| {
        let letters: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
        match letters.as_str().detect_restriction_level() {
            RestrictionLevel::MinimallyRestrictive => true,
            // With letters that are not recommended for names; of one script they are as good as others.
            RestrictionLevel::Unrestricted => !letters.as_str().is_single_script(),
            RestrictionLevel::ASCIIOnly
            | RestrictionLevel::SingleScript
            | RestrictionLevel::HighlyRestrictive
            | RestrictionLevel::ModeratelyRestrictive => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Username {
        name.parse().expect(name)
    }

    /// What alice sees of these, one after the other: the name with its mark, and the last sentence.
    #[track_caller]
    fn check(met: &[&str], shown: &[&str], sentence: Option<&str>) {
        let mut acquaintances = Acquaintances::new(&user("alice"));
        let mut said = None;
        for name in met {
            said = acquaintances.meet(&user(name));
        }
        let seen: Vec<_> = met.iter().map(|name| acquaintances.shown(&user(name))).collect();
        assert_eq!(seen.iter().map(AsRef::as_ref).collect::<Vec<_>>(), shown);
        assert_eq!(said.as_deref(), sentence);
    }

    #[test]
    fn a_name_that_looks_like_ours_is_not_ours() {
        let sentence =
            |name, letters| format!("Careful: {name} is not you, the name only looks like yours ({letters}).");
        check(&["аlice"], &["(not you) аlice"], Some(&sentence("аlice", "U+0430 for U+0061")));
        check(&["a1ice"], &["(not you) a1ice"], Some(&sentence("a1ice", "U+0031 for U+006C")));
        check(&["alice"], &["alice"], None);
        check(&["Alice"], &["Alice"], None);
    }

    #[test]
    fn a_name_that_looks_like_one_that_was_here_is_another() {
        check(
            &["bob", "bоb"],
            &["bob", "(another) bоb"],
            Some("Careful: this bоb is another one than before, the names only look alike (U+043E for U+006F)."),
        );
        check(&["bob", "carol"], &["bob", "carol"], None);
        // Said once.
        check(&["bob", "bоb", "bоb"], &["bob", "(another) bоb", "(another) bоb"], None);
    }

    #[test]
    fn letters_of_several_scripts_in_a_word_are_marked_and_those_of_one_are_not() {
        check(&["dаvid"], &["(mixed) dаvid"], None);
        check(&["Ꭺnna"], &["(mixed) Ꭺnna"], None);
        for name in [
            "Ольга",
            "Ольга Smith",
            "ci-бот",
            "山田たろう",
            "山田taro",
            "김철수",
            "محمد",
            "नमस्ते",
            "José2",
            "bob👍🏽",
            "user_1@x.org",
            "ᏣᎳᎩ",
        ] {
            check(&[name], &[name], None);
        }
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut acquaintances = Acquaintances::new(&user("alice"));
        for n in 0..1_000 {
            acquaintances.meet(&user(&format!("user-{n:x}z")));
        }
        assert_eq!(acquaintances.others.len(), MAX_KNOWN);
        assert!(acquaintances.meet(&user("аlice")).is_some(), "we are not forgotten");
    }
}
