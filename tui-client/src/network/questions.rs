//! What was asked of the server and is not answered yet: a page of history, a search.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, OptionFuture, pending};
use shared::message::Seq;
use shared::rest::MAX_FOUND;

use crate::network::NetworkEvent;
use crate::network::api::{Api, Range};
use crate::network::error::ApiError;

/// How many older messages a page brings: some screens full.
const PAGE: u32 = 200;

/// At most one question of each kind; a later one takes the place of an earlier one.
#[derive(Default)]
pub(crate) struct Questions {
    page: OptionFuture<BoxFuture<'static, NetworkEvent>>,
    search: OptionFuture<BoxFuture<'static, NetworkEvent>>,
}

impl Questions {
    pub(crate) fn fetch_before(&mut self, api: Arc<Api>, seq: Seq) {
        let page = async move {
            match api.page(Range::Before(seq), PAGE).await {
                Ok(page) => NetworkEvent::Page(page),
                Err(error) => NetworkEvent::PageFailed(in_few_words(error)),
            }
        };
        self.page = Some(page.boxed()).into();
    }

    pub(crate) fn look_for(&mut self, api: Arc<Api>, query: String, before: Option<Seq>) {
        let search = async move {
            match api.search(&query, before, MAX_FOUND).await {
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
        | ApiError::Unheard(words)
        | ApiError::Refused(words) => words,
    }
}
