//! Pure. The row above the composer: a sentence for the person, what Tab completes, else what is below the window or who is writing.

use ratatui::layout::Rect;
use ratatui::style::Style;
use shared::message::Seq;

use crate::app::commands::Action;
use crate::app::log::{Older, Voice};
use crate::app::notifications::one_line;
use crate::app::scroll::Scroll;
use crate::app::{State, layout, rows, wrap};
use crate::view::completion;
use crate::view::paint::{self, Run};
use crate::view::picture::Picture;
use crate::view::theme::Theme;

/// The least columns of a preview that is worth its place.
const LEAST_PREVIEW: usize = 8;

/// Paints it. Whatever it says, it takes the rows that are there anyway.
pub(crate) fn paint(state: &State, theme: Theme, area: Rect, picture: &mut Picture) {
    let rows = layout::notice_rows(state);
    let shows_paste = state.pasted.is_some() && state.notice.is_none() && state.question_of_hand().is_none();
    // Where a link leads is not to be overlooked.
    let host = state.host_in_question().unwrap_or_default();
    let words = if state.is_in_trouble() { theme.urgent() } else { theme.strong() };
    let mut start = 0;
    for (y, row) in (0..).zip(&rows) {
        let style = if shows_paste && y > 0 { theme.quiet() } else { words };
        let style_at = |at| if host.contains(&(start + at)) { style.patch(theme.found()) } else { style };
        paint::styled(picture, area, (1, y), row.trim_end(), style_at);
        start += row.len();
    }
    if rows.iter().any(|row| !row.is_empty()) {
        return;
    }
    let offers = completion::runs(state, theme, usize::from(area.width).saturating_sub(2));
    if !offers.is_empty() {
        return paint::runs(picture, area, 1, 0, &offers);
    }
    let newest = || way(state, Action::Newest);
    let words = match (state.scroll, state.unseen, state.log.older) {
        (Scroll::At(_), unseen @ 1.., _) => below(state, theme, area, unseen, &newest()),
        (_, _, Older::Asked) => vec![Run::new("fetching older messages…", theme.quiet())],
        (_, _, Older::Unknown | Older::None) if state.who_writes().is_some() => writing(state, theme, area),
        (_, _, Older::Unknown | Older::None) => match (state.unread_above(), state.scroll) {
            (Some(count), _) => above(state, theme, area, count),
            (None, Scroll::At(_)) => {
                let newest = newest();
                let forms = [format!("{newest} goes back to the newest message"), format!("{newest} to the newest")];
                vec![Run::new(fitting(forms, area), theme.quiet())]
            }
            (None, Scroll::Newest) => return,
        },
    };
    paint::runs(picture, area, 1, 0, &words);
}

/// How much is above the window, and how to get there.
fn above(state: &State, theme: Theme, area: Rect, count: usize) -> Vec<Run> {
    let way = way(state, Action::Unread);
    let forms = [format!("{count} new above · {way}"), format!("{count} new · {way}"), format!("{count} new")];
    vec![Run::new(fitting(forms, area), theme.strong())]
}

/// The first form there is room for.
fn fitting<const COUNT: usize>(forms: [String; COUNT], area: Rect) -> String {
    let fits = |form: &String| wrap::columns(form) < usize::from(area.width);
    forms.into_iter().find(fits).unwrap_or_default()
}

/// How much is below the window, and the beginning of the last of it where there is room.
fn below(state: &State, theme: Theme, area: Rect, unseen: usize, newest: &str) -> Vec<Run> {
    let (count, end) = (format!("{unseen} new below"), format!(" · {newest}"));
    let room = usize::from(area.width).saturating_sub(2 + count.len() + wrap::columns(&end) + " · ".chars().count());
    let last = state
        .log
        .of_others_behind(Seq::START)
        .next()
        .map(|said| (format!("{}: ", rows::name(&said.voice, &state.me)), said));
    let mut runs = vec![Run::new(count, theme.strong())];
    if let Some((name, said)) = last
        && let Some(room) = room.checked_sub(wrap::columns(&name)).filter(|room| *room >= LEAST_PREVIEW)
    {
        runs.push(Run::new(" · ", theme.quiet()));
        runs.push(Run::new(name, theme.name(&said.voice)));
        runs.push(Run::new(one_line(&said.text, room), Style::new()));
    }
    runs.push(Run::new(end, theme.quiet()));
    runs
}

fn writing(state: &State, theme: Theme, area: Rect) -> Vec<Run> {
    let (name, words) = (state.who_writes().unwrap_or_default(), " is typing");
    let style = theme.name(&Voice::Person(name.into()));
    let name = wrap::fitted(name, usize::from(area.width).saturating_sub(words.len() + 2));
    vec![Run::new(name, style), Run::new(words, theme.quiet())]
}

fn way(state: &State, action: Action) -> String {
    state.preferences.keymap.way(action).unwrap_or_default()
}
