//! Builds everything, owns all tasks and shuts down in order; the only file that knows all.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::access::tokens::Tokens;
use crate::broker::rabbitmq::Peers;
use crate::broker::rabbitmq::nodes::Heard;
use crate::broker::{Broker, Deliveries, embedded, rabbitmq};
use crate::config::{ConfigError, Settings};
use crate::database::{AddressError, Database, OpenError};
use crate::departure::{Departure, Refuge, Stop};
use crate::history::postgres::claim::Company;
use crate::history::{History, HistoryError};
use crate::http::{self, App};
use crate::hub::Hub;
use crate::hub::others::Shared;
use crate::intake;
use crate::seats::shared::SharedSeats;

/// Over which time people leave a server that has others beside it, unless it is set.
const USUAL_DRAIN: Duration = Duration::from_secs(10);

/// How long requests may take to end after the stop. With the limits below it makes less than 10 s.
const FINISH_REQUESTS: Duration = Duration::from_secs(3);
/// How long the intake may take to keep what it has.
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
    /// The settings of RabbitMQ cannot be used.
    #[error(transparent)]
    RabbitMq(#[from] rabbitmq::SettingsError),
    /// The listener failed.
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
    let folder = settings.data_folder()?;
    let tokens = Arc::new(Tokens::new(settings.key(&folder)?.expose().as_bytes()));
    let opening = open_history(&settings, &folder);
    let Some(opened) = stop.asked.run_until_cancelled(opening).await else { return Ok(()) };
    let (history, database) = opened?;

    let broker_tasks = TaskTracker::new();
    let stop_broker = CancellationToken::new();
    let (lease, is_leased) = watch::channel(false);
    let rabbitmq = rabbitmq_settings(&settings, database.as_ref(), is_leased)?;
    let (broker, deliveries) = open_broker(rabbitmq.as_ref(), &tokens, &broker_tasks, &stop_broker);

    let hub_tasks = TaskTracker::new();
    let stop_hub = CancellationToken::new();
    let (shared, heard) = open_shared(rabbitmq, database.as_ref(), lease, &broker_tasks, &stop_broker).unzip();
    let hub = Hub::start(history.clone(), shared, &hub_tasks, stop_hub.clone());
    if let Some(heard) = heard {
        broker_tasks.spawn(hear(heard, hub.clone()));
    }

    let stop_intake = CancellationToken::new();
    let intake = tokio::spawn(intake::run(deliveries, history.clone(), hub.clone(), stop_intake.clone()));

    let app = Arc::new(App {
        tokens,
        broker,
        history: history.clone(),
        hub,
        max_content_bytes: settings.max_content_bytes,
        sessions: TaskTracker::new(),
        departure: departure(&settings),
    });
    announce_start(&settings, address, &folder, database.as_ref());
    let served = serve(listener, &app, &stop).await;

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
        if let Some(database) = &database {
            database.close().await;
        }
    };
    finish("the rest", FINISH_REST, rest).await;
    info!("stopped");
    served
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
    let rabbitmq = rabbitmq::Settings::new(url, settings.max_content_bytes, peers)?;
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

/// What makes this node one of several: where the history is in PostgreSQL and RabbitMQ carries messages.
fn open_shared(
    rabbitmq: Option<rabbitmq::Settings>,
    database: Option<&Database>,
    lease: watch::Sender<bool>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Option<(Shared, mpsc::Receiver<Heard>)> {
    let (rabbitmq, seats) = (rabbitmq?, SharedSeats::new(database?.clone()));
    let (announcer, heard) = rabbitmq::nodes::open(rabbitmq, tasks, stop.clone());
    Some((Shared { seats, announcer, lease }, heard))
}

/// Hands on what other nodes say.
async fn hear(mut words: mpsc::Receiver<Heard>, hub: Hub) {
    while let Some(heard) = words.recv().await {
        hub.heard(heard).await;
    }
}

/// Serves requests until it is to stop and people have left, and after it those that have begun.
async fn serve(listener: TcpListener, app: &Arc<App>, stop: &Stop) -> Result<(), NodeError> {
    // Nagle's algorithm would hold small frames back for an acknowledgement (RFC 896).
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            warn!(%error, "TCP_NODELAY could not be set");
        }
    });
    let finishing = CancellationToken::new();
    let finish = finishing.clone();
    let server = axum::serve(listener, http::router(Arc::clone(app)))
        .with_graceful_shutdown(async move { finish.cancelled().await })
        .into_future();
    let mut server = std::pin::pin!(server);
    tokio::select! {
        served = &mut server => return Ok(served?),
        () = drain(app, stop) => {}
    }
    finishing.cancel();
    match tokio::time::timeout(FINISH_REQUESTS, server).await {
        Ok(served) => served?,
        Err(_) => warn!("some requests did not end in time and are cut off"),
    }
    Ok(())
}

/// Waits until it is to stop, and then until people have left, which is no longer than is set for it.
async fn drain(app: &App, stop: &Stop) {
    stop.asked.cancelled().await;
    info!("stopping");
    app.departure.announce();
    let span = app.departure.span();
    if span.is_zero() {
        return;
    }
    app.departure.begin();
    app.sessions.close();
    let leaving = tokio::time::timeout(span, app.sessions.wait());
    stop.urged.run_until_cancelled(leaving).await;
}

/// Where there are other servers, people have a little time to go there.
fn departure(settings: &Settings) -> Departure {
    let has_others = settings.amqp_url().is_some() && settings.database_url().is_some();
    let (refuge, usual) = if has_others { (Refuge::Others, USUAL_DRAIN) } else { (Refuge::Nowhere, Duration::ZERO) };
    Departure::new(refuge, settings.drain.unwrap_or(usual))
}

fn announce_start(settings: &Settings, address: SocketAddr, folder: &Path, database: Option<&Database>) {
    let broker = if settings.amqp_url().is_some() { "RabbitMQ" } else { "embedded" };
    let data = database.map_or(folder.display().to_string(), |database| database.address().to_string());
    let durability = settings.durability;
    info!(%address, broker, %data, ?durability, "listening; see http://{address}/docs");
}

async fn finish(what: &str, limit: Duration, work: impl Future) {
    if tokio::time::timeout(limit, work).await.is_err() {
        warn!(what, "did not end in time");
    }
}
