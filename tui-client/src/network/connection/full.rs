//! In a full room: asking for a seat until one is free.

use futures_util::future::FutureExt;
use shared::rest::RoomAnswer;
use tokio::time::Instant;

use crate::network::NetworkEvent;
use crate::network::connection::Connection;
use crate::network::connection::link::Link;
use crate::network::connection::seat::{SeatWait, Seats};
use crate::network::error::ApiError;

impl Connection {
    pub(super) fn ask_for_seat(&mut self) {
        let api = self.servers.api();
        self.link = Link::Asking(async move { api.room().await }.boxed());
    }

    /// What is known of the seats now.
    pub(super) fn seats(&mut self, answer: Result<RoomAnswer, ApiError>) {
        let now = Instant::now();
        let ask_at = SeatWait::ask_at(now, rand::random());
        let seat = self.seat.get_or_insert_default();
        match answer {
            Ok(RoomAnswer { occupants, .. }) => {
                let seats = seat.hear(occupants, &self.servers.who.username, now);
                if seats == Seats::Free {
                    return self.connect();
                }
                self.link = Link::Seatless(ask_at);
                if std::mem::take(&mut seat.is_lost) {
                    self.tell(NetworkEvent::RoomFull);
                }
                if let Seats::Taken(users) = seats {
                    self.tell(NetworkEvent::SeatsTaken(users));
                }
            }
            Err(ApiError::Unreachable(words) | ApiError::Busy { words, .. } | ApiError::Token(words)) => {
                seat.hold_back(now);
                self.servers.pass();
                self.link = Link::Seatless(ask_at);
                if seat.is_lost {
                    self.tell_lost(words, ask_at - now);
                }
            }
            Err(ApiError::TooOften { retry_after, .. }) => self.slow_down(retry_after),
            // One that cannot tell is asked by trying to get in.
            Err(ApiError::Unheard(_) | ApiError::Uninvited(_) | ApiError::Refused(_)) => {
                self.link = Link::Waiting { until: seat.try_at(ask_at), may_hurry: false };
            }
        }
    }
}
