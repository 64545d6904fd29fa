//! Pure. What people wrote, as Markdown in which only their emphasis and their code means something.

/// A line that begins nothing, whatever it begins with.
pub(super) fn line_of_text(line: &str) -> String {
    let text = line.trim_start_matches([' ', '\t']);
    let indent = line.chars().take_while(|c| matches!(c, ' ' | '\t'));
    // Spaces would make it code, or be lost.
    let mut out: String = indent.map(|c| if c == '\t' { "\u{a0}\u{a0}\u{a0}\u{a0}" } else { "\u{a0}" }).collect();
    if text.chars().all(|c| " \t-=*_+|:".contains(c)) {
        // A rule, the line below a heading or the one below a table's head.
        out.push_str(&escape(text, "-=*_+|:"));
        return out;
    }
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    out.push_str(number);
    let is_numbered = digits > 0 && rest.starts_with(['.', ')']);
    let is_listed = rest.starts_with(['-', '+', '*']) && matches!(rest.as_bytes().get(1), None | Some(b' ' | b'\t'));
    if is_numbered || is_listed || rest.starts_with(['#', '>', '~', ':']) {
        out.push('\\');
        out.push_str(rest.get(..1).unwrap_or_default());
        out.push_str(&inline(rest.get(1..).unwrap_or_default()));
    } else {
        out.push_str(&inline(rest));
    }
    out
}

/// A name or another word of which nothing means anything.
pub(super) fn escaped(text: &str) -> String {
    escape(text, "\\<>[]#&|~*_`$")
}

/// Text within a line: code stays as it is, emphasis stays, everything else that means something is escaped.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        let (before, from) = rest.split_at(at);
        out.push_str(&escaped_but_emphasis(before));
        let ticks = from.len() - from.trim_start_matches('`').len();
        let (mark, after) = from.split_at(ticks);
        match end_of_code(after, ticks) {
            Some(end) => {
                let (code, tail) = after.split_at(end);
                out.push_str(&format!("{mark}{code}{mark}"));
                rest = tail.get(ticks..).unwrap_or_default();
            }
            None => {
                out.push_str(&"\\`".repeat(ticks));
                rest = after;
            }
        }
    }
    out.push_str(&escaped_but_emphasis(rest));
    out
}

/// Where code ends that so many ticks have begun.
fn end_of_code(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text.get(at..)?.find('`') {
        let from = at + found;
        let run = text.get(from..)?;
        let length = run.len() - run.trim_start_matches('`').len();
        if length == ticks {
            return Some(from);
        }
        at = from + length;
    }
    None
}

/// What could become a link, a picture, HTML or another character. The rest stays, for addresses have much of it.
fn escaped_but_emphasis(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out = escape(parts.next().unwrap_or_default(), "\\<[$");
    for part in parts {
        let after_word = part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '#');
        out.push_str(if after_word.starts_with(';') { "\\&" } else { "&" });
        out.push_str(&escape(part, "\\<[$"));
    }
    out
}

fn escape(text: &str, special: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
