//! What the connection is about at the moment, and what comes of it.

use futures_util::future::{BoxFuture, pending};
use shared::rest::RoomAnswer;
use tokio::time::{Instant, sleep_until};

use crate::network::error::ApiError;
use crate::network::socket::{Socket, SocketEvent};

/// What the connection is about.
pub(crate) enum Link {
    Opening(BoxFuture<'static, Result<Box<Socket>, ApiError>>),
    Open(Box<Socket>),
    Waiting {
        until: Instant,
        /// Whether any sign of the server's being back ends the wait: it has asked for none.
        may_hurry: bool,
    },
    /// Until somebody asks for another try.
    Parked,
    /// Until it is time to ask again for a seat in a full room.
    Seatless(Instant),
    Asking(BoxFuture<'static, Result<RoomAnswer, ApiError>>),
}

pub(crate) enum LinkEvent {
    SeatDue,
    Seats(Result<RoomAnswer, ApiError>),
    Opened(Result<Box<Socket>, ApiError>),
    Heard(SocketEvent),
    Due,
}

impl Link {
    /// What comes of it. May be dropped while it waits; nothing is lost.
    pub(crate) async fn next(&mut self) -> LinkEvent {
        match self {
            Self::Opening(opening) => LinkEvent::Opened(opening.await),
            Self::Open(socket) => LinkEvent::Heard(socket.next().await),
            Self::Waiting { until, .. } => {
                sleep_until(*until).await;
                LinkEvent::Due
            }
            Self::Parked => pending().await,
            Self::Seatless(until) => {
                sleep_until(*until).await;
                LinkEvent::SeatDue
            }
            Self::Asking(asking) => LinkEvent::Seats(asking.await),
        }
    }
}
