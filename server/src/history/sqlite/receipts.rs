//! How far the users of each room have come, as rows.

use rusqlite::{Connection, params};
use shared::frames::{MAX_RECEIPTS, Reached, Receipt};
use shared::message::Seq;
use shared::names::{RoomId, Username};

/// The receipts of a room, those who moved last first.
pub(super) fn read(connection: &mut Connection, room: &RoomId) -> Result<Vec<Receipt>, rusqlite::Error> {
    let mut select = connection.prepare_cached(
        "SELECT user, delivered, read FROM receipts WHERE room = (SELECT id FROM rooms WHERE name = ?1)
         ORDER BY moved DESC",
    )?;
    select.query_map([room.as_str()], receipt)?.filter_map(Result::transpose).take(MAX_RECEIPTS).collect()
}

/// Takes in what has risen, in one transaction. What rose not, and who is in a room that is not known, changes nothing.
pub(super) fn keep(connection: &mut Connection, receipts: &[(RoomId, Receipt)]) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO receipts (room, user, delivered, read, moved)
         SELECT id, ?2, min(?3, head), min(?4, head),
                (SELECT coalesce(max(moved), 0) + 1 FROM receipts WHERE room = rooms.id)
         FROM rooms WHERE name = ?1
         ON CONFLICT (room, user) DO UPDATE SET
            delivered = max(delivered, excluded.delivered), read = max(read, excluded.read), moved = excluded.moved
         WHERE excluded.delivered > delivered OR excluded.read > read",
    )?;
    for (room, Receipt { user, reached }) in receipts {
        let (delivered, read) = (place(reached.delivered), place(reached.read));
        upsert.execute(params![room.as_str(), user.as_str(), delivered, read])?;
    }
    drop(upsert);
    transaction.commit()
}

/// None of a user whose name is none any more, by rules that came later.
fn receipt(row: &rusqlite::Row<'_>) -> Result<Option<Receipt>, rusqlite::Error> {
    let place = |column| Ok::<_, rusqlite::Error>(Seq(row.get::<_, i64>(column)?.unsigned_abs()));
    let Ok(user) = Username::new(row.get::<_, String>(0)?) else { return Ok(None) };
    Ok(Some(Receipt { user, reached: Reached { delivered: place(1)?, read: place(2)? } }))
}

/// SQLite counts in i64; no room comes near its end.
fn place(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::sqlite::schema;

    /// A history with `room1`, whose head is 10.
    fn history() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        connection.execute("INSERT INTO rooms (name, head) VALUES ('room1', 10)", ()).unwrap();
        connection
    }

    fn of(user: &str, delivered: u64, read: u64) -> Receipt {
        let reached = Reached { delivered: Seq(delivered), read: Seq(read) };
        Receipt { user: Username::new(user).unwrap(), reached }
    }

    fn room(name: &str) -> RoomId {
        RoomId::new(name).unwrap()
    }

    #[track_caller]
    fn check(kept: &[Receipt], expected: &[Receipt]) {
        let mut connection = history();
        for receipt in kept {
            keep(&mut connection, &[(room("room1"), receipt.clone())]).unwrap();
        }
        assert_eq!(read(&mut connection, &room("room1")).unwrap(), expected);
    }

    #[test]
    fn each_place_only_rises() {
        check(&[of("bob", 5, 3), of("bob", 4, 4)], &[of("bob", 5, 4)]);
        check(&[of("bob", 5, 3), of("bob", 2, 1)], &[of("bob", 5, 3)]);
        check(&[of("bob", 5, 3), of("bob", 99, 3)], &[of("bob", 10, 3)]);
    }

    #[test]
    fn those_who_moved_last_come_first() {
        check(&[of("alice", 1, 0), of("bob", 2, 0)], &[of("bob", 2, 0), of("alice", 1, 0)]);
        check(&[of("alice", 1, 0), of("bob", 2, 0), of("alice", 3, 0)], &[of("alice", 3, 0), of("bob", 2, 0)]);
        // Saying the same again is no move.
        check(&[of("alice", 1, 0), of("bob", 2, 0), of("alice", 1, 0)], &[of("bob", 2, 0), of("alice", 1, 0)]);
    }

    #[test]
    fn a_room_tells_of_so_many_and_no_more() {
        let kept: Vec<Receipt> = (1..=MAX_RECEIPTS + 2).map(|n| of(&format!("user{n}"), 1, 1)).collect();
        let last: Vec<Receipt> = kept.iter().rev().take(MAX_RECEIPTS).cloned().collect();
        check(&kept, &last);
    }

    #[test]
    fn a_user_whose_name_is_none_any_more_is_passed_over() {
        let mut connection = history();
        keep(&mut connection, &[(room("room1"), of("bob", 2, 1))]).unwrap();
        connection.execute("INSERT INTO receipts SELECT room, 'bob  ', 1, 1, 9 FROM receipts", ()).unwrap();
        assert_eq!(read(&mut connection, &room("room1")).unwrap(), [of("bob", 2, 1)]);
    }

    #[test]
    fn a_room_that_is_not_known_has_none_and_gets_none() {
        let mut connection = history();
        let receipts = [(room("room2"), of("bob", 1, 1)), (room("room1"), of("bob", 2, 1))];
        keep(&mut connection, &receipts).unwrap();
        assert_eq!(read(&mut connection, &room("room2")).unwrap(), []);
        assert_eq!(read(&mut connection, &room("room1")).unwrap(), [of("bob", 2, 1)]);
    }
}
