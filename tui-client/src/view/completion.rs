//! Pure. What can be written in the place of what is begun, in one row.

use ratatui::style::Style;

use crate::app::{State, wrap};
use crate::view::paint::{self, Run};
use crate::view::theme::Theme;

/// As many of the candidates as fit, with the help of the one that is chosen or alone. Nothing while nothing is begun.
pub(crate) fn runs(state: &State, theme: Theme, width: usize) -> Vec<Run> {
    let (candidates, chosen) = state.offers();
    let helped = match (candidates.as_slice(), chosen) {
        ([candidate], _) => Some(candidate),
        (candidates, chosen) => chosen.and_then(|chosen| candidates.get(chosen)),
    };
    let help = helped.map(|candidate| candidate.help).filter(|help| !help.is_empty());
    let mut runs: Vec<Run> = Vec::new();
    for (i, candidate) in candidates.iter().enumerate() {
        let gap = if runs.is_empty() { "" } else { "   " };
        if paint::columns(&runs) + gap.len() + wrap::columns(&candidate.offer) > width {
            break;
        }
        runs.push(Run::new(gap, Style::new()));
        runs.push(Run::new(&candidate.offer, style(theme, chosen == Some(i))));
    }
    if let Some(help) = help {
        let room = width.saturating_sub(paint::columns(&runs));
        runs.push(Run::new(wrap::fitted(&format!("   {help}"), room), theme.quiet()));
    }
    runs
}

fn style(theme: Theme, is_chosen: bool) -> Style {
    if is_chosen { theme.strong() } else { theme.quiet() }
}
