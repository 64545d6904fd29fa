//! One run: a world under load, faults one after the other, and the end in which all must have arrived.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::faults::checker::{Counts, Violation};
use crate::faults::event::{At, Author, Room, User};
use crate::faults::intruding;
use crate::faults::kinds::{KINDS, Kind, Target, weighted};
use crate::faults::listening::Listening;
use crate::faults::posting::Posting;
use crate::faults::producing::Producing;
use crate::faults::progress::Progress;
use crate::faults::world::{Carrier, Life, Recovery, World};

/// What a run is to be.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) carrier: Carrier,
    /// How many servers; several share a RabbitMQ and a PostgreSQL.
    pub(crate) nodes: usize,
    pub(crate) rooms: u16,
    /// Messages a second, of all authors, while all is well.
    pub(crate) rate: u32,
    /// Between two faults, in seconds, at the most.
    pub(crate) longest_pause: f64,
    /// How long something that lasts is broken, in seconds, at the most.
    pub(crate) longest_fault: f64,
    /// Only faults whose names have this in them.
    pub(crate) only: String,
    /// Nothing is done that takes a new server, so that one that lives for long is seen too.
    pub(crate) server_lives: bool,
    /// It ends then at the latest.
    pub(crate) length: Duration,
    /// It ends when as many faults and as many messages are reached.
    pub(crate) faults: usize,
    pub(crate) messages: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) nodes: usize,
    pub(crate) faults: usize,
    pub(crate) recoveries: BTreeMap<&'static str, Vec<Option<Recovery>>>,
    pub(crate) posted: usize,
    pub(crate) counts: Counts,
    /// Each with its story.
    pub(crate) violations: Vec<(Violation, String)>,
    pub(crate) lives: Vec<Life>,
    pub(crate) length: Duration,
}

/// Two faults that overlap.
pub(crate) const TWO: &str = "two of these at once";

/// How long the last messages may take, once all is well.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);
/// How long to look for repeats after that.
const REPEATS: Duration = Duration::from_millis(500);
/// How long receipts may take to come to the last place.
const RECEIPTS_LIMIT: Duration = Duration::from_secs(10);
/// How many connections share the producers' part.
const PRODUCERS: u16 = 4;
/// Where people would notice: the story of such a message is told.
const SLOW: Duration = Duration::from_secs(2);
/// Every so often two faults overlap.
const TWO_OF: f64 = 0.2;

/// Runs it. `None`, aloud, where there is no RabbitMQ or no PostgreSQL and one is needed.
pub(crate) async fn run(plan: &Plan, progress: &Progress) -> Option<Outcome> {
    let world = Arc::new(World::start(plan).await?);
    let mut outcome = Outcome { nodes: plan.nodes, ..Outcome::default() };
    let listeners = start_listeners(&world);
    let everybody_is_there = async {
        while !world.recorder.with(|checker, _| checker.is_everybody_there()) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DRAIN_LIMIT, everybody_is_there).await.expect("somebody could not connect");
    let load = start_load(&world, plan);
    let began = Instant::now();
    let watching = tokio::spawn(watch(Arc::clone(&world)));
    let result = async {
        world.recover(world.mark()).await?;
        break_things(&world, plan, progress, &mut outcome).await?;
        drain(&world, load).await
    };
    if let Err(what) = result.await {
        world.recorder.with(|checker, now| checker.unwell(now, what));
    }
    world.recorder.with(|checker, now| checker.finish(now));
    world.people.posted_enough.cancel();
    world.people.over.cancel();
    listeners.join_all().await;
    watching.abort();
    if let Err(what) = world.end_all().await {
        world.recorder.with(|checker, now| checker.unwell(now, what));
    }
    outcome.length = began.elapsed();
    outcome.lives = std::mem::take(&mut world.lives.lock().unwrap());
    world.recorder.with(|checker, _| {
        outcome.posted = checker.posted();
        outcome.counts = checker.counts.clone();
        let told = |violation: &Violation| (violation.clone(), checker.tell(violation));
        outcome.violations = checker.violations.iter().map(told).collect();
    });
    Some(outcome)
}

/// All who listen, and third users at every node.
fn start_listeners(world: &World) -> JoinSet<()> {
    let people = &world.people;
    let mut listeners = JoinSet::new();
    for listener in people.listeners() {
        listeners.spawn(Listening::new(Arc::clone(people), listener).run());
    }
    for node in 0..people.ways.len() {
        listeners.spawn(intruding::run(Arc::clone(people), node));
    }
    listeners
}

/// All who post.
fn start_load(world: &World, plan: &Plan) -> JoinSet<()> {
    let people = &world.people;
    let mut load = JoinSet::new();
    // Each of so many has this part of the rate.
    let share = |part: f64, of: u16| Duration::from_secs_f64(f64::from(of) / (part * f64::from(plan.rate)));
    let producers = if world.broker.is_some() { 0.15 } else { 0.0 };
    for room in (0..plan.rooms).map(Room) {
        for user in User::BOTH {
            let posting = Posting::new(Arc::clone(people), room, Author::User(user));
            load.spawn(posting.run(share(0.85 - producers, plan.rooms * 2)));
        }
        let posting = Posting::new(Arc::clone(people), room, Author::Outside);
        load.spawn(posting.run(share(0.15, plan.rooms)));
    }
    if let Some(broker) = &world.broker {
        let count = PRODUCERS.min(plan.rooms);
        for first in 0..count {
            let rooms = (first..plan.rooms).step_by(count.into()).map(Room).collect();
            let producing = Producing::new(Arc::clone(people), rooms, broker.vhost.url().to_owned());
            load.spawn(producing.run(share(producers, count)));
        }
    }
    load
}

/// Looks at the memory of the servers every second.
async fn watch(world: Arc<World>) {
    loop {
        sleep(Duration::from_secs(1)).await;
        world.look_at_memory();
    }
}

/// Breaks one thing after the other until the plan is done, or until something went wrong that does not heal.
async fn break_things(
    world: &Arc<World>,
    plan: &Plan,
    progress: &Progress,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let can_fill = world.disk.can_be_full();
    let kinds: Vec<_> = KINDS.iter().map(|row| row.0).filter(|kind| kind.is_of(plan, can_fill)).collect();
    let kinds: Vec<_> = kinds.into_iter().filter(|kind| kind.name().contains(&plan.only)).collect();
    assert!(!kinds.is_empty(), "no fault that can be done here has `{}` in its name", plan.only);
    // Each once before any comes again.
    let mut first = kinds.clone();
    first.shuffle(&mut rng);
    first.sort_by_key(|kind| kind.is_of_nodes());
    let end = Instant::now() + plan.length;
    loop {
        let pause = Duration::from_secs_f64(rng.random_range(0.1..plan.longest_pause));
        let kind = first.pop().unwrap_or_else(|| weighted(&mut rng, &kinds));
        let second = Some(weighted(&mut rng, &kinds)).filter(|second| may_overlap(kind, *second));
        let second = second.filter(|_| rng.random_bool(TWO_OF));
        sleep(pause).await;
        let messages = world.recorder.with(|checker, _| checker.posted());
        progress.show(outcome.faults, &world.recorder);
        if Instant::now() > end || (outcome.faults >= plan.faults && messages >= plan.messages) {
            return Ok(());
        }
        if outcome.faults >= plan.faults {
            continue;
        }
        let healed = inject(world, kind, second, &mut rng).await?;
        let recovery = world.recover(healed).await?;
        world.recorder.with(|checker, now| checker.settle(now, healed));
        if recovery.slowest > SLOW && second.is_none() && kind.is_measured_from_its_beginning() {
            progress.say(&world.recorder.with(|checker, _| checker.tell_slowest()));
        }
        outcome.faults += 1 + usize::from(second.is_some());
        for kind in [Some(kind), second].into_iter().flatten() {
            let measured = Some(recovery).filter(|_| second.is_none() && kind != Kind::HalfOpenClient);
            outcome.recoveries.entry(kind.name()).or_default().push(measured);
        }
        if second.is_some() {
            outcome.recoveries.entry(TWO).or_default().push(Some(recovery));
        }
    }
}

fn may_overlap(one: Kind, other: Kind) -> bool {
    one.target() != other.target() && one.target() != Target::Alone && other.target() != Target::Alone
}

/// Breaks one thing, or two at once. The moment is that in which the last cause was gone.
async fn inject(world: &Arc<World>, kind: Kind, second: Option<Kind>, rng: &mut StdRng) -> Result<At, String> {
    let mut of_first = StdRng::seed_from_u64(rng.random());
    let mut of_second = StdRng::seed_from_u64(rng.random());
    let first = kind.inject(world, &mut of_first);
    let Some(second) = second else { return first.await };
    let second = async {
        sleep(Duration::from_secs_f64(of_second.random_range(0.0..1.0))).await;
        second.inject(world, &mut of_second).await
    };
    let (first, second) = tokio::join!(first, second);
    Ok(first?.max(second?))
}

/// Nobody posts anything new; what was accepted arrives, everybody is told so, and a while later nothing has come twice.
async fn drain(world: &Arc<World>, load: JoinSet<()>) -> Result<(), String> {
    world.people.posted_enough.cancel();
    timeout(DRAIN_LIMIT, load.join_all()).await.map_err(|_| "some posts were not accepted at the end".to_owned())?;
    // A last one in each room, which everybody hears.
    let last = |room| {
        let mut posting = Posting::new(Arc::clone(&world.people), room, Author::User(User::Bob));
        async move { posting.post(50).await }
    };
    let posting = futures_util::future::join_all((0..world.people.rooms).map(Room).map(last));
    timeout(DRAIN_LIMIT, posting).await.map_err(|_| "a last post was not accepted".to_owned())?;
    let drained = async {
        while !world.recorder.with(|checker, _| checker.is_drained()) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    // Those who miss something at the end are told by name.
    let _ = timeout(DRAIN_LIMIT, drained).await;
    let told = async {
        while !world.recorder.with(|checker, _| checker.receipts_agree()) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let _ = timeout(RECEIPTS_LIMIT, told).await;
    sleep(REPEATS).await;
    Ok(())
}
