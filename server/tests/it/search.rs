//! Words are found in the whole history of a room, whether it is indexed or not.

use std::num::NonZeroU64;

use serde_json::Value;
use server::history::{History, Retention};
use shared::message::Seq;
use shared::search::Query;

use crate::support::client::{Answer, Client};
use crate::support::histories::in_each_place;
use crate::support::kept::{append, close, fill, incoming, now, room};
use crate::support::server::Server;

/// All places at which a question is answered, page by page of at most `limit`, the newest first.
async fn find(history: &History, name: &str, query: &str, limit: u32) -> Vec<u64> {
    let query = Query::new(query).unwrap();
    let (mut places, mut before) = (Vec::new(), None);
    loop {
        let found = history.search(&room(name), query.clone(), before, limit).await.unwrap();
        places.extend(found.messages.iter().rev().map(|message| message.seq.0));
        assert!(found.messages.len() <= limit as usize);
        assert!(found.earlier.is_none() || before.is_none() || found.earlier < before, "it does not get on");
        before = found.earlier;
        if before.is_none() {
            return places;
        }
    }
}

/// The content of a message, in which each number from 2 to 16 that divides `n` is a word.
fn dividers(n: u64) -> String {
    (2..=16)
        .filter(|d| n.is_multiple_of(*d))
        .map(|d| format!("Div{d}, "))
        .chain([format!("n{n} 第{n}東京都")])
        .collect()
}

fn divided_by(all: std::ops::RangeInclusive<u64>, by: &[u64]) -> Vec<u64> {
    all.rev().filter(|n| by.iter().all(|by| n.is_multiple_of(*by))).collect()
}

#[tokio::test]
async fn the_index_and_the_messages_answer_alike_and_only_of_their_room() {
    const COUNT: u64 = 5_000;
    in_each_place(async |place| {
        let history = place.open(Retention::default()).await;
        for n in (1..=COUNT).collect::<Vec<_>>().chunks(500) {
            let batch = n.iter().flat_map(|n| {
                let here = incoming("room1", *n, dividers(*n), now());
                [here, incoming("room2", *n, format!("div{} div7 n{n}", n % 3), now())]
            });
            history.append(batch.collect()).await.unwrap();
        }
        let check = async |history: &History| {
            for (query, limit, by) in
                [("div7", 100, &[7][..]), ("DIV7 dív11", 7, &[7, 11]), ("div13 div16 div5", 100, &[13, 16, 5])]
            {
                assert_eq!(find(history, "room1", query, limit).await, divided_by(1..=COUNT, by), "{query}");
            }
            let many = "div2 div3 div4 div5 div6 div7 n";
            assert_eq!(find(history, "room1", many, 100).await, divided_by(1..=COUNT, &[420]), "{many}");
            assert_eq!(
                find(history, "room1", "n d", 100).await.len(),
                (1..=COUNT).filter(|n| (2..=16).any(|d| n % d == 0)).count()
            );
            assert_eq!(find(history, "room1", "n17", 3).await.len(), 1 + 10 + 100);
            assert_eq!(find(history, "room1", "n17 div2", 100).await.len(), 5 + 50);
            assert_eq!(find(history, "room1", "京都 n4999", 100).await, [4_999]);
            assert_eq!(find(history, "room1", "都", 100).await.len(), 5_000);
            for nothing in ["iv7", "東都", "div17", "div7 nowhere", "n5001"] {
                assert_eq!(find(history, "room1", nothing, 100).await, Vec::<u64>::new(), "{nothing}");
            }
            assert_eq!(find(history, "room3", "div7", 100).await, Vec::<u64>::new());
        };
        check(&history).await;
        close(history).await;
        let history = place.open(Retention::default()).await;
        place.until_indexed().await;
        check(&history).await;
        // What comes then is found before it is indexed.
        append(&history, incoming("room1", COUNT + 1, "Div7".to_owned(), now())).await;
        let found = find(&history, "room1", "div7", 100).await;
        assert_eq!((found.len(), found[0]), (divided_by(1..=COUNT, &[7]).len() + 1, COUNT + 1));
        close(history).await;
    })
    .await;
}

#[tokio::test]
async fn a_search_through_much_gives_what_it_has_and_where_to_go_on() {
    in_each_place(async |place| {
        let history = place.open(Retention::default()).await;
        append(&history, incoming("room1", 0, "the needle".to_owned(), now())).await;
        fill(&history, "room1", 1, 3_000, 4_000, now()).await;
        let query = Query::new("needle").unwrap();
        let first = history.search(&room("room1"), query, None, 100).await.unwrap();
        assert!(
            first.messages.is_empty() && first.earlier < Some(Seq(3_000)) && first.earlier > Some(Seq(1)),
            "{first:?}"
        );
        assert_eq!(find(&history, "room1", "needle", 100).await, [1]);
        close(history).await;
    })
    .await;
}

#[tokio::test]
async fn what_expires_leaves_the_index_and_what_stays_is_found() {
    in_each_place(async |place| {
        let history = place.open(Retention::default()).await;
        fill(&history, "room1", 1, 4_000, 0, now()).await;
        fill(&history, "room2", 1, 10, 0, now()).await;
        close(history).await;
        let history = place.open(Retention::default()).await;
        place.until_indexed().await;
        close(history).await;

        let history = place.open(Retention { keep_messages: NonZeroU64::new(3_000), keep_for: None }).await;
        place.until_index_has(3_010).await;
        assert_eq!(find(&history, "room1", "message", 100).await, (1_001..=4_000).rev().collect::<Vec<_>>());
        assert_eq!(find(&history, "room1", "1000", 100).await, Vec::<u64>::new());
        assert_eq!(find(&history, "room2", "message", 100).await.len(), 10);
        close(history).await;
    })
    .await;
}

async fn search(client: &Client, token: &str, query: &[(&str, &str)]) -> Answer {
    let request = client.request(reqwest::Method::GET, "/rooms/room1/search").query(query);
    crate::support::client::answer(request.bearer_auth(token)).await
}

fn contents(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let content = |message: &Value| message["content"].as_str().unwrap().to_owned();
    answer.json()["messages"].as_array().unwrap().iter().map(content).collect()
}

#[tokio::test]
async fn the_newest_come_first_and_any_question_has_an_answer() {
    in_each_place(async |place| {
        let server = Server::start(&place.folder, &place.arguments()).await;
        let client = Client::of(server.address);
        let token = client.token("alice", "room1").await;
        assert_eq!(contents(&search(&client, &token, &[("q", "deploy")]).await), Vec::<String>::new());
        for n in 1..=5 {
            client.post("room1", &format!("Deploy {n} of \"build\"")).await;
            client.post("room2", "deploy elsewhere").await;
        }
        let newest = search(&client, &token, &[("q", "dep"), ("limit", "2")]).await;
        assert_eq!(contents(&newest), ["Deploy 4 of \"build\"", "Deploy 5 of \"build\""]);
        assert_eq!(newest.json()["earlier"], 4);
        let earlier = search(&client, &token, &[("q", "dep"), ("limit", "3"), ("before", "4")]).await;
        assert_eq!(contents(&earlier).len(), 3);
        assert_eq!(earlier.json()["earlier"], Value::Null);
        for query in
            ["\"build", "build*", "build OR nothing -- NEAR(", "col:build ^1", "'; DROP TABLE search; build", "1_build"]
        {
            let answer = search(&client, &token, &[("q", query)]).await;
            assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        }
        for wrong in
            [&[("q", "")][..], &[("q", " *\"")], &[("q", &"x".repeat(257))], &[], &[("q", "a"), ("limit", "0")]]
        {
            assert_eq!(search(&client, &token, wrong).await.problem().status, 422, "{wrong:?}");
        }
        assert_eq!(search(&client, &token, &[("q", "1 2 3 4 5 6 7 8 8 1")]).await.status, 200);
        let many = search(&client, &token, &[("q", "1 2 3 4 5 6 7 8 9")]).await.problem();
        assert_eq!((many.status, many.detail.as_str()), (422, "q has more than 8 different words: ask for fewer"));
        assert_eq!(search(&client, &token, &[("q", "a"), ("limit", "101")]).await.problem().status, 422);
        assert_eq!(search(&client, &client.token("alice", "room2").await, &[("q", "a")]).await.problem().status, 403);
        assert_eq!(client.get("/rooms/room1/search?q=a").await.problem().status, 401);
        server.stop().await;
    })
    .await;
}
