//! Pure. For terminals, fonts and screen readers that have no more than ASCII: what we draw with is replaced by what is
//! nearest. What people write stays as it is, but for these very characters.

use ratatui::buffer::Buffer;

/// What we draw with, each one column wide, and what stands in its place.
const REPLACED: [(&str, &str); 11] = [
    ("·", "-"),
    ("…", "."),
    ("│", "|"),
    ("▌", ">"),
    ("─", "-"),
    ("—", "-"),
    ("•", "*"),
    ("↑", "^"),
    ("↓", "v"),
    ("→", ">"),
    ("›", ">"),
];

pub(crate) fn replace_our_own(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if let Some((_, ascii)) = REPLACED.iter().find(|(ours, _)| *ours == cell.symbol()) {
            cell.set_symbol(ascii);
        }
    }
}
