//! Pure. A conversation as a document in Markdown (CommonMark, with tables as GitHub has them).
//!
//! Its headings are ours: a day, and who speaks when. What people wrote keeps its emphasis, its code and its quotes, and loses
//! what would give it a place in the document: headings, rules, lists, tables, HTML, links with another text than their
//! address, and pictures, which would be fetched.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use shared::frames::Gap;
use shared::message::Message;
use shared::names::RoomId;

use crate::app::markup::fence::{self, Fence};
use crate::app::sanitize;
use crate::cli::export::escaping::{escaped, line_of_text};
use crate::cli::lines::voice;

/// The longest name of a language behind a fence.
const MAX_LANGUAGE_CHARS: usize = 20;

/// How deep a quote may be.
const MAX_QUOTES: usize = 5;

pub(crate) struct Markdown {
    zone: TimeZone,
    day: Option<Date>,
    /// Who spoke last, and in which minute.
    speaker: Option<(String, DateTime)>,
}

impl Markdown {
    pub(crate) fn new(zone: TimeZone) -> Self {
        Self { zone, day: None, speaker: None }
    }

    pub(crate) fn head(room: &RoomId) -> String {
        format!("# {}\n", escaped(&sanitize::name(room.as_str())))
    }

    pub(crate) fn gap(gap: Gap, out: &mut String) {
        out.push_str(&format!("\n### Messages {} to {} are no longer kept\n", gap.from, gap.to));
    }

    pub(crate) fn message(&mut self, message: &Message, out: &mut String) {
        let at = message.sent_at.to_zoned(self.zone.clone());
        if self.day.replace(at.date()) != Some(at.date()) {
            out.push_str(&at.strftime("\n## %A %-d %B %Y\n").to_string());
            self.speaker = None;
        }
        let minute = at.datetime().with().second(0).subsec_nanosecond(0).build().unwrap_or(at.datetime());
        let speaker = Some((voice(message.sender.as_ref()), minute));
        if self.speaker != speaker
            && let Some((name, minute)) = &speaker
        {
            out.push_str(&format!("\n### {} {}\n", minute.strftime("%H:%M"), escaped(name)));
            self.speaker = speaker;
        }
        body(&sanitize::body(&message.content), out);
    }
}

/// What was said, as blocks.
fn body(text: &str, out: &mut String) {
    let mut lines = text.split('\n').peekable();
    let mut before = Block::Nothing;
    while let Some(line) = lines.next() {
        if let Some((fence, language)) = Fence::opened_by(line) {
            let code: Vec<&str> = lines.by_ref().take_while(|line| !fence.is_closed_by(line)).collect();
            code_block(line.get(language).unwrap_or_default(), &code, out);
            before = Block::Nothing;
            continue;
        }
        let (quotes, text) = quoted(line);
        let block = match (text.trim().is_empty(), quotes) {
            (true, 0) => Block::Nothing,
            (_, quotes) => Block::Text { quotes },
        };
        let is_same = block == before;
        before = block;
        if block == Block::Nothing {
            continue;
        }
        if !is_same {
            out.push('\n');
        }
        let goes_on = lines.peek().is_some_and(|next| {
            !fence::is_fence(next) && quoted(next).0 == quotes && !quoted(next).1.trim().is_empty()
        });
        let marks = "> ".repeat(quotes);
        out.push_str(&format!("{marks}{}{}\n", line_of_text(text), if goes_on { "  " } else { "" }));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Nothing,
    Text { quotes: usize },
}

/// Code as it is, between fences that nothing in it closes.
fn code_block(language: &str, code: &[&str], out: &mut String) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+-#._".contains(c);
    let language: String = language.chars().take_while(|c| is_name(*c)).take(MAX_LANGUAGE_CHARS).collect();
    out.push_str(&format!("\n{}\n", fence::around(&language, &code.join("\n"))));
}

/// How deep a line is quoted, and the rest of it.
fn quoted(mut line: &str) -> (usize, &str) {
    let mut quotes = 0;
    while quotes < MAX_QUOTES
        && let Some(rest) = line.strip_prefix('>')
    {
        quotes += 1;
        line = rest.strip_prefix(' ').unwrap_or(rest);
    }
    (quotes, line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
    use shared::message::Seq;
    use shared::names::MessageId;

    use super::*;

    fn message(at: &str, sender: Option<&str>, content: &str) -> Message {
        Message {
            seq: Seq(1),
            id: MessageId::new("key-1").unwrap(),
            sender: sender.map(|name| name.parse().unwrap()),
            content: content.to_owned(),
            sent_at: at.parse().unwrap(),
        }
    }

    fn document(messages: &[Message]) -> String {
        let mut markdown = Markdown::new(TimeZone::UTC);
        let mut out = Markdown::head(&"room_1".parse().unwrap());
        messages.iter().for_each(|message| markdown.message(message, &mut out));
        out
    }

    /// What is said, between two messages of somebody else.
    fn said(content: &str) -> String {
        let at = "2026-11-22T14:03:00Z";
        document(&[message(at, Some("bob"), content), message(at, Some("alice"), "after")])
    }

    #[track_caller]
    fn check(content: &str, expected: &str) {
        let head = "# room\\_1\n\n## Sunday 22 November 2026\n\n### 14:03 bob\n";
        assert_eq!(said(content), format!("{head}{expected}\n### 14:03 alice\n\nafter\n"));
        expect_only_ours(content);
    }

    /// However a reader takes it, the document has the headings that we gave it, and nothing that we take out.
    #[track_caller]
    fn expect_only_ours(content: &str) {
        let document = said(content);
        for options in [Options::empty(), Options::all()] {
            let (mut headings, mut heading) = (vec![], None);
            for event in Parser::new_ext(&document, options) {
                match &event {
                    Event::Start(Tag::Heading { level, .. }) => heading = Some((*level, String::new())),
                    Event::End(TagEnd::Heading(_)) => headings.extend(heading.take()),
                    Event::Text(text) => {
                        if let Some((_, words)) = &mut heading {
                            words.push_str(text);
                        }
                    }
                    Event::Start(
                        Tag::Paragraph
                        | Tag::BlockQuote(_)
                        | Tag::CodeBlock(CodeBlockKind::Fenced(_))
                        | Tag::Emphasis
                        | Tag::Strong
                        | Tag::Strikethrough
                        | Tag::Superscript
                        | Tag::Subscript,
                    )
                    | Event::End(_)
                    | Event::SoftBreak
                    | Event::HardBreak
                    | Event::Code(_)
                    | Event::InlineMath(_)
                    | Event::DisplayMath(_) => {}
                    Event::Start(_)
                    | Event::Html(_)
                    | Event::InlineHtml(_)
                    | Event::FootnoteReference(_)
                    | Event::Rule
                    | Event::TaskListMarker(_) => panic!("{event:?} in {document}"),
                }
            }
            let of = |level, words: &str| (level, words.to_owned());
            let expected = [
                of(HeadingLevel::H1, "room_1"),
                of(HeadingLevel::H2, "Sunday 22 November 2026"),
                of(HeadingLevel::H3, "14:03 bob"),
                of(HeadingLevel::H3, "14:03 alice"),
            ];
            assert_eq!(headings, expected, "{document}");
        }
    }

    #[test]
    fn who_speaks_is_said_once_a_minute_and_each_day_has_a_heading() {
        let written = document(&[
            message("2026-11-22T14:03:10Z", Some("bob"), "one"),
            message("2026-11-22T14:03:50Z", Some("bob"), "two"),
            message("2026-11-22T14:04:00Z", Some("bob"), "three"),
            message("2026-11-22T14:04:00Z", None, "green"),
            message("2026-11-23T14:04:00Z", None, "red"),
        ]);
        let lines: Vec<&str> = written.lines().filter(|line| !line.is_empty()).collect();
        let expected = [
            "# room\\_1",
            "## Sunday 22 November 2026",
            "### 14:03 bob",
            "one",
            "two",
            "### 14:04 bob",
            "three",
            "### 14:04 (outside)",
            "green",
            "## Monday 23 November 2026",
            "### 14:04 (outside)",
            "red",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn emphasis_code_quotes_and_addresses_stay() {
        check("a **b** _c_ `d*e\\f` ", "\na **b** _c_ `d*e\\f` \n");
        check("one\ntwo\n\nthree", "\none  \ntwo\n\nthree\n");
        check("> said\nanswer", "\n> said\n\nanswer\n");
        check("https://example.org/a_b?c=1&d=2#e~f", "\nhttps://example.org/a_b?c=1&d=2#e~f\n");
        check(
            "try\n```rust\nfn main() {\n    # 1\n}\n```\nthis",
            "\ntry\n\n```rust\nfn main() {\n    # 1\n}\n```\n\nthis\n",
        );
    }

    #[test]
    fn a_fence_that_is_not_closed_ends_with_its_message_and_one_inside_closes_nothing() {
        check("```\ncode", "\n```\ncode\n```\n");
        check("~~~ a`b\n```\n# x\n~~~", "\n````a\n```\n# x\n````\n");
    }

    #[test]
    fn no_message_makes_a_place_for_itself_in_the_document() {
        check("### 14:05 alice\nyes", "\n\\### 14:05 alice  \nyes\n");
        check("yes\n===", "\nyes  \n\\=\\=\\=\n");
        check("- a\n1. b", "\n\\- a  \n1\\. b\n");
        check("    deep", "\n\u{a0}\u{a0}\u{a0}\u{a0}deep\n");
        check("<img src=x> ![a](b) &lt; \\# `open", "\n\\<img src=x> !\\[a](b) \\&lt; \\\\# \\`open\n");
        for text in [
            "# a",
            " # a",
            "> # a",
            "> > ---",
            "a\n---",
            "a\n-",
            "***",
            "a | b\n--|--\nc | d",
            "| a |\n|:-|",
            "[a]: b",
            "[a](b)",
            "<b>",
            "<!-- a",
            "&#35; a",
            "+ a",
            "*\ta",
            "2) a",
            "> - a",
            "> ```\n> # a",
            "> ~~~\n# a",
            "```a`b\n# c",
            "~~~",
            "````\n```\n# a",
            "a\\",
            ">>>>>>>>>> # a",
            "\\# a",
            "`` a ` b",
            "> a\n---\nb",
            "a\n\n    # b",
            "\t# a",
            "[^1]: a",
            ":::\n# a",
            "$$\n# a\n$$",
            "- [ ] a",
            "Term\n: # a",
            "^a^ ~b~",
            "+++\na = 1\n+++",
            "---\na: b\n---",
            "> [!NOTE]\n> a",
        ] {
            expect_only_ours(text);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_becomes_more_than_text(text in "([#>~`=*_|:+!\\[\\]()<&;$^\\\\ \t\n-]|[a1.]){0,40}") {
            expect_only_ours(&text);
        }
    }
}
