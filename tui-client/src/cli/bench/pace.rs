//! When messages are due in an open loop.
//!
//! A thread of its own, for the runtime's timers are good to a millisecond, which is more than the latency to be
//! measured.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::cli::bench::plan::{Load, Plan, Times};
use crate::cli::bench::progress::Progress;

/// How late a sleeping thread wakes up: the kernel's timer slack of 50 us and some more.
const WAKE_SLACK: Duration = Duration::from_micros(80);
/// Up to this rate the slack is waited out on the processor. Above it, a message is due before the next wake-up anyway.
const SPIN_BELOW: f64 = 2000.0;
/// How often to see whether the load is over, where messages are rare.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A sender this far behind does not catch up any more; what finds no place is counted as never sent.
const MAX_BEHIND: usize = 4096;

/// When the messages of the rooms of one thread are due, by room.
pub(crate) type Dues = HashMap<u32, mpsc::Receiver<Instant>>;

/// The channels by which rooms are told, in the order of the rooms, and their other ends by thread. None in a closed
/// loop.
pub(crate) fn channels(plan: &Plan) -> (Vec<mpsc::Sender<Instant>>, Vec<Dues>) {
    let mut dues: Vec<Dues> = (0..plan.threads).map(|_| Dues::new()).collect();
    let mut rooms = vec![];
    if matches!(plan.load, Load::Rate(_)) {
        for room in 0..plan.rooms {
            let (sender, due) = mpsc::channel(MAX_BEHIND);
            rooms.push(sender);
            if let Some(dues) = dues.get_mut(plan.thread_of(room)) {
                dues.insert(room, due);
            }
        }
    }
    (rooms, dues)
}

/// Tells the rooms in turn when a message is due, `rate` times a second, until the end or until nobody is told any more.
/// How many found no place.
pub(crate) fn run(rate: f64, times: Times, rooms: &[mpsc::Sender<Instant>], progress: &Progress) -> u64 {
    let slack = if rate < SPIN_BELOW { WAKE_SLACK } else { Duration::ZERO };
    let mut unsent = 0;
    for (number, room) in (0u32..).zip(rooms.iter().cycle()) {
        let due = times.start + Duration::from_secs_f64(f64::from(number) / rate);
        if due >= times.end {
            break;
        }
        while due > Instant::now() + LOOK_EVERY && !is_over(rooms, progress) {
            thread::sleep(LOOK_EVERY);
        }
        if is_over(rooms, progress) {
            break;
        }
        wait_until(due, slack);
        if room.try_send(due).is_err() {
            unsent += 1;
        }
    }
    unsent
}

fn is_over(rooms: &[mpsc::Sender<Instant>], progress: &Progress) -> bool {
    progress.stopped().is_some() || rooms.iter().all(mpsc::Sender::is_closed)
}

fn wait_until(due: Instant, slack: Duration) {
    let left = due.saturating_duration_since(Instant::now());
    if left > slack {
        thread::sleep(left - slack);
    }
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_room_gets_its_turn_at_its_time() {
        let start = Instant::now();
        let end = start + Duration::from_millis(50);
        let (rooms, mut due): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel(MAX_BEHIND)).unzip();
        assert_eq!(run(200.0, Times { start, begin: start, end }, &rooms, &Progress::default()), 0);
        let at: Vec<Vec<u128>> = due
            .iter_mut()
            .map(|due| std::iter::from_fn(|| due.try_recv().ok()).map(|at| (at - start).as_millis()).collect())
            .collect();
        assert_eq!(at, [[0, 10, 20, 30, 40], [5, 15, 25, 35, 45]]);
    }

    #[test]
    fn what_a_sender_does_not_take_is_counted() {
        let start = Instant::now();
        let (room, _due) = mpsc::channel(1);
        let times = Times { start, begin: start, end: start + Duration::from_millis(10) };
        assert_eq!(run(1000.0, times, &[room], &Progress::default()), 9);
    }

    #[test]
    fn it_ends_when_nobody_is_told_any_more() {
        let hour = Duration::from_secs(3600);
        let start = Instant::now() + hour;
        let (room, due) = mpsc::channel(1);
        let pacing = thread::spawn(move || {
            run(1.0, Times { start, begin: start, end: start + hour }, &[room], &Progress::default())
        });
        drop(due);
        assert_eq!(pacing.join().unwrap(), 0);
    }
}
