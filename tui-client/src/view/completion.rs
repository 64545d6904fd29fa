//! Pure. What can be written in the place of what is begun, in one row.

use ratatui::style::Style;

use crate::app::completion::Candidate;
use crate::app::{State, wrap};
use crate::view::paint::{self, Run};
use crate::view::theme::Theme;

/// Between two candidates.
const GAP: &str = "   ";

/// The candidates; of commands, the one that is chosen or alone, with what it does. Nothing while nothing is begun.
pub(crate) fn runs(state: &State, theme: Theme, width: usize) -> Vec<Run> {
    let (candidates, chosen) = state.offers();
    let one = chosen.or((candidates.len() == 1).then_some(0));
    match one.and_then(|one| Some((one, candidates.get(one)?))) {
        Some((one, candidate)) if !candidate.help.is_empty() => {
            let place =
                if candidates.len() > 1 { format!("   {} of {}", one + 1, candidates.len()) } else { String::new() };
            let offer = Run::new(&candidate.offer, theme.strong());
            let help = wrap::fitted(
                &format!("   {}{place}", candidate.help),
                width.saturating_sub(wrap::columns(&offer.text)),
            );
            vec![offer, Run::new(help, theme.quiet())]
        }
        Some(_) | None => all(&candidates, chosen, theme, width),
    }
}

/// As many as fit, with the chosen one among them, and which of them that is where there are more.
fn all(candidates: &[Candidate], chosen: Option<usize>, theme: Theme, width: usize) -> Vec<Run> {
    let whole = window(candidates, 0, chosen, theme, width);
    if shown(&whole) == candidates.len() {
        return whole;
    }
    let Some(chosen_one) = chosen else { return with_count_of_more(candidates, theme, width).unwrap_or(whole) };
    let place = format!("{GAP}{} of {}", chosen_one + 1, candidates.len());
    let left = width.saturating_sub(place.len());
    let windows = (0..=chosen_one).map(|first| (first, window(candidates, first, chosen, theme, left)));
    match windows.into_iter().find(|(first, runs)| first + shown(runs) > chosen_one) {
        Some((_, mut runs)) => {
            runs.push(Run::new(place, theme.quiet()));
            runs
        }
        None => window(candidates, chosen_one, chosen, theme, width),
    }
}

/// As many as fit beside a sign that there are more. None where not even one does.
fn with_count_of_more(candidates: &[Candidate], theme: Theme, width: usize) -> Option<Vec<Run>> {
    let sign = |more: usize| format!("{GAP}+{more}");
    let mut runs = window(candidates, 0, None, theme, width.saturating_sub(sign(candidates.len()).len()));
    let more = candidates.len() - shown(&runs);
    (!runs.is_empty()).then(|| runs.push(Run::new(sign(more), theme.quiet())))?;
    Some(runs)
}

/// How many candidates stand in these runs, each behind a gap.
fn shown(runs: &[Run]) -> usize {
    runs.len() / 2
}

/// As many as fit from the one at `first` on.
fn window(candidates: &[Candidate], first: usize, chosen: Option<usize>, theme: Theme, width: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (i, candidate) in candidates.iter().enumerate().skip(first) {
        let gap = if runs.is_empty() { "" } else { GAP };
        // What stands behind a command's name is told where it is the only one.
        let words = if candidate.help.is_empty() { &candidate.offer } else { candidate.text.trim_end() };
        if paint::columns(&runs) + gap.len() + wrap::columns(words) > width {
            break;
        }
        runs.push(Run::new(gap, Style::new()));
        let style = if chosen == Some(i) { theme.strong() } else { theme.quiet() };
        runs.push(Run::new(words, style));
    }
    runs
}
