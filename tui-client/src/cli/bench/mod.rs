//! `bench`: load on a server that speaks the contract, and what comes of it.
//!
//! It stands beside the server on the same machine, so it has to be cheap: HTTP by hand, one thread for a share of the
//! rooms, nothing shared between the threads but three counters. Read in this order: `plan` (what to do), `shard` (the
//! work of one thread), `sender`, `pace` (when to send), `book` and `ledger` (what came of it), `progress`, `report`, `plot`.

mod book;
mod http;
mod ledger;
mod pace;
mod plan;
mod plot;
mod progress;
mod report;
mod sender;
mod shard;
mod usage;

use std::io::Write;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::{ArgGroup, Args};
use reqwest::Url;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cli::bench::book::Share;
use crate::cli::bench::http::Bearer;
use crate::cli::bench::plan::{Load, Plan, Times, plain_address};
use crate::cli::bench::plot::Ink;
use crate::cli::bench::progress::{Progress, Watch};
use crate::cli::bench::report::{Measured, Report, ServerUsage};
use crate::cli::bench::shard::Shard;
use crate::cli::bench::usage::Usage;
use crate::cli::exit::{Exit, Failure};
use crate::cli::lines::written;
use crate::cli::ticker::{clear, show};
use crate::cli::{duration, say};
use crate::config::{DEFAULT_SERVER, server};

/// Between the moment everything is connected and the first message.
const SETTLE: Duration = Duration::from_millis(500);

/// Not a flag: others on this machine could read it.
const ISSUER_KEY: &str = "DUET_ISSUER_KEY";

const NOTES: &str = "\
Examples:
  tui-client bench --rate 300                  latency at a load that people make
  tui-client bench --closed 64 --rooms 50      the most that goes through
  tui-client bench --idle 5000 --pid 4711      what a connection costs

With --rate a server that stands still for a second shows it in the percentiles, for each message counts from when it was \
due. With --closed the senders stand still as well and few messages show it: judge latency by --rate.
The rooms are new ones. Loss, repeats and order count over the whole run, as the listeners see them.
A closed server gives tokens for DUET_ISSUER_KEY.

Exit codes:
  0  clean
  1  something was lost, repeated, out of order, not accepted or unexpected
  2  the command line is not understood
  4  the server refused
  5  no connection, or every connection ended early
  128 and a signal's number, such as 130 after Ctrl+C: ended by hand, and the report is of what was measured until then";

#[derive(Debug, Args)]
#[command(after_help = NOTES)]
// So that `--rate -1` is told what a rate is.
#[command(allow_negative_numbers = true)]
#[command(group(ArgGroup::new("load").args(["rate", "closed", "idle"]).required(true).multiple(true)))]
pub(crate) struct Bench {
    /// The server's address, http only; of several that are one the people of a room are at different ones
    #[arg(short, long, env = "DUET_SERVER", value_name = "URL", default_value = DEFAULT_SERVER, value_parser = server,
        value_delimiter = ',')]
    server: Vec<Url>,

    /// Rooms, each with two listeners over plain WebSocket
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    rooms: u32,

    /// Open loop: so many messages a second over all rooms, whether the server keeps up or not; one sender a room
    #[arg(long, value_name = "R", conflicts_with = "closed", value_parser = rate)]
    rate: Option<f64>,

    /// Closed loop: so many senders over all rooms, each sending when its last message was answered
    #[arg(long, value_name = "C", value_parser = clap::value_parser!(u32).range(1..))]
    closed: Option<u32>,

    /// Keep so many more connections that only listen; alone, to see what connections cost
    #[arg(long, value_name = "N")]
    idle: Option<u32>,

    /// Bytes of content in each message, from 52 to 1048576; servers take 65536 unless told otherwise
    #[arg(long, value_name = "BYTES", default_value_t = 128)]
    size: usize,

    /// How long to measure
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    duration: Duration,

    /// How long to send before measuring; loss, repeats and order count all the same
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    warmup: Duration,

    /// Threads of the bench itself; one is good for some 50,000 messages a second
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    threads: u32,

    /// The server's process on this machine, to measure its processor time and memory as well
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,

    /// One JSON object instead of a table and a plot
    #[arg(long)]
    json: bool,
}

impl Bench {
    /// Ends with [`Exit::Unexpected`] when a message was lost, repeated, out of order or refused, or a connection ended;
    /// with [`Exit::NoConnection`] when all did. Gives the signal's number when one has ended the run early.
    pub(crate) fn run(self) -> Result<Option<i32>, Failure> {
        let plan = Arc::new(self.plan().map_err(|words| Failure::new(Exit::Usage, words))?);
        let server_before = self.usage()?;
        allow_many_sockets();
        let progress = Arc::new(Progress::default());
        let began = Instant::now();
        show(&format!("opening {} connections", plan.listening()));
        let shards = (0..plan.threads).map(|number| Shard::start(&plan, number, &progress)).collect::<Vec<_>>();
        let shards = shards.into_iter().map(Shard::connected).collect::<Result<Vec<_>, _>>();
        clear();
        let shards = shards?;
        let opening = began.elapsed();
        thread::sleep(SETTLE);
        let server_connected = self.pid.and_then(Usage::of);

        progress.stop_on_signal().map_err(|e| Failure::new(Exit::Unexpected, format!("taking signals: {e}")))?;
        let times = plan.times(Instant::now() + Duration::from_millis(10));
        let (rooms, dues) = pace::channels(&plan);
        let load = plan.load;
        let stopping = Arc::clone(&progress);
        let pacing = thread::spawn(move || match load {
            Load::Rate(rate) => pace::run(rate, times, &rooms, &stopping),
            Load::Closed(_) | Load::None => 0,
        });
        let running = shards.into_iter().zip(dues).map(|(shard, dues)| shard.go(times, dues)).collect::<Vec<_>>();
        let mut measured = self.watch(&plan, times, &progress);
        measured.opening = opening;
        measured.overrun = pacing.join().unwrap_or_default();
        if let (Some(server), Some(before), Some(connected)) = (&mut measured.server, server_before, server_connected) {
            server.before = before;
            server.connected = connected;
        }
        let mut share = Share::default();
        for shard in running {
            share.add(shard.join()?);
        }
        clear();
        measured.ended = progress.ended();
        let stopped = progress.stopped();
        measured.stopped_after = stopped.map(|stopped| stopped.at - times.start);
        let verdict = self.print(&plan, &share, &measured);
        let Some(stopped) = stopped else { return verdict.map(|()| None) };
        if let Err(failure) = verdict {
            say(&failure.words);
        }
        Ok(Some(stopped.signal))
    }

    fn plan(&self) -> Result<Plan, String> {
        Plan {
            addresses: self.server.iter().map(plain_address).collect::<Result<_, _>>()?,
            run: format!("{:08x}", rand::random::<u32>()),
            load: match (self.rate, self.closed) {
                (Some(rate), _) => Load::Rate(rate),
                (None, Some(senders)) => Load::Closed(senders),
                (None, None) => Load::None,
            },
            rooms: self.rooms,
            idle: self.idle.unwrap_or(0),
            size: self.size,
            warmup: self.warmup,
            duration: self.duration,
            threads: self.threads,
            issuer_key: std::env::var(ISSUER_KEY).ok().filter(|key| !key.is_empty()).map(Bearer),
        }
        .checked()
    }

    /// What the server has used so far, if it is to be watched.
    fn usage(&self) -> Result<Option<Usage>, Failure> {
        let Some(pid) = self.pid else { return Ok(None) };
        let missing = || {
            let words = if usage::is_process(pid) {
                format!(
                    "process {pid} does not let its memory be seen: is --pid the server's, and is the server yours?"
                )
            } else {
                format!("there is no process {pid} here: is --pid the server's?")
            };
            Failure::new(Exit::Usage, words)
        };
        Usage::of(pid).map(Some).ok_or_else(missing)
    }

    /// Waits through the run and takes the figures at both ends of the time measured.
    fn watch(&self, plan: &Plan, times: Times, progress: &Progress) -> Measured {
        let usage = || self.pid.and_then(Usage::of);
        let take = || (Instant::now(), usage(), Usage::own(), progress.accepted(), progress.heard());
        let mut watch = Watch::new(plan, times, progress);
        watch.until(times.begin);
        let (begin, server_begin, own_begin, accepted_begin, heard_begin) = take();
        watch.until(times.end);
        let (end, server_end, own_end, accepted_end, heard_end) = take();
        let ends = server_begin.zip(server_end);
        Measured {
            time: end - begin,
            accepted: accepted_end - accepted_begin,
            heard: heard_end - heard_begin,
            own: own_end.processor - own_begin.processor,
            server: ends.map(|(begin, end)| ServerUsage { begin, end, ..ServerUsage::default() }),
            over_after: watch.over_after(),
            series: watch.end(),
            ..Measured::default()
        }
    }

    fn print(&self, plan: &Plan, share: &Share, measured: &Measured) -> Result<(), Failure> {
        let report = Report::new(plan, share, measured);
        let (verdict, mut out) = (report.verdict(), std::io::stdout());
        if self.json {
            written(writeln!(out, "{}", report.json()))?;
        } else {
            let ink = Ink::of(|variable| std::env::var(variable).ok());
            let plot = plot::draw(&share.delivery, &measured.series, ink);
            let word = if verdict.is_ok() { "clean" } else { "NOT CLEAN" };
            written(writeln!(out, "{}{plot}{word}", report.table()))?;
        }
        verdict
    }
}

/// As many as the system lets a program have: the usual limit is far lower, for programs that know no better.
fn allow_many_sockets() {
    let most = getrlimit(Resource::Nofile).maximum;
    // Where it is not granted, the connection that is one too many says so.
    _ = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most });
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (0.001..=1e6).contains(rate));
    rate.ok_or_else(|| "give messages a second, such as 300: from 0.001 to 1000000".to_owned())
}
