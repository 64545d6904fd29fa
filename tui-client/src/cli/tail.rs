//! `tail`: the messages of a room as they come, through every loss of the connection.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use shared::frames::Welcome;
use shared::message::Seq;
use shared::names::RoomId;

use crate::cli::block_on;
use crate::cli::ends::{End, print, until_the_end};
use crate::cli::exit::{self, Failure};
use crate::cli::history::Reader;
use crate::cli::lines::Style;
use crate::cli::listener::{Heard, Listener};
use crate::cli::pages::{Pages, moment};
use crate::config::Settings;
use crate::network::api::Api;

/// How long a page of what was said before is tried for.
const PAGE_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[command(after_help = exit::help())]
pub(crate) struct Tail {
    #[command(flatten)]
    settings: Settings,

    /// One JSON object a line instead of lines for people
    #[arg(long)]
    json: bool,

    /// How many of the newest messages to begin with
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with_all = ["after", "since"])]
    last: u32,

    /// Begin with the message after this place
    #[arg(long, value_name = "SEQ", conflicts_with = "since")]
    after: Option<u64>,

    /// Begin with the messages from this time on: 14:00, 2026-11-22, "2026-11-22 14:00", or 2h ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,

    /// Go on with what comes, which is what happens anyway
    #[arg(long, conflicts_with = "no_follow")]
    follow: bool,

    /// End with what is there, and take no seat for it
    #[arg(long, conflicts_with_all = ["presence", "wait"])]
    no_follow: bool,

    /// Tell as well who comes and goes, and when the connection is lost and back
    #[arg(long)]
    presence: bool,

    /// Wait for a seat in a full room instead of ending with 3
    #[arg(long)]
    wait: bool,
}

/// Where to begin, other than with the last few.
#[derive(Debug, Clone, Copy)]
enum Begin {
    After(Seq),
    Since(Timestamp),
}

impl Tail {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let begin = self.after.map(|seq| Begin::After(Seq(seq))).or(self.since.map(Begin::Since));
        let last = if begin.is_some() { 0 } else { self.last };
        let membership = self.settings.membership(last)?;
        let pages = Pages { api: Api::new(&membership)?, timeout: PAGE_WITHIN };
        let reader = Reader { pages, style: Style::for_stdout(self.json) };
        if self.no_follow {
            return block_on(async {
                match begin {
                    None => reader.print_last(last, None).await,
                    Some(begin) => reader.print_after(begin.place(&reader.pages).await?, None).await,
                }
            });
        }
        block_on(async {
            let mut listener = Listener::start(&membership, self.wait)?;
            let follower = Follower { reader, room: membership.room.clone(), begin, presence: self.presence };
            let end = until_the_end(follower.follow(&mut listener)).await?;
            listener.leave().await;
            match end {
                End::Done(result) => result,
                // It has no other end.
                End::NobodyReads | End::Signal(_) => Ok(()),
            }
        })
    }
}

impl Begin {
    async fn place(self, pages: &Pages) -> Result<Seq, Failure> {
        match self {
            Self::After(seq) => Ok(seq),
            Self::Since(time) => pages.last_before(time).await,
        }
    }
}

struct Follower {
    reader: Reader,
    room: RoomId,
    /// Where to begin, until it has begun.
    begin: Option<Begin>,
    presence: bool,
}

impl Follower {
    /// Prints what comes, until nobody reads it any more.
    async fn follow(mut self, listener: &mut Listener) -> Result<(), Failure> {
        loop {
            let mut out = String::new();
            for heard in listener.hear().await? {
                if let Heard::Welcomed(welcome) = &heard
                    && let Some(begin) = self.begin.take()
                {
                    self.read_what_was_before(begin, welcome).await?;
                }
                self.write(&heard, &mut out);
            }
            if !print(out).await? {
                return Ok(());
            }
        }
    }

    /// What follows in the room waits meanwhile.
    async fn read_what_was_before(&self, begin: Begin, welcome: &Welcome) -> Result<(), Failure> {
        let after = begin.place(&self.reader.pages).await?;
        self.reader.print_after(after, Some(welcome.head)).await
    }

    fn write(&self, heard: &Heard, out: &mut String) {
        let style = &self.reader.style;
        match heard {
            Heard::Message(message) => style.message(&self.room, message, out),
            Heard::Gap(gap) => style.gap(&self.room, *gap, out),
            Heard::Welcomed(welcome) if self.presence => style.welcome(welcome, out),
            Heard::Presence(presence) if self.presence => style.presence(&self.room, presence, out),
            Heard::Lost(reason) if self.presence => style.lost(&self.room, reason, out),
            Heard::Welcomed(_) | Heard::Presence(_) | Heard::Lost(_) => {}
        }
    }
}
