//! Messages expire, and the file of the history shrinks, while everything else goes on.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use server::history::{History, Retention, Span};
use shared::frames::{Gap, Resume, ServerFrame};
use shared::message::Seq;
use shared::rest::HistoryPage;

use crate::support::client::Client;
use crate::support::histories::{Place, in_each_place};
use crate::support::kept::{ago, append, close, fill, incoming, make, now, open, room};
use crate::support::server::Server;
use crate::support::{A_WHILE, Folder, kept, postgres, soon};

const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn page(client: &Client, room: &str, query: &str) -> HistoryPage {
    let token = client.token("alice", room).await;
    let answer = client.get_with(&format!("/rooms/{room}/messages{query}"), &token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn places(page: &HistoryPage) -> Vec<u64> {
    page.messages.iter().map(|message| message.seq.0).collect()
}

/// Waits until the oldest message of a room has this place, or none is left.
async fn until_oldest(client: &Client, room: &str, oldest: Option<u64>) {
    soon(async {
        while places(&page(client, room, "?after=0&limit=1").await).first() != oldest.as_ref() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// The places of a room's messages, when its upkeep has left the first of them at `oldest`.
async fn until_kept(history: &History, name: &str, oldest: Option<u64>) -> Vec<u64> {
    soon(async {
        loop {
            let kept = kept::places(history, name).await;
            if kept.first() == oldest.as_ref() {
                return kept;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn who_resumes_from_before_what_has_expired_is_told_of_the_gap_and_hears_the_rest() {
    in_each_place(async |place| {
        let epoch = place.make("room1", 300, ago(2 * DAY)).await;
        let history = place.open(Retention::default()).await;
        fill(&history, "room1", 301, 20, 0, now()).await;
        close(history).await;

        let server = Server::start(&place.folder, &[&place.arguments()[..], &["--keep-for", "1d"]].concat()).await;
        let client = Client::of(server.address);
        until_oldest(&client, "room1", Some(301)).await;
        for (query, expected) in [
            ("", (301..=320).collect::<Vec<_>>()),
            ("?after=0&limit=2", vec![301, 302]),
            ("?before=303", vec![301, 302]),
            ("?before=301", vec![]),
        ] {
            let page = page(&client, "room1", query).await;
            assert_eq!((places(&page), page.head), (expected, Seq(320)), "{query}");
        }

        let (mut alice, welcome) = client.enter("alice", "room1", &format!("?after=5&epoch={epoch}")).await;
        assert_eq!((welcome.resume, welcome.head), (Resume::Complete, Seq(320)));
        assert_eq!(alice.frame().await, ServerFrame::Gap(Gap { from: Seq(6), to: Seq(300) }));
        client.post("room1", "live").await;
        for seq in 301..=321 {
            assert_eq!(alice.message().await.seq, Seq(seq));
        }
    })
    .await;
}

#[tokio::test]
async fn a_room_goes_on_counting_when_all_of_its_messages_have_expired() {
    in_each_place(async |place| {
        let epoch = place.make("room1", 50, ago(2 * DAY)).await;
        let server = Server::start(&place.folder, &[&place.arguments()[..], &["--keep-for", "1d"]].concat()).await;
        let client = Client::of(server.address);
        until_oldest(&client, "room1", None).await;
        let (mut alice, welcome) = client.enter("alice", "room1", &format!("?after=50&epoch={epoch}")).await;
        assert_eq!((welcome.resume, welcome.head), (Resume::Complete, Seq(50)));
        client.post("room1", "the next").await;
        assert_eq!(alice.message().await.seq, Seq(51));
        // Nothing is left of what bob has missed but its end.
        let (mut bob, _) = client.enter("bob", "room1", &format!("?after=10&epoch={epoch}")).await;
        assert_eq!(bob.frame().await, ServerFrame::Gap(Gap { from: Seq(11), to: Seq(50) }));
        assert_eq!(bob.message().await.seq, Seq(51));
    })
    .await;
}

#[tokio::test]
async fn of_each_room_the_newest_messages_are_kept() {
    in_each_place(async |place| {
        let history = place.open(Retention::default()).await;
        for (name, count) in [("full", 100), ("brim", 10), ("few", 3)] {
            fill(&history, name, 1, count, 0, now()).await;
        }
        close(history).await;
        let history = place.open(Retention { keep_messages: NonZeroU64::new(10), keep_for: None }).await;
        assert_eq!(until_kept(&history, "full", Some(91)).await, (91..=100).collect::<Vec<_>>());
        assert_eq!(until_kept(&history, "brim", Some(1)).await.len(), 10);
        assert_eq!(until_kept(&history, "few", Some(1)).await.len(), 3);
        close(history).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_has_no_holes_whatever_the_messages_are_dated() {
    in_each_place(async |place| {
        let history = place.open(Retention::default()).await;
        for (n, age) in [(1, 2 * DAY), (2, Duration::ZERO), (3, 2 * DAY), (4, Duration::ZERO)] {
            append(&history, incoming("room1", n, format!("message {n}"), ago(age))).await;
        }
        close(history).await;
        let history = place.open(Retention { keep_for: Some(DAY), keep_messages: None }).await;
        assert_eq!(until_kept(&history, "room1", Some(2)).await, [2, 3, 4]);
        close(history).await;
    })
    .await;
}

#[tokio::test]
async fn a_room_that_cannot_be_seen_to_holds_up_no_other_and_is_tried_again() {
    in_each_place(async |place| {
        let old = place.open(Retention::default()).await;
        let rooms = ["room1", "room2", "room3"];
        for name in rooms {
            fill(&old, name, 1, 3, 0, ago(DAY)).await;
            fill(&old, name, 4, 1, 0, now() + DAY).await;
        }
        close(old).await;
        place
            .run(
                "CREATE TRIGGER fails BEFORE DELETE ON messages WHEN OLD.room = 2
                     BEGIN SELECT RAISE(ABORT, 'a page is damaged'); END",
                "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql
                     AS $$ BEGIN RAISE 'a page is damaged' USING ERRCODE = 'data_corrupted'; END $$;
                 CREATE TRIGGER fails BEFORE DELETE ON messages FOR EACH ROW WHEN (OLD.room = 2) EXECUTE FUNCTION fails()",
            )
            .await;
        let keep_for = Duration::from_secs(20);
        let history = place.open(Retention { keep_for: Some(keep_for), keep_messages: None }).await;
        for name in ["room1", "room3"] {
            until_kept(&history, name, Some(4)).await;
        }
        assert_eq!(kept::places(&history, "room2").await, [1, 2, 3, 4]);
        place.run("DROP TRIGGER fails", "DROP TRIGGER fails ON messages").await;
        until_kept(&history, "room2", Some(4)).await;
        close(history).await;
    })
    .await;
}

#[tokio::test]
async fn a_room_that_postgresql_cannot_index_holds_up_no_other_and_is_tried_again() {
    let Some(database) = postgres::database().await else { return };
    let place = Place { folder: Folder::new(), database: Some(database) };
    let history = place.open(Retention::default()).await;
    for name in ["room1", "room2", "room3"] {
        fill(&history, name, 1, 3, 0, now()).await;
    }
    close(history).await;
    let fails = "TRUNCATE search, indexed;
        CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE 'a page is damaged' USING ERRCODE = 'data_corrupted'; END $$;
        CREATE TRIGGER fails BEFORE INSERT ON search FOR EACH ROW WHEN (NEW.room = 2) EXECUTE FUNCTION fails()";
    place.run("", fails).await;
    let history = place.open(Retention::default()).await;
    place.until_index_has(6).await;
    place.run("", "DROP TRIGGER fails ON search").await;
    place.until_indexed().await;
    close(history).await;
}

#[tokio::test]
async fn an_id_is_forgotten_with_its_message_and_not_before() {
    in_each_place(async |place| {
        place.make("room1", 20, now()).await;
        let history = place.open(Retention { keep_messages: NonZeroU64::new(10), keep_for: None }).await;
        until_kept(&history, "room1", Some(11)).await;
        let again = |n| append(&history, incoming("room1", n, "again".to_owned(), now()));
        assert_eq!(again(15).await.message.seq, Seq(15));
        assert_eq!(again(5).await.message.seq, Seq(21));
        close(history).await;
    })
    .await;
}

/// Appends one message after another until `is_over`, and gives how many that were and how long the longest took.
async fn append_until(history: &History, is_over: impl Fn(u64) -> bool) -> (u64, Duration) {
    let (mut count, mut longest) = (0, Duration::ZERO);
    while !is_over(count) {
        let began = Instant::now();
        append(history, incoming("busy", count, "x".repeat(200), now())).await;
        longest = longest.max(began.elapsed());
        count += 1;
    }
    (count, longest)
}

#[tokio::test]
async fn the_file_shrinks_when_messages_expire_and_no_append_waits_for_it() {
    // Far longer than a step, far less than what is done takes as a whole.
    const LONGEST: Duration = Duration::from_millis(500);
    const MANY: u64 = 40_000;
    const DEADLINE: Duration = Duration::from_secs(60);
    let folder = Folder::new();
    let history = open(&folder, Retention::default());
    fill(&history, "room1", 1, MANY, 1_000, ago(2 * DAY)).await;
    close(history).await;
    let file = folder.path().join("duet.db");
    let size = || std::fs::metadata(&file).unwrap().len();
    let full = size();
    assert!(full > MANY * 1_000, "{full}");

    let history = open(&folder, Retention { keep_for: Some(DAY), keep_messages: None });
    let began = Instant::now();
    let (count, longest) = append_until(&history, |_| size() < full / 4 || began.elapsed() > DEADLINE).await;
    let took = began.elapsed();
    assert!(size() < full / 4, "{} of {full} bytes are left after {took:?}", size());
    close(history).await;

    let history = open(&folder, Retention::default());
    let (_, undisturbed) = append_until(&history, |n| n == count).await;
    close(history).await;
    println!("{full} bytes shrank in {took:?} beside {count} appends, of which the longest took {longest:?}");
    println!("as many appends without: the longest took {undisturbed:?}");
    assert!(longest < LONGEST.max(took / 2), "{longest:?} of {took:?}");
    assert!(count > 1_000, "{count}");
}

#[tokio::test]
async fn messages_expire_when_a_long_read_is_over_instead_of_making_the_log_longer() {
    let folder = Folder::new();
    make(&folder, "room1", 10, ago(2 * DAY)).await;
    let history = open(&folder, Retention::default());
    // As a backup does, while more is said than the log usually holds.
    let mut reader = rusqlite::Connection::open(folder.path().join("duet.db")).unwrap();
    let read = reader.transaction().unwrap();
    let there: i64 = read.query_row("SELECT count(*) FROM messages", (), |row| row.get(0)).unwrap();
    fill(&history, "room2", 1, 5_000, 4_000, now()).await;
    close(history).await;

    let history = open(&folder, Retention { keep_for: Some(DAY), keep_messages: None });
    tokio::time::sleep(A_WHILE).await;
    let newest = history.page(&room("room1"), Span::Newest, 100).await.unwrap();
    assert_eq!(newest.messages.len(), usize::try_from(there).unwrap());
    drop(read);
    assert!(until_kept(&history, "room1", None).await.is_empty());
    close(history).await;
}

#[tokio::test]
async fn what_is_kept_for_a_short_time_is_looked_at_more_often() {
    in_each_place(async |place| {
        let kept_for = Duration::from_secs(2);
        let history = place.open(Retention { keep_for: Some(kept_for), keep_messages: None }).await;
        fill(&history, "room1", 1, 3, 0, now()).await;
        // Without a start, long before ten minutes are over.
        assert_eq!(until_kept(&history, "room1", None).await, Vec::<u64>::new());
        close(history).await;
    })
    .await;
}
