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

use crate::access::pass::Pass;
use crate::access::tokens::TokenError;
use crate::clock;
use crate::http::App;
use crate::http::admitted::Admitted;
use crate::http::error::ApiError;
use crate::http::socket::{self, Sizes};
use crate::hub::seat::Seat;
use crate::hub::{Guest, JoinError, encoder};
use crate::limits::allowance::Allowance;
use crate::rooms::Voice;
use crate::rooms::input::Start;
use crate::session::{self, Keeping};

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
        ("room_id" = String, Path, description = "The room", format = "duet-room", min_length = 1, max_length = 128,
            example = "room1"),
        ("after" = Option<u64>, Query, format = "uint64", maximum = 18446744073709551615usize, description = "Resume: continue after this place. Needs `epoch`"),
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
        (status = 429, description = "Too many attempts; try again after `Retry-After` seconds"),
        (status = 503, description = "Nobody can be let in now; try again after `Retry-After` seconds"),
    )
)]
pub(super) async fn updates(
    State(app): State<Arc<App>>,
    Admitted { room_id: room, user, claims }: Admitted,
    asked: Result<Query<Asked>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let Query(asked) = asked.map_err(|e| ApiError::InvalidRequest(e.body_text()))?;
    let start = start(asked)?;
    let upgrade = upgrade.map_err(|e| ApiError::UpgradeRequired(e.body_text()))?.protocols([SUBPROTOCOL]);
    let sizes = Sizes { content: app.max_content_bytes, received: app.max_frame_bytes };
    let upgrade = socket::limited(upgrade, sizes);
    let voice = if upgrade.selected_protocol().is_some() { Voice::DuetV1 } else { Voice::Plain };

    if app.departure.is_announced() {
        return Err(ApiError::Unavailable("this server is about to stop: go to another one, or come back".to_owned()));
    }
    // In the room before the handshake is answered: whatever the client posts once it is connected, it also hears.
    let mut seat = match app
        .hub
        .join(Guest { room: room.clone(), user: user.clone(), issued_at: claims.issued_at() }, voice, start)
        .await
    {
        Ok(seat) => seat,
        Err(JoinError::Full) => {
            let sessions = app.sessions.clone();
            return Ok(upgrade.on_upgrade(async move |socket| sessions.track_future(session::turn_away(socket)).await));
        }
        Err(error @ (JoinError::TooManyRooms | JoinError::Unavailable)) => return Err(error.into()),
    };
    // Whoever is sent away from now on the hub knows of.
    if app.gate.is_revoked(&claims) {
        seat.closed();
        return Err(TokenError::Revoked.into());
    }
    let pass = Pass { term: app.gate.term(&claims, voice), user: user.clone(), gate: Arc::clone(&app.gate) };
    let first = (voice == Voice::DuetV1).then(|| encoder::json(&welcome(&app, room, user, &seat)));
    let departure = app.departure.clone();
    let allowance = Allowance::new(app.frames, clock::now().instant);
    let metrics = Arc::clone(&app.metrics);
    let sessions = app.sessions.clone();
    // Counted from now on, so that a server that stops waits for this one too.
    let counted = app.sessions.token();
    Ok(upgrade.on_upgrade(async move |socket| {
        // A task of its own: that of the upgrade is far larger, and would live as long.
        sessions.spawn(session::serve(socket, seat, first, Keeping { pass, departure, allowance, metrics }));
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
