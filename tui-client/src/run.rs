//! The loop that owns the client's core: events in, effects out, a frame when something changed.
//!
//! One task, which never waits for the network: keys are answered at once, what the network tells is folded into at
//! most sixty frames a second, and while nothing happens nothing runs and nothing is written.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::process::{self, Signal as Posix};
use shared::names::RoomId;
use tokio::time::{Instant, sleep_until, timeout};

use crate::app::client::{Client, Effects};
use crate::app::preferences::{Preferences, Switch};
use crate::app::widths::{WIDEST, Widths};
use crate::app::{Connection, Effect, Event, Look, Palette};
use crate::errands::Errands;
use crate::keys::{Input, Keys, Typed};
use crate::network::error::ApiError;
use crate::network::{self, Membership};
use crate::pace::{Haste, Pace};
use crate::probe::{self, Probe};
use crate::report;
use crate::rooms::{NetworkEnded, Rooms, Told};
use crate::signals::Signals;
use crate::terminal::{self, Terminal};

/// How long the close of the connection may take after the person has left.
const GOODBYE: Duration = Duration::from_secs(1);
/// A shell has stopped us by then, or there is none.
const STOPPING: Duration = Duration::from_millis(200);

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The person left.
    Quit,
    /// The person left, and had not got in: the room held two others.
    RoomFull,
    /// A signal of this number asked for it.
    Signal(i32),
}

/// Why there is nothing to show, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The terminal cannot be set, read or written.
    #[error("the terminal does not work: {0}")]
    Terminal(#[from] io::Error),
    /// The network could not be started.
    #[error(transparent)]
    Network(#[from] ApiError),
    /// The network task ended by itself, which is a bug.
    #[error("the network task has ended: this is a mistake in tui-client, please report it")]
    NetworkEnded,
}

impl From<NetworkEnded> for RunError {
    fn from(_: NetworkEnded) -> Self {
        Self::NetworkEnded
    }
}

/// Shows the rooms until the person leaves: that of the membership first, `more` behind it. The first frame is on the screen
/// before anything else is begun. What remains in the outboxes of `rooms` is told by them, however this ends.
///
/// # Errors
/// When there is no terminal or it stops working, or when the network cannot be started.
pub async fn join(
    membership: Membership,
    more: &[RoomId],
    preferences: Preferences,
    rooms: &mut Rooms,
) -> Result<Ended, RunError> {
    let signals = Signals::listen()?;
    let look = Look { size: terminal::size(), palette: palette(), preferences, zone: TimeZone::system() };
    let mut terminal = Terminal::take(look.size)?;
    let client = Client::new(&membership, more, network::new_message_id(), look, Timestamp::now());
    terminal.draw(&client)?;
    report::panic_if_a_test_asks();

    let pace = Pace::new(Instant::now());
    let mut program =
        Program { client, terminal, rooms, errands: Errands::new(), probe: None, pace, stopping_since: None };
    let ended = program.run(signals).await;
    program.keep_drafts();
    // The terminal comes back before the goodbye, so that nobody waits for it with a frozen screen.
    let Program { terminal, rooms, .. } = program;
    drop(terminal);
    // Where the close takes longer, the server finds out by itself.
    drop(timeout(GOODBYE, rooms.goodbye()).await);
    ended
}

fn palette() -> Palette {
    match std::env::var_os("NO_COLOR") {
        Some(value) if !value.is_empty() => Palette::Monochrome,
        Some(_) | None => Palette::Sixteen,
    }
}

struct Program<'a> {
    client: Client,
    terminal: Terminal,
    rooms: &'a mut Rooms,
    errands: Errands,
    /// The question how wide the terminal draws.
    probe: Option<Probe>,
    pace: Pace,
    /// When the program stopped itself, until it runs again.
    stopping_since: Option<Instant>,
}

/// Goes on, or ends.
type Flow = ControlFlow<Ended>;

impl Program<'_> {
    async fn run(&mut self, signals: Signals) -> Result<Ended, RunError> {
        let mut keys = Keys::open()?;
        self.ask_for_widths()?;
        let ended = self.run_until_the_end(&mut keys, signals).await;
        if let Some(probe) = self.probe.take() {
            probe.wait(async || keys.next().await.ok()).await;
        }
        ended
    }

    async fn run_until_the_end(&mut self, keys: &mut Keys, mut signals: Signals) -> Result<Ended, RunError> {
        for (key, id) in self.client.open_rooms() {
            if let ControlFlow::Break(ended) = self.perform(vec![(key, Effect::Enter(id))], Haste::AtOnce)? {
                return Ok(ended);
            }
        }
        loop {
            let wake = self.next_wake();
            let flow = tokio::select! { biased;
                _ = signals.terminate.recv() => ControlFlow::Break(Ended::Signal(Posix::TERM.as_raw())),
                _ = signals.hang_up.recv() => ControlFlow::Break(Ended::Signal(Posix::HUP.as_raw())),
                _ = signals.interrupt.recv() => ControlFlow::Break(Ended::Signal(Posix::INT.as_raw())),
                _ = signals.proceed.recv() => self.proceed(Event::Continued)?,
                _ = signals.resize.recv() => self.happened(Event::Resized(terminal::size()), Haste::AtOnce)?,
                typed = keys.next() => self.typed(typed?)?,
                Some(sentence) = self.errands.told() => self.happened(Event::Told(sentence), Haste::AtOnce)?,
                told = self.rooms.next() => self.told(told?)?,
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => self.woken()?,
            };
            if let ControlFlow::Break(ended) = flow {
                return Ok(ended);
            }
            if let ControlFlow::Break(ended) = self.draw_if_due()? {
                return Ok(ended);
            }
            // What the next frame shows will be read with it.
            if self.pace.due().is_none() {
                self.terminal.title(&self.client.title())?;
            }
        }
    }

    /// Takes what was typed: a held key or an unmarked paste is one frame.
    fn typed(&mut self, typed: Typed) -> Result<Flow, RunError> {
        // The terminal is gone, and the signal that says so is on its way or was not meant for us.
        let Typed::Inputs(inputs) = typed else { return Ok(ControlFlow::Break(Ended::Signal(Posix::HUP.as_raw()))) };
        for input in inputs {
            let flow = match input {
                Input::Key(key) => self.happened(Event::Key(key), Haste::AtOnce)?,
                Input::Wheel { direction, rows } => self.happened(Event::Wheel { direction, rows }, Haste::AtOnce)?,
                Input::Paste(text) => self.happened(Event::Paste(text), Haste::AtOnce)?,
                Input::PastedTooMuch(bytes) => self.happened(Event::PastedTooMuch(bytes), Haste::AtOnce)?,
                Input::Looks(focus) => self.happened(Event::Looks(focus), Haste::AtOnce)?,
                Input::CursorAt { row, column } => self.answered(row, column)?,
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Asks the terminal how wide it draws, where there is room for the samples.
    fn ask_for_widths(&mut self) -> io::Result<()> {
        let size = self.client.size();
        let has_room = size.width > 2 * WIDEST && size.height > probe::ROW;
        if has_room && self.client.shown().state.preferences.probe_widths == Switch::On {
            self.terminal.probe(&self.client)?;
            self.probe = Some(Probe::asked(std::time::Instant::now()));
        }
        Ok(())
    }

    /// Takes an answer of the terminal, and lays everything out anew where it draws otherwise than was thought.
    fn answered(&mut self, row: u16, column: u16) -> Result<Flow, RunError> {
        let now = std::time::Instant::now();
        let Some(widths) = self.probe.as_mut().and_then(|probe| probe.answer(now, row, column)) else {
            return Ok(ControlFlow::Continue(()));
        };
        self.probe = None;
        if widths == Widths::held() {
            return Ok(ControlFlow::Continue(()));
        }
        widths.hold();
        self.terminal.repaint();
        self.happened(Event::Resized(self.client.size()), Haste::AtOnce)
    }

    fn told(&mut self, first: Option<Told>) -> Result<Flow, RunError> {
        for (key, event) in self.rooms.with_more(first)? {
            let effects = self.client.update_room(Timestamp::now(), key, event);
            if let ended @ ControlFlow::Break(_) = self.perform(effects, Haste::NextFrame)? {
                return Ok(ended);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn woken(&mut self) -> Result<Flow, RunError> {
        if self.stopping_since.is_some_and(|since| since.elapsed() >= STOPPING) {
            return self.proceed(Event::CannotStop);
        }
        if self.client.next_tick().is_some_and(|tick| tick <= Timestamp::now()) {
            return self.happened(Event::Tick, Haste::AtOnce);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Takes the terminal again after a stop. It may have another size and other settings, whoever stopped us, and be another.
    fn proceed(&mut self, event: Event) -> Result<Flow, RunError> {
        self.stopping_since = None;
        self.terminal.leave();
        self.terminal.enter()?;
        if let ended @ ControlFlow::Break(_) = self.happened(Event::Resized(terminal::size()), Haste::AtOnce)? {
            return Ok(ended);
        }
        let flow = self.happened(event, Haste::AtOnce);
        self.ask_for_widths()?;
        flow
    }

    /// Changes the client by what the person or the terminal did, and does what is to be done then.
    fn happened(&mut self, event: Event, haste: Haste) -> Result<Flow, RunError> {
        let effects = self.client.update(Timestamp::now(), event);
        self.perform(effects, haste)
    }

    /// Does what is to be done, and goes on with what comes of that.
    fn perform(&mut self, effects: Effects, haste: Haste) -> Result<Flow, RunError> {
        let mut effects = VecDeque::from(effects);
        while let Some((key, effect)) = effects.pop_front() {
            let mut event = None;
            match effect {
                Effect::Keep(kept) => event = self.rooms.keep(key, kept),
                Effect::Adopt => event = self.rooms.adopt(key),
                Effect::Forget(id) => self.rooms.forget(key, &id),
                Effect::Refuse { id, reason } => self.rooms.refuse(key, &id, &reason),
                Effect::Request(request) => self.rooms.request(key, request),
                Effect::Copy(text) => {
                    let terminal_took_it = self.terminal.copy(&text)?;
                    self.errands.copy(text, terminal_took_it);
                }
                Effect::Open(address) => self.errands.open(address),
                Effect::Notify(notification) => self.terminal.notify(&notification)?,
                Effect::Enter(room) => {
                    self.rooms.open(key, &self.client.membership(&room))?;
                    event = self.rooms.adopt(key);
                    for remembered in self.rooms.remembered(key) {
                        effects.extend(self.client.update_room(Timestamp::now(), key, remembered));
                    }
                }
                Effect::Close => self.rooms.close(key),
                Effect::Draw => self.pace.ask(haste),
                Effect::Repaint => self.terminal.repaint(),
                Effect::Suspend => self.stop()?,
                Effect::KeepDraft(text) => self.rooms.keep_draft(key, &text),
                Effect::NoteSent(text) => self.rooms.note_sent(key, &text),
                Effect::NoteJoined => self.rooms.joined(key),
                Effect::Recall => self.client.recall(self.rooms.joined_before(key)),
                Effect::Quit => {
                    let is_out =
                        self.client.rooms().iter().all(|room| matches!(room.state.connection, Connection::Full { .. }));
                    return Ok(ControlFlow::Break(if is_out { Ended::RoomFull } else { Ended::Quit }));
                }
            }
            if let Some(event) = event {
                effects.extend(self.client.update_room(Timestamp::now(), key, event));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Keeps the drafts that have not rested yet: this may be the last chance.
    fn keep_drafts(&mut self) {
        for (key, text) in self.client.unkept_drafts() {
            self.rooms.keep_draft(key, &text);
        }
    }

    /// Gives the terminal to the shell and stops, with all that was started with us, as Ctrl+Z does elsewhere.
    fn stop(&mut self) -> Result<(), RunError> {
        self.keep_drafts();
        self.terminal.leave();
        self.stopping_since = Some(Instant::now());
        process::kill_current_process_group(Posix::TSTP).map_err(io::Error::from)?;
        Ok(())
    }

    fn draw_if_due(&mut self) -> Result<Flow, RunError> {
        let now = Instant::now();
        let is_due = self.pace.due().is_some_and(|due| due <= now);
        if !is_due || self.stopping_since.is_some() {
            return Ok(ControlFlow::Continue(()));
        }
        self.terminal.draw(&self.client)?;
        self.pace.drawn(now);
        self.happened(Event::Drawn, Haste::NextFrame)
    }

    /// When to wake without an event: for a frame, a countdown, or a stop that did not happen.
    fn next_wake(&self) -> Option<Instant> {
        if let Some(since) = self.stopping_since {
            return Some(since + STOPPING);
        }
        let tick = self.client.next_tick().map(|tick| {
            let left = tick.duration_since(Timestamp::now());
            Instant::now() + Duration::try_from(left).unwrap_or_default()
        });
        [self.pace.due(), tick].into_iter().flatten().min()
    }
}
