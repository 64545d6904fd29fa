//! How far the users of each room have come, as rows.

use std::collections::BTreeMap;

use shared::frames::{MAX_RECEIPTS, Reached, Receipt};
use shared::message::Seq;
use shared::names::{RoomId, Username};

use crate::database::{DatabaseError, Session};
use crate::history::Durability;
use crate::history::postgres::placing::{Parameter, begin, place};

const SELECT: &str =
    "SELECT username, delivered, read FROM receipts WHERE room = (SELECT id FROM rooms WHERE name = $1)
    ORDER BY moved DESC LIMIT $2";

/// In an order of its own, so that two nodes never wait for each other.
const KEEP: &str = "INSERT INTO receipts AS kept (room, username, delivered, read, moved)
    SELECT id, username, least(delivered, head), least(read, head), nextval('receipts_moved')
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS said (room, username, delivered, read)
    JOIN rooms ON name = said.room ORDER BY id, username
    ON CONFLICT (room, username) DO UPDATE SET
        delivered = greatest(kept.delivered, excluded.delivered), read = greatest(kept.read, excluded.read),
        moved = excluded.moved
    WHERE excluded.delivered > kept.delivered OR excluded.read > kept.read";

/// The receipts of a room, those who moved last first.
pub(super) async fn read(session: &Session, room: &RoomId) -> Result<Vec<Receipt>, DatabaseError> {
    let statement = session.prepared(SELECT).await?;
    let limit = i64::try_from(MAX_RECEIPTS).unwrap_or(i64::MAX);
    let rows = session.query(&statement, &[&room.as_str(), &limit]).await?;
    // None of a user whose name is none any more, by rules that came later.
    let receipt = |row: &tokio_postgres::Row| {
        let Ok(user) = Username::new(row.try_get::<_, String>(0)?) else { return Ok(None) };
        let [delivered, read] = [row.try_get::<_, i64>(1)?, row.try_get::<_, i64>(2)?].map(|at| Seq(at.unsigned_abs()));
        Ok(Some(Receipt { user, reached: Reached { delivered, read } }))
    };
    rows.iter().filter_map(|row| receipt(row).transpose()).collect()
}

/// Takes in what has risen, together. What rose not, and who is in a room that is not known, changes nothing.
pub(super) async fn keep(session: &Session, receipts: &[(RoomId, Receipt)]) -> Result<(), DatabaseError> {
    // PostgreSQL takes each of them once.
    let mut furthest: BTreeMap<(&str, &str), Reached> = BTreeMap::new();
    for (room, Receipt { user, reached }) in receipts {
        let kept = furthest.entry((room.as_str(), user.as_str())).or_default();
        *kept = kept.furthest(*reached);
    }
    let (rooms, users): (Vec<&str>, Vec<&str>) = furthest.keys().copied().unzip();
    let places = furthest.values().map(|reached| (place(reached.delivered), place(reached.read)));
    let (delivered, read): (Vec<i64>, Vec<i64>) = places.unzip();
    let statement = session.prepared(KEEP).await?;
    let said: [Parameter<'_>; 4] = [&rooms, &users, &delivered, &read];
    // A receipt that a power cut undoes comes again.
    tokio::try_join!(
        biased;
        session.batch_execute(begin(Durability::Relaxed)),
        session.execute(&statement, &said),
        session.batch_execute("COMMIT"),
    )?;
    Ok(())
}
