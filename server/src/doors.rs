//! Where requests come in, from the first one until the server has stopped: at the door of everybody, and at that of the metrics.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::departure::Stop;
use crate::http::{self, App, Front, watched};
use crate::listener::address::TrustedProxies;
use crate::listener::connection::Ending;
use crate::listener::counted::{Connections, Most};
use crate::listener::patience::Times;
use crate::listener::settings::Settings;
use crate::listener::tls::Tls;
use crate::listener::{self, Manner};

/// How many may read the metrics at a time.
const METRICS_CONNECTIONS: Most = Most { in_all: 16, of_address: 16 };

/// How long requests may take to end after the stop.
const FINISH_REQUESTS: Duration = Duration::from_secs(3);

/// Where requests come in.
#[derive(Debug)]
pub(crate) struct Doors {
    /// That of everybody.
    pub(crate) listener: TcpListener,
    /// By which certificate they come in, if by any.
    pub(crate) tls: Option<Tls>,
    /// Where the metrics are read, if they are.
    pub(crate) watched: Option<TcpListener>,
}

impl Doors {
    /// Serves requests until it is to stop and people have left, and after it those that have begun.
    pub(crate) async fn serve(self, app: &Arc<App>, settings: &Settings, stop: &Stop) {
        let Self { listener, tls, watched } = self;
        let finishing = CancellationToken::new();
        let ending = Ending { begun: finishing.clone(), limit: FINISH_REQUESTS };
        let manner = Manner {
            times: settings.times(),
            ending: ending.clone(),
            connections: app.connections.clone(),
            proxies: settings.trusted_proxies.clone(),
            tls: tls.clone(),
            metrics: Arc::clone(&app.metrics),
            refusal: http::refusal,
        };
        let front = Front::new(Arc::clone(app), settings.allowed_origins.clone());
        let served = listener::serve(listener, move |request| front.clone().answer(request), manner);
        let watched = serve_metrics(watched, app, settings.times(), ending);
        let stopping = async {
            drain(app, stop).await;
            finishing.cancel();
        };
        let reloading = async {
            match tls {
                Some(tls) => tls.reload_on_hangup().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ((), (), ()) = async { tokio::join!(served, watched, stopping) } => {}
            () = reloading => {}
        }
    }
}

async fn serve_metrics(listener: Option<TcpListener>, app: &Arc<App>, times: Times, ending: Ending) {
    let Some(listener) = listener else { return };
    let manner = Manner {
        times,
        ending,
        connections: Connections::new(METRICS_CONNECTIONS),
        proxies: TrustedProxies::default(),
        tls: None,
        // What happens here is not what is watched.
        metrics: Arc::default(),
        refusal: http::refusal,
    };
    let app = Arc::clone(app);
    listener::serve(listener, move |request| std::future::ready(watched::answer(&app, &request)), manner).await;
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
