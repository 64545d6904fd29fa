//! Pure. The conversation. Only what is in the window is laid out, whatever the length of the log.

use std::collections::VecDeque;

use jiff::civil::Date;
use ratatui::layout::Rect;

use crate::app::layout::{self, Columns, Shape};
use crate::app::markup::Ink;
use crate::app::outline::Outline;
use crate::app::people::Peer;
use crate::app::rows::{self, Block, Body, Message, Row};
use crate::app::{State, seats, times, wrap};
use crate::view::kept::{Kept, KeptMessage};
use crate::view::paint;
use crate::view::picture::{Line, Picture};
use crate::view::theme::Theme;

pub(crate) fn paint(state: &State, theme: Theme, area: Rect, picture: &mut Picture) {
    if state.is_empty_room() {
        return beginning(state, theme, area, picture);
    }
    if state.never_got_through() {
        let lines = [
            &format!("No server was reached at {}.", state.server),
            "",
            "Start one there with duet-server, or name another one with --server URL.",
        ];
        return paragraph(&lines, state, theme, area, picture);
    }
    if let Some([full, next]) = seats::sentences(state).filter(|_| state.log.is_empty()) {
        return paragraph(&[&full, "", &next], state, theme, area, picture);
    }
    let mut kept = std::mem::take(picture.kept());
    let columns = layout::columns(state);
    kept.fit(state, columns, theme);
    let window = usize::from(area.height);
    let foot = state.foot();
    let mut pieces = pieces_in_window(state, &columns, window + foot.hidden, &mut kept);
    let hints = state.hints.over(pieces.iter().filter_map(Piece::block));
    let rows_there_are: usize = pieces.iter().map(Piece::height).sum::<usize>().saturating_sub(foot.hidden);
    let mut above = rows_there_are.saturating_sub(window);
    let mut canvas = Canvas { state, theme, area, columns, picture, y: 0 };
    for piece in &mut pieces {
        match piece {
            Piece::Kept(message) => canvas.lines(message.lines()),
            Piece::New(new) => {
                let (Outline { text, facts }, block) = &mut **new;
                hints.write(block);
                let top = canvas.y;
                (above..block.height()).for_each(|row| canvas.block_row(block, row));
                // The row at the top of the window may tell more than it would elsewhere.
                if top > 0
                    && let Some(message) = KeptMessage::of(facts, text, block, canvas.lines_from(top))
                {
                    *piece = Piece::Kept(message);
                }
            }
        }
        above = 0;
    }
    kept.replace(pieces.into_iter().rev().filter_map(Piece::kept));
    *picture.kept() = kept;
}

/// An entry in the window.
enum Piece<'a> {
    /// It stands as it stood in the frame before.
    Kept(KeptMessage),
    /// It is to be painted.
    New(Box<(Outline<'a>, Block<'a>)>),
}

impl<'a> Piece<'a> {
    fn new(outline: Outline<'a>, state: &State, columns: &Columns) -> Self {
        let block = rows::laid_out(outline.clone(), state, columns);
        Self::New(Box::new((outline, block)))
    }

    fn height(&self) -> usize {
        match self {
            Self::Kept(message) => message.lines().len(),
            Self::New(new) => new.1.height(),
        }
    }

    fn block(&self) -> Option<&Block<'a>> {
        match self {
            Self::Kept(_) => None,
            Self::New(new) => Some(&new.1),
        }
    }

    fn kept(self) -> Option<KeptMessage> {
        match self {
            Self::Kept(message) => Some(message),
            Self::New(_) => None,
        }
    }
}

/// What is in a window of so many rows at least in part, the oldest first.
fn pieces_in_window<'a>(state: &'a State, columns: &Columns, window: usize, kept: &mut Kept) -> VecDeque<Piece<'a>> {
    let mut pieces = VecDeque::with_capacity(window + 1);
    let mut missing = window;
    let mut top = None;
    for outline in state.log.up_from(state.foot().slot).map_while(|slot| Outline::of(state, slot)) {
        if missing == 0 {
            break;
        }
        top = Some(outline.facts.slot);
        let piece = kept.take(&outline).map_or_else(|| Piece::new(outline, state, columns), Piece::Kept);
        missing = missing.saturating_sub(piece.height());
        pieces.push_front(piece);
    }
    if let Some(first @ Piece::Kept(_)) = pieces.front_mut()
        && let Some(outline) = top.and_then(|slot| Outline::of(state, slot))
    {
        *first = Piece::new(outline, state, columns);
    }
    pieces
}

/// Where the next row goes. Rows below the area are left out.
struct Canvas<'a> {
    state: &'a State,
    theme: Theme,
    area: Rect,
    columns: Columns,
    picture: &'a mut Picture,
    y: u16,
}

impl Canvas<'_> {
    /// Paints rows as they stood before.
    fn lines(&mut self, lines: &[Line]) {
        for line in lines.iter().take(usize::from(self.area.height - self.y)) {
            self.picture.set_line(self.area.y + self.y, line);
            self.y += 1;
        }
    }

    /// The rows that were painted from row `top` on.
    fn lines_from(&mut self, top: u16) -> &[Line] {
        let rows = usize::from(self.area.y + top)..usize::from(self.area.y + self.y);
        self.picture.lines().get(rows).unwrap_or_default()
    }

    /// Paints row `row` of a block.
    fn block_row(&mut self, block: &Block<'_>, row: usize) {
        if self.y >= self.area.height {
            return;
        }
        if self.state.selected() == Some(block.slot) && row >= block.rows_above() {
            self.text(0, "▌", self.theme.strong());
        }
        let is_found = self.state.found() == Some(block.slot);
        if is_found && row == block.rows_above() {
            self.text(0, ">", self.theme.strong());
        }
        match (block.day, &block.news, &block.body) {
            (Some(day), _, _) if row == 0 => self.centred(&self.day(day), self.theme.quiet()),
            (_, Some(news), _) if row + 1 == block.rows_above() => self.news(news),
            (_, _, Body::Line(line)) => self.centred(line, self.theme.quiet()),
            (_, _, Body::Message(message)) => self.message_row(message, row - block.rows_above()),
        }
        self.y += 1;
    }

    fn message_row(&mut self, message: &Message<'_>, row: usize) {
        if message.name_above && row == 0 {
            return self.name(1, message);
        }
        let row = row - usize::from(message.name_above);
        let Some(text_row) = message.rows.get(row) else {
            let row = row - message.rows.len();
            return match &message.more {
                Some(more) if row == 0 => self.text(self.columns.text, more, self.theme.quiet()),
                more => {
                    let reason = message.reason.get(row - usize::from(more.is_some()));
                    self.text(self.columns.text, reason.map(String::as_str).unwrap_or_default(), self.theme.urgent());
                }
            };
        };
        if self.columns.shape == Shape::Wide {
            if row == 0 {
                let time = times::of_message(self.state, &message.post);
                self.text(1, &time, self.theme.quiet());
            }
            // The row at the top of the window tells the name even where the run began above it.
            if (row == 0 && message.post.opens_run) || self.y == 0 {
                self.name(" 14:02  ".len(), message);
            }
        }
        let end = self.text_row(message, text_row);
        if let Some(mark) = message.post.mark.filter(|_| row + 1 == message.rows.len()) {
            self.mark(mark, end);
        }
    }

    /// Paints the bar and the text of a row, and says at which column that ends.
    fn text_row(&mut self, message: &Message<'_>, Row { bytes, kind, bar }: &Row) -> usize {
        self.text(self.columns.text, bar, self.theme.quiet());
        let x = self.columns.text + bar.chars().count();
        let text = message.shown.text.get(bytes.clone()).unwrap_or_default().trim_end_matches([' ', '\t']);
        let spans = &message.shown.spans;
        if spans.is_empty() && message.marked.is_empty() {
            // Most text is plain: no need to ask at every character.
            self.text(x, text, self.theme.ink(*kind, Ink::default()));
            return x + wrap::columns(text);
        }
        let first = spans.partition_point(|span| span.bytes.end <= bytes.start);
        let mut spans = spans.get(first..).unwrap_or_default().iter().peekable();
        let mut marked = message.marked.iter().skip_while(|marked| marked.end <= bytes.start).peekable();
        let theme = self.theme;
        let style_at = |at: usize| {
            let at = bytes.start + at;
            while spans.next_if(|span| span.bytes.end <= at).is_some() {}
            while marked.next_if(|marked| marked.end <= at).is_some() {}
            let ink = spans.peek().filter(|span| span.bytes.start <= at).map(|span| span.ink).unwrap_or_default();
            let style = theme.ink(*kind, ink);
            if marked.peek().is_some_and(|marked| marked.start <= at) { style.patch(theme.found()) } else { style }
        };
        paint::styled(self.picture, self.area, (x, self.y), text, style_at);
        x + wrap::columns(text)
    }

    fn name(&mut self, x: usize, message: &Message<'_>) {
        let name = wrap::fitted(&rows::name(&message.post.voice, &self.state.me), self.columns.name);
        self.text(x, &name, self.theme.name(&message.post.voice));
    }

    /// Puts a word at the right end of the row, if it does not touch the text that ends at column `end`.
    fn mark(&mut self, mark: &str, end: usize) {
        let x = usize::from(self.area.width).saturating_sub(mark.len() + 1);
        if x >= end + 2 {
            self.text(x, mark, self.theme.quiet());
        }
    }

    fn news(&mut self, words: &str) {
        let line = format!("── {words} ──");
        let fits = wrap::columns(&line) <= usize::from(self.area.width);
        self.centred(if fits { &line } else { words }, self.theme.strong());
    }

    fn centred(&mut self, line: &str, style: ratatui::style::Style) {
        let x = usize::from(self.area.width).saturating_sub(wrap::columns(line)) / 2;
        self.text(x, line, style);
    }

    fn text(&mut self, x: usize, text: &str, style: ratatui::style::Style) {
        paint::text(self.picture, self.area, x, self.y, text, style);
    }

    fn day(&self, day: Date) -> String {
        let this_year = self.state.now.to_zoned(self.state.zone.clone()).year();
        let format = if day.year() == this_year { "%A %-d %B" } else { "%A %-d %B %Y" };
        day.strftime(format).to_string()
    }
}

/// What an empty room says.
fn beginning(state: &State, theme: Theme, area: Rect, picture: &mut Picture) {
    if state.peer.as_ref().is_some_and(Peer::is_connected) {
        return paragraph(&["Nobody has written here yet. Write something below."], state, theme, area, picture);
    }
    let lines = [
        "Nobody has written here yet. Write something below, or ask somebody in:",
        "",
        &state.invitation,
        "",
        "A room holds two people, and any program that posts to it.",
    ];
    paragraph(&lines, state, theme, area, picture);
}

/// Sentences where messages will be. Where there is no room to set them apart they stand close.
fn paragraph(lines: &[&str], state: &State, theme: Theme, area: Rect, picture: &mut Picture) {
    let width = usize::from(area.width).saturating_sub(2).max(1);
    let rows: Vec<_> = lines.iter().map(|line| (line, wrap::rows(line, width))).collect();
    let is_airy = rows.iter().map(|(_, rows)| rows.len()).sum::<usize>() < usize::from(area.height);
    let mut y = u16::from(is_airy);
    for (line, rows) in rows.into_iter().filter(|(line, _)| is_airy || !line.is_empty()) {
        let style = if **line == *state.invitation { theme.strong() } else { theme.quiet() };
        for row in rows {
            paint::text(picture, area, 1, y, line.get(row).unwrap_or_default(), style);
            y = y.saturating_add(1);
        }
    }
}
