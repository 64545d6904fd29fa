//! `history`: what was said, page by page.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use shared::message::{Message, Seq};
use shared::rest::{HistoryPage, MAX_PAGE};

use crate::cli::exit::{EXIT_CODES, Failure};
use crate::cli::lines::{Style, written};
use crate::cli::stubborn::until_answered;
use crate::cli::{block_on, duration, say};
use crate::config::Settings;
use crate::network::api::{Api, Range};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct History {
    #[command(flatten)]
    settings: Settings,

    /// One JSON object a line instead of lines for people
    #[arg(long)]
    json: bool,

    /// The newest N messages
    #[arg(long, value_name = "N", default_value_t = 50, conflicts_with_all = ["all", "after"])]
    last: u32,

    /// All messages
    #[arg(long, conflicts_with = "after")]
    all: bool,

    /// The messages after this place
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,

    /// How long to keep trying for a page while the server cannot be reached or is busy
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

impl History {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let api = Api::new(&self.settings.membership(0)?)?;
        let reader = Reader { api, style: Style::for_stdout(self.json), timeout: self.timeout };
        block_on(async {
            match self.after {
                Some(after) => reader.print_after(Seq(after)).await,
                None if self.all => reader.print_after(Seq::START).await,
                None => reader.print_last(self.last).await,
            }
        })
    }
}

struct Reader {
    api: Api,
    style: Style,
    timeout: Duration,
}

impl Reader {
    async fn page(&self, range: Range, limit: u32) -> Result<HistoryPage, Failure> {
        until_answered(&self.api.address(), self.timeout, async || self.api.page(range, limit).await).await
    }

    async fn print_after(&self, mut after: Seq) -> Result<(), Failure> {
        loop {
            let page = self.page(Range::After(after), MAX_PAGE).await?;
            if page.messages.is_empty() {
                tell_of_missing(after, page.head);
            }
            let is_wanted = self.print(&page.messages)?;
            match page.messages.last() {
                Some(last) if is_wanted && last.seq < page.head && last.seq > after => after = last.seq,
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// Pages backwards until there are `wanted` messages, then prints them forwards.
    async fn print_last(&self, wanted: u32) -> Result<(), Failure> {
        let mut pages = vec![];
        let (mut range, mut missing) = (Range::Newest, wanted);
        while missing > 0 {
            let HistoryPage { messages: page, head, .. } = self.page(range, missing.min(MAX_PAGE)).await?;
            let Some(oldest) = page.first().map(|message| message.seq) else {
                if pages.is_empty() {
                    tell_of_missing(Seq::START, head);
                }
                break;
            };
            missing = missing.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
            range = Range::Before(oldest);
            pages.push(page);
            if oldest <= Seq(1) {
                break;
            }
        }
        for page in pages.iter().rev() {
            if !self.print(page)? {
                break;
            }
        }
        Ok(())
    }

    /// Prints the messages; false when nobody reads them any more.
    fn print(&self, messages: &[Message]) -> Result<bool, Failure> {
        let mut out = String::new();
        for message in messages {
            self.style.message(&self.api.who.room_id, message, &mut out);
        }
        let mut stdout = std::io::stdout();
        written(stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush()))
    }
}

/// An empty page says as well that something was there.
fn tell_of_missing(after: Seq, head: Seq) {
    match head.0.saturating_sub(after.0) {
        0 => {}
        1 => say("1 message is no longer kept"),
        missing => say(&format!("{missing} messages are no longer kept")),
    }
}
