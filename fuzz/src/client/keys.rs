//! The keyboard: whatever bytes a terminal sends, in whatever pieces, it is never stuck and never grows.

use tui_client::keys::Input;
use tui_client::keys::parser::Parser;
use tui_client::keys::wheel::Keyboard;

/// The first byte says how long the pieces are that the rest comes in.
pub fn check(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let length = usize::from(*first % 16) + 1;

    // The parser alone: pieces make no difference.
    let (mut at_once, mut in_pieces) = (Vec::new(), Vec::new());
    let (mut whole, mut parser) = (Parser::default(), Parser::default());
    whole.feed(bytes, &mut at_once);
    bytes.chunks(length).for_each(|piece| parser.feed(piece, &mut in_pieces));
    assert_eq!(at_once, in_pieces);
    assert_eq!((whole.is_at_rest(), whole.patience()), (parser.is_at_rest(), parser.patience()));

    // All of the keyboard: it waits as long as something is begun, and one who waits gets everything.
    let mut keyboard = Keyboard::default();
    let mut inputs = Vec::new();
    bytes.chunks(length).for_each(|piece| keyboard.feed(piece, &mut inputs));
    let mut waits = 0;
    while keyboard.patience().is_some() {
        keyboard.give_up(&mut inputs);
        waits += 1;
        assert!(waits < 10, "something is begun that never ends");
    }
    let told: usize = inputs.iter().map(size).sum();
    // A paste that was kept, a key of each byte; bytes that are no UTF-8 become a character of three.
    assert!(told <= 3 * bytes.len(), "{told} of {}", bytes.len());

    // What comes next is understood.
    inputs.clear();
    keyboard.feed(b"q", &mut inputs);
    keyboard.give_up(&mut inputs);
    assert!(matches!(inputs.as_slice(), [Input::Key(_)]), "{inputs:?}");
}

fn size(input: &Input) -> usize {
    match input {
        Input::Paste(text) => text.len(),
        Input::Key(_) | Input::Wheel { .. } | Input::PastedTooMuch(_) | Input::Looks(_) | Input::CursorAt { .. } => 1,
    }
}
