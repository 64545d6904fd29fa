//! `export`: the whole history of a room, to keep or to read elsewhere.
//!
//! Read in this order: this file, `markdown` (PURE), `escaping` (PURE), `sink` (where it goes).

mod escaping;
mod markdown;
mod sink;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use shared::frames::Gap;
use shared::message::{Message, Seq};
use shared::names::RoomId;

use crate::cli::ends::until_a_signal;
use crate::cli::exit::{self, Failure};
use crate::cli::export::markdown::Markdown;
use crate::cli::export::sink::{Existing, Sink};
use crate::cli::lines::Style;
use crate::cli::pages::{Pages, Span};
use crate::cli::ticker::{bar, clear, show};
use crate::cli::{block_on, duration, say};
use crate::config::Settings;
use crate::network::fleet::Fleet;

#[derive(Debug, Args)]
#[command(after_help = exit::help())]
pub(crate) struct Export {
    #[command(flatten)]
    settings: Settings,

    /// Markdown for people; json: one array of the JSON lines; jsonl: the JSON lines
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    format: Format,

    /// The file to write, whole or not at all; - is standard output [default: -]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the file where there is one
    #[arg(long, requires = "output")]
    force: bool,

    #[command(flatten)]
    span: Span,

    /// How long to keep trying for a page while the server cannot be reached or is busy
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    timeout: Duration,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Markdown,
    Json,
    Jsonl,
}

impl Export {
    /// Gives the number of a signal that ended it before its end.
    pub(crate) fn run(self) -> Result<Option<i32>, Failure> {
        let membership = self.settings.membership(0)?;
        let pages = Pages { servers: Fleet::new(&membership)?, timeout: self.timeout };
        let there = if self.force { Existing::Replace } else { Existing::Keep };
        let mut sink = Sink::open(self.output, there)?;
        let mut writer = Writer::new(self.format, membership.room);
        block_on(async {
            let written = until_a_signal(write(&pages, &self.span, &mut writer, &mut sink)).await?;
            clear();
            match written {
                Err(signal) => return Ok(Some(signal)),
                Ok(result) => result?,
            }
            if let Some(file) = sink.keep()? {
                say(&match writer.count {
                    1 => format!("1 message is in {file}"),
                    count => format!("{count} messages are in {file}"),
                });
            }
            Ok(None)
        })
    }
}

async fn write(pages: &Pages, span: &Span, writer: &mut Writer, sink: &mut Sink) -> Result<(), Failure> {
    let (after, to) = pages.places(span).await?;
    let after = after.unwrap_or(Seq::START);
    let mut walk = pages.walk(after, to);
    // Where not even the first page comes, nothing is written.
    let mut head = Some(writer.head());
    loop {
        let messages = walk.next().await?;
        let mut out = head.take().unwrap_or_default();
        let end = walk.head.unwrap_or(after).min(to.unwrap_or(Seq(u64::MAX)));
        if messages.is_empty() {
            writer.pass_to(after, end, &mut out);
            return sink.write(out + writer.foot()).await.map(|_| ());
        }
        for message in &messages {
            writer.pass_to(after, Seq(message.seq.0.saturating_sub(1)), &mut out);
            writer.message(message, &mut out);
        }
        if !sink.write(out).await? {
            return Ok(());
        }
        let (done, all) = (walk.after.0.saturating_sub(after.0), end.0.saturating_sub(after.0));
        if sink.is_file() {
            show(&format!("{} {done}/{all} messages", bar(done as f64 / all.max(1) as f64)));
        }
    }
}

/// Turns messages into text.
struct Writer {
    format: Format,
    room: RoomId,
    markdown: Markdown,
    /// The place that was written last.
    at: Option<Seq>,
    count: u64,
    /// Whether something stands in the array.
    has_begun: bool,
}

impl Writer {
    fn new(format: Format, room: RoomId) -> Self {
        let markdown = Markdown::new(TimeZone::system());
        Self { format, room, markdown, at: None, count: 0, has_begun: false }
    }

    fn head(&self) -> String {
        match self.format {
            Format::Markdown => Markdown::head(&self.room),
            Format::Json => "[".to_owned(),
            Format::Jsonl => String::new(),
        }
    }

    fn foot(&self) -> &'static str {
        if self.format == Format::Json { "\n]\n" } else { "" }
    }

    fn message(&mut self, message: &Message, out: &mut String) {
        self.count += 1;
        self.at = Some(message.seq);
        self.separate(out);
        match self.format {
            Format::Markdown => self.markdown.message(message, out),
            Format::Json | Format::Jsonl => Style::Json.message(&self.room, message, out),
        }
        self.end(out);
    }

    /// Says what is missing up to a place, if anything.
    fn pass_to(&mut self, after: Seq, to: Seq, out: &mut String) {
        let from = self.at.unwrap_or(after).next();
        if from > to {
            return;
        }
        self.at = Some(to);
        self.separate(out);
        let gap = Gap { from, to };
        match self.format {
            Format::Markdown => Markdown::gap(gap, out),
            Format::Json | Format::Jsonl => Style::Json.gap(&self.room, gap, out),
        }
        self.end(out);
    }

    fn separate(&mut self, out: &mut String) {
        if self.format == Format::Json {
            out.push_str(if self.has_begun { ",\n" } else { "\n" });
            self.has_begun = true;
        }
    }

    /// In an array a comma stands before the end of a line.
    fn end(&self, out: &mut String) {
        if self.format == Format::Json && out.ends_with('\n') {
            out.pop();
        }
    }
}
