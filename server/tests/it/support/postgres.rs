//! A real PostgreSQL for tests.

use std::sync::OnceLock;

use tokio::sync::MutexGuard;
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};

use crate::support::service::{Kept, Kind, Service};
use crate::support::{SOON, soon};

const KIND: Kind = Kind {
    script: "postgres",
    exports: &["DUET_TEST_DATABASE_URL"],
    process: "postgres.pid",
    options: &["--unsynced"],
};

/// A database that is a test's own, removed with it.
#[derive(Debug)]
pub(crate) struct Database {
    name: String,
    url: String,
    /// Another database of the same PostgreSQL, from which this one is made and removed.
    beside: String,
}

/// A PostgreSQL that may be killed, one for all tests of that kind, one test at a time.
#[derive(Debug)]
pub(crate) struct Victim {
    service: Service,
    _turn: MutexGuard<'static, ()>,
}

/// A fresh database on the PostgreSQL that all tests share. `None`, aloud, where there is none.
pub(crate) async fn database() -> Option<Database> {
    static SHARED: OnceLock<Result<Service, String>> = OnceLock::new();
    Some(Database::on(Service::shared(&KIND, &SHARED)?).await)
}

/// The PostgreSQL that may be hurt. `None`, aloud, where there is none.
pub(crate) async fn victim() -> Option<Victim> {
    static KEPT: Kept = Kept::named(&KIND, "victim");
    let (service, turn) = KEPT.turn().await?;
    Some(Victim { service, _turn: turn })
}

/// The PostgreSQL of the fault suite, which takes long turns.
pub(crate) async fn victim_of_the_fault_suite() -> Option<Victim> {
    static KEPT: Kept = Kept::named(&KIND, "faults");
    let (service, turn) = KEPT.turn().await?;
    Some(Victim { service, _turn: turn })
}

impl Database {
    async fn on(service: &Service) -> Self {
        let beside = service.get("DUET_TEST_DATABASE_URL").unwrap().to_owned();
        let name = format!("duet_test_{}", uuid::Uuid::new_v4().simple());
        let (server, _) = beside.rsplit_once('/').unwrap();
        let database = Self { url: format!("{server}/{name}"), name, beside };
        let make = format!("CREATE DATABASE {}", database.name);
        soon(connect(&database.beside)).await.batch_execute(&make).await.unwrap();
        database
    }

    /// What goes into `DATABASE_URL`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The same by way of another port.
    pub(crate) fn url_by(&self, port: u16) -> String {
        self.url.replacen(&format!(":{}/", self.port()), &format!(":{port}/"), 1)
    }

    /// The port of PostgreSQL.
    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit_once(':').unwrap().1.split_once('/').unwrap().0.parse().unwrap()
    }

    /// Whoever connects from now on finds that its clock goes before or behind that of this machine, by an interval such as
    /// `-7 min`.
    pub(crate) async fn has_a_clock_that_differs_by(&self, interval: &str) {
        let set = format!(
            "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql
                 AS $$ SELECT pg_catalog.clock_timestamp() + interval '{interval}' $$;
             ALTER DATABASE {} SET search_path = public, pg_catalog",
            self.name
        );
        self.client().await.batch_execute(&set).await.unwrap();
    }

    /// A connection that is not Duet's.
    pub(crate) async fn client(&self) -> Client {
        soon(connect(&self.url)).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (beside, drop) = (self.beside.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let remove = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let dropping = async {
                if let Ok((client, connection)) = tokio_postgres::connect(&beside, NoTls).await {
                    tokio::spawn(connection);
                    let _ = client.batch_execute(&drop).await;
                }
            };
            // One that stays behind does no harm; PostgreSQL may be down, or stand still.
            let _ = runtime.block_on(async { timeout(SOON, dropping).await });
        };
        std::thread::spawn(remove).join().unwrap();
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Victim {
    pub(crate) async fn database(&self) -> Database {
        Database::on(&self.service).await
    }

    pub(crate) async fn kill(&self) {
        self.service.script("kill").await;
    }

    pub(crate) async fn start(&self) {
        // Whoever started it first has it ended with this process.
        self.service.script("start").await;
    }

    /// The certificate of the authority that has signed its own, where it offers TLS.
    pub(crate) fn authority(&self) -> Option<&str> {
        self.service.get("DUET_TEST_DATABASE_CA")
    }
}
