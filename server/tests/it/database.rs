//! The connections to PostgreSQL: their limits, and what becomes of work that fails or is given up.

use std::time::{Duration, Instant};

use server::database::{Database, DatabaseError};
use tokio_postgres::error::SqlState;

use crate::support::postgres::{self, database};
use crate::support::soon;

async fn open(database: &postgres::Database) -> Database {
    Database::open(database.url().parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_and_the_next_is_done() {
    let Some(database) = database().await else { return };
    let pool = open(&database).await;
    let began = Instant::now();
    let slow = pool.run(async |session| Ok(session.execute("SELECT pg_sleep(60)", &[]).await?)).await;
    assert_eq!(slow.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let next = pool.run(async |session| Ok(session.query_one("SELECT 1", &[]).await?.try_get::<_, i32>(0)?)).await;
    assert_eq!(next.unwrap(), 1);
    soon(pool.close()).await;
    let closed = pool.run(async |session| Ok(session.execute("SELECT 1", &[]).await?)).await;
    assert!(matches!(closed, Err(DatabaseError::Closed)));
}

#[tokio::test]
async fn work_that_fails_or_is_given_up_lets_go_of_what_it_had_locked() {
    let Some(database) = database().await else { return };
    let pool = open(&database).await;
    let eyes = database.client().await;
    eyes.batch_execute("CREATE TABLE locked (id int); INSERT INTO locked VALUES (1)").await.unwrap();
    let lock = "BEGIN; UPDATE locked SET id = id + 1";
    let fails = pool.run(async |session| {
        session.batch_execute(lock).await?;
        Ok(session.batch_execute("SELECT nothing").await?)
    });
    assert_eq!(soon(fails).await.unwrap_err().code(), Some(&SqlState::UNDEFINED_COLUMN));
    soon(eyes.batch_execute("UPDATE locked SET id = id")).await.unwrap();

    let (began, begins) = tokio::sync::oneshot::channel();
    let waits = pool.run(async |session| {
        session.batch_execute(lock).await?;
        began.send(()).unwrap();
        std::future::pending::<Result<(), DatabaseError>>().await
    });
    tokio::select! {
        _ = waits => panic!("it ended"),
        begun = begins => begun.unwrap(),
    }
    soon(eyes.batch_execute("UPDATE locked SET id = id")).await.unwrap();
    let id = soon(eyes.query_one("SELECT id FROM locked", &[])).await.unwrap();
    assert_eq!(id.get::<_, i32>(0), 1);
    pool.close().await;
}

#[tokio::test]
async fn however_much_is_asked_at_once_there_are_ten_connections_and_all_is_answered() {
    let Some(database) = database().await else { return };
    let pool = open(&database).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let pool = pool.clone();
        tasks.spawn(async move {
            let select = "SELECT count(*) FROM pg_stat_activity
                          WHERE datname = current_database() AND backend_type = 'client backend'";
            pool.run(async |session| {
                // So long that all are there.
                session.batch_execute("SELECT pg_sleep(0.2)").await?;
                Ok(session.query_one(select, &[]).await?.try_get::<_, i64>(0)?)
            })
            .await
            .unwrap()
        });
    }
    let most = soon(tasks.join_all()).await.into_iter().max().unwrap();
    assert_eq!(most, 10);
    pool.close().await;
}
