//! Names by the rules of Unicode, by every way in. What RabbitMQ carries is in `rabbitmq.rs`.

use jsonwebtoken::{EncodingKey, Header};
use rusqlite::Connection;
use serde_json::{Value, json};
use server::history::Retention;

use crate::support::Folder;
use crate::support::brokers::on_each_broker;
use crate::support::client::Client;
use crate::support::kept::{close, fill, messages, now, open};
use crate::support::server::SECRET;

/// A token as PyJWT makes it.
fn foreign_token(username: &str, room_id: &str) -> String {
    let claims = json!({ "username": username, "room_id": room_id, "exp": jiff::Timestamp::now().as_second() + 3600 });
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

#[tokio::test]
async fn a_name_is_one_name_however_its_letters_are_written() {
    on_each_broker(async |client: Client| {
        // Composed and decomposed, in the claims and in the path.
        let tokens = [foreign_token("Rene\u{301}", "cafe\u{301}"), foreign_token("Ren\u{e9}", "caf\u{e9}")];
        let paths = ["/updates/cafe%CC%81", "/updates/caf%C3%A9"];
        let mut sockets = Vec::new();
        for token in &tokens {
            for path in paths {
                sockets.push(client.connect(path, Some(token), None).await.unwrap());
            }
        }
        // All four are one user, so a second one has a seat.
        sockets.push(client.listen("bob", "caf\u{e9}").await);
        for name in ["cafe\u{301}", "caf\u{e9}"] {
            let answer = client.post_json("/message", &json!({ "room_id": name, "content": name })).await;
            assert_eq!(answer.json(), json!({ "status": "Message sent to room: caf\u{e9}" }));
            for socket in &mut sockets {
                assert_eq!(socket.text().await, name);
            }
        }
        let token = client.token("Rene\u{301}", "cafe\u{301}").await;
        let page = client.get_with("/rooms/cafe%CC%81/messages", &token).await.json();
        assert_eq!((&page["room_id"], &page["head"]), (&json!("caf\u{e9}"), &json!(2)));
    })
    .await;
}

#[tokio::test]
async fn a_name_that_cannot_be_told_from_another_is_refused_with_what_to_change() {
    on_each_broker(async |client: Client| {
        for (name, path, reason) in [
            ("al\u{200b}ice", "al%E2%80%8Bice", "U+200B, which is not seen there: leave it out"),
            ("\u{202e}bob", "%E2%80%AEbob", "U+202E, which changes the order of letters: leave it out"),
            ("\u{3164}", "%E3%85%A4", "U+3164, which looks like a blank: leave it out"),
            ("a\u{a0}b", "a%C2%A0b", "U+00A0, a space of its own kind: use an ordinary one"),
            ("bob ", "bob%20", "a space at an end or beside another one: leave only single ones between words"),
        ] {
            let user = json!({ "username": name, "email": "", "room_id": "room1" });
            let room = json!({ "username": "alice", "email": "", "room_id": name });
            let post = json!({ "room_id": name, "content": "hi" });
            for (route, body) in [("/generate-token", &user), ("/generate-token", &room), ("/message", &post)] {
                let answer = client.post_json(route, body).await;
                assert_eq!(answer.status, 422, "{name:?}");
                assert!(answer.problem().detail.contains(reason), "{}", answer.body);
            }
            let refused = client.connect(&format!("/updates/{path}"), Some("x"), None).await.unwrap_err();
            let problem: Value = serde_json::from_slice(refused.body().as_ref().unwrap()).unwrap();
            assert_eq!((refused.status().as_u16(), &problem["code"]), (422, &json!("invalid_request")));
            assert!(problem["detail"].as_str().unwrap().contains(reason), "{problem}");
            // It is not said of whose name it is: whoever can make tokens knows.
            for token in [foreign_token(name, "room1"), foreign_token("alice", name)] {
                let refused = client.connect("/updates/room1", Some(&token), None).await.unwrap_err();
                assert_eq!(refused.status(), 401, "{name:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_history_with_a_name_that_is_none_any_more_can_be_read() {
    let folder = Folder::new();
    let history = open(&folder, Retention::default());
    fill(&history, "room1", 1, 2, 0, now()).await;
    close(history).await;
    let file = Connection::open(folder.path().join("duet.db")).unwrap();
    assert_eq!(file.execute("UPDATE messages SET sender = 'bob  smith' WHERE seq = 1", ()).unwrap(), 1);
    drop(file);
    let history = open(&folder, Retention::default());
    let kept = messages(&history, "room1").await;
    assert_eq!(kept.len(), 2);
    // As one from outside, for it vouches for nobody.
    assert_eq!(kept[0].sender, None);
    close(history).await;
}
