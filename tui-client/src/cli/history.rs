//! `history`: what was said, page by page.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use shared::message::{Message, Seq};
use shared::rest::{HistoryPage, MAX_PAGE, SearchPage};

use crate::cli::exit::{self, Failure};
use crate::cli::lines::{Style, written};
use crate::cli::pages::{Pages, Span};
use crate::cli::{block_on, duration, say};
use crate::config::Settings;
use crate::network::api::{Api, Range};

#[derive(Debug, Args)]
#[command(after_help = exit::help())]
pub(crate) struct History {
    #[command(flatten)]
    settings: Settings,

    /// One JSON object a line instead of lines for people
    #[arg(long)]
    json: bool,

    /// The newest N messages; with --before or --until of those before
    #[arg(long, value_name = "N", default_value_t = 50, conflicts_with_all = ["all", "after", "since"])]
    last: u32,

    /// All messages
    #[arg(long, conflicts_with_all = ["after", "since"])]
    all: bool,

    /// Only messages in which all of these words occur
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,

    #[command(flatten)]
    span: Span,

    /// How long to keep trying for a page while the server cannot be reached or is busy
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

impl History {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let api = Api::new(&self.settings.membership(0)?)?;
        let reader = Reader { pages: Pages { api, timeout: self.timeout }, style: Style::for_stdout(self.json) };
        block_on(async {
            let places = reader.pages.places(&self.span).await?;
            if let Some(words) = &self.search {
                let wanted = if self.all || places.0.is_some() { u32::MAX } else { self.last };
                return reader.print_found(words, wanted, places).await;
            }
            match places {
                (Some(after), to) => reader.print_after(after, to).await,
                (None, to) if self.all => reader.print_after(Seq::START, to).await,
                (None, to) => reader.print_last(self.last, to).await,
            }
        })
    }
}

/// Prints what is read.
pub(crate) struct Reader {
    pub(crate) pages: Pages,
    pub(crate) style: Style,
}

impl Reader {
    pub(crate) async fn print_after(&self, after: Seq, to: Option<Seq>) -> Result<(), Failure> {
        let mut walk = self.pages.walk(after, to);
        loop {
            let before = walk.after;
            let messages = walk.next().await?;
            if messages.is_empty() {
                tell_of_missing(before, walk.head.unwrap_or(before).min(to.unwrap_or(Seq(u64::MAX))));
            }
            if messages.is_empty() || !self.print(&messages)? {
                return Ok(());
            }
        }
    }

    /// Pages backwards until there are `wanted` messages, then prints them forwards.
    pub(crate) async fn print_last(&self, wanted: u32, to: Option<Seq>) -> Result<(), Failure> {
        let mut pages = vec![];
        let (mut range, mut missing) = (to.map_or(Range::Newest, |to| Range::Before(to.next())), wanted);
        while missing > 0 {
            let HistoryPage { messages: page, head, .. } = self.pages.page(range, missing.min(MAX_PAGE)).await?;
            let Some(oldest) = page.first().map(|message| message.seq) else {
                if pages.is_empty() {
                    tell_of_missing(Seq::START, to.unwrap_or(head).min(head));
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

    /// Looks backwards until there are `wanted` messages with these words between two places, then prints them forwards.
    async fn print_found(
        &self,
        words: &str,
        mut wanted: u32,
        (after, to): (Option<Seq>, Option<Seq>),
    ) -> Result<(), Failure> {
        let after = after.unwrap_or(Seq::START);
        let (mut pages, mut before) = (vec![], to.map(Seq::next));
        while wanted > 0 {
            let SearchPage { messages: mut page, earlier, .. } = self.pages.search(words, before, wanted).await?;
            page.retain(|message| message.seq > after);
            wanted = wanted.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
            pages.push(page);
            before = earlier.filter(|earlier| *earlier > after.next());
            if before.is_none() {
                break;
            }
        }
        if pages.iter().all(Vec::is_empty) {
            say("nothing found");
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
            self.style.message(&self.pages.api.who.room_id, message, &mut out);
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
