//! `WS /updates/{room_id}`.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use shared::frames::{AttentionState, SUBPROTOCOL, ServerFrame, Welcome};
use shared::message::Seq;
use shared::names::{RoomId, Username};

use crate::http::App;
use crate::http::admitted::Admitted;
use crate::http::error::ApiError;
use crate::hub::seat::Seat;
use crate::hub::{JoinError, encoder};
use crate::rooms::{Start, Voice};
use crate::session;

/// The read buffer of a socket, in bytes. It is allocated with the socket; the default of 128 KiB would be nearly all
/// that an idle connection costs.
const READ_BUFFER_BYTES: usize = 1024;

/// How much is gathered before it is written, in bytes.
const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// The largest message a client may send, in bytes. What it says has no meaning; this only bounds what it costs.
const MAX_RECEIVED_BYTES: usize = 1024 * 1024;

/// How many times its content the largest frame we send may be: JSON escapes, and the fields around it.
const ENCODED: usize = 8;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    after: Option<Seq>,
    epoch: Option<String>,
    last: Option<u64>,
    attention: Option<AttentionState>,
}

/// Connects to a room by WebSocket and gets its messages as they come.
///
/// Without a subprotocol each message is one text frame that holds the content alone. With `duet.v1` frames are JSON;
/// `docs/protocol.md` has them all. A third user is accepted and closed with code 4001.
#[utoipa::path(
    get,
    path = "/updates/{room_id}",
    tag = "updates",
    params(
        ("room_id" = String, Path, description = "The room", example = "room1"),
        ("after" = Option<u64>, Query, description = "Resume: continue after this place. Needs `epoch`"),
        ("epoch" = Option<String>, Query, description = "Resume: the epoch that `after` is of"),
        ("last" = Option<u64>, Query, description = "Begin with this many of the newest messages", example = 50),
        ("attention" = Option<String>, Query, description = "`idle`: nobody is at this client. `here` when absent", example = "idle"),
        ("Sec-WebSocket-Protocol" = Option<String>, Header, description = "`duet.v1` for JSON frames", example = "duet.v1"),
    ),
    security(("token" = [])),
    responses(
        (status = 101, description = "Connected"),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The token is for another room"),
        (status = 422, description = "The path or the query is not what the schema says"),
        (status = 426, description = "Not a WebSocket"),
        (status = 503, description = "Nobody can be let in now; try again after `Retry-After` seconds"),
    )
)]
pub(super) async fn updates(
    State(app): State<Arc<App>>,
    Admitted { room_id: room, user }: Admitted,
    asked: Result<Query<Asked>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let Query(asked) = asked.map_err(|e| ApiError::InvalidRequest(e.body_text()))?;
    let start = start(asked)?;
    let upgrade = upgrade
        .map_err(|e| ApiError::UpgradeRequired(e.body_text()))?
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES + ENCODED * app.max_content_bytes + READ_BUFFER_BYTES)
        .max_message_size(MAX_RECEIVED_BYTES)
        .max_frame_size(MAX_RECEIVED_BYTES);
    let voice = if upgrade.selected_protocol().is_some() { Voice::DuetV1 } else { Voice::Plain };

    if app.departure.is_announced() {
        return Err(ApiError::Unavailable("this server is about to stop: go to another one, or come back".to_owned()));
    }
    // In the room before the handshake is answered: whatever the client posts once it is connected, it also hears.
    let seat = match app.hub.join(room.clone(), user.clone(), voice, start).await {
        Ok(seat) => seat,
        Err(JoinError::Full) => {
            let sessions = app.sessions.clone();
            return Ok(upgrade.on_upgrade(async move |socket| sessions.track_future(session::turn_away(socket)).await));
        }
        Err(error @ JoinError::Unavailable) => return Err(error.into()),
    };
    let first = (voice == Voice::DuetV1).then(|| encoder::json(&welcome(&app, room, user, &seat)));
    let departure = app.departure.clone();
    let sessions = app.sessions.clone();
    // Counted from now on, so that a server that stops waits for this one too.
    let counted = app.sessions.token();
    Ok(upgrade.on_upgrade(async move |socket| {
        // A task of its own: that of the upgrade is far larger, and would live as long.
        sessions.spawn(session::serve(socket, seat, first, departure));
        drop(counted);
    }))
}

fn start(asked: Asked) -> Result<Start, ApiError> {
    let after = match (asked.after, asked.epoch) {
        (Some(after), Some(epoch)) => Some((after, epoch)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(ApiError::InvalidRequest("after and epoch go together: give both or neither".to_owned()));
        }
    };
    Ok(Start { after, last: asked.last, attention: asked.attention })
}

fn welcome(app: &App, room_id: RoomId, user: Username, seat: &Seat) -> ServerFrame {
    ServerFrame::Welcome(Welcome {
        room_id,
        user,
        epoch: app.history.epoch().to_owned(),
        head: seat.entry.head,
        occupants: seat.entry.occupants.clone(),
        idle: seat.entry.idle.clone(),
        receipts: seat.entry.receipts.clone(),
        resume: seat.entry.resume,
        max_content_bytes: app.max_content_bytes,
    })
}
