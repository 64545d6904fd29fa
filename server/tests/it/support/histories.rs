//! The same story on each history, written to directly.

use std::time::Duration;

use server::database::Database;
use server::history::postgres::claim::Company;
use server::history::{Durability, History, Retention};

use crate::support::{Folder, kept, postgres, soon};

/// Where a history is, whether one is open or not.
#[derive(Debug)]
pub(crate) struct Place {
    /// The data folder of a server that serves it.
    pub(crate) folder: Folder,
    /// `None` where it is in the folder.
    pub(crate) database: Option<postgres::Database>,
}

/// Tells the story in a fresh folder, then in a fresh database.
pub(crate) async fn in_each_place(story: impl AsyncFn(&Place)) {
    println!("in SQLite");
    story(&Place { folder: Folder::new(), database: None }).await;
    println!("in PostgreSQL");
    let Some(database) = postgres::database().await else { return };
    story(&Place { folder: Folder::new(), database: Some(database) }).await;
}

impl Place {
    /// Opens the history that is there, or makes one.
    pub(crate) async fn open(&self, retention: Retention) -> History {
        let Some(database) = &self.database else { return kept::open(&self.folder, retention) };
        let database = Database::open(database.url().parse().unwrap()).await.unwrap();
        History::share(&database, Company::Alone, Durability::Relaxed, retention).await.unwrap()
    }

    /// Makes a history with one room of `count` messages of this age, and gives its epoch.
    pub(crate) async fn make(&self, name: &str, count: u64, sent_at: jiff::Timestamp) -> String {
        let history = self.open(Retention::default()).await;
        kept::fill(&history, name, 1, count, 0, sent_at).await;
        let epoch = history.epoch().to_owned();
        kept::close(history).await;
        epoch
    }

    /// What a server is told, beside the folder, to serve it.
    pub(crate) fn arguments(&self) -> Vec<&str> {
        self.database.as_ref().map_or(Vec::new(), |database| vec!["--database-url", database.url()])
    }

    /// Waits until everything is indexed.
    pub(crate) async fn until_indexed(&self) {
        let sqlite = "SELECT sum(head - indexed) FROM rooms";
        let postgres = "SELECT sum(head - coalesce(indexed.seq, 0))::bigint FROM rooms LEFT JOIN indexed ON room = id";
        self.until(sqlite, postgres, |left| left == 0).await;
    }

    /// Waits until the index has so many rows.
    pub(crate) async fn until_index_has(&self, rows: i64) {
        let (sqlite, postgres) = ("SELECT count(*) FROM search_docsize", "SELECT count(*) FROM search");
        self.until(sqlite, postgres, |there| there == rows).await;
    }

    /// Does something to it beside whoever works on it.
    pub(crate) async fn run(&self, sqlite: &str, postgres: &str) {
        if let Some(database) = &self.database {
            database.client().await.batch_execute(postgres).await.unwrap();
        } else {
            rusqlite::Connection::open(self.folder.path().join("duet.db")).unwrap().execute_batch(sqlite).unwrap();
        }
    }

    async fn until(&self, sqlite: &str, postgres: &str, is_so: impl Fn(i64) -> bool) {
        soon(async {
            if let Some(database) = &self.database {
                let client = database.client().await;
                while !is_so(client.query_one(postgres, &[]).await.unwrap().get(0)) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            } else {
                let connection = rusqlite::Connection::open(self.folder.path().join("duet.db")).unwrap();
                while !is_so(connection.query_row(sqlite, (), |row| row.get(0)).unwrap()) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        })
        .await;
    }
}
