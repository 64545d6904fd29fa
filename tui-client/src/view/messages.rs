//! Pure. The conversation. Only what is in the window is laid out, whatever the length of the log.

use std::collections::VecDeque;

use jiff::civil::Date;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::layout::{self, Columns, Shape};
use crate::app::people::PeerPresence;
use crate::app::rows::{self, Block, Body, Message};
use crate::app::{State, wrap};
use crate::view::paint;
use crate::view::theme::Theme;

pub(crate) fn paint(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if state.is_empty_room() {
        return beginning(state, theme, area, buffer);
    }
    if state.never_got_through() {
        let lines = [
            &format!("No server was reached at {}.", state.server),
            "",
            "Start one there with duet-server, or name another one with --server URL.",
        ];
        return paragraph(&lines, state, theme, area, buffer);
    }
    let columns = layout::columns(state);
    let window = usize::from(area.height);
    let blocks = blocks_in_window(state, &columns, window);
    let foot = state.foot();
    let rows_there_are: usize = blocks.iter().map(Block::height).sum::<usize>().saturating_sub(foot.hidden);
    let mut above = rows_there_are.saturating_sub(window);
    let mut canvas = Canvas { state, theme, area, columns, buffer, y: 0 };
    for block in &blocks {
        for row in above..block.height() {
            canvas.block_row(block, row);
        }
        above = 0;
    }
}

/// The blocks that are in the window at least in part, the oldest first.
fn blocks_in_window<'a>(state: &'a State, columns: &Columns, window: usize) -> VecDeque<Block<'a>> {
    let mut blocks = VecDeque::new();
    let foot = state.foot();
    let mut slot = foot.slot;
    let mut missing = window + foot.hidden;
    while missing > 0 {
        let Some(block) = rows::block(state, columns, slot) else { break };
        missing = missing.saturating_sub(block.height());
        blocks.push_front(block);
        slot.0 -= 1;
    }
    blocks
}

/// Where the next row goes. Rows below the area are left out.
struct Canvas<'a> {
    state: &'a State,
    theme: Theme,
    area: Rect,
    columns: Columns,
    buffer: &'a mut Buffer,
    y: u16,
}

impl Canvas<'_> {
    /// Paints row `row` of a block.
    fn block_row(&mut self, block: &Block<'_>, row: usize) {
        if self.y >= self.area.height {
            return;
        }
        match (block.day, row) {
            (Some(day), 0) => self.centred(&self.day(day)),
            (day, _) => match &block.body {
                Body::Line(line) => self.centred(line),
                Body::Message(message) => self.message_row(message, row - usize::from(day.is_some())),
            },
        }
        self.y += 1;
    }

    fn message_row(&mut self, message: &Message<'_>, row: usize) {
        if message.name_above && row == 0 {
            return self.name(1, message);
        }
        let row = row - usize::from(message.name_above);
        let Some(bytes) = message.rows.get(row) else {
            let reason = message.reason.get(row - message.rows.len()).map(String::as_str).unwrap_or_default();
            return self.text(self.columns.text, reason, self.theme.urgent());
        };
        if self.columns.shape == Shape::Wide {
            if row == 0 {
                let time = message.at.to_zoned(self.state.zone.clone()).strftime("%H:%M").to_string();
                self.text(1, &time, self.theme.quiet());
            }
            // The row at the top of the window tells the name even where the run began above it.
            if (row == 0 && message.opens_run) || self.y == 0 {
                self.name(" 14:02  ".len(), message);
            }
        }
        let text = message.text.get(bytes.clone()).unwrap_or_default().trim_end_matches([' ', '\t']);
        self.text(self.columns.text, text, ratatui::style::Style::new());
        if let Some(mark) = message.mark.filter(|_| row + 1 == message.rows.len()) {
            self.mark(mark, self.columns.text + wrap::columns(text));
        }
    }

    fn name(&mut self, x: usize, message: &Message<'_>) {
        let name = wrap::fitted(&rows::name(&message.voice, &self.state.me), self.columns.name);
        self.text(x, &name, self.theme.name(&message.voice));
    }

    /// Puts a word at the right end of the row, if it does not touch the text that ends at column `end`.
    fn mark(&mut self, mark: &str, end: usize) {
        let x = usize::from(self.area.width).saturating_sub(mark.len() + 1);
        if x >= end + 2 {
            self.text(x, mark, self.theme.quiet());
        }
    }

    fn centred(&mut self, line: &str) {
        let x = usize::from(self.area.width).saturating_sub(wrap::columns(line)) / 2;
        self.text(x, line, self.theme.quiet());
    }

    fn text(&mut self, x: usize, text: &str, style: ratatui::style::Style) {
        paint::text(self.buffer, self.area, x, self.y, text, style);
    }

    fn day(&self, day: Date) -> String {
        let this_year = self.state.now.to_zoned(self.state.zone.clone()).year();
        let format = if day.year() == this_year { "%A %-d %B" } else { "%A %-d %B %Y" };
        day.strftime(format).to_string()
    }
}

/// What an empty room says.
fn beginning(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if state.peer.as_ref().is_some_and(|peer| peer.presence == PeerPresence::Here) {
        return paragraph(&["Nobody has written here yet. Write something below."], state, theme, area, buffer);
    }
    let lines = [
        "Nobody has written here yet. Write something below, or ask somebody in:",
        "",
        &state.invitation,
        "",
        "A room holds two people, and any program that posts to it.",
    ];
    paragraph(&lines, state, theme, area, buffer);
}

/// Sentences where messages will be.
fn paragraph(lines: &[&str], state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width).saturating_sub(2).max(1);
    let mut y = 1;
    for line in lines {
        let style = if **line == *state.invitation { theme.strong() } else { theme.quiet() };
        for row in wrap::rows(line, width) {
            paint::text(buffer, area, 1, y, line.get(row).unwrap_or_default(), style);
            y = y.saturating_add(1);
        }
    }
}
