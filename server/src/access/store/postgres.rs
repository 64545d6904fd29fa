//! The store in PostgreSQL, for all nodes and for the command line at once. Its tables are made with those of the history.

use jiff::Timestamp;
use shared::names::{Name, RoomId, Rule, Username};
use tokio_postgres::Row;

use crate::access::codes::Digest;
use crate::access::invites::{
    self, Added, Admission, Attempt, Invite, Kept, MAX_PENDING, Member, REMEMBERED, REVOKED_FOR, Refusal, Revocation,
};
use crate::access::store::{StoreError, Version, is_worth_writing, milliseconds, time};
use crate::database::{Database, DatabaseError};

/// The clock that all servers share, in milliseconds.
const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// A handle to the tables.
#[derive(Debug, Clone)]
pub struct Postgres {
    database: Database,
}

impl Postgres {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    pub(super) async fn now(&self) -> Result<Timestamp, StoreError> {
        let now = self.database.run(async |session| {
            let now = session.prepared(NOW).await?;
            at(&session.query_one(&now, &[]).await?, 0)
        });
        Ok(now.await?)
    }

    pub(super) async fn add(
        &self,
        invite: &Invite,
        code: Digest,
        issued_at: Option<Timestamp>,
    ) -> Result<Added, StoreError> {
        let Invite { id, room, user, creator, made_at, expires_at } = invite;
        let creator = creator.as_ref().map(Username::as_str);
        let added = self.database.run(async |session| {
            // Waits for whoever is revoking; who revokes later waits until this is committed, and finds it.
            session.batch_execute("BEGIN; LOCK TABLE invites IN ROW EXCLUSIVE MODE").await?;
            let revoked = "SELECT revoked_at FROM revocations WHERE room = $1 AND username = $2";
            let revoked = session.query_opt(revoked, &[&room.as_str(), &creator]).await?;
            let revoked = revoked.map(|row| at(&row, 0)).transpose()?;
            if revoked.is_some_and(|revoked_at| invites::is_revoked(issued_at, revoked_at)) {
                session.batch_execute("ROLLBACK").await?;
                return Ok(Added::Revoked);
            }
            // Those who add at the same moment may go beyond the limit by as many as they are.
            let insert = "INSERT INTO invites (id, code, room, username, creator, made_at, expires_at)
                 SELECT $1, $2, $3::text, $4, $5, $6, $7 WHERE $8 >
                 (SELECT count(*) FROM invites WHERE room = $3::text AND used_at IS NULL AND expires_at > $6)";
            let count = session
                .execute(
                    insert,
                    &[
                        id,
                        &code.bytes(),
                        &room.as_str(),
                        &user.as_str(),
                        &creator,
                        &milliseconds(*made_at),
                        &milliseconds(*expires_at),
                        &i64::from(MAX_PENDING),
                    ],
                )
                .await?;
            session.batch_execute("COMMIT").await?;
            Ok(if count > 0 { Added::Kept } else { Added::TooMany })
        });
        Ok(added.await?)
    }

    pub(super) async fn pending(&self, room: &RoomId, now: Timestamp) -> Result<Vec<Invite>, StoreError> {
        let pending = self.database.run(async |session| {
            let select = "SELECT id, room, username, creator, made_at, expires_at FROM invites
                 WHERE room = $1 AND used_at IS NULL AND expires_at > $2 ORDER BY made_at";
            let rows = session.query(select, &[&room.as_str(), &milliseconds(now)]).await?;
            rows.iter().map(invite).collect()
        });
        Ok(pending.await?)
    }

    pub(super) async fn withdraw(&self, room: &RoomId, id: &str) -> Result<bool, StoreError> {
        let withdrawn = self.database.run(async |session| {
            let delete = "DELETE FROM invites WHERE room = $1 AND id = $2 AND used_at IS NULL";
            Ok(session.execute(delete, &[&room.as_str(), &id]).await? > 0)
        });
        Ok(withdrawn.await?)
    }

    pub(super) async fn redeem(
        &self,
        code: Digest,
        attempt: &Attempt,
    ) -> Result<Result<Admission, Refusal>, StoreError> {
        let redeemed = self.database.run(async |session| {
            session.batch_execute("BEGIN").await?;
            let select = "SELECT id, room, username, creator, made_at, expires_at, used_at, refresh FROM invites
                 WHERE code = $1 FOR UPDATE";
            let found = session.query_opt(select, &[&code.bytes()]).await?;
            let kept = found.as_ref().map(kept).transpose()?;
            let admitted = invites::admit(kept.as_ref(), attempt);
            if admitted == Ok(Admission::First) {
                let (now, refresh) = (milliseconds(attempt.now), attempt.refresh.bytes());
                let used = "UPDATE invites SET used_at = $2, refresh = $3 WHERE code = $1";
                session.execute(used, &[&code.bytes(), &now, &refresh]).await?;
                let insert = "INSERT INTO refresh_tokens (token, room, username, expires_at) VALUES ($1, $2, $3, $4)";
                let until = milliseconds(attempt.member_until);
                session.execute(insert, &[&refresh, &attempt.room.as_str(), &attempt.user.as_str(), &until]).await?;
            }
            session.batch_execute("COMMIT").await?;
            Ok(admitted)
        });
        Ok(redeemed.await?)
    }

    pub(super) async fn refresh(
        &self,
        token: Digest,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Member>, StoreError> {
        let refreshed = self.database.run(async |session| {
            // Waits for whoever revokes it just now.
            let select = "SELECT room, username, expires_at FROM refresh_tokens WHERE token = $1 AND expires_at > $2
                 FOR SHARE";
            let found = session.query_opt(select, &[&token.bytes(), &milliseconds(now)]).await?;
            let Some(row) = found else { return Ok(None) };
            let member = Member { room: name(&row, 0)?, user: name(&row, 1)? };
            let expires_at: i64 = row.try_get(2)?;
            if is_worth_writing(expires_at, now, until) {
                let extend = "UPDATE refresh_tokens SET expires_at = $2 WHERE token = $1";
                session.execute(extend, &[&token.bytes(), &milliseconds(until)]).await?;
            }
            Ok(Some(member))
        });
        Ok(refreshed.await?)
    }

    pub(super) async fn revoke(&self, member: &Member) -> Result<(), StoreError> {
        let (room, user) = (member.room.as_str(), member.user.as_str());
        let revoked = self.database.run(async |session| {
            // Whoever adds or redeems an invite has committed, and the others wait: what came of it is there to be found.
            session.batch_execute("BEGIN; LOCK TABLE invites IN EXCLUSIVE MODE").await?;
            let theirs = "DELETE FROM invites WHERE room = $1 AND (username = $2 OR creator = $2 AND used_at IS NULL)";
            session.execute(theirs, &[&room, &user]).await?;
            session.execute("DELETE FROM refresh_tokens WHERE room = $1 AND username = $2", &[&room, &user]).await?;
            let insert = format!(
                "INSERT INTO revocations (room, username, revoked_at) SELECT $1, $2, ({NOW})
                 ON CONFLICT (room, username)
                 DO UPDATE SET revoked_at = greatest(revocations.revoked_at, excluded.revoked_at)"
            );
            session.execute(&insert, &[&room, &user]).await?;
            Ok(session.batch_execute("COMMIT").await?)
        });
        Ok(revoked.await?)
    }

    pub(super) async fn revocations(
        &self,
        known: Option<&Version>,
    ) -> Result<Option<(Version, Vec<Revocation>)>, StoreError> {
        let revocations = self.database.run(async |session| {
            // Those that go are a day older than those that come, so that a change of several changes the sum.
            let count = "SELECT count(*) || ' ' || coalesce(sum(revoked_at), 0) FROM revocations";
            let count = session.prepared(count).await?;
            let version = Version(session.query_one(&count, &[]).await?.try_get(0)?);
            if known == Some(&version) {
                return Ok(None);
            }
            // What comes in between is read as well, and once more the next time.
            let select = session.prepared("SELECT room, username, revoked_at FROM revocations").await?;
            let rows = session.query(&select, &[]).await?;
            let revocations: Result<Vec<_>, _> =
                rows.iter().map(|row| member_at(row).map(|(member, at)| Revocation { member, at })).collect();
            Ok(Some((version, revocations?)))
        });
        Ok(revocations.await?)
    }

    pub(super) async fn forget(&self, now: Timestamp) -> Result<(), StoreError> {
        let before = |span| milliseconds(invites::earlier(now, span));
        let forgotten = self.database.run(async |session| {
            session.execute("DELETE FROM invites WHERE expires_at <= $1", &[&before(REMEMBERED)]).await?;
            session.execute("DELETE FROM refresh_tokens WHERE expires_at <= $1", &[&milliseconds(now)]).await?;
            session.execute("DELETE FROM revocations WHERE revoked_at <= $1", &[&before(REVOKED_FOR)]).await?;
            Ok(())
        });
        Ok(forgotten.await?)
    }
}

/// From a row `id, room, username, creator, made_at, expires_at`.
fn invite(row: &Row) -> Result<Invite, DatabaseError> {
    let creator: Option<String> = row.try_get(3)?;
    Ok(Invite {
        id: row.try_get(0)?,
        room: name(row, 1)?,
        user: name(row, 2)?,
        creator: creator.map(|_| name(row, 3)).transpose()?,
        made_at: at(row, 4)?,
        expires_at: at(row, 5)?,
    })
}

/// The same, with `used_at, refresh`.
pub(super) fn kept(row: &Row) -> Result<Kept, DatabaseError> {
    let used: Option<i64> = row.try_get(6)?;
    let refresh = row.try_get::<_, Option<&[u8]>>(7)?.and_then(Digest::from_bytes);
    let used = used.zip(refresh).map(|(_, refresh)| Ok::<_, DatabaseError>((at(row, 6)?, refresh))).transpose()?;
    Ok(Kept { invite: invite(row)?, used })
}

/// From a row of a member and a time.
pub(super) fn member_at(row: &Row) -> Result<(Member, Timestamp), DatabaseError> {
    Ok((Member { room: name(row, 0)?, user: name(row, 1)? }, at(row, 2)?))
}

fn name<R: Rule>(row: &Row, column: usize) -> Result<Name<R>, DatabaseError> {
    let text: String = row.try_get(column)?;
    Name::new(text).map_err(|e| DatabaseError::unreadable(&e))
}

fn at(row: &Row, column: usize) -> Result<Timestamp, DatabaseError> {
    time(row.try_get(column)?).map_err(|e| DatabaseError::unreadable(&e))
}
