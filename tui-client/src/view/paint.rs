//! Pure. Puts text into a picture.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::wrap;
use crate::view::picture::Picture;

/// A text in one style.
pub(crate) struct Run {
    pub(crate) text: String,
    pub(crate) style: Style,
}

impl Run {
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

/// The columns of runs that follow each other.
pub(crate) fn columns(runs: &[Run]) -> usize {
    runs.iter().map(|run| wrap::columns(&run.text)).sum()
}

/// Puts runs one after the other into row `y` of `area`, from its column `x` on.
pub(crate) fn runs(picture: &mut Picture, area: Rect, x: usize, y: u16, runs: &[Run]) {
    let mut x = x;
    for run in runs {
        text(picture, area, x, y, &run.text, run.style);
        x += wrap::columns(&run.text);
    }
}

/// Puts a text without newlines into row `y` of `area`, from its column `x` on. What does not fit is left out.
pub(crate) fn text(picture: &mut Picture, area: Rect, x: usize, y: u16, text: &str, style: Style) {
    if text.contains('\t') {
        return styled(picture, area, (x, y), text, |_| style);
    }
    picture.put(area, x, y, [(text, style)]);
}

/// As [`text`], from column and row `place` on, in the style that each byte of it has at which a grapheme begins.
pub(crate) fn styled(
    picture: &mut Picture,
    area: Rect,
    (x, y): (usize, u16),
    text: &str,
    mut style_at: impl FnMut(usize) -> Style,
) {
    let mut texts: Vec<(String, Style)> = Vec::new();
    let mut at = 0;
    for piece in wrap::pieces(text) {
        let wide = piece.columns(at);
        let style = style_at(piece.start);
        if texts.last().is_none_or(|(_, before)| *before != style) {
            texts.push((String::new(), style));
        }
        if let Some((run, _)) = texts.last_mut() {
            match piece.text {
                "\t" => run.extend(std::iter::repeat_n(' ', wide)),
                grapheme => run.push_str(grapheme),
            }
        }
        at += wide;
        if x + at > usize::from(area.width) {
            break;
        }
    }
    picture.put(area, x, y, texts.iter().map(|(run, style)| (run.as_str(), *style)));
}
