//! The faults: what there is to break, how often each is chosen, and how it is done.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use tokio::time::{sleep, timeout};

use crate::faults::event::{At, Author, Listener};
use crate::faults::node::Node;
use crate::faults::nodes;
use crate::faults::posting::Posting;
use crate::faults::run::Plan;
use crate::faults::world::{Broker, Carrier, World};
use crate::support::relay::Fate;

/// What can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    KillServer,
    StopServer,
    FreezeServer,
    KillBroker,
    StopBroker,
    FreezeBroker,
    BlockBroker,
    DeleteQueue,
    CutBrokerWire,
    StallBrokerWire,
    SlowBrokerWire,
    HalfCloseBrokerWire,
    RefuseBroker,
    CutClients,
    StallClients,
    HalfOpenClient,
    SlowClients,
    HalfCloseClients,
    RefuseClients,
    StopReading,
    FillDisk,
    KillIntake,
    FreezeForLong,
    RestartAll,
    KillDatabase,
    ResetDatabaseWire,
    CutOffDatabase,
    CutOffBroker,
    CutOffBoth,
}

/// What a fault is done to. Two at once are done to two of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// A server, and the disk or the PostgreSQL that it needs to start.
    Server,
    Broker,
    BrokerWire,
    Clients,
    /// Only by itself: what a queue holds of others when it is deleted nobody can bring back, so all must be well; or
    /// it touches everything.
    Alone,
}

/// Each kind with its name, what it is done to, and its weight.
pub(crate) const KINDS: [(Kind, &str, Target, u32); 29] = [
    (Kind::KillServer, "server killed (kill -9) and started", Target::Server, 9),
    (Kind::StopServer, "server stopped (SIGTERM) and started", Target::Server, 4),
    (Kind::FreezeServer, "server frozen (SIGSTOP) for 0.5-5 s", Target::Server, 4),
    (Kind::KillBroker, "RabbitMQ killed (kill -9) and started", Target::Broker, 3),
    (Kind::StopBroker, "RabbitMQ stopped and started", Target::Broker, 2),
    (Kind::FreezeBroker, "RabbitMQ frozen (SIGSTOP) for 0.5-5 s", Target::Broker, 4),
    (Kind::BlockBroker, "memory alarm of RabbitMQ (`connection.blocked`)", Target::Broker, 3),
    (Kind::DeleteQueue, "queue `messages` deleted", Target::Alone, 5),
    (Kind::CutBrokerWire, "connections to RabbitMQ reset", Target::BrokerWire, 7),
    (Kind::StallBrokerWire, "connections to RabbitMQ stalled for 0.5-7 s", Target::BrokerWire, 4),
    (Kind::SlowBrokerWire, "connections to RabbitMQ slow", Target::BrokerWire, 4),
    (Kind::HalfCloseBrokerWire, "connections to RabbitMQ half closed", Target::BrokerWire, 5),
    (Kind::RefuseBroker, "RabbitMQ refuses connections", Target::BrokerWire, 5),
    (Kind::CutClients, "clients reset", Target::Clients, 9),
    (Kind::StallClients, "clients stalled for 1-6 s", Target::Clients, 4),
    (Kind::HalfOpenClient, "client half open until it is found", Target::Clients, 4),
    (Kind::SlowClients, "clients slow", Target::Clients, 5),
    (Kind::HalfCloseClients, "clients half closed", Target::Clients, 6),
    (Kind::RefuseClients, "server refuses connections", Target::Clients, 5),
    (Kind::StopReading, "client stops reading while much is posted", Target::Clients, 4),
    (Kind::FillDisk, "disk of the history full", Target::Server, 4),
    (Kind::KillIntake, "node of the intake killed (kill -9), started when another has taken over", Target::Server, 8),
    (Kind::FreezeForLong, "node frozen (SIGSTOP) for longer than its lease", Target::Server, 4),
    (Kind::RestartAll, "all nodes restarted, one after the other (SIGTERM)", Target::Alone, 4),
    (Kind::KillDatabase, "PostgreSQL killed (kill -9) and started", Target::Server, 5),
    (Kind::ResetDatabaseWire, "connections to PostgreSQL reset", Target::Server, 4),
    (Kind::CutOffDatabase, "node cut off from PostgreSQL for 0.5-18 s", Target::Server, 5),
    (Kind::CutOffBroker, "node cut off from RabbitMQ for 0.5-18 s", Target::BrokerWire, 4),
    (Kind::CutOffBoth, "node cut off from both for 0.5-18 s", Target::Alone, 4),
];

/// Messages that are posted while somebody does not read, and their size: more than the queue of a connection holds,
/// and the wire before it.
const BURST: usize = 60;
const BURST_POSTERS: usize = 4;
const BURST_BYTES: usize = 12_000;

/// A half-open connection is found by its client in so long.
const HALF_OPEN_LIMIT: Duration = Duration::from_secs(30);

/// From this length on the log of the history is used again from its start, which needs no disk.
const LONG_LOG_BYTES: u64 = 8 << 20;

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        self.row().1
    }

    pub(crate) fn target(self) -> Target {
        self.row().2
    }

    fn row(self) -> &'static (Self, &'static str, Target, u32) {
        KINDS.iter().find(|row| row.0 == self).unwrap()
    }

    /// Whether it takes several nodes, and the PostgreSQL that they share.
    pub(crate) fn is_of_nodes(self) -> bool {
        matches!(
            self,
            Self::KillIntake
                | Self::FreezeForLong
                | Self::RestartAll
                | Self::KillDatabase
                | Self::ResetDatabaseWire
                | Self::CutOffDatabase
                | Self::CutOffBroker
                | Self::CutOffBoth
        )
    }

    /// Whether what is posted while it lasts is measured too.
    pub(crate) fn is_measured_from_its_beginning(self) -> bool {
        matches!(self, Self::KillIntake | Self::RestartAll)
    }

    /// Whether it can be done there.
    pub(crate) fn is_of(self, plan: &Plan, can_fill_disk: bool) -> bool {
        let carrier = plan.carrier;
        match self {
            _ if self.is_of_nodes() => plan.nodes > 1,
            Self::KillServer | Self::StopServer => !plan.server_lives,
            Self::FillDisk => can_fill_disk && !plan.server_lives && plan.nodes == 1,
            Self::HalfOpenClient => plan.length > 3 * HALF_OPEN_LIMIT,
            Self::KillBroker | Self::StopBroker | Self::FreezeBroker | Self::BlockBroker | Self::DeleteQueue => {
                carrier == Carrier::RabbitMq
            }
            _ => self.target() != Target::BrokerWire || carrier == Carrier::RabbitMq,
        }
    }

    /// Breaks it, and takes the cause away again. The moment is that in which the cause was gone.
    pub(crate) async fn inject(self, world: &Arc<World>, rng: &mut StdRng) -> Result<At, String> {
        world.recorder.fault(format!("{} ...", self.name()));
        if self.is_of_nodes() {
            return nodes::inject(self, world, rng).await;
        }
        let node = world.some_node(rng);
        let mut seconds = |from, to| world.seconds(rng, from, to);
        match self {
            Self::KillServer => {
                world.end_server(node, "KILL").await?;
                sleep(seconds(0.0, 0.8)).await;
                world.start_server(node).await
            }
            Self::StopServer => {
                world.end_server(node, "TERM").await?;
                sleep(seconds(0.0, 0.5)).await;
                world.start_server(node).await
            }
            Self::FreezeServer => {
                node.signal("STOP").await;
                sleep(seconds(0.5, 5.0)).await;
                node.signal("CONT").await;
                Ok(healed(world, self))
            }
            Self::FillDisk => fill_disk(world, seconds(0.3, 2.0)).await,
            Self::CutClients | Self::HalfCloseClients => {
                let fate = if self == Self::CutClients { Fate::Cut } else { Fate::HalfClosed };
                let share = rng.random_range(0.2..1.3);
                clients(world, fate, || rng.random::<f64>() < share).await;
                Ok(healed(world, self))
            }
            Self::StallClients | Self::SlowClients => {
                let (fate, length) = match self {
                    Self::StallClients => (Fate::Frozen, seconds(1.0, 6.0)),
                    _ => (Fate::Slow(seconds(0.005, 0.2)), seconds(1.0, 3.0)),
                };
                let share = rng.random_range(0.2..1.3);
                clients(world, fate, || rng.random::<f64>() < share).await;
                sleep(length).await;
                clients(world, Fate::Flows, || true).await;
                Ok(healed(world, self))
            }
            Self::HalfOpenClient => {
                half_open(world, rng).await;
                Ok(world.mark())
            }
            Self::RefuseClients => {
                let mut near = node.near.lock().await;
                near.down().await;
                sleep(seconds(0.3, 1.5)).await;
                near.up();
                Ok(healed(world, self))
            }
            Self::StopReading => stop_reading(world, rng).await,
            _ => match &world.broker {
                Some(broker) => self.inject_into(broker, node, world, rng).await,
                None => Err("there is no RabbitMQ to break".to_owned()),
            },
        }
    }

    async fn inject_into(self, broker: &Broker, node: &Node, world: &World, rng: &mut StdRng) -> Result<At, String> {
        let mut seconds = |from, to| world.seconds(rng, from, to);
        match self {
            Self::KillBroker | Self::StopBroker => {
                if self == Self::KillBroker {
                    broker.victim.kill().await
                } else {
                    broker.victim.stop().await
                }
                world.recorder.fault("RabbitMQ has ended");
                sleep(seconds(0.0, 0.5)).await;
                return Ok(broker.start(world).await);
            }
            Self::FreezeBroker => {
                broker.victim.freeze(true).await;
                sleep(seconds(0.5, 5.0)).await;
                broker.victim.freeze(false).await;
            }
            Self::BlockBroker => {
                broker.victim.set_memory_limit(&["0.000001"]).await;
                world.recorder.fault("RabbitMQ blocks publishers");
                sleep(seconds(0.2, 1.5)).await;
                broker.victim.set_memory_limit(&["absolute", "1GB"]).await;
            }
            Self::DeleteQueue => return delete_queue(broker, world).await,
            Self::RefuseBroker => {
                node.refuse_broker(seconds(0.3, 2.0)).await;
            }
            Self::CutBrokerWire => node.far(Fate::Cut).await,
            Self::HalfCloseBrokerWire => node.far(Fate::HalfClosed).await,
            Self::StallBrokerWire => {
                node.far(Fate::Frozen).await;
                sleep(seconds(0.5, 7.0)).await;
                node.far(Fate::Flows).await;
            }
            Self::SlowBrokerWire => {
                node.far(Fate::Slow(seconds(0.002, 0.05))).await;
                sleep(seconds(1.0, 3.0)).await;
                node.far(Fate::Flows).await;
            }
            _ => return Err(format!("{self:?} is nothing to do to RabbitMQ")),
        }
        Ok(healed(world, self))
    }
}

pub(crate) fn healed(world: &World, kind: Kind) -> At {
    world.recorder.fault(format!("{}: over", kind.name()));
    world.mark()
}

/// Decides for some connections of clients; those that are to stay half open do so.
async fn clients(world: &World, fate: Fate, mut chosen: impl FnMut() -> bool) {
    let held: Vec<u16> = world.half_open.lock().unwrap().keys().copied().collect();
    for node in &world.nodes {
        node.near.lock().await.some(fate, |port| !held.contains(&port) && chosen());
    }
}

/// Lets a connection hang for good, and does not wait: that somebody else finds it is seen in the background.
async fn half_open(world: &Arc<World>, rng: &mut StdRng) {
    let chosen = rng.random::<u32>() as usize;
    let Some(listener) = world.connected(|count| chosen % count) else { return };
    let (port, node) = (world.people.port_of(listener), world.people.node_of(listener));
    world.half_open.lock().unwrap().insert(port, listener);
    world.nodes[node].near.lock().await.some(Fate::Frozen, |of| of == port);
    world.recorder.fault(format!("{listener} is half open"));
    let world = Arc::clone(world);
    tokio::spawn(async move {
        let is_back = |now: u16| now != 0 && now != port;
        let found = async {
            while !is_back(world.people.port_of(listener)) && !world.people.over.is_cancelled() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        if timeout(HALF_OPEN_LIMIT, found).await.is_err() {
            let what = format!("{listener} did not come back from a half-open connection in {HALF_OPEN_LIMIT:?}");
            world.recorder.with(|checker, now| checker.unwell(now, what));
        }
        // The server has to find its side by itself, too.
        let _ = timeout(HALF_OPEN_LIMIT, world.people.over.cancelled()).await;
        world.nodes[node].near.lock().await.some(Fate::Cut, |of| of == port);
        world.half_open.lock().unwrap().remove(&port);
    });
}

async fn stop_reading(world: &World, rng: &mut StdRng) -> Result<At, String> {
    let chosen = rng.random::<u32>() as usize;
    let Some(listener) = world.connected(|count| chosen % count) else { return Ok(world.mark()) };
    world.recorder.fault(format!("{listener} stops reading"));
    world.people.reads[listener.index()].send_replace(false);
    let burst = |_| post_burst(world, listener);
    futures_util::future::join_all((0..BURST_POSTERS).map(burst)).await;
    sleep(world.seconds(rng, 0.1, 1.0)).await;
    world.people.reads[listener.index()].send_replace(true);
    Ok(healed(world, Kind::StopReading))
}

async fn post_burst(world: &World, listener: Listener) {
    let mut posting = Posting::new(Arc::clone(&world.people), listener.room(), Author::Outside);
    for _ in 0..BURST {
        posting.post(BURST_BYTES).await;
    }
}

async fn fill_disk(world: &World, length: Duration) -> Result<At, String> {
    if world.disk.log_bytes() > LONG_LOG_BYTES {
        let node = &world.nodes[0];
        world.end_server(node, "TERM").await?;
        world.start_server(node).await?;
        world.recover(world.mark()).await?;
    }
    world.disk.fill()?;
    world.recorder.fault("the disk is full");
    // Until it is felt, if it is.
    let felt = async {
        while world.is_ready().await {
            sleep(Duration::from_millis(50)).await;
        }
        world.recorder.fault("the full disk is felt");
    };
    let _ = timeout(Duration::from_secs(3), felt).await;
    sleep(length).await;
    world.disk.free();
    Ok(healed(world, Kind::FillDisk))
}

/// Deletes the queue when it holds nothing of other producers: what they had confirmed in it is lost with it, and
/// nobody but RabbitMQ knows of it. What Duet has published itself is Duet's to bring back; until then others wait, for
/// one who publishes as soon as there is a queue again comes before it. Of several nodes each brings back its own, and does not
/// wait for the others.
async fn delete_queue(broker: &Broker, world: &World) -> Result<At, String> {
    let _nobody_produces = world.people.producing.write().await;
    let heard = async {
        while world.recorder.with(|checker, _| checker.under_way_of(Author::Producer)) > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), heard).await.map_err(|_| "what producers had published did not arrive")?;
    let amqp = broker.vhost.amqp().await;
    amqp.delete("messages").await;
    if world.nodes.len() > 1 {
        world.recorder.with(|checker, _| checker.queue_is_deleted());
    }
    let deleted = healed(world, Kind::DeleteQueue);
    world.recover(deleted).await?;
    Ok(deleted)
}

/// A kind by its weight.
pub(crate) fn weighted(rng: &mut impl Rng, among: &[Kind]) -> Kind {
    let weight = |kind: &Kind| kind.row().3;
    let mut left = rng.random_range(0..among.iter().map(weight).sum::<u32>());
    *among.iter().find(|kind| left.checked_sub(weight(kind)).map(|l| left = l).is_none()).unwrap()
}
