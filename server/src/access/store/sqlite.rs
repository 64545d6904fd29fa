//! The store in a SQLite file, which other processes write as well. One connection, one piece of work at a time: all of it
//! together is a few statements a minute.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior};
use shared::names::{Name, RoomId, Rule, Username};
use tokio::sync::Semaphore;

use crate::access::codes::Digest;
use crate::access::invites::{
    self, Added, Admission, Attempt, Invite, Kept, MAX_PENDING, Member, REMEMBERED, REVOKED_FOR, Refusal, Revocation,
};
use crate::access::store::{StoreError, Version, file, is_worth_writing, milliseconds, time};
use crate::clock;

/// What a row of `invites` is read by.
pub(super) const INVITE: &str = "id, room, username, creator, made_at, expires_at";

/// A handle to the file.
#[derive(Debug, Clone)]
pub struct Sqlite {
    /// Waited for here, so that no thread waits for another.
    turn: Arc<Semaphore>,
    connection: Arc<Mutex<Option<Connection>>>,
}

impl Sqlite {
    /// Opens or makes the file.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = file::open(path).map_err(|e| {
            let path = path.display();
            StoreError::Open(format!("cannot open {path}, which says who may come in: {e}"))
        })?;
        Ok(Self { turn: Arc::new(Semaphore::new(1)), connection: Arc::new(Mutex::new(Some(connection))) })
    }

    /// Works on the connection and may write. The lock to write is taken at once, so that whoever reads before writing is not
    /// refused in between.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Immediate, work).await
    }

    /// Works on the connection and only reads, in one moment, whoever writes.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Deferred, work).await
    }

    /// Works in a transaction that is committed when all went well.
    async fn transact<T: Send + 'static>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let connection = Arc::clone(&self.connection);
        let work = move || {
            let _permit = permit;
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = connection.as_mut().ok_or(StoreError::Closed)?;
            let transaction = connection.transaction_with_behavior(behavior)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        // The join fails only when the work panicked or the runtime is ending.
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
    }

    pub(super) async fn add(
        &self,
        invite: Invite,
        code: Digest,
        issued_at: Option<Timestamp>,
    ) -> Result<Added, StoreError> {
        self.run(move |transaction| {
            let revoked = "SELECT revoked_at FROM revocations WHERE room = ?1 AND username = ?2";
            let creator = invite.creator.as_ref().map(Username::as_str);
            let revoked =
                transaction.query_row(revoked, (invite.room.as_str(), creator), |row| at(row, 0)).optional()?;
            if revoked.is_some_and(|revoked_at| invites::is_revoked(issued_at, revoked_at)) {
                return Ok(Added::Revoked);
            }
            let count = "SELECT count(*) FROM invites WHERE room = ?1 AND used_at IS NULL AND expires_at > ?2";
            let made_at = milliseconds(invite.made_at);
            let pending: u32 = transaction.query_row(count, (invite.room.as_str(), made_at), |row| row.get(0))?;
            if pending >= MAX_PENDING {
                return Ok(Added::TooMany);
            }
            let Invite { id, room, user, expires_at, .. } = &invite;
            transaction.execute(
                "INSERT INTO invites (id, code, room, username, creator, made_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                (id, code.bytes(), room.as_str(), user.as_str(), creator, made_at, milliseconds(*expires_at)),
            )?;
            Ok(Added::Kept)
        })
        .await
    }

    pub(super) async fn pending(&self, room: RoomId, now: Timestamp) -> Result<Vec<Invite>, StoreError> {
        self.read(move |transaction| {
            let select = format!(
                "SELECT {INVITE} FROM invites WHERE room = ?1 AND used_at IS NULL AND expires_at > ?2 ORDER BY made_at"
            );
            let mut select = transaction.prepare(&select)?;
            select.query_map((room.as_str(), milliseconds(now)), invite)?.collect()
        })
        .await
    }

    pub(super) async fn withdraw(&self, room: RoomId, id: String) -> Result<bool, StoreError> {
        self.run(move |transaction| {
            let delete = "DELETE FROM invites WHERE room = ?1 AND id = ?2 AND used_at IS NULL";
            Ok(transaction.execute(delete, (room.as_str(), id))? > 0)
        })
        .await
    }

    pub(super) async fn redeem(
        &self,
        code: Digest,
        attempt: Attempt,
    ) -> Result<Result<Admission, Refusal>, StoreError> {
        self.run(move |transaction| {
            let select = format!("SELECT {INVITE}, used_at, refresh FROM invites WHERE code = ?1");
            let kept = transaction.query_row(&select, [code.bytes()], kept).optional()?;
            let admitted = invites::admit(kept.as_ref(), &attempt);
            if admitted == Ok(Admission::First) {
                let (now, refresh) = (milliseconds(attempt.now), attempt.refresh.bytes());
                let used = "UPDATE invites SET used_at = ?2, refresh = ?3 WHERE code = ?1";
                transaction.execute(used, (code.bytes(), now, refresh))?;
                transaction.execute(
                    "INSERT INTO refresh_tokens (token, room, username, expires_at) VALUES (?1, ?2, ?3, ?4)",
                    (refresh, attempt.room.as_str(), attempt.user.as_str(), milliseconds(attempt.member_until)),
                )?;
            }
            Ok(admitted)
        })
        .await
    }

    pub(super) async fn refresh(
        &self,
        token: Digest,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Member>, StoreError> {
        self.run(move |transaction| {
            let select = "SELECT room, username, expires_at FROM refresh_tokens WHERE token = ?1 AND expires_at > ?2";
            let found = transaction.query_row(select, (token.bytes(), milliseconds(now)), |row| {
                Ok((Member { room: name(row, 0)?, user: name(row, 1)? }, row.get::<_, i64>(2)?))
            });
            let Some((member, expires_at)) = found.optional()? else { return Ok(None) };
            if is_worth_writing(expires_at, now, until) {
                let extend = "UPDATE refresh_tokens SET expires_at = ?2 WHERE token = ?1";
                transaction.execute(extend, (token.bytes(), milliseconds(until)))?;
            }
            Ok(Some(member))
        })
        .await
    }

    pub(super) async fn revoke(&self, member: Member) -> Result<(), StoreError> {
        self.run(move |transaction| {
            let (room, user) = (member.room.as_str(), member.user.as_str());
            let theirs = "DELETE FROM invites WHERE room = ?1 AND (username = ?2 OR creator = ?2 AND used_at IS NULL)";
            transaction.execute(theirs, (room, user))?;
            transaction.execute("DELETE FROM refresh_tokens WHERE room = ?1 AND username = ?2", (room, user))?;
            // Read while nobody else can redeem or refresh: whatever was made is older.
            let at = milliseconds(clock::timestamp());
            transaction.execute(
                "INSERT INTO revocations (room, username, revoked_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET revoked_at = max(revoked_at, excluded.revoked_at)",
                (room, user, at),
            )?;
            Ok(())
        })
        .await
    }

    pub(super) async fn revocations(
        &self,
        known: Option<Version>,
    ) -> Result<Option<(Version, Vec<Revocation>)>, StoreError> {
        self.read(move |transaction| {
            // The one counts what others have committed, the other what we have written.
            let of_others: i64 = transaction.pragma_query_value(None, "data_version", |row| row.get(0))?;
            let version = Version(format!("{of_others} {}", transaction.total_changes()));
            if known.as_ref() == Some(&version) {
                return Ok(None);
            }
            let mut select = transaction.prepare_cached("SELECT room, username, revoked_at FROM revocations")?;
            let rows = select.query_map((), member_at)?;
            let revocations: Result<Vec<_>, _> =
                rows.map(|row| row.map(|(member, at)| Revocation { member, at })).collect();
            Ok(Some((version, revocations?)))
        })
        .await
    }

    pub(super) async fn forget(&self, now: Timestamp) -> Result<(), StoreError> {
        self.run(move |transaction| {
            let before = |span| milliseconds(invites::earlier(now, span));
            transaction.execute("DELETE FROM invites WHERE expires_at <= ?1", [before(REMEMBERED)])?;
            transaction.execute("DELETE FROM refresh_tokens WHERE expires_at <= ?1", [milliseconds(now)])?;
            transaction.execute("DELETE FROM revocations WHERE revoked_at <= ?1", [before(REVOKED_FOR)])?;
            Ok(())
        })
        .await
    }

    pub(super) async fn close(&self) {
        // Once it is closed nobody else can have the turn.
        let turn = self.turn.acquire().await;
        self.turn.close();
        drop(turn);
        let connection = Arc::clone(&self.connection);
        let close = move || drop(connection.lock().unwrap_or_else(PoisonError::into_inner).take());
        // It fails only when the runtime is ending, which closes it as well.
        let _ = tokio::task::spawn_blocking(close).await;
    }
}

/// From a row of [`INVITE`].
fn invite(row: &Row<'_>) -> Result<Invite, rusqlite::Error> {
    let creator: Option<String> = row.get(3)?;
    Ok(Invite {
        id: row.get(0)?,
        room: name(row, 1)?,
        user: name(row, 2)?,
        creator: creator.map(|_| name(row, 3)).transpose()?,
        made_at: at(row, 4)?,
        expires_at: at(row, 5)?,
    })
}

/// From a row of [`INVITE`], `used_at` and `refresh`.
pub(super) fn kept(row: &Row<'_>) -> Result<Kept, rusqlite::Error> {
    let used: Option<i64> = row.get(6)?;
    let refresh: Option<Vec<u8>> = row.get(7)?;
    let refresh = refresh.and_then(|bytes| Digest::from_bytes(&bytes));
    let used = used.zip(refresh).map(|(_, refresh)| Ok::<_, rusqlite::Error>((at(row, 6)?, refresh))).transpose()?;
    Ok(Kept { invite: invite(row)?, used })
}

/// From a row of a member and a time.
pub(super) fn member_at(row: &Row<'_>) -> Result<(Member, Timestamp), rusqlite::Error> {
    Ok((Member { room: name(row, 0)?, user: name(row, 1)? }, at(row, 2)?))
}

fn name<R: Rule>(row: &Row<'_>, column: usize) -> Result<Name<R>, rusqlite::Error> {
    let text: String = row.get(column)?;
    Name::new(text).map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, e.into()))
}

fn at(row: &Row<'_>, column: usize) -> Result<Timestamp, rusqlite::Error> {
    time(row.get(column)?).map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, e.into()))
}
