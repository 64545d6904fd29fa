//! Pure. What is a word, a text, a number or a comment in code of the common languages.
//!
//! A table and a loop, not a grammar: a wrong guess costs a colour. Marks that nobody closed reach to the end of the
//! line, or of the block where the language says so.

use std::ops::Range;

use crate::app::markup::Role;

/// What one language is made of.
struct Language {
    /// What it is called behind a fence.
    names: &'static [&'static str],
    /// Its words, in the order of the alphabet.
    keywords: &'static [&'static str],
    /// What begins a comment that ends with the line.
    comments: &'static [&'static str],
    /// What stands around texts and comments, the longer marks first.
    pairs: &'static [Pair],
}

/// What stands around a text or a comment.
#[derive(Debug, Clone, Copy)]
struct Pair {
    open: &'static str,
    close: &'static str,
    role: Role,
    /// Whether it may hold newlines.
    is_long: bool,
}

const fn pair(open: &'static str, close: &'static str, role: Role, is_long: bool) -> Pair {
    Pair { open, close, role, is_long }
}

const DOUBLE: Pair = pair("\"", "\"", Role::Literal, false);
const SINGLE: Pair = pair("'", "'", Role::Literal, false);
const BACKTICK: Pair = pair("`", "`", Role::Literal, true);
const C_COMMENT: Pair = pair("/*", "*/", Role::Comment, true);
const C_LIKE: &[Pair] = &[C_COMMENT, DOUBLE, SINGLE];

#[rustfmt::skip]
const LANGUAGES: &[Language] = &[
    Language {
        names: &["rust", "rs"],
        keywords: &["Err", "None", "Ok", "Self", "Some", "as", "async", "await", "break", "const", "continue", "crate", "dyn",
            "else", "enum", "extern", "false", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut",
            "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while"],
        comments: &["//"],
        // An apostrophe is a lifetime more often than a character.
        pairs: &[C_COMMENT, pair("r#\"", "\"#", Role::Literal, true), pair("\"", "\"", Role::Literal, true)],
    },
    Language {
        names: &["python", "py"],
        keywords: &["False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
            "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
            "not", "or", "pass", "raise", "return", "self", "try", "while", "with", "yield"],
        comments: &["#"],
        pairs: &[pair("\"\"\"", "\"\"\"", Role::Literal, true), pair("'''", "'''", Role::Literal, true), DOUBLE, SINGLE],
    },
    Language {
        names: &["javascript", "js", "jsx", "typescript", "ts", "tsx"],
        keywords: &["abstract", "as", "async", "await", "break", "case", "catch", "class", "const", "continue", "default",
            "delete", "do", "else", "enum", "export", "extends", "false", "finally", "for", "from", "function", "if",
            "implements", "import", "in", "instanceof", "interface", "let", "new", "null", "of", "private", "public", "readonly",
            "return", "static", "super", "switch", "this", "throw", "true", "try", "type", "typeof", "undefined", "var", "void",
            "while", "yield"],
        comments: &["//"],
        pairs: &[C_COMMENT, DOUBLE, SINGLE, BACKTICK],
    },
    Language {
        names: &["go", "golang"],
        keywords: &["break", "case", "chan", "const", "continue", "default", "defer", "else", "fallthrough", "false", "for",
            "func", "go", "goto", "if", "import", "interface", "map", "nil", "package", "range", "return", "select", "struct",
            "switch", "true", "type", "var"],
        comments: &["//"],
        pairs: &[C_COMMENT, DOUBLE, SINGLE, BACKTICK],
    },
    Language {
        names: &["c", "h", "cpp", "c++", "cc", "hpp", "java", "cs", "csharp", "kotlin", "kt"],
        keywords: &["auto", "bool", "boolean", "break", "case", "catch", "char", "class", "const", "constexpr", "continue",
            "default", "delete", "do", "double", "else", "enum", "extends", "extern", "false", "final", "float", "for", "fun",
            "goto", "if", "implements", "import", "include", "inline", "int", "interface", "long", "namespace", "new", "null",
            "nullptr", "override", "package", "private", "protected", "public", "return", "short", "signed", "sizeof", "static",
            "string", "struct", "super", "switch", "template", "this", "throw", "true", "try", "typedef", "union", "unsigned",
            "using", "val", "var", "virtual", "void", "volatile", "while"],
        comments: &["//"],
        pairs: C_LIKE,
    },
    Language {
        names: &["sh", "bash", "shell", "zsh", "console"],
        keywords: &["case", "cd", "do", "done", "echo", "elif", "else", "esac", "eval", "exec", "exit", "export", "fi", "for",
            "function", "if", "in", "local", "return", "set", "shift", "source", "then", "trap", "unset", "until", "while"],
        comments: &["#"],
        pairs: &[pair("\"", "\"", Role::Literal, true), pair("'", "'", Role::Literal, true)],
    },
    Language { names: &["json", "jsonc", "json5"], keywords: &["false", "null", "true"], comments: &["//"], pairs: &[DOUBLE] },
    Language {
        names: &["toml", "yaml", "yml", "ini"],
        keywords: &["false", "no", "null", "off", "on", "true", "yes"],
        comments: &["#"],
        pairs: &[pair("\"\"\"", "\"\"\"", Role::Literal, true), DOUBLE, SINGLE],
    },
    Language {
        names: &["sql"],
        keywords: &["add", "all", "alter", "and", "as", "asc", "begin", "between", "by", "case", "commit", "create", "default",
            "delete", "desc", "distinct", "drop", "else", "end", "exists", "foreign", "from", "group", "having", "if", "in",
            "index", "inner", "insert", "into", "is", "join", "key", "left", "like", "limit", "not", "null", "on", "or", "order",
            "outer", "primary", "references", "returning", "rollback", "select", "set", "table", "then", "union", "unique",
            "update", "values", "view", "when", "where", "with"],
        comments: &["--"],
        pairs: C_LIKE,
    },
];

/// Goes through the lines of one block.
pub(super) struct Lexer {
    language: Option<&'static Language>,
    is_diff: bool,
    /// The pair that the line before has left open.
    inside: Option<Pair>,
}

impl Lexer {
    /// For a block with `info` behind its fence.
    pub(super) fn of(info: &str) -> Self {
        let name = info.split([' ', ',', '{']).next().unwrap_or_default().to_ascii_lowercase();
        let language = LANGUAGES.iter().find(|language| language.names.contains(&name.as_str()));
        Self { language, is_diff: matches!(name.as_str(), "diff" | "patch"), inside: None }
    }

    /// Hands on what stands where in the next line, all of it and in order.
    pub(super) fn line(&mut self, line: &str, mut found: impl FnMut(Range<usize>, Role)) {
        if self.is_diff {
            let role = match line.as_bytes() {
                [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] | [b'@', ..] => Role::Comment,
                [b'+', ..] => Role::Added,
                [b'-', ..] => Role::Removed,
                _ => Role::Code,
            };
            return found(0..line.len(), role);
        }
        let Some(language) = self.language else { return found(0..line.len(), Role::Code) };
        let mut at = 0;
        while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
            let (length, role) = self.next(language, rest);
            found(at..at + length, role);
            at += length;
        }
        self.inside.take_if(|pair| !pair.is_long);
    }

    /// How much of `rest` belongs together, and what it is.
    fn next(&mut self, language: &Language, rest: &str) -> (usize, Role) {
        if let Some(pair) = self.inside {
            return self.until_end(pair, rest, 0);
        }
        let blank = rest.bytes().take_while(|byte| *byte == b' ').count();
        if blank > 0 {
            return (blank, Role::Code);
        }
        // Most of it begins nothing, and one byte tells.
        let begins = |mark: &str| rest.as_bytes().first() == mark.as_bytes().first() && rest.starts_with(mark);
        if language.comments.iter().any(|mark| begins(mark)) {
            return (rest.len(), Role::Comment);
        }
        if let Some(pair) = language.pairs.iter().find(|pair| begins(pair.open)) {
            return self.until_end(*pair, rest, pair.open.len());
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii() && c.is_alphanumeric();
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        match rest.get(..word) {
            Some(text) if text.starts_with(|c: char| c.is_ascii_digit()) => (word, Role::Number),
            Some(text) if language.has_keyword(text) => (word, Role::Keyword),
            Some(text) if !text.is_empty() => (word, Role::Code),
            _ => (rest.chars().next().map_or(rest.len(), char::len_utf8), Role::Code),
        }
    }

    /// To the end of a pair, which is looked for from `from` on.
    fn until_end(&mut self, pair: Pair, rest: &str, from: usize) -> (usize, Role) {
        let mut at = from;
        while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
            if tail.starts_with(pair.close) {
                self.inside = None;
                return (at + pair.close.len(), pair.role);
            }
            let mut chars = tail.chars();
            let is_escape = chars.next() == Some('\\') && pair.role == Role::Literal;
            at = if is_escape { rest.len() - chars.as_str().len() } else { at };
            at += rest.get(at..).and_then(|tail| tail.chars().next()).map_or(0, char::len_utf8);
        }
        self.inside = Some(pair);
        (rest.len(), pair.role)
    }
}

impl Language {
    fn has_keyword(&self, word: &str) -> bool {
        let is_sql = self.names == ["sql"];
        let word = if is_sql { word.to_ascii_lowercase() } else { word.to_owned() };
        self.keywords.binary_search(&word.as_str()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_order_for_they_are_looked_up_by_halves() {
        for language in LANGUAGES {
            assert!(language.keywords.is_sorted(), "{:?}", language.names);
        }
    }
}
