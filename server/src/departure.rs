//! How a server takes leave of the people on it: over some time, so that they do not come to another one all at once.

use std::ops::Range;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How long clients are asked to stay away, in milliseconds, so that they do not come back at once: where there are other
/// servers, and where this one has to be back.
const ELSEWHERE_MS: Range<u64> = 100..1_000;
const RESTART_MS: Range<u64> = 500..2_000;

/// By which a server is told to end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// In good order.
    pub asked: CancellationToken,
    /// Without waiting for people to leave one by one.
    pub urged: CancellationToken,
}

/// Where people can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refuge {
    /// To other servers that are one with this one.
    Others,
    /// Nowhere until this one is back.
    Nowhere,
}

/// The departure. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Departure {
    refuge: Refuge,
    span: Duration,
    announced: CancellationToken,
    begun: CancellationToken,
    over: CancellationToken,
}

impl Departure {
    /// One that is still to come, and will take as long as `span`.
    #[must_use]
    pub fn new(refuge: Refuge, span: Duration) -> Self {
        let [announced, begun, over] = std::array::from_fn(|_| CancellationToken::new());
        Self { refuge, span, announced, begun, over }
    }

    /// Over which time people leave.
    #[must_use]
    pub fn span(&self) -> Duration {
        self.span
    }

    /// From now on nobody is let in.
    pub fn announce(&self) {
        self.announced.cancel();
    }

    /// Whether nobody is let in any more.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        self.announced.is_cancelled()
    }

    /// Those who are here begin to leave, each at a time of their own within the span.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Whoever is still here leaves now.
    pub fn end(&self) {
        self.begun.cancel();
        self.over.cancel();
    }

    /// Waits for the turn of one who leaves. Gives how long they are asked to stay away.
    pub async fn turn(&self) -> Duration {
        self.begun.cancelled().await;
        let turn = self.draw();
        // In a box, so that those who stay take no memory for it.
        let came = self.over.run_until_cancelled(Box::pin(sleep(turn))).await;
        self.away(came.map_or(Duration::ZERO, |()| self.span.saturating_sub(turn)))
    }

    fn draw(&self) -> Duration {
        self.span.mul_f64(rand::random())
    }

    /// How long one is asked to stay away who leaves when so much of the span is left.
    fn away(&self, left: Duration) -> Duration {
        match self.refuge {
            Refuge::Others => millis(ELSEWHERE_MS),
            Refuge::Nowhere => left + millis(RESTART_MS),
        }
    }
}

fn millis(range: Range<u64>) -> Duration {
    Duration::from_millis(rand::random_range(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(10);

    #[test]
    fn people_leave_over_the_whole_span_and_for_a_short_time_where_there_are_others() {
        let departure = Departure::new(Refuge::Others, SPAN);
        let mut left = [0; 10];
        for _ in 0..1_000 {
            let turn = departure.draw();
            left[usize::try_from(turn.as_secs()).unwrap()] += 1;
            assert!((100..1_000).contains(&departure.away(SPAN - turn).as_millis()));
        }
        assert!(left.iter().all(|left| (50..=150).contains(left)), "{left:?}");
    }

    #[test]
    fn nobody_is_asked_back_before_a_server_without_others_can_be_back() {
        let departure = Departure::new(Refuge::Nowhere, SPAN);
        for _ in 0..1_000 {
            let turn = departure.draw();
            let back = (turn + departure.away(SPAN - turn)).as_millis();
            assert!((10_500..12_000).contains(&back), "{back}");
        }
    }

    #[tokio::test]
    async fn whoever_waits_for_their_turn_leaves_at_once_when_it_is_over() {
        let departure = Departure::new(Refuge::Nowhere, Duration::from_secs(3_600));
        let other = departure.clone();
        let leaving = tokio::spawn(async move { other.turn().await });
        departure.begin();
        departure.end();
        let away = tokio::time::timeout(SPAN, leaving).await.unwrap().unwrap();
        assert!(away < Duration::from_secs(2), "{away:?}");
    }
}
