//! `history`: what was said, page by page.

use std::time::Duration;

use clap::Args;
use shared::frames::Gap;
use shared::message::{Message, Seq};
use shared::rest::{HistoryPage, MAX_PAGE, SearchPage};
use shared::search::{MAX_QUERY_BYTES, MAX_QUERY_WORDS, Query};

use crate::cli::ends::print;
use crate::cli::exit::{self, Failure};
use crate::cli::lines::Style;
use crate::cli::pages::{Pages, Span};
use crate::cli::{block_on, duration, say};
use crate::config::Settings;
use crate::network::api::Range;
use crate::network::fleet::Fleet;

/// How many messages with the words looked for are held until all are there, for they are found backwards: some megabytes.
const MAX_FOUND_IN_ALL: u32 = 10_000;

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
    #[arg(long, value_name = "WORDS", value_parser = words)]
    search: Option<String>,

    #[command(flatten)]
    span: Span,

    /// How long to keep trying for a page while the server cannot be reached or is busy
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

impl History {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let servers = Fleet::new(&self.settings.membership(0)?)?;
        let reader = Reader { pages: Pages { servers, timeout: self.timeout }, style: Style::for_stdout(self.json) };
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
        let mut at = after;
        loop {
            let messages = walk.next().await?;
            if let Some(last) = messages.last() {
                if !self.print(at, &messages).await? {
                    return Ok(());
                }
                at = last.seq;
                continue;
            }
            self.say_if_silent(walk.head);
            let end = walk.head.unwrap_or(at).min(to.unwrap_or(Seq(u64::MAX)));
            return print(self.missing(at, end.next())).await.map(|_| ());
        }
    }

    /// Pages backwards until there are `wanted` messages, then prints them forwards.
    pub(crate) async fn print_last(&self, wanted: u32, to: Option<Seq>) -> Result<(), Failure> {
        let mut pages = vec![];
        let (mut range, mut missing) = (to.map_or(Range::Newest, |to| Range::Before(to.next())), wanted);
        while missing > 0 {
            let HistoryPage { messages: page, head, .. } = self.pages.page(range, missing.min(MAX_PAGE)).await?;
            let Some(oldest) = page.first().map(|message| message.seq) else {
                self.say_if_silent(Some(head));
                let next = pages.last().and_then(|page: &Vec<Message>| page.first()).map(|message| message.seq);
                let next = next.unwrap_or_else(|| to.unwrap_or(head).min(head).next());
                if !print(self.missing(Seq::START, next)).await? {
                    return Ok(());
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
            let begin = page.first().map_or(Seq::START, |message| message.seq.back(1));
            if !self.print(begin, page).await? {
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
        let is_bounded = wanted > MAX_FOUND_IN_ALL;
        wanted = wanted.min(MAX_FOUND_IN_ALL);
        let (mut pages, mut before) = (vec![], to.map(Seq::next));
        while wanted > 0 {
            let SearchPage { messages: mut page, earlier, .. } = self.pages.search(words, before, wanted).await?;
            page.retain(|message| message.seq > after);
            wanted = wanted.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
            pages.push(page);
            // A server that does not get on would be asked without end.
            let is_further = |earlier: &Seq| *earlier > after.next() && before.is_none_or(|before| *earlier < before);
            before = earlier.filter(is_further);
            if before.is_none() {
                break;
            }
        }
        if let Some(before) = before.filter(|_| is_bounded) {
            say(&format!("these are the newest {MAX_FOUND_IN_ALL}: there may be more with --before {before}"));
        }
        if pages.iter().all(Vec::is_empty) {
            say("nothing found");
        }
        for page in pages.iter().rev() {
            let mut out = String::new();
            page.iter().for_each(|message| self.style.message(&self.pages.servers.who.room_id, message, &mut out));
            if !print(out).await? {
                break;
            }
        }
        Ok(())
    }

    /// Prints messages that follow on a place, and what is missing between; false when nobody reads them any more.
    async fn print(&self, after: Seq, messages: &[Message]) -> Result<bool, Failure> {
        let (mut out, mut at) = (String::new(), after);
        for message in messages {
            out += &self.missing(at, message.seq);
            self.style.message(&self.pages.servers.who.room_id, message, &mut out);
            at = message.seq;
        }
        print(out).await
    }

    /// Says of a room with this newest place that nothing was ever said in it, if so: else nothing at all would be seen.
    fn say_if_silent(&self, head: Option<Seq>) {
        if head == Some(Seq::START) {
            say(&format!("there are no messages in {}", self.pages.servers.who.room_id));
        }
    }

    /// What is missing between two places, as a line, if anything.
    fn missing(&self, after: Seq, before: Seq) -> String {
        let (mut out, gap) = (String::new(), Gap { from: after.next(), to: before.back(1) });
        if gap.from <= gap.to {
            self.style.gap(&self.pages.servers.who.room_id, gap, &mut out);
        }
        out
    }
}

/// Reads what is looked for, so that what no server takes is told of in the words of the command line.
fn words(text: &str) -> Result<String, String> {
    if text.len() > MAX_QUERY_BYTES {
        return Err(format!("it is longer than {MAX_QUERY_BYTES} bytes: look for fewer words"));
    }
    match Query::new(text) {
        Some(query) if query.words().len() > MAX_QUERY_WORDS => {
            Err(format!("there are more than {MAX_QUERY_WORDS} different words in it: look for fewer"))
        }
        Some(_) => Ok(text.to_owned()),
        None => Err("there is no letter and no digit in it: give a word to look for".to_owned()),
    }
}
