//! Builds everything, owns all tasks and shuts down in order; the only file that knows all.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::access::gate::{Access, Gate};
use crate::access::invites::MEMBER_FOR;
use crate::access::issuer::IssuerKey;
use crate::access::marks;
use crate::access::store::{Store, StoreError, Version};
use crate::access::tokens::{Rules, Tokens};
use crate::broker::rabbitmq::Peers;
use crate::broker::rabbitmq::nodes::{Announcer, Heard};
use crate::broker::{Broker, Deliveries, embedded, rabbitmq};
use crate::config::access::is_loopback;
use crate::config::{ConfigError, Limit, Settings};
use crate::database::{AddressError, Database, OpenError};
use crate::departure::{Departure, Refuge, Stop};
use crate::doors::Doors;
use crate::history::postgres::claim::Company;
use crate::history::{History, HistoryError};
use crate::http::App;
use crate::http::limiter::Limits;
use crate::hub::others::Shared;
use crate::hub::{Hosting, Hub};
use crate::intake::{self, Way};
use crate::limits::Usual;
use crate::listener::counted::Connections;
use crate::listener::tls::TlsError;
use crate::metrics::Metrics;
use crate::revoking;
use crate::seats::shared::SharedSeats;

/// Over which time people leave a server that has others beside it, unless it is set.
const USUAL_DRAIN: Duration = Duration::from_secs(10);

/// How long the intake may take to keep what it has. With the other limits, and that of requests, it makes less than 10 s.
const FINISH_INTAKE: Duration = Duration::from_secs(3);
/// How long sessions may take to say goodbye.
const FINISH_SESSIONS: Duration = Duration::from_secs(2);
/// How long the rest may take.
const FINISH_REST: Duration = Duration::from_secs(1);

/// Why a server does not start or ends early.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `DATABASE_URL` cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The history cannot be used.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Who may come in cannot be read.
    #[error(transparent)]
    Access(#[from] StoreError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The settings of RabbitMQ cannot be used.
    #[error(transparent)]
    RabbitMq(#[from] rabbitmq::SettingsError),
    /// The metrics cannot be served.
    #[error("cannot listen on {0} for metrics: {1}; set DUET_METRICS to another address or port")]
    Metrics(SocketAddr, std::io::Error),
    /// The address that is listened on cannot be read.
    #[error("accepting connections: {0}")]
    Accept(#[from] std::io::Error),
}

/// Serves on `listener` until it is to stop, then ends in order: nobody new is let in; people leave over the time that is set
/// for it, while posts go on; no new requests, what is accepted is kept and announced, the last sessions are told and closed,
/// history is closed. Takes less than 10 s for that, besides the time that is set.
///
/// # Errors
/// When the settings or the history cannot be used, or the listener fails.
pub async fn run(settings: Settings, listener: TcpListener, stop: Stop) -> Result<(), NodeError> {
    let address = listener.local_addr()?;
    let tls = settings.listener.tls()?;
    let watched = listen_for_metrics(settings.listener.metrics).await?;
    let folder = settings.data_folder()?;
    let (tokens, gate) = access(&settings, &folder)?;
    let gate = Arc::new(gate);
    let opening = open(&settings, &folder, &gate);
    let Some(opened) = stop.asked.run_until_cancelled(opening).await else { return Ok(()) };
    let Opened { history, database, store, revoked } = opened?;

    let broker_tasks = TaskTracker::new();
    let stop_broker = CancellationToken::new();
    let (lease, is_leased) = watch::channel(false);
    let rabbitmq = rabbitmq_settings(&settings, database.as_ref(), is_leased)?;
    let (broker, deliveries) = open_broker(rabbitmq.as_ref(), &tokens, &broker_tasks, &stop_broker);

    let hub_tasks = TaskTracker::new();
    let stop_hub = CancellationToken::new();
    let others = match (rabbitmq, &broker) {
        (Some(settings), Broker::RabbitMq(broker)) if database.is_some() => {
            Some(rabbitmq::nodes::open(settings, broker, &broker_tasks, stop_broker.clone()))
        }
        _ => None,
    };
    let (shared, heard) = share(others, database.as_ref(), lease).unzip();
    let is_one_of_several = shared.is_some();
    let metrics = Arc::new(Metrics::new());
    let hosting = Hosting {
        history: history.clone(),
        max_rooms: settings.limits.max_rooms,
        max_outbound_bytes: settings.limits.max_outbound_bytes,
        stalled: metrics.stalled.clone(),
        shared,
    };
    let hub = Hub::start(hosting, &hub_tasks, stop_hub.clone());
    if let Some(heard) = heard {
        broker_tasks.spawn(hear(heard, hub.clone()));
    }

    let forgotten = store.clone();
    let stop_forgetting = stop_hub.clone();
    hub_tasks.spawn(async move { stop_forgetting.run_until_cancelled(forgotten.keep_up()).await });

    let revoking = revoking::run(store.clone(), Arc::clone(&gate), hub.clone(), revoked);
    let stop_revoking = stop_hub.clone();
    hub_tasks.spawn(async move { stop_revoking.run_until_cancelled(revoking).await });

    if let Some(database) = database.as_ref().filter(|_| is_one_of_several) {
        let watching = marks::watch(database.clone(), Arc::clone(&tokens), Arc::clone(&gate));
        let stop_watching = stop_hub.clone();
        hub_tasks.spawn(async move { stop_watching.run_until_cancelled(watching).await });
    }

    let way = Way { history: history.clone(), hub: hub.clone(), metrics: Arc::clone(&metrics) };
    let stop_intake = CancellationToken::new();
    let intake = tokio::spawn(intake::run(deliveries, way, stop_intake.clone()));

    let usual = if gate.is_closed() { Usual::Sane } else { Usual::Unlimited };
    let app = Arc::new(App {
        tokens,
        store: store.clone(),
        is_exposed: !gate.is_closed() && !is_loopback(settings.listen),
        gate: Arc::clone(&gate),
        member_for: settings.member_for.unwrap_or(MEMBER_FOR),
        broker,
        history: history.clone(),
        hub,
        limits: Arc::new(Limits::new(&settings.limits.rates(usual), &metrics.limited)),
        frames: settings.limits.frames_per_connection(),
        max_content_bytes: settings.max_content_bytes,
        max_frame_bytes: settings.limits.max_frame_bytes,
        metrics,
        connections: Connections::new(settings.listener.most()),
        sessions: TaskTracker::new(),
        departure: departure(&settings),
    });
    announce_start(&settings, (address, tls.is_some()), &folder, database.as_ref());
    if app.is_exposed {
        warn!(%address, "open to other machines: whoever reaches this address gets in under any name");
    }
    Doors { listener, tls, watched }.serve(&app, &settings.listener, &stop).await;

    stop_intake.cancel();
    finish("intake", FINISH_INTAKE, intake).await;
    app.departure.end();
    app.sessions.close();
    finish("sessions", FINISH_SESSIONS, app.sessions.wait()).await;
    stop_hub.cancel();
    let rest = async {
        hub_tasks.close();
        hub_tasks.wait().await;
        // After the hub, which has told other nodes what has become of those who were here.
        stop_broker.cancel();
        broker_tasks.close();
        broker_tasks.wait().await;
        history.close().await;
        store.close().await;
        if let Some(database) = &database {
            database.close().await;
        }
    };
    finish("the rest", FINISH_REST, rest).await;
    info!("stopped");
    Ok(())
}

/// What tokens are made and checked by, and what is asked of those who come.
fn access(settings: &Settings, folder: &Path) -> Result<(Arc<Tokens>, Gate), NodeError> {
    let (key, previous) = (settings.key(folder)?, settings.access.previous_key()?);
    let access = settings.access.access(settings.listen);
    let tokens = Arc::new(Tokens::by(Rules {
        key: key.expose().as_bytes(),
        also: previous.map(|key| key.expose().as_bytes()),
        leeway: settings.access.leeway(access),
        life: settings.access.token_life,
    }));
    let issuer = settings.access.issuer_key(&key)?.map(|key| IssuerKey::new(key.expose())).transpose();
    let issuer = issuer.map_err(|e| ConfigError::new(format!("DUET_ISSUER_KEY cannot be used: {e}")))?;
    Ok((Arc::clone(&tokens), Gate::new(access, tokens, issuer, settings.limits.lengths())))
}

/// What there is before anybody comes.
struct Opened {
    history: History,
    /// Where both are in PostgreSQL.
    database: Option<Database>,
    store: Store,
    /// Up to where it is known who may not come in any more.
    revoked: Option<Version>,
}

async fn open(settings: &Settings, folder: &Path, gate: &Gate) -> Result<Opened, NodeError> {
    let (history, database) = open_history(settings, folder).await?;
    let store = match &database {
        Some(database) => Store::share(database),
        None => Store::open(folder)?,
    };
    let revoked = revoking::begin(&store, gate).await?;
    Ok(Opened { history, database, store, revoked })
}

/// Opens the history, and where it is in PostgreSQL the database, which waits some seconds for that to be there.
async fn open_history(settings: &Settings, folder: &Path) -> Result<(History, Option<Database>), NodeError> {
    let (durability, retention) = (settings.durability, settings.retention());
    let Some(url) = settings.database_url() else {
        return Ok((History::open(folder, durability, retention)?, None));
    };
    let database = Database::open(url.parse()?).await?;
    let company = if settings.amqp_url().is_some() { Company::Others } else { Company::Alone };
    let history = History::share(&database, company, durability, retention).await?;
    Ok((history, Some(database)))
}

fn rabbitmq_settings(
    settings: &Settings,
    database: Option<&Database>,
    is_leased: watch::Receiver<bool>,
) -> Result<Option<rabbitmq::Settings>, NodeError> {
    let Some(url) = settings.amqp_url() else { return Ok(None) };
    let peers = match database {
        Some(database) => Peers::Nodes { database: database.clone(), lease: is_leased },
        None => Peers::Nobody,
    };
    let longest = rabbitmq::Longest { content: settings.max_content_bytes, room: settings.limits.lengths().room };
    let rabbitmq = rabbitmq::Settings::new(url, longest, peers)?;
    Ok(Some(match settings.amqp_ca() {
        Some(file) => rabbitmq.trusting(file)?,
        None => rabbitmq,
    }))
}

fn open_broker(
    rabbitmq: Option<&rabbitmq::Settings>,
    tokens: &Arc<Tokens>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> (Broker, Deliveries) {
    let Some(rabbitmq) = rabbitmq else {
        let (broker, deliveries) = embedded::open();
        return (Broker::Embedded(broker), Deliveries::Embedded(deliveries));
    };
    let (broker, deliveries) = rabbitmq::open(rabbitmq.clone(), Arc::clone(tokens), tasks, stop.clone());
    (Broker::RabbitMq(broker), Deliveries::RabbitMq(deliveries))
}

/// What makes this node one of several: where it has a way to others, for the history is in PostgreSQL and RabbitMQ carries
/// messages.
fn share(
    others: Option<(Announcer, mpsc::Receiver<Heard>)>,
    database: Option<&Database>,
    lease: watch::Sender<bool>,
) -> Option<(Shared, mpsc::Receiver<Heard>)> {
    let ((announcer, heard), seats) = (others?, SharedSeats::new(database?.clone()));
    Some((Shared { seats, announcer, lease }, heard))
}

/// Hands on what other nodes say.
async fn hear(mut words: mpsc::Receiver<Heard>, hub: Hub) {
    while let Some(heard) = words.recv().await {
        hub.heard(heard).await;
    }
}

async fn listen_for_metrics(address: Limit<SocketAddr>) -> Result<Option<TcpListener>, NodeError> {
    let Some(address) = address else { return Ok(None) };
    let listener = TcpListener::bind(address).await.map_err(|e| NodeError::Metrics(address, e))?;
    let at = listener.local_addr()?;
    info!(%at, "metrics are served; see http://{at}/metrics");
    Ok(Some(listener))
}

/// Where there are other servers, people have a little time to go there.
fn departure(settings: &Settings) -> Departure {
    let has_others = settings.amqp_url().is_some() && settings.database_url().is_some();
    let (refuge, usual) = if has_others { (Refuge::Others, USUAL_DRAIN) } else { (Refuge::Nowhere, Duration::ZERO) };
    Departure::new(refuge, settings.drain.unwrap_or(usual))
}

fn announce_start(
    settings: &Settings,
    (address, is_encrypted): (SocketAddr, bool),
    folder: &Path,
    database: Option<&Database>,
) {
    let broker = if settings.amqp_url().is_some() { "RabbitMQ" } else { "embedded" };
    let data = database.map_or(folder.display().to_string(), |database| database.address().to_string());
    let durability = settings.durability;
    let scheme = if is_encrypted { "https" } else { "http" };
    let access = match settings.access.access(settings.listen) {
        Access::Open => "open",
        Access::Closed => "closed",
    };
    info!(%address, access, broker, %data, ?durability, "listening; see {scheme}://{address}/docs");
}

async fn finish(what: &str, limit: Duration, work: impl Future) {
    if tokio::time::timeout(limit, work).await.is_err() {
        warn!(what, "did not end in time");
    }
}
