//! The faults that only several nodes know: of the node that matters most, of leases, and of what nodes share.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::faults::event::At;
use crate::faults::kinds::{Kind, healed};
use crate::faults::node::Node;
use crate::faults::world::World;
use crate::support::relay::Fate;

/// How long a lease is (`LEASE` in `seats/lease.rs`) and some more, in seconds.
const LONGER_THAN_A_LEASE: (f64, f64) = (16.0, 18.0);

/// How many of a hundred cuts last longer than a lease.
const LONG_CUTS: u32 = 40;

/// Breaks it, and takes the cause away again.
pub(crate) async fn inject(kind: Kind, world: &World, rng: &mut StdRng) -> Result<At, String> {
    match kind {
        Kind::KillIntake => return kill_intake(world).await,
        Kind::RestartAll => return restart_all(world).await,
        Kind::KillDatabase => return kill_database(world, rng).await,
        Kind::FreezeForLong => {
            let node = intake_or_another(world, rng).await;
            world.recorder.fault(format!("{node} is frozen"));
            node.signal("STOP").await;
            sleep(longer_than_a_lease(rng)).await;
            node.signal("CONT").await;
        }
        Kind::ResetDatabaseWire => {
            for node in &world.nodes {
                if rng.random() {
                    node.base(Fate::Cut).await;
                }
            }
        }
        Kind::CutOffDatabase => cut_off(world, rng, Cut { broker: false, database: true }).await,
        Kind::CutOffBroker => cut_off(world, rng, Cut { broker: true, database: false }).await,
        Kind::CutOffBoth => cut_off(world, rng, Cut { broker: true, database: true }).await,
        _ => return Err(format!("{kind:?} takes no several nodes")),
    }
    Ok(healed(world, kind))
}

/// Recovery is measured from the kill, for that is what another node takes over after.
async fn kill_intake(world: &World) -> Result<At, String> {
    let node = world.intake().await;
    let killed = world.mark();
    world.end_server(node, "KILL").await?;
    world.until_somebody_hears().await?;
    world.recorder.fault(format!("{node} is started, when another has taken over"));
    world.start_meanwhile(node).await?;
    Ok(killed)
}

/// As an upgrade does it: each when the one before is ready again. Measured is what is posted meanwhile.
async fn restart_all(world: &World) -> Result<At, String> {
    let began = world.mark();
    for node in &world.nodes {
        world.end_server(node, "TERM").await?;
        world.start_meanwhile(node).await?;
        while !node.is_ready().await {
            if node.has_ended().await {
                return Err(format!("{node} has ended by itself"));
            }
            sleep(Duration::from_millis(20)).await;
        }
        world.recorder.fault(format!("{node} is ready again"));
    }
    Ok(began)
}

async fn kill_database(world: &World, rng: &mut StdRng) -> Result<At, String> {
    let Some(base) = &world.base else { return Err("there is no PostgreSQL to break".to_owned()) };
    base.victim.kill().await;
    world.recorder.fault("PostgreSQL has ended");
    sleep(world.seconds(rng, 0.0, 3.0)).await;
    base.victim.start().await;
    Ok(healed(world, Kind::KillDatabase))
}

/// From what a node is cut off.
#[derive(Debug, Clone, Copy)]
struct Cut {
    broker: bool,
    database: bool,
}

/// Without a word, or so that every connection is refused.
async fn cut_off(world: &World, rng: &mut StdRng, cut: Cut) {
    let node = intake_or_another(world, rng).await;
    let is_long = rng.random_ratio(LONG_CUTS, 100);
    let length = if is_long { longer_than_a_lease(rng) } else { world.seconds(rng, 0.5, 6.0) };
    let is_refused: bool = rng.random();
    let how = if is_refused { "refused" } else { "without a word" };
    world.recorder.fault(format!("{node} is cut off for {length:?}, {how}"));
    let broker = async {
        match (cut.broker, is_refused) {
            (false, _) => {}
            (true, true) => node.refuse_broker(length).await,
            (true, false) => {
                node.far(Fate::Frozen).await;
                sleep(length).await;
                node.far(Fate::Flows).await;
            }
        }
    };
    let database = async {
        match (cut.database, is_refused) {
            (false, _) => {}
            (true, true) => node.refuse_base(length).await,
            (true, false) => {
                node.base(Fate::Frozen).await;
                sleep(length).await;
                node.base(Fate::Flows).await;
            }
        }
    };
    tokio::join!(broker, database);
}

/// As often the one that has the intake as another.
async fn intake_or_another<'a>(world: &'a World, rng: &mut StdRng) -> &'a Node {
    let another = world.some_node(rng);
    if rng.random() { world.intake().await } else { another }
}

fn longer_than_a_lease(rng: &mut StdRng) -> Duration {
    Duration::from_secs_f64(rng.random_range(LONGER_THAN_A_LEASE.0..LONGER_THAN_A_LEASE.1))
}
