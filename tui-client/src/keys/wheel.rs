//! Pure. The wheel, told apart from the keys Up and Down by how it comes: on the alternate screen terminals turn it into
//! those keys, several at once.
//!
//! A notch is 3 of them in xterm, Alacritty, WezTerm and tmux, 5 in kitty, and in VTE a tenth of the window. A key that is
//! pressed or held comes alone.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyModifiers};

use crate::app::commands::Direction;
use crate::keys::Input;
use crate::keys::burst::Bursts;

/// How long an arrow waits for the next one of its notch, which a connection may have parted from it. The fastest keyboards
/// repeat after four times that.
const PAUSE: Duration = Duration::from_millis(3);

/// What is read of the keyboard, and the arrows of one notch that are being collected.
#[derive(Debug, Default)]
pub struct Keyboard {
    bursts: Bursts,
    arrows: Option<Arrows>,
    /// What was read and not looked at yet.
    fresh: Vec<Input>,
}

/// Equal arrows that came at once.
#[derive(Debug)]
struct Arrows {
    direction: Direction,
    first: Input,
    count: usize,
}

impl Keyboard {
    /// Takes what was read at once, and says what came of it.
    pub fn feed(&mut self, chunk: &[u8], inputs: &mut Vec<Input>) {
        self.bursts.feed(chunk, &mut self.fresh);
        self.collect(inputs);
    }

    /// How long to wait for the next byte before [`Keyboard::give_up`]. For ever while nothing is begun.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        self.bursts.patience().or(self.arrows.as_ref().map(|_| PAUSE))
    }

    /// Nothing more came for as long as was waited.
    pub fn give_up(&mut self, inputs: &mut Vec<Input>) {
        self.bursts.give_up(&mut self.fresh);
        self.collect(inputs);
        inputs.extend(self.arrows.take().map(Arrows::meant));
    }

    fn collect(&mut self, inputs: &mut Vec<Input>) {
        for input in self.fresh.drain(..) {
            let direction = arrow(&input);
            match &mut self.arrows {
                Some(arrows) if direction == Some(arrows.direction) => arrows.count += 1,
                arrows => {
                    inputs.extend(arrows.take().map(Arrows::meant));
                    match direction {
                        Some(direction) => *arrows = Some(Arrows { direction, first: input, count: 1 }),
                        None => inputs.push(input),
                    }
                }
            }
        }
    }
}

impl Arrows {
    fn meant(self) -> Input {
        match self.count {
            1 => self.first,
            rows => Input::Wheel { direction: self.direction, rows },
        }
    }
}

fn arrow(input: &Input) -> Option<Direction> {
    let Input::Key(key) = input else { return None };
    match (key.code, key.modifiers) {
        (KeyCode::Up, KeyModifiers::NONE) => Some(Direction::Up),
        (KeyCode::Down, KeyModifiers::NONE) => Some(Direction::Down),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::parser::tests::told;

    /// What came of chunks; `None` is a pause.
    fn read(chunks: &[Option<&str>]) -> String {
        let (mut keyboard, mut inputs) = (Keyboard::default(), Vec::new());
        for chunk in chunks.iter().chain([&None]) {
            match chunk {
                Some(chunk) => keyboard.feed(chunk.as_bytes(), &mut inputs),
                None => keyboard.give_up(&mut inputs),
            }
        }
        assert_eq!(keyboard.patience(), None);
        told(&inputs)
    }

    #[test]
    fn arrows_that_come_at_once_are_the_wheel() {
        assert_eq!(read(&[Some("\u{1b}[A\u{1b}[A\u{1b}[A")]), "wheel(Up,3)");
        assert_eq!(read(&[Some("\u{1b}OB\u{1b}OB")]), "wheel(Down,2)");
        // A connection parts what was sent as one, even in the middle of a sequence.
        assert_eq!(read(&[Some("\u{1b}[A"), Some("\u{1b}[A\u{1b}"), Some("[A")]), "wheel(Up,3)");
        assert_eq!(read(&[Some("\u{1b}[A\u{1b}[A\u{1b}[A\u{1b}[B\u{1b}[B\u{1b}[B")]), "wheel(Up,3) wheel(Down,3)");
    }

    #[test]
    fn an_arrow_that_comes_alone_is_a_key_however_often() {
        assert_eq!(read(&[Some("\u{1b}[A"), None, Some("\u{1b}[A"), None, Some("\u{1b}[A")]), "Up Up Up");
        assert_eq!(read(&[Some("\u{1b}[A\u{1b}[B")]), "Up Down");
        assert_eq!(read(&[Some("x\u{1b}[Ay\u{1b}[A\r")]), "x Up y Up Enter");
    }

    #[test]
    fn other_keys_that_come_at_once_stay_keys() {
        assert_eq!(read(&[Some("\u{1b}[1;5A\u{1b}[1;5A\u{1b}[C\u{1b}[C")]), "Ctrl+Up Ctrl+Up Right Right");
    }

    #[test]
    fn a_lone_arrow_waits_for_no_longer_than_nobody_notices() {
        let (mut keyboard, mut inputs) = (Keyboard::default(), Vec::new());
        keyboard.feed(b"\x1b[A", &mut inputs);
        assert_eq!((inputs.as_slice(), keyboard.patience()), ([].as_slice(), Some(PAUSE)));
    }
}
