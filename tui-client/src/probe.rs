//! The question how wide the terminal draws, asked behind the first frame, and behind that after a stop.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::app::widths::{SAMPLES, Widths};
use crate::keys::{Input, Typed};

/// A terminal answers by then or not at all. An answer that comes later is no answer, and no timer waits for one.
const PATIENCE: Duration = Duration::from_millis(200);

/// The row that the samples stand in, counted from 0. In the first one the answer would be that of a key.
pub(crate) const ROW: u16 = 1;

/// A question and the answers so far.
#[derive(Debug)]
pub(crate) struct Probe {
    asked: Instant,
    columns: Vec<u16>,
}

impl Probe {
    pub(crate) fn asked(now: Instant) -> Self {
        Self { asked: now, columns: Vec::new() }
    }

    /// Waits for the answers that are still to come, for they are not meant for the shell. What is typed behind them is.
    pub(crate) async fn wait(mut self, mut next: impl AsyncFnMut() -> Option<Typed>) {
        while let Some(left) = self.patience(Instant::now()) {
            let Ok(Some(Typed::Inputs(inputs))) = timeout(left, next()).await else { return };
            for input in inputs {
                if let Input::CursorAt { row, column } = input
                    && self.answer(Instant::now(), row, column).is_some()
                {
                    return;
                }
            }
        }
    }

    /// How long an answer may still come.
    fn patience(&self, now: Instant) -> Option<Duration> {
        PATIENCE.checked_sub(now.duration_since(self.asked)).filter(|left| !left.is_zero())
    }

    /// Takes an answer, row and column being counted from 1, and tells what is known when it is the last one.
    pub(crate) fn answer(&mut self, now: Instant, row: u16, column: u16) -> Option<Widths> {
        if row != ROW + 1 || self.patience(now).is_none() {
            return None;
        }
        self.columns.push(column.saturating_sub(1));
        <[u16; SAMPLES.len()]>::try_from(self.columns.as_slice()).ok().map(Widths::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::widths::Drawn;

    #[test]
    fn the_last_answer_tells_and_one_too_late_or_of_another_row_does_not() {
        let start = Instant::now();
        let mut probe = Probe::asked(start);
        assert_eq!(probe.answer(start, 2, 2), None);
        assert_eq!(probe.answer(start, 1, 5), None);
        assert_eq!(probe.answer(start, 2, 5), None);
        let widths = Widths { selected: Drawn::Parts, toned: Drawn::Parts, joined: Drawn::Whole };
        assert_eq!(probe.answer(start, 2, 3), Some(widths));
        assert_eq!(Probe::asked(start).answer(start + 2 * PATIENCE, 2, 2), None);
    }

    #[tokio::test]
    async fn who_leaves_waits_for_the_last_answer_and_for_nothing_behind_it() {
        let (sender, mut inputs) = tokio::sync::mpsc::channel(8);
        let late = tokio::spawn(async move {
            for column in [2, 5, 3] {
                tokio::task::yield_now().await;
                sender.send(Typed::Inputs(vec![Input::CursorAt { row: 2, column }])).await.unwrap();
            }
            sender.send(Typed::Inputs(vec![Input::Paste("typed".to_owned())])).await.unwrap();
        });
        Probe::asked(Instant::now()).wait(async || inputs.recv().await).await;
        late.await.unwrap();
        assert_eq!(inputs.recv().await, Some(Typed::Inputs(vec![Input::Paste("typed".to_owned())])));
        // No answer, no wait beyond the patience; and none for a terminal that is gone.
        let (sender, mut inputs) = tokio::sync::mpsc::channel::<Typed>(1);
        let start = Instant::now();
        Probe::asked(start).wait(async || inputs.recv().await).await;
        assert!((PATIENCE..10 * PATIENCE).contains(&start.elapsed()), "{:?}", start.elapsed());
        drop(sender);
        Probe::asked(Instant::now()).wait(async || inputs.recv().await).await;
    }
}
