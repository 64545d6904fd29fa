//! What others have written, on its way to the screen: harmless, whole, and within its columns.

use tui_client::app::markup::Markup;
use tui_client::app::{sanitize, wrap};

/// The first byte says how wide the window is.
pub fn check(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(bytes);
    let width = usize::from(*first % 100) + 1;

    let body = sanitize::body(&text);
    harmless(&body, true);
    assert_eq!(sanitize::body(&body), body, "what is harmless stays as it is");
    for line in [sanitize::line(&text), sanitize::name(&text)] {
        harmless(&line, false);
    }
    assert!(!sanitize::name(&text).is_empty(), "a name is seen");

    let shown = Markup::of(&body);
    harmless(&shown.text, true);
    let mut end = 0;
    for span in &shown.spans {
        assert!(span.bytes.start >= end && shown.text.get(span.bytes.clone()).is_some(), "{span:?}");
        end = span.bytes.end;
    }
    for part in &shown.parts {
        assert!(shown.text.get(part.bytes.clone()).is_some(), "{part:?}");
    }

    let mut joined = 0;
    for row in wrap::rows(&shown.text, width) {
        let row = shown.text.get(row).expect("a row is a part of the text");
        joined += row.len();
        let visible = row.trim_end_matches([' ', '\t']);
        // One grapheme may be wider than the window.
        assert!(wrap::columns(visible) <= width.max(visible_width_of_one(visible)), "{row:?} in {width}");
    }
    assert_eq!(joined, shown.text.chars().filter(|c| *c != '\n').map(char::len_utf8).sum::<usize>());
    assert!(wrap::columns(&wrap::fitted(&sanitize::line(&text), width)) <= width);
}

/// The width of the row where it has a single grapheme that is wider than the rest.
fn visible_width_of_one(row: &str) -> usize {
    if wrap::rows_by_column(row, 1).len() == 1 { wrap::columns(row) } else { 0 }
}

/// By a list of its own: what the client thinks of characters is what is checked.
fn harmless(text: &str, is_body: bool) {
    let mut marks = 0;
    for c in text.chars() {
        let is_fine = match c {
            '\n' | '\t' => is_body,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' => false,
            '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => false,
            '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}' | '\u{e000}'..='\u{f8ff}' => false,
            '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e001f}' | '\u{e0080}'.. => false,
            c => !c.is_control() && u32::from(c) & 0xfffe != 0xfffe,
        };
        assert!(is_fine, "{c:?} in {text:?}");
        marks = if matches!(c, '\u{300}'..='\u{36f}') { marks + 1 } else { 0 };
        assert!(marks <= 4, "too many marks in {text:?}");
    }
}
