//! `tail`: the messages of a room as they come, through every loss of the connection.

use std::pin::pin;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use shared::frames::Welcome;
use shared::message::Seq;
use shared::names::{RoomId, Username};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::app::lookalikes::Acquaintances;
use crate::cli::ends::{End, print, until_the_end};
use crate::cli::exit::{self, Failure};
use crate::cli::history::Reader;
use crate::cli::lines::Style;
use crate::cli::listener::{Heard, Listener, WhenFull};
use crate::cli::pages::{Pages, moment};
use crate::cli::{block_on, say};
use crate::config::Settings;
use crate::network::fleet::Fleet;

/// How long a page of what was said before is tried for.
const PAGE_WITHIN: Duration = Duration::from_secs(10);

/// How long a signal waits for what was received to be printed.
const LAST_WORDS: Duration = Duration::from_secs(2);

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
        let pages = Pages { servers: Fleet::new(&membership)?, timeout: PAGE_WITHIN };
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
            let mut listener = Listener::start(&membership, WhenFull::of(self.wait))?;
            let mut follower = Follower {
                reader,
                room: membership.room.clone(),
                me: membership.user.clone(),
                acquaintances: Acquaintances::new(&membership.user),
                begin,
                presence: self.presence,
            };
            // It has no other end than a signal or a reader that is gone.
            let (go_on, ended) = oneshot::channel::<()>();
            let end = {
                let mut following = pin!(follower.follow(&mut listener, ended));
                match until_the_end(&mut following).await? {
                    End::Done(result) => Some(result),
                    End::NobodyReads => None,
                    End::Signal(_) => {
                        drop(go_on);
                        timeout(LAST_WORDS, following).await.ok()
                    }
                }
            };
            let rest = listener.leave().await;
            if matches!(end, Some(Ok(()))) {
                // A pipe that is full has no room for it.
                _ = timeout(LAST_WORDS, follower.print_rest(&rest)).await;
            }
            end.unwrap_or(Ok(()))
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
    me: Username,
    acquaintances: Acquaintances,
    /// Where to begin, until it has begun.
    begin: Option<Begin>,
    presence: bool,
}

impl Follower {
    /// Prints what comes, until nobody reads it any more or it is ended; then what was heard is printed.
    async fn follow(&mut self, listener: &mut Listener, mut ended: oneshot::Receiver<()>) -> Result<(), Failure> {
        loop {
            let all_heard = tokio::select! { biased;
                _ = &mut ended => return Ok(()),
                heard = listener.hear() => heard?,
            };
            let mut out = String::new();
            for heard in all_heard {
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

    /// Prints what was received last.
    async fn print_rest(&mut self, rest: &[Heard]) -> Result<bool, Failure> {
        // Without what was before it there would be a hole.
        if self.begin.is_some() {
            return Ok(true);
        }
        let mut out = String::new();
        for heard in rest {
            self.write(heard, &mut out);
        }
        print(out).await
    }

    /// What follows in the room waits meanwhile.
    async fn read_what_was_before(&self, begin: Begin, welcome: &Welcome) -> Result<(), Failure> {
        let after = begin.place(&self.reader.pages).await?;
        self.reader.print_after(after, Some(welcome.head)).await
    }

    /// Tells whoever looks at the terminal of names that look alike; what goes into a pipe stays as it is.
    fn meet(&mut self, heard: &Heard) {
        let users = match heard {
            Heard::Message(message) => message.sender.as_slice(),
            Heard::Presence(presence) => &presence.occupants,
            Heard::Welcomed(welcome) => &welcome.occupants,
            Heard::Gap(_) | Heard::Lost(_) => &[],
        };
        users.iter().filter_map(|user| self.acquaintances.meet(user)).for_each(|warning| say(&warning));
    }

    fn write(&mut self, heard: &Heard, out: &mut String) {
        self.meet(heard);
        let style = &self.reader.style;
        match heard {
            Heard::Message(message) => style.message(&self.room, message, out),
            Heard::Gap(gap) => style.gap(&self.room, *gap, out),
            Heard::Welcomed(welcome) if self.presence => style.welcome(welcome, out),
            // People know of themselves.
            Heard::Presence(presence) if matches!(style, Style::Words { .. }) && presence.user == self.me => {}
            Heard::Presence(presence) if self.presence => style.presence(&self.room, presence, out),
            Heard::Lost(reason) if self.presence => style.lost(&self.room, reason, out),
            Heard::Welcomed(_) | Heard::Presence(_) | Heard::Lost(_) => {}
        }
    }
}
