//! What a WebSocket may cost: its buffers, and the largest message either way.

use axum::extract::ws::WebSocketUpgrade;

/// The read buffer of a socket, in bytes. It is allocated with the socket; the default of 128 KiB would be nearly all
/// that an idle connection costs.
const READ_BUFFER_BYTES: usize = 1024;

/// How much is gathered before it is written, in bytes.
const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// How many times its content the largest frame we send may be: JSON escapes, and the fields around it.
const ENCODED: usize = 8;

/// How large messages may be, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// The content of what is sent.
    pub content: usize,
    /// What a client may say at once.
    pub received: usize,
}

/// Sets the limits.
pub fn limited(upgrade: WebSocketUpgrade, sizes: Sizes) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES + ENCODED * sizes.content + READ_BUFFER_BYTES)
        .max_message_size(sizes.received)
        .max_frame_size(sizes.received)
}
