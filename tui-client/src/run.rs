//! The loop that owns the state: events in, effects out, a frame when something changed.
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
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::{Instant, sleep_until, timeout};

use crate::app::preferences::Preferences;
use crate::app::update::update;
use crate::app::{Connection, Effect, Event, Look, Palette, State};
use crate::errands::Errands;
use crate::keys::{self, Input};
use crate::network::error::ApiError;
use crate::network::{self, Membership, Network, NetworkEvent, Request};
use crate::outbox::lines::Kept;
use crate::outbox::{Left, Outbox, OutboxError};
use crate::pace::{Haste, Pace};
use crate::signals::Signals;
use crate::terminal::{self, Terminal};

/// The most that is taken from the network before a key gets its turn.
const NETWORK_BATCH: usize = 256;
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

/// Shows the room until the person leaves. The first frame is on the screen before anything else is begun.
///
/// # Errors
/// When there is no terminal or it stops working, or when the network cannot be started.
pub async fn join(membership: Membership, preferences: Preferences, outbox: &mut Outbox) -> Result<Ended, RunError> {
    let signals = Signals::listen()?;
    let look = Look { size: terminal::size(), palette: palette(), preferences, zone: TimeZone::system() };
    let mut terminal = Terminal::take(look.size)?;
    let state = State::new(&membership, network::new_message_id(), look, Timestamp::now());
    terminal.draw(&state)?;

    let Network { requests, mut events, task } = network::start(&membership)?;
    let mut program = Program {
        state,
        terminal,
        outbox,
        errands: Errands::new(),
        outgoing: VecDeque::new(),
        pace: Pace::new(Instant::now()),
        stopping_since: None,
    };
    let ended = program.run(signals, &requests, &mut events).await;
    // The terminal comes back before the goodbye, so that nobody waits for it with a frozen screen.
    let Program { terminal, outbox, .. } = program;
    drop(terminal);
    drop(requests);
    let goodbye = async {
        while let Some(event) = events.recv().await {
            if let NetworkEvent::Posted(id) = event {
                outbox.done(&id);
            }
        }
        task.await
    };
    // Where the close takes longer, the server finds out by itself.
    drop(timeout(GOODBYE, goodbye).await);
    ended
}

fn palette() -> Palette {
    match std::env::var_os("NO_COLOR") {
        Some(value) if !value.is_empty() => Palette::Monochrome,
        Some(_) | None => Palette::Sixteen,
    }
}

struct Program<'a> {
    state: State,
    terminal: Terminal,
    outbox: &'a mut Outbox,
    errands: Errands,
    /// Requests the network has no room for yet. As many as a person sends meanwhile.
    outgoing: VecDeque<Request>,
    pace: Pace,
    /// When the program stopped itself, until it runs again.
    stopping_since: Option<Instant>,
}

type Keys = Receiver<io::Result<Input>>;
type Requests = Sender<Request>;
type Events = Receiver<NetworkEvent>;
/// Goes on, or ends.
type Flow = ControlFlow<Ended>;

impl Program<'_> {
    async fn run(&mut self, mut signals: Signals, requests: &Requests, events: &mut Events) -> Result<Ended, RunError> {
        let mut keys = keys::read()?;
        let left = self.adopt();
        if let ControlFlow::Break(ended) = self.happened(left, Haste::AtOnce)? {
            return Ok(ended);
        }
        loop {
            let wake = self.next_wake();
            let flow = tokio::select! { biased;
                _ = signals.terminate.recv() => ControlFlow::Break(Ended::Signal(Posix::TERM.as_raw())),
                _ = signals.hang_up.recv() => ControlFlow::Break(Ended::Signal(Posix::HUP.as_raw())),
                _ = signals.interrupt.recv() => ControlFlow::Break(Ended::Signal(Posix::INT.as_raw())),
                _ = signals.proceed.recv() => self.proceed(Event::Continued)?,
                _ = signals.resize.recv() => self.happened(Event::Resized(terminal::size()), Haste::AtOnce)?,
                event = keys.recv() => self.typed(event, &mut keys)?,
                permit = requests.reserve(), if !self.outgoing.is_empty() => {
                    if let (Ok(permit), Some(request)) = (permit, self.outgoing.pop_front()) {
                        permit.send(request);
                    }
                    ControlFlow::Continue(())
                }
                Some(sentence) = self.errands.told() => self.happened(Event::Told(sentence), Haste::AtOnce)?,
                event = events.recv() => self.told(event.ok_or(RunError::NetworkEnded)?, events)?,
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
                self.terminal.title(&self.state.title())?;
            }
        }
    }

    /// Takes what was typed, and all that is there already: a held key or an unmarked paste is one frame.
    fn typed(&mut self, first: Option<io::Result<Input>>, keys: &mut Keys) -> Result<Flow, RunError> {
        // The terminal is gone, and the signal that says so is on its way or was not meant for us.
        let Some(first) = first else { return Ok(ControlFlow::Break(Ended::Signal(Posix::HUP.as_raw()))) };
        let more = std::iter::from_fn(|| keys.try_recv().ok());
        for event in std::iter::once(first).chain(more) {
            if let Some(event) = of_terminal(event?)
                && let ended @ ControlFlow::Break(_) = self.happened(event, Haste::AtOnce)?
            {
                return Ok(ended);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn told(&mut self, first: NetworkEvent, events: &mut Events) -> Result<Flow, RunError> {
        let more = std::iter::from_fn(|| events.try_recv().ok());
        for event in std::iter::once(first).chain(more).take(NETWORK_BATCH) {
            if let ended @ ControlFlow::Break(_) = self.happened(Event::Network(event), Haste::NextFrame)? {
                return Ok(ended);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn woken(&mut self) -> Result<Flow, RunError> {
        if self.stopping_since.is_some_and(|since| since.elapsed() >= STOPPING) {
            return self.proceed(Event::CannotStop);
        }
        if self.state.next_tick().is_some_and(|tick| tick <= Timestamp::now()) {
            return self.happened(Event::Tick, Haste::AtOnce);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Takes the terminal again after a stop. It may have another size and other settings, whoever stopped us.
    fn proceed(&mut self, event: Event) -> Result<Flow, RunError> {
        self.stopping_since = None;
        self.terminal.leave();
        self.terminal.enter()?;
        if let ended @ ControlFlow::Break(_) = self.happened(Event::Resized(terminal::size()), Haste::AtOnce)? {
            return Ok(ended);
        }
        self.happened(event, Haste::AtOnce)
    }

    /// Changes the state by an event, does what is to be done then, and goes on with what came of that.
    fn happened(&mut self, event: Event, haste: Haste) -> Result<Flow, RunError> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in update(&mut self.state, Timestamp::now(), event) {
                match effect {
                    Effect::Keep(kept) => events.extend(self.keep(kept)),
                    Effect::Forget(id) => self.outbox.done(&id),
                    Effect::Refuse { id, reason } => self.outbox.refuse(&id, &reason),
                    Effect::Adopt => events.push_back(self.adopt()),
                    Effect::Request(request) => self.outgoing.push_back(request),
                    Effect::Copy(text) => {
                        let terminal_took_it = self.terminal.copy(&text)?;
                        self.errands.copy(text, terminal_took_it);
                    }
                    Effect::Open(address) => self.errands.open(address),
                    Effect::Notify(notification) => self.terminal.notify(&notification)?,
                    Effect::Draw => self.pace.ask(haste),
                    Effect::Repaint => self.terminal.repaint()?,
                    Effect::Suspend => self.stop()?,
                    Effect::Quit => {
                        let is_full = self.state.connection == Connection::Full;
                        return Ok(ControlFlow::Break(if is_full { Ended::RoomFull } else { Ended::Quit }));
                    }
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Writes a message down and hands it to the network. It takes some milliseconds in which no frame is drawn, so what
    /// the screen shows as sent is on disk.
    fn keep(&mut self, kept: Kept) -> Option<Event> {
        match self.outbox.put(&kept) {
            Ok(()) => {
                self.outgoing.push_back(Request::Post { id: kept.id, content: kept.content });
                None
            }
            Err(error @ OutboxError::Full) => Some(Event::NotKept { id: kept.id, reason: error.to_string() }),
            Err(error @ (OutboxError::NoFolder | OutboxError::Disk { .. })) => {
                Some(Event::NoOutbox { id: kept.id, reason: error.to_string() })
            }
        }
    }

    fn adopt(&mut self) -> Event {
        let Left { held, trouble } = self.outbox.adopt();
        Event::Adopted { held, trouble: trouble.map(|error| error.to_string()) }
    }

    /// Gives the terminal to the shell and stops, with all that was started with us, as Ctrl+Z does elsewhere.
    fn stop(&mut self) -> Result<(), RunError> {
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
        self.terminal.draw(&self.state)?;
        self.pace.drawn(now);
        self.happened(Event::Drawn, Haste::NextFrame)
    }

    /// When to wake without an event: for a frame, a countdown, or a stop that did not happen.
    fn next_wake(&self) -> Option<Instant> {
        if let Some(since) = self.stopping_since {
            return Some(since + STOPPING);
        }
        let tick = self.state.next_tick().map(|tick| {
            let left = tick.duration_since(Timestamp::now());
            Instant::now() + Duration::try_from(left).unwrap_or_default()
        });
        [self.pace.due(), tick].into_iter().flatten().min()
    }
}

fn of_terminal(input: Input) -> Option<Event> {
    match input {
        Input::Key(key) => Some(Event::Key(key)),
        Input::Paste(text) => Some(Event::Paste(text)),
        Input::PastedTooMuch(bytes) => Some(Event::PastedTooMuch(bytes)),
        Input::Looks(focus) => Some(Event::Looks(focus)),
        // Nobody asks.
        Input::CursorAt { .. } => None,
    }
}
