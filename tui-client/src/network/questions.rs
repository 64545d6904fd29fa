//! What was asked of the server and is not answered yet: a page of history, a search.

use futures_util::future::{BoxFuture, FutureExt, OptionFuture, pending};
use shared::message::Seq;
use shared::rest::MAX_FOUND;

use crate::network::NetworkEvent;
use crate::network::api::Range;
use crate::network::error::{ApiError, TOO_OFTEN};
use crate::network::fleet::Fleet;

/// How many older messages a page brings: some screens full.
const PAGE: u32 = 200;

/// At most one question of each kind; a later one takes the place of an earlier one.
#[derive(Default)]
pub(crate) struct Questions {
    page: OptionFuture<BoxFuture<'static, NetworkEvent>>,
    search: OptionFuture<BoxFuture<'static, NetworkEvent>>,
}

impl Questions {
    pub(crate) fn fetch_before(&mut self, servers: Fleet, seq: Seq) {
        let page = async move {
            match servers.ask(|api| async move { api.page(Range::Before(seq), PAGE).await }).await {
                Ok(page) => NetworkEvent::Page(page),
                Err(error) => NetworkEvent::PageFailed(in_few_words(error)),
            }
        };
        self.page = Some(page.boxed()).into();
    }

    pub(crate) fn look_for(&mut self, servers: Fleet, query: String, before: Option<Seq>) {
        let search = async move {
            let wanted = query.as_str();
            match servers.ask(|api| async move { api.search(wanted, before, MAX_FOUND).await }).await {
                Ok(page) => NetworkEvent::Found { query, page },
                Err(error) => NetworkEvent::SearchFailed { query, reason: in_few_words(error) },
            }
        };
        self.search = Some(search.boxed()).into();
    }

    /// The next answer. May be dropped while it waits; nothing is lost.
    pub(crate) async fn next(&mut self) -> NetworkEvent {
        tokio::select! { biased;
            Some(event) = &mut self.page => {
                self.page = None.into();
                event
            }
            Some(event) = &mut self.search => {
                self.search = None.into();
                event
            }
            else => pending().await,
        }
    }
}

/// Why a question to the server came to nothing.
fn in_few_words(error: ApiError) -> String {
    match error {
        ApiError::Unreachable(words)
        | ApiError::Busy { words, .. }
        | ApiError::Token(words)
        | ApiError::Uninvited(words)
        | ApiError::Unheard(words)
        | ApiError::Refused(words) => words,
        ApiError::TooOften { .. } => TOO_OFTEN.to_owned(),
    }
}
