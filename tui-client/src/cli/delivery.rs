//! What waits in the outbox, sent without a screen: oldest first, each until it is answered or time is up.

use jiff::tz::TimeZone;
use shared::names::MessageId;
use tokio::time::Instant;

use crate::cli::lines::minute;
use crate::cli::say;
use crate::cli::stubborn::{GaveUp, until_answered_by};
use crate::network::error::ApiError;
use crate::network::fleet::Fleet;
use crate::outbox::Outbox;
use crate::outbox::lines::Kept;

/// What became of messages that were to be sent.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// How many the server has now.
    pub(crate) sent: usize,
    /// Those it will never take, and why. They stay in the outbox, for somebody to see.
    pub(crate) refused: Vec<(MessageId, String)>,
    /// Why those that are left were not sent, where there are any.
    pub(crate) stopped_by: Option<String>,
}

/// Sends `posts`, which `outbox` keeps, until `deadline`. What was sent it need not keep any longer.
pub(crate) async fn deliver(servers: &Fleet, outbox: &mut Outbox, posts: &[Kept], deadline: Instant) -> Delivery {
    let mut delivery = Delivery::default();
    for Kept { id, content, .. } in posts {
        match until_answered_by(servers, deadline, async |api| api.post(id, content).await).await {
            Ok(()) => {
                outbox.done(id);
                delivery.sent += 1;
            }
            // None of these speaks of this message, and the next would fare no better.
            Err(GaveUp::Refused(error @ (ApiError::Unheard(_) | ApiError::Uninvited(_) | ApiError::Token(_)))) => {
                delivery.stopped_by = Some(error.to_string());
                break;
            }
            Err(GaveUp::Refused(error)) => delivery.refused.push((id.clone(), error.to_string())),
            Err(GaveUp::TimeUp(reason)) => {
                delivery.stopped_by = Some(reason.to_string());
                break;
            }
        }
    }
    delivery
}

impl Delivery {
    /// Notes of each of the messages that was refused that it was, and tells of it.
    pub(crate) fn say_refused(&self, outbox: &mut Outbox, posts: &[Kept]) {
        for (id, reason) in &self.refused {
            outbox.refuse(id, reason);
            if let Some(kept) = posts.iter().find(|kept| kept.id == *id) {
                let time = minute(kept.at, &TimeZone::system());
                say(&format!(
                    "the message of {time} was refused and stays in the outbox: {reason}; `tui-client outbox --drop {id}` \
                     takes it out"
                ));
            }
        }
    }
}
