//! Names: one is what it was made of, however often it is read, and however its letters are written.

use shared::names::{Email, MessageId, RoomId, Username};

pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let as_json = serde_json::to_string(&text).expect("a text is JSON");
    match RoomId::new(text.as_ref()) {
        Ok(room) => {
            good(room.as_str(), 128);
            assert_eq!(RoomId::new(room.as_str()).as_ref(), Ok(&room), "a name is a name");
            assert_eq!(serde_json::from_str::<RoomId>(&as_json).ok(), Some(room.clone()), "by whichever way it comes");
            // Whoever may be a room may be a person, but for the length.
            assert_eq!(Username::new(text.as_ref()).is_ok(), room.as_str().len() <= 64);
        }
        Err(error) => {
            assert!(serde_json::from_str::<RoomId>(&as_json).is_err());
            assert!(Username::new(text.as_ref()).is_err());
            let sentence = error.to_string();
            assert!(
                sentence.is_ascii() && !sentence.contains(|c: char| c.is_control()),
                "it repeats nothing: {sentence}"
            );
        }
    }
    if let Ok(id) = MessageId::new(text.as_ref()) {
        assert_eq!(id.as_str(), text, "only people's names are normalised");
    }
    if let Ok(email) = Email::new(text.as_ref()) {
        assert_eq!(email.as_str(), text);
    }
}

/// By a list of its own.
fn good(name: &str, max: usize) {
    assert!(!name.is_empty() && name.len() <= max);
    assert!(!name.starts_with(' ') && !name.ends_with(' ') && !name.contains("  "), "{name:?}");
    assert!(!name.starts_with(|c| matches!(c, '\u{300}'..='\u{36f}' | '\u{fe0f}' | '\u{200d}')), "{name:?}");
    for c in name.chars() {
        assert!(c == ' ' || !c.is_control() && !c.is_whitespace(), "{c:?} in {name:?}");
        let is_hidden = matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e001f}' | '\u{e0080}'..);
        assert!(!is_hidden, "{c:?} in {name:?}");
    }
}
