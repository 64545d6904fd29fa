//! Pure. For terminals, fonts and screen readers that have no more than ASCII: what we draw with is replaced by what is
//! nearest. What people write stays as it is, but for these very characters.

use ratatui::buffer::Cell;

/// What we draw with, each one column wide, and what stands in its place.
const REPLACED: [(&str, &str); 12] = [
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
    ("‹", "<"),
    ("›", ">"),
];

/// Replaces it in a row.
pub(crate) fn replace_our_own(row: &mut [Cell]) {
    for at in 0..row.len() {
        // An ellipsis is three dots where nothing stands behind it that they could touch.
        let behind = row.get(at + 1..row.len().min(at + 4)).unwrap_or_default();
        let has_room = behind.len() > 1 && behind.iter().all(|cell| cell.symbol() == " ");
        let Some(cell) = row.get_mut(at) else { continue };
        let is_ellipsis = cell.symbol() == "…";
        if let Some((_, ascii)) = REPLACED.iter().find(|(ours, _)| *ours == cell.symbol()) {
            cell.set_symbol(ascii);
        }
        if is_ellipsis && has_room {
            for cell in row.iter_mut().skip(at + 1).take(2) {
                cell.set_symbol(".");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;

    use super::*;

    #[test]
    fn an_ellipsis_is_three_dots_where_there_is_room() {
        let mut buffer = Buffer::with_lines(["ali… · bob", "asking…   ", "so│ 你…  x", "the ends… "]);
        buffer.content.chunks_mut(10).for_each(replace_our_own);
        assert_eq!(buffer, Buffer::with_lines(["ali. - bob", "asking... ", "so| 你.  x", "the ends. "]));
    }
}
