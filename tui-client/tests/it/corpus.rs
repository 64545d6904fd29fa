//! Texts that have done harm somewhere, or could: the files in `tests/hostile`.
//!
//! A line is a name, a colon and a text, in which `\u{9b}` stands for a character, `\e` for ESC, and `\{30:ab}` for thirty
//! times `ab`.

use std::str::Chars;

const FILES: [&str; 5] = [
    include_str!("../hostile/controls.txt"),
    include_str!("../hostile/unicode.txt"),
    include_str!("../hostile/sequences.txt"),
    include_str!("../hostile/floods.txt"),
    include_str!("../hostile/markdown.txt"),
];

/// All of them.
pub(crate) fn corpus() -> Vec<String> {
    let lines = FILES.iter().flat_map(|file| file.lines()).filter(|line| !line.starts_with('#'));
    lines.map(|line| text(line.split_once(": ").expect(line).1)).collect()
}

/// Those of a length that a person might write.
pub(crate) fn short() -> Vec<String> {
    corpus().into_iter().filter(|text| text.len() < 5_000).collect()
}

fn text(written: &str) -> String {
    text_until(None, &mut written.chars())
}

/// The text up to its end, which is none of a character within an escape.
fn text_until(end: Option<char>, chars: &mut Chars<'_>) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next().filter(|c| Some(*c) != end) {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next().expect("something is escaped") {
            'e' => text.push('\u{1b}'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'u' => {
                assert_eq!(chars.next(), Some('{'));
                let code: String = chars.by_ref().take_while(|c| *c != '}').collect();
                text.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
            }
            '{' => {
                let times: String = chars.by_ref().take_while(|c| *c != ':').collect();
                text.push_str(&text_until(Some('}'), chars).repeat(times.parse().expect(&times)));
            }
            itself => text.push(itself),
        }
    }
    text
}

#[test]
fn the_files_hold_every_control_character_and_what_they_say() {
    let corpus = corpus();
    for control in (0..=0x1f_u8).chain(0x7f..=0x9f).map(char::from) {
        assert!(corpus.contains(&format!("a{control}b")), "{control:?}");
    }
    assert!(corpus.contains(&format!("a{}", "\u{301}".repeat(10_000))));
    assert!(corpus.contains(&"\u{1b}P$qm\u{1b}\\".to_owned()));
    assert_eq!(text(r"{a}\{2:\u{9b}\{2:b}}\\"), "{a}\u{9b}bb\u{9b}bb\\");
}
