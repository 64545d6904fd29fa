//! What is kept of invites, refresh tokens and revocations: the same in SQLite and in PostgreSQL, and for several at once.

use std::time::Duration;

use jiff::Timestamp;
use server::access::codes::{Code, Digest};
use server::access::invites::{Added, Admission, Attempt, Invite, MAX_PENDING, Member, Refusal, Revocation, later};
use server::access::store::Store;
use server::database::Database;
use server::history::Retention;
use shared::names::{RoomId, Username};

use crate::support::histories::{Place, in_each_place};
use crate::support::{kept, postgres};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Opens the store that is there, or makes one.
async fn open(place: &Place) -> Store {
    let Some(database) = &place.database else { return Store::open(place.folder.path()).unwrap() };
    kept::close(place.open(Retention::default()).await).await;
    Store::share(&Database::open(database.url().parse().unwrap()).await.unwrap())
}

fn now() -> Timestamp {
    "2026-11-22T14:02:00Z".parse().unwrap()
}

fn member(room: &str, user: &str) -> Member {
    Member { room: RoomId::new(room).unwrap(), user: Username::new(user).unwrap() }
}

/// Alice invites somebody for a day, from [`now`] on.
async fn invite(store: &Store, room: &str, user: &str) -> (Invite, Digest) {
    invite_by(store, "alice", room, user).await
}

async fn invite_by(store: &Store, creator: &str, room: &str, user: &str) -> (Invite, Digest) {
    let (invite, code) = new_invite(creator, room, user);
    assert_eq!(store.add(invite.clone(), code, Some(now())).await.unwrap(), Added::Kept);
    (invite, code)
}

fn new_invite(creator: &str, room: &str, user: &str) -> (Invite, Digest) {
    let Member { room, user } = member(room, user);
    let code = Code::invite().unwrap().digest();
    let id = server::access::codes::invite_id().unwrap();
    let creator = Some(Username::new(creator).unwrap());
    (Invite { id, room, user, creator, made_at: now(), expires_at: later(now(), DAY) }, code)
}

/// Somebody who has written this key down redeems an invite.
fn attempt(room: &str, user: &str, key: &str) -> Attempt {
    let Member { room, user } = member(room, user);
    Attempt { room, user, refresh: Digest::of(key), now: now(), member_until: later(now(), 90 * DAY) }
}

/// All that are remembered.
async fn revocations(store: &Store) -> Vec<Revocation> {
    store.revocations(None).await.unwrap().unwrap().1
}

#[tokio::test]
async fn an_invite_is_exchanged_once_and_the_member_stays() {
    in_each_place(async |place: &Place| {
        let store = open(place).await;
        let (invite, code) = invite(&store, "room1", "bob").await;
        assert_eq!(store.pending(&invite.room, now()).await.unwrap(), std::slice::from_ref(&invite));
        let bobs = attempt("room1", "bob", "bob's");
        assert_eq!(store.redeem(code, attempt("room1", "eve", "x")).await.unwrap(), Err(Refusal::WrongUser));
        assert_eq!(store.redeem(code, bobs.clone()).await.unwrap(), Ok(Admission::First));
        assert_eq!(store.redeem(code, bobs.clone()).await.unwrap(), Ok(Admission::Again), "a lost answer");
        let thief = attempt("room1", "bob", "a thief's");
        assert_eq!(store.redeem(code, thief).await.unwrap(), Err(Refusal::Used));
        assert!(store.pending(&invite.room, now()).await.unwrap().is_empty());
        assert!(!store.withdraw(&invite.room, &invite.id).await.unwrap(), "what was used cannot be withdrawn");

        // The next time is beyond the 90 days from the first, and within those from the second.
        for days in [80, 160] {
            let when = later(now(), days * DAY);
            let found = store.refresh(bobs.refresh, when, later(when, 90 * DAY)).await.unwrap();
            assert_eq!(found, Some(member("room1", "bob")), "{days}");
        }
        let late = later(now(), 251 * DAY);
        assert_eq!(store.refresh(bobs.refresh, late, late).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_member_who_comes_stays_however_short_a_membership_lasts() {
    in_each_place(async |place: &Place| {
        let store = open(place).await;
        for life in [Duration::from_millis(6), Duration::from_secs(6), DAY / 2, DAY, 2 * DAY, 90 * DAY] {
            let (_, code) = invite(&store, "room1", "bob").await;
            let key = format!("{life:?}");
            let attempt = Attempt { member_until: later(now(), life), ..attempt("room1", "bob", &key) };
            store.redeem(code, attempt.clone()).await.unwrap().unwrap();
            for thirds in 1..=30 {
                let when = later(now(), thirds * (life / 3));
                let found = store.refresh(attempt.refresh, when, later(when, life)).await.unwrap();
                assert_eq!(found, Some(member("room1", "bob")), "{key}, {thirds}");
            }
            let late = later(now(), 11 * life);
            assert_eq!(store.refresh(attempt.refresh, late, late).await.unwrap(), None, "{key}");
        }
    })
    .await;
}

#[tokio::test]
async fn using_a_refresh_token_is_mostly_a_read() {
    let folder = crate::support::Folder::new();
    let store = Store::open(folder.path()).unwrap();
    let watching = rusqlite::Connection::open(folder.path().join(server::access::store::FILE)).unwrap();
    let ends = || -> i64 { watching.query_row("SELECT expires_at FROM refresh_tokens", (), |row| row.get(0)).unwrap() };
    for (life, step) in [(10 * 60 * 60, 60 * 60), (90 * 24 * 60 * 60, 24 * 60 * 60)] {
        let (life, step) = (Duration::from_secs(life), Duration::from_secs(step));
        let (_, code) = invite(&store, "room1", "bob").await;
        let attempt = Attempt { member_until: later(now(), life), ..attempt("room1", "bob", "bob's") };
        store.redeem(code, attempt.clone()).await.unwrap().unwrap();
        let begun = ends();
        let used = async |after| {
            let when = later(now(), after);
            store.refresh(attempt.refresh, when, later(when, life)).await.unwrap().unwrap();
            Duration::from_millis((ends() - begun).unsigned_abs())
        };
        assert_eq!(used(step).await, Duration::ZERO);
        let more = step + Duration::from_secs(1);
        assert_eq!(used(more).await, more);
        store.revoke(&member("room1", "bob")).await.unwrap();
    }
}

#[tokio::test]
async fn of_those_who_redeem_at_once_one_is_the_first() {
    in_each_place(async |place: &Place| {
        let store = open(place).await;
        let (_, code) = invite(&store, "room1", "bob").await;
        let keys: Vec<String> = (0..8).map(|n| format!("key {n}")).collect();
        let all = keys.iter().map(|key| store.redeem(code, attempt("room1", "bob", key)));
        let answers = futures_util::future::try_join_all(all).await.unwrap();
        assert_eq!(answers.iter().filter(|it| **it == Ok(Admission::First)).count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|it| **it == Err(Refusal::Used)).count(), 7, "{answers:?}");
    })
    .await;
}

#[tokio::test]
async fn a_revocation_takes_all_a_user_of_a_room_had_and_nothing_else() {
    in_each_place(async |place: &Place| {
        let store = open(place).await;
        let (bob, [used, pending]) = (member("room1", "bob"), ["room1", "room1"]);
        let used = invite(&store, used, "bob").await.1;
        let pending = invite(&store, pending, "bob").await.1;
        let alices = invite(&store, "room1", "alice").await.1;
        let elsewhere = invite(&store, "room2", "bob").await.1;
        store.redeem(used, attempt("room1", "bob", "bob's")).await.unwrap().unwrap();
        assert!(revocations(&store).await.is_empty());

        let before = Timestamp::now();
        store.revoke(&bob).await.unwrap();
        store.revoke(&bob).await.unwrap();
        assert_eq!(store.refresh(Digest::of("bob's"), now(), now()).await.unwrap(), None);
        for code in [used, pending] {
            let answer = store.redeem(code, attempt("room1", "bob", "bob's")).await.unwrap();
            assert_eq!(answer, Err(Refusal::Invalid));
        }
        store.redeem(alices, attempt("room1", "alice", "alice's")).await.unwrap().unwrap();
        store.redeem(elsewhere, attempt("room2", "bob", "bob's elsewhere")).await.unwrap().unwrap();
        let revoked = revocations(&store).await;
        assert_eq!(revoked.iter().map(|it| &it.member).collect::<Vec<_>>(), [&bob]);
        assert!(revoked[0].at >= later(before, Duration::ZERO).round(jiff::Unit::Millisecond).unwrap());
        // It is remembered as long as a token may live that was made before.
        store.forget(later(Timestamp::now(), DAY / 2)).await.unwrap();
        assert_eq!(revocations(&store).await.len(), 1);
        store.forget(later(Timestamp::now(), 2 * DAY)).await.unwrap();
        assert!(revocations(&store).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn with_postgresql_its_clock_dates_revocations_and_what_they_may_cover() {
    for offset in ["-7 min", "7 min"] {
        let Some(database) = postgres::database().await else { return };
        let place = Place { folder: crate::support::Folder::new(), database: Some(database) };
        let store = open(&place).await;
        let database = place.database.as_ref().unwrap();
        database.has_a_clock_that_differs_by(offset).await;
        let store_again = open(&place).await;
        let minutes = |from: Timestamp| (from.duration_since(Timestamp::now()).as_secs_f64() / 60.0).round();
        let expected: f64 = offset.trim_end_matches(" min").parse().unwrap();
        assert_eq!(minutes(store_again.now().await.unwrap()), expected);
        store_again.revoke(&member("room1", "bob")).await.unwrap();
        assert_eq!(minutes(revocations(&store).await[0].at), expected);
        assert!(revocations(&store).await[0].at <= store_again.now().await.unwrap());
    }
}

#[tokio::test]
async fn a_revocation_takes_back_what_its_user_has_invited_with_and_nobody_has_used() {
    in_each_place(async |place: &Place| {
        let store = open(place).await;
        let used = invite_by(&store, "mallory", "room1", "came before").await.1;
        let theirs = invite_by(&store, "mallory", "room1", "mallory2").await.1;
        let others = invite_by(&store, "alice", "room1", "bob").await.1;
        let elsewhere = invite_by(&store, "mallory", "room2", "mallory2").await.1;
        let redeem = async |code, room, user| store.redeem(code, attempt(room, user, user)).await.unwrap();
        assert_eq!(redeem(used, "room1", "came before").await, Ok(Admission::First));
        store.revoke(&member("room1", "mallory")).await.unwrap();
        assert_eq!(redeem(theirs, "room1", "mallory2").await, Err(Refusal::Invalid));
        assert_eq!(redeem(others, "room1", "bob").await, Ok(Admission::First));
        assert_eq!(redeem(elsewhere, "room2", "mallory2").await, Ok(Admission::First));
        // Who has come in by one stays, and a lost answer is had again.
        assert_eq!(redeem(used, "room1", "came before").await, Ok(Admission::Again));
        let stays = store.refresh(Digest::of("came before"), now(), now()).await.unwrap();
        assert_eq!(stays, Some(member("room1", "came before")));
    })
    .await;
}

/// A server that does not know of a revocation yet takes the token for a good one.
#[tokio::test]
async fn who_was_sent_away_invites_nobody_by_a_token_from_before() {
    in_each_place(async |place: &Place| {
        let store = open(place).await;
        store.revoke(&member("room1", "mallory")).await.unwrap();
        let add = async |creator, room, issued_at| {
            let (invite, code) = new_invite(creator, room, "mallory2");
            store.add(invite, code, issued_at).await.unwrap()
        };
        assert_eq!(add("mallory", "room1", Some(now())).await, Added::Revoked);
        assert_eq!(add("mallory", "room1", None).await, Added::Revoked);
        assert_eq!(add("alice", "room1", Some(now())).await, Added::Kept);
        assert_eq!(add("mallory", "room2", Some(now())).await, Added::Kept);
        let since = later(Timestamp::now(), Duration::from_secs(60));
        assert_eq!(add("mallory", "room1", Some(since)).await, Added::Kept);
    })
    .await;
}

#[tokio::test]
async fn an_invite_that_comes_while_its_creator_is_sent_away_waits_and_is_refused() {
    let Some(database) = postgres::database().await else { return };
    let place = Place { folder: crate::support::Folder::new(), database: Some(database) };
    let (store, database) = (open(&place).await, place.database.as_ref().unwrap());
    // Half of a revocation.
    let revoking = database.client().await;
    revoking
        .batch_execute(
            "BEGIN; LOCK TABLE invites IN EXCLUSIVE MODE;
             INSERT INTO revocations (room, username, revoked_at) VALUES ('room1', 'mallory', 4000000000000)",
        )
        .await
        .unwrap();
    let (invite, code) = new_invite("mallory", "room1", "mallory2");
    let adding = store.add(invite, code, Some(now()));
    let watching = database.client().await;
    let then_committed = async {
        let waits = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'invites'::regclass";
        while watching.query(waits, &[]).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        revoking.batch_execute("COMMIT").await.unwrap();
    };
    let (added, ()) = tokio::join!(adding, crate::support::soon(then_committed));
    assert_eq!(added.unwrap(), Added::Revoked);
}

#[tokio::test]
async fn however_a_revocation_and_the_invites_of_its_user_meet_none_is_left() {
    in_each_place(async |place: &Place| {
        let (store, another) = (open(place).await, open(place).await);
        for n in 0..20 {
            let mallory = format!("mallory{n}");
            let revoked = member("room1", &mallory);
            let early = invite_by(&store, &mallory, "room1", "early").await.1;
            let adding = (0..4).map(|_| {
                let (invite, code) = new_invite(&mallory, "room1", "late");
                store.add(invite, code, Some(now()))
            });
            let adding = futures_util::future::try_join_all(adding);
            let redeeming = store.redeem(early, attempt("room1", "early", &mallory));
            let (_, redeemed, revoking) = tokio::join!(adding, redeeming, another.revoke(&revoked));
            revoking.unwrap();
            let left = store.pending(&revoked.room, now()).await.unwrap();
            assert_eq!(left, [], "{n}");
            // Whether it came before or behind, it is all or nothing.
            let is_member = store.refresh(Digest::of(&mallory), now(), now()).await.unwrap().is_some();
            assert_eq!(redeemed.unwrap() == Ok(Admission::First), is_member, "{n}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_over_is_said_for_a_day_and_then_forgotten() {
    in_each_place(async |place: &Place| {
        let store = open(place).await;
        let (invite, code) = invite(&store, "room1", "bob").await;
        let late = |days: u32| Attempt { now: later(now(), days * DAY), ..attempt("room1", "bob", "bob's") };
        assert!(store.pending(&invite.room, late(1).now).await.unwrap().is_empty());
        store.forget(later(now(), DAY)).await.unwrap();
        assert_eq!(store.redeem(code, late(1)).await.unwrap(), Err(Refusal::Expired));
        store.forget(later(now(), 2 * DAY)).await.unwrap();
        assert_eq!(store.redeem(code, late(2)).await.unwrap(), Err(Refusal::Invalid));
    })
    .await;
}

#[tokio::test]
async fn a_room_has_only_so_many_invites_pending() {
    in_each_place(async |place: &Place| {
        let store = open(place).await;
        let (first, _) = invite(&store, "room1", "bob").await;
        for _ in 1..MAX_PENDING {
            invite(&store, "room1", "bob").await;
        }
        let more = Invite { id: "more".to_owned(), ..first.clone() };
        let add = async || store.add(more.clone(), Digest::of("more"), Some(now())).await.unwrap();
        assert_eq!(add().await, Added::TooMany);
        assert!(store.withdraw(&first.room, &first.id).await.unwrap());
        assert!(!store.withdraw(&first.room, &first.id).await.unwrap(), "it is gone already");
        assert_eq!(add().await, Added::Kept);
    })
    .await;
}

#[tokio::test]
async fn two_processes_write_at_once_and_see_each_other() {
    in_each_place(async |place: &Place| {
        let (server, command_line) = (open(place).await, open(place).await);
        let each = |store: &Store, room: &'static str| {
            let store = store.clone();
            async move {
                for _ in 0..20 {
                    invite(&store, room, "bob").await;
                }
            }
        };
        tokio::join!(each(&server, "room1"), each(&command_line, "room1"));
        assert_eq!(server.pending(&member("room1", "bob").room, now()).await.unwrap().len(), 40);
        command_line.revoke(&member("room1", "bob")).await.unwrap();
        assert_eq!(revocations(&server).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn revocations_are_read_when_they_have_changed_whoever_has_changed_them() {
    in_each_place(async |place: &Place| {
        let (server, command_line) = (open(place).await, open(place).await);
        let (mut known, none) = server.revocations(None).await.unwrap().unwrap();
        assert!(none.is_empty());
        assert_eq!(server.revocations(Some(&known)).await.unwrap(), None);
        let (bob, carol) = (member("room1", "bob"), member("room1", "carol"));
        for (revoker, revoked, count) in [(&command_line, &bob, 1), (&server, &carol, 2), (&command_line, &bob, 2)] {
            // Of the same millisecond it would be the same revocation.
            tokio::time::sleep(Duration::from_millis(2)).await;
            revoker.revoke(revoked).await.unwrap();
            let (version, revocations) = server.revocations(Some(&known)).await.unwrap().unwrap();
            assert_eq!(revocations.len(), count);
            known = version;
            assert_eq!(server.revocations(Some(&known)).await.unwrap(), None);
        }
        command_line.forget(later(Timestamp::now(), 2 * DAY)).await.unwrap();
        assert!(server.revocations(Some(&known)).await.unwrap().unwrap().1.is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_only_reads_waits_for_nobody_who_writes() {
    let folder = crate::support::Folder::new();
    let store = Store::open(folder.path()).unwrap();
    let (invite, _) = invite(&store, "room1", "bob").await;
    let mut writer = rusqlite::Connection::open(folder.path().join(server::access::store::FILE)).unwrap();
    let writing = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    writing.execute_batch("DELETE FROM invites").unwrap();
    assert_eq!(store.pending(&invite.room, now()).await.unwrap(), [invite]);
    assert!(revocations(&store).await.is_empty());
}

#[tokio::test]
async fn a_file_of_another_program_or_a_later_version_is_left_as_it_is() {
    let folder = crate::support::Folder::new();
    let path = folder.path().join(server::access::store::FILE);
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
    let said = Store::open(folder.path()).unwrap_err().to_string();
    assert!(said.contains("another program's database"), "{said}");
    drop(foreign);
    std::fs::remove_file(&path).unwrap();
    Store::open(folder.path()).unwrap().close().await;
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let said = Store::open(folder.path()).unwrap_err().to_string();
    assert!(said.contains("a later duet-server (schema 99"), "{said}");
}

#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = crate::support::Folder::new();
    let _store = Store::open(folder.path()).unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let (name, mode) = file.map(|it| (it.file_name(), it.metadata().unwrap().permissions().mode())).unwrap();
        assert_eq!(mode & 0o777, 0o600, "{name:?}");
    }
}
