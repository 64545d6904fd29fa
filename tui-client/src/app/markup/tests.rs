//! What of a message is seen, and in which ink.

use proptest::prelude::*;

use super::*;

const TEXT: Kind = Kind { quotes: 0, form: Form::Text };
const CODE: Kind = Kind { quotes: 0, form: Form::Code };

fn quoted(quotes: u8, kind: Kind) -> Kind {
    Kind { quotes, ..kind }
}

/// The parts of what is shown, and what they are.
#[track_caller]
fn check_parts(source: &str, expected: &[(&str, Kind)]) {
    let shown = Markup::of(source);
    let parts: Vec<_> = shown.parts.iter().map(|part| (&shown.text[part.bytes.clone()], part.kind)).collect();
    assert_eq!(parts, expected, "{source:?}");
}

/// The shown text with its inks: `<b:…>` bold, `<i:…>` italics, `<s:…>` struck out, `<code:…>` and so on.
fn told(source: &str) -> String {
    let shown = Markup::of(source);
    let mut told = String::new();
    let mut at = 0;
    for Span { bytes, ink } in &shown.spans {
        told.push_str(&shown.text[at..bytes.start]);
        let mut names = String::new();
        for (is_on, name) in [(ink.bold, "b"), (ink.italic, "i"), (ink.struck, "s")] {
            names.push_str(if is_on { name } else { "" });
        }
        if ink.role != Role::Text {
            names.push_str(&format!("{:?}", ink.role).to_lowercase());
        }
        told.push_str(&format!("<{names}:{}>", &shown.text[bytes.clone()]));
        at = bytes.end;
    }
    told.push_str(&shown.text[at..]);
    told
}

#[track_caller]
fn check(source: &str, expected: &str) {
    assert_eq!(told(source), expected);
}

#[test]
fn marks_at_the_edges_of_words_are_hidden_and_weigh() {
    check("so **very** *nice*, both _ways_ ~~not~~", "so <b:very> <i:nice>, both <i:ways> <s:not>");
    check("***all***", "<bi:all>");
    check("**bold and *both***", "<b:bold and ><bi:both>");
    check("(*here*), **你好**世界", "(<i:here>), <b:你好>世界");
}

#[test]
fn what_is_no_mark_stays_as_it_is() {
    for text in [
        "2*3*4 = 24",
        "snake_case_name",
        "* one\n* two",
        "**",
        "****",
        "a ** b ** c",
        "**open",
        "open**",
        "*a\nb*",
        "_",
        "~one~",
        "# no heading",
        "1. no list",
        "    no code",
        "<b>no html</b>",
        "| no | table |",
        "\\*no\\*",
        "`open",
        "``",
        "[a](b)",
        "[x](javascript:alert(1))",
        "[](http://a.b)",
        "```",
        "```rust\n",
        "a > b",
        "~~~~",
        "***a",
        "__init__.py",
    ] {
        check(text, text);
    }
}

#[test]
fn marks_that_cross_leave_the_later_one_as_text() {
    check("*a **b* c**", "<i:a **b> c**");
    check("**a *b** c*", "<b:a *b> c*");
}

#[test]
fn code_in_a_line_keeps_its_marks_and_holds_no_others() {
    check("run `a **b** c` now", "run <code:`a **b** c`> now");
    check("``a ` b``", "<code:``a ` b``>");
    check("**`x`**", "<bcode:`x`>");
}

#[test]
fn a_fenced_block_shows_its_language_and_its_lines() {
    let source = "try\n```rust\nfn main() {} // x\n\n```\nok?";
    check(source, "try\n<note:rust>\n<keyword:fn><code: main() {} ><comment:// x>\n\nok?");
    let shown = Markup::of(source);
    let kinds: Vec<(&str, Kind)> =
        shown.parts.iter().map(|part| (&shown.text[part.bytes.clone()], part.kind)).collect();
    assert_eq!(kinds, [("try", TEXT), ("rust\nfn main() {} // x\n", CODE), ("ok?", TEXT)]);
    assert_eq!(shown.code[0].in_message(source), "fn main() {} // x\n");
    check("~~~\n**a**\n```\n~~~~", "<code:**a**>\n<code:```>");
    check("```\n```", "");
}

#[test]
fn two_blocks_have_a_row_between_them() {
    for source in ["```\na\n```\n```\nb\n```", "```\na\n```\n\n```\nb\n```"] {
        check(source, "<code:a>\n\n<code:b>");
        let kinds: Vec<Kind> = Markup::of(source).parts.iter().map(|part| part.kind).collect();
        assert_eq!(kinds, [CODE, TEXT, CODE]);
    }
}

#[test]
fn a_block_without_an_end_is_code_to_the_end_of_the_message() {
    check("so\n```rust\n**fn**\n~~~\n", "so\n<note:rust>\n<code:**><keyword:fn><code:**>\n<code:~~~>");
    assert_eq!(Markup::of("```\na\n\nb").code[0].in_message("```\na\n\nb"), "a\n\nb");
}

#[test]
fn an_image_is_a_link() {
    check("see ![img](https://example.com/x.png)!", "see <link:img><note: (example.com) [#]>!");
    check("![](https://example.com/a/x.png?b=/c)", "<link:x.png><note: (example.com) [#]>");
    check("![](https://example.com)", "<link:image><note: (example.com) [#]>");
    check("![](https://example.com/a/)", "<link:image><note: (example.com) [#]>");
    check("no! ![a](b) ![", "no! ![a](b) ![");
    assert_eq!(Markup::of("![a](http://b.cd/e)").links[0].address, "http://b.cd/e");
}

#[test]
fn a_quote_is_a_part_of_its_own_and_may_weigh() {
    let shown = Markup::of("> **so**\n>so\nno");
    check("> **so**\n>so\nno", "<b:so>\nso\nno");
    let kinds: Vec<(&str, Kind)> =
        shown.parts.iter().map(|part| (&shown.text[part.bytes.clone()], part.kind)).collect();
    assert_eq!(kinds, [("so\nso", quoted(1, TEXT)), ("no", TEXT)]);
}

#[test]
fn quotes_stand_in_quotes_as_deep_as_they_are_told_apart() {
    let expected = [("a\nb", quoted(1, TEXT)), ("c *", quoted(2, TEXT)), ("", quoted(1, TEXT)), ("d", TEXT)];
    check_parts("> a\n>b\n> > c *\n>\nd", &expected);
    check_parts(">>> a", &[("a", quoted(3, TEXT))]);
    check_parts("> >x\n>> y", &[("x\ny", quoted(2, TEXT))]);
    check_parts("> > > > > > > a", &[("> > a", quoted(MAX_QUOTES, TEXT))]);
    check("> > **a**", "<b:a>");
}

#[test]
fn a_block_in_a_quote_ends_with_it() {
    let source = "> so:\n> ```rust\n> fn\n>\n> > 1\n> ```\n> ok\nno";
    let code = quoted(1, CODE);
    check_parts(source, &[("so:", quoted(1, TEXT)), ("rust\nfn\n\n> 1", code), ("ok", quoted(1, TEXT)), ("no", TEXT)]);
    check(source, "so:\n<note:rust>\n<keyword:fn>\n\n<code:> ><number:1>\nok\nno");
    assert_eq!(Markup::of(source).code[0].in_message(source), "fn\n\n> 1");
    check_parts("> ```\n> a\nb", &[("a", code), ("b", TEXT)]);
    check_parts("> > ```\n> > a\n> b\n```", &[("a", quoted(2, CODE)), ("b", quoted(1, TEXT)), ("```", TEXT)]);
    check_parts("> ```\nb", &[("```", quoted(1, TEXT)), ("b", TEXT)]);
    check_parts("```\n> a\n```", &[("> a", CODE)]);
}

#[test]
fn bars_go_where_there_is_no_room_for_them_and_text() {
    let bars = |kind: Kind| [40, 14, 12, 4].map(|width| kind.bar(width));
    assert_eq!(bars(TEXT), ["", "", "", ""]);
    assert_eq!(bars(CODE), ["│ ", "│ ", "│ ", "│ "]);
    assert_eq!(bars(quoted(3, TEXT)), ["> > > ", "> > > ", "> > ", "> "]);
    assert_eq!(bars(quoted(3, CODE)), ["> > > │ ", "> > │ ", "> │ ", "│ "]);
}

#[test]
fn a_link_has_a_number_and_one_with_its_own_text_tells_its_host() {
    check("see https://example.org/a.", "see <link:https://example.org/a><note: [#]>.");
    check("[bank](http://evil.example/bank)", "<link:bank><note: (evil.example) [#]>");
    check(
        "(https://a.org/b_(c)) mailto:x@y.org",
        "(<link:https://a.org/b_(c)><note: [#]>) <link:mailto:x@y.org><note: [#]>",
    );
    check("**https://a.org/b**", "<blink:https://a.org/b><bnote: [#]>".replace("bnote", "note").as_str());
    check("_[a](https://b.org)_", "<ilink:a><note: (b.org) [#]>");
    check("`https://a.org` ftp://a.org x@y.org", "<code:`https://a.org`> ftp://a.org x@y.org");
    for address in ["http://localhost:8000/docs", "http://127.0.0.1:8000", "https://例え.jp/パス"] {
        assert_eq!(Markup::of(address).links.len(), 1, "{address}");
    }
    let shown = Markup::of("https://bücher.example/ä");
    let target = shown.links[0].target().unwrap();
    assert_eq!(target.host, "xn--bcher-kva.example");
    assert_eq!(target.url, "https://xn--bcher-kva.example/%C3%A4");
    assert_eq!(Markup::of("[a](http://b.cd/e)").links[0].address, "http://b.cd/e");
    assert_eq!(shown.text.as_bytes()[shown.links[0].number], b'#');
}

#[test]
fn languages_are_told_apart() {
    check(
        "```py\nx = '''a\nb''' # c\n```",
        "<note:py>\n<code:x = ><literal:'''a>\n<literal:b'''><code: ><comment:# c>",
    );
    check("```sql\nSELECT 1 -- x\n```", "<note:sql>\n<keyword:SELECT><code: ><number:1><code: ><comment:-- x>");
    check("```diff\n+a\n-b\n c\n```", "<note:diff>\n<added:+a>\n<removed:-b>\n<code: c>");
    check("```go\n\"a\\\"b\" if\n```", "<note:go>\n<literal:\"a\\\"b\"><code: ><keyword:if>");
    check("```c\n\"open\nint\n```", "<note:c>\n<literal:\"open>\n<keyword:int>");
    check("```rust\n&'a str\n```", "<note:rust>\n<code:&'a str>");
}

/// What is no mark and was not put in by us.
fn words(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric() || c.is_control() && *c != '\n').collect()
}

proptest! {
    #[test]
    fn no_word_is_lost_and_all_ranges_hold(source in r"[a1é你 \n*_~`>\\\[\]():/#]{0,40}|([*_`~>\[]|```rust\n|\n|a| |https://a\.b/c|\]\(http://d\)){0,20}") {
        let shown = Markup::of(&source);
        let mut ours = String::new();
        let mut end = 0;
        for span in &shown.spans {
            prop_assert!(span.bytes.start >= end && !span.bytes.is_empty(), "{shown:?}");
            end = span.bytes.end;
            prop_assert!(shown.text.get(span.bytes.clone()).is_some());
        }
        let mut at = 0;
        for (i, part) in shown.parts.iter().enumerate() {
            prop_assert_eq!(part.bytes.start, at + usize::from(i > 0), "{:?}", shown);
            at = part.bytes.end;
        }
        prop_assert!(shown.parts.is_empty() || at == shown.text.len());
        for code in &shown.code {
            prop_assert!(code.in_message(&source).lines().all(|line| source.contains(line)));
        }
        // Addresses of links with a text of their own are hidden, and their hosts put in.
        if !source.contains("](") {
            ours.push_str(&shown.text);
            prop_assert_eq!(words(&ours), words(&source));
        }
    }
}

#[test]
fn of_a_mail_no_more_is_opened_than_whom_it_is_for() {
    let opened = |address: &str| Link { address: address.to_owned(), number: 0 }.target().map(|target| target.url);
    let to = Some("mailto:x@y.org".to_owned());
    for end in ["", "?attach=/etc/passwd", "?subject=a&body=b&attach=%2Fetc%2Fpasswd", "?", "#a?attach=b", "??attach=b"]
    {
        assert_eq!(opened(&format!("mailto:x@y.org{end}")), to, "{end}");
    }
    for hostile in
        ["mailto:a',attachment='/etc/passwd", "mailto:x%3Fattach=b@y.org", "mailto:a%27@b.c", "mailto:?attach=b"]
    {
        assert_eq!(opened(hostile), None, "{hostile}");
    }
}
