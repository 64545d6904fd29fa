//! Names that are longer than is set, by every way in. What RabbitMQ carries is in `rabbitmq.rs`.

use reqwest::Method;
use serde_json::{Value, json};
use shared::error::ErrorCode;

use crate::support::Folder;
use crate::support::brokers::on_each_broker_with;
use crate::support::client::{Answer, Client, answer};
use crate::support::command::run_with;
use crate::support::server::Server;

const ISSUER: &str = "an-issuer-key-of-at-least-thirty-two-bytes";
const SHORT: [&str; 4] = ["--max-room-bytes", "8", "--max-user-bytes", "5"];

const LONG_ROOM: &str = "room_id is 9 bytes long: at most 8 are allowed";
const LONG_USER: &str = "username is 6 bytes long: at most 5 are allowed";

#[track_caller]
fn refused(answer: &Answer, code: ErrorCode, why: &str) {
    let status = if matches!(code, ErrorCode::InvalidBody | ErrorCode::InvalidRequest) { 422 } else { 401 };
    let problem = answer.problem();
    assert_eq!((answer.status.as_u16(), problem.code), (status, code), "{}", answer.body);
    assert!(problem.detail.ends_with(why), "{}", problem.detail);
}

async fn ask(client: &Client, method: Method, path: &str, (key, body): (&str, Value)) -> Answer {
    answer(client.request(method, path).bearer_auth(key).json(&body)).await
}

#[tokio::test]
async fn no_name_that_is_longer_than_is_set_comes_in_by_any_way() {
    on_each_broker_with(&[&SHORT[..], &["--issuer-key", ISSUER]].concat(), async |client: Client| {
        let post = json!({ "room_id": "room-1234", "content": "hi" });
        refused(&client.post_json("/message", &post).await, ErrorCode::InvalidBody, LONG_ROOM);
        for (user, room, why) in [("alice", "room-1234", LONG_ROOM), ("alice6", "room-123", LONG_USER)] {
            let body = json!({ "username": user, "email": "", "room_id": room });
            refused(&client.post_json("/generate-token", &body).await, ErrorCode::InvalidBody, why);
            for secret in ["duet_inv_x", "duet_ref_x"] {
                let asked = ask(&client, Method::POST, "/generate-token", (secret, body.clone())).await;
                refused(&asked, ErrorCode::InvalidBody, why);
            }
            let path = format!("/rooms/{room}/invites");
            let code = if room.len() > 8 { ErrorCode::InvalidRequest } else { ErrorCode::InvalidBody };
            let invited = ask(&client, Method::POST, &path, (ISSUER, json!({ "username": user }))).await;
            refused(&invited, code, why);
        }
        for path in ["", "/messages", "/search?q=hi", "/invites"] {
            let asked = client.get_with(&format!("/rooms/room-1234{path}"), "x").await;
            refused(&asked, ErrorCode::InvalidRequest, LONG_ROOM);
        }
        let asked = answer(client.request(Method::GET, "/updates/room-1234").bearer_auth("x")).await;
        refused(&asked, ErrorCode::InvalidRequest, LONG_ROOM);

        // As long as they may be, they come in; what counts is the normal form.
        let mut alice = client.listen("re\u{301}ne", "room-123").await;
        client.post("room-123", "hi").await;
        assert_eq!(alice.text().await, "hi");
    })
    .await;
}

#[tokio::test]
async fn who_came_under_a_longer_name_is_told_and_is_there_again_when_it_may_be_so_long() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let (of_room, of_user) = (client.token("alice", "room-1234").await, client.token("alice6", "room1").await);
    client.post("room-1234", "kept").await;
    server.stop().await;

    let server = Server::start(&folder, &[&SHORT[..], &["--issuer-key", ISSUER]].concat()).await;
    let client = Client::of(server.address);
    for path in ["/rooms/room1/messages", "/rooms/room1", "/updates/room1"] {
        let asked = answer(client.request(Method::GET, path).bearer_auth(&of_user)).await;
        refused(&asked, ErrorCode::TokenInvalid, LONG_USER);
    }
    refused(&client.get_with("/rooms/room1", &of_room).await, ErrorCode::TokenInvalid, LONG_ROOM);
    // The contract asks for no token, so one that is no good changes nothing.
    let post = ask(&client, Method::POST, "/message", (&of_user, json!({ "room_id": "room1", "content": "hi" }))).await;
    assert_eq!(post.status, 200);
    // Whoever may send people away can do so whatever their names.
    for path in ["/rooms/room-1234/members/alice", "/rooms/room1/members/alice6"] {
        let asked = answer(client.request(Method::DELETE, path).bearer_auth(ISSUER)).await;
        assert_eq!(asked.status, 204, "{path}: {}", asked.body);
    }
    server.stop().await;

    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let token = client.token("bob", "room-1234").await;
    let page = client.get_with("/rooms/room-1234/messages", &token).await.json();
    assert_eq!(page["messages"][0]["content"], "kept");
}

#[test]
fn an_invite_for_a_longer_name_is_not_made_and_a_revocation_is() {
    let folder = Folder::new();
    let variables = [("DUET_MAX_ROOM_BYTES", "8"), ("DUET_MAX_USER_BYTES", "5")];
    for (room, user, why) in [("room-1234", "alice", LONG_ROOM), ("room-123", "alice6", LONG_USER)] {
        let said = run_with(&folder, &variables, &["invite", room, "--for", user]);
        assert!(!said.is_good && said.out.is_empty() && said.err.contains(why), "{said:?}");
        assert!(run_with(&folder, &variables, &["revoke", room, "--user", user]).is_good);
    }
    assert!(run_with(&folder, &variables, &["invite", "room-123", "--for", "alice"]).is_good);
}
