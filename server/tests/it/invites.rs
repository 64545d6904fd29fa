//! Who is invited, comes in and is shown the door, by the routes and by the command line.

use reqwest::Method;
use serde_json::{Value, json};
use shared::error::ErrorCode;
use shared::link::Link;

use crate::support::Folder;
use crate::support::brokers::on_each_broker;
use crate::support::client::{Answer, Client, answer};
use crate::support::command::{run, run_with};
use crate::support::histories::{Place, in_each_place};
use crate::support::kept;
use crate::support::server::Server;
use server::history::Retention;

/// Invites somebody, with a token of the room, and gives the answer.
async fn invite(client: &Client, token: &str, room: &str, body: Value) -> Answer {
    let path = format!("/rooms/{room}/invites");
    answer(client.request(Method::POST, &path).bearer_auth(token).json(&body)).await
}

async fn code(client: &Client, token: &str, room: &str, user: &str) -> String {
    let answer = invite(client, token, room, json!({ "username": user })).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()["invite"].as_str().unwrap().to_owned()
}

/// Asks for a token with a secret in hand, and a key that was written down.
pub(crate) async fn exchange(client: &Client, secret: &str, key: Option<&str>, room: &str, user: &str) -> Answer {
    let body = json!({ "username": user, "email": "", "room_id": room });
    let mut request = client.request(Method::POST, "/generate-token").bearer_auth(secret).json(&body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    answer(request).await
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: ErrorCode) {
    assert_eq!((answer.status.as_u16(), answer.problem().code), (status, code), "{}", answer.body);
}

#[track_caller]
fn text(answer: &Answer, field: &str) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()[field].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn somebody_who_was_invited_comes_in_and_comes_back() {
    on_each_broker(async |client: Client| {
        let alice = client.token("alice", "room1").await;
        let invite = code(&client, &alice, "room1", "bob").await;
        let entered = exchange(&client, &invite, Some("k1"), "room1", "bob").await;
        let refresh = text(&entered, "refresh_token");
        assert!(refresh.starts_with("duet_ref_"), "{refresh}");
        for token in [text(&entered, "token"), text(&exchange(&client, &refresh, None, "room1", "bob").await, "token")]
        {
            assert_eq!(client.get_with("/rooms/room1", &token).await.status, 200);
        }
        // A member's secret is for its room and its name.
        refused(&exchange(&client, &refresh, None, "room2", "bob").await, 403, ErrorCode::WrongRoom);
        refused(&exchange(&client, &refresh, None, "room1", "alice").await, 403, ErrorCode::WrongUser);
        refused(&exchange(&client, "duet_ref_x", None, "room1", "bob").await, 401, ErrorCode::RefreshInvalid);
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_is_had_again_and_a_replay_is_not() {
    on_each_broker(async |client: Client| {
        let alice = client.token("alice", "room1").await;
        let invite = code(&client, &alice, "room1", "bob").await;
        let first = exchange(&client, &invite, Some("k1"), "room1", "bob").await;
        let again = exchange(&client, &invite, Some("k1"), "room1", "bob").await;
        assert_eq!(text(&first, "refresh_token"), text(&again, "refresh_token"));
        for key in [Some("k2"), None] {
            refused(&exchange(&client, &invite, key, "room1", "bob").await, 401, ErrorCode::InviteUsed);
        }
    })
    .await;
}

#[tokio::test]
async fn an_invite_lets_in_nobody_else_and_nowhere_else() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let alice = client.token("alice", "room1").await;
    let invite = code(&client, &alice, "room1", "bob").await;
    refused(&exchange(&client, &invite, None, "room2", "bob").await, 403, ErrorCode::WrongRoom);
    refused(&exchange(&client, &invite, None, "room1", "mallory").await, 403, ErrorCode::WrongUser);
    let cut = &invite[..invite.len() - 1];
    refused(&exchange(&client, cut, None, "room1", "bob").await, 401, ErrorCode::InviteInvalid);
    let is_good = exchange(&client, &invite, None, "room1", "bob").await;
    assert_eq!(is_good.status, 200, "what did not fit did not use it up");
}

#[tokio::test]
async fn an_invite_expires_and_says_so() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let alice = client.token("alice", "room1").await;
    let answer = invite(&client, &alice, "room1", json!({ "username": "bob", "expires_in": 1 })).await;
    let invite_code = answer.json()["invite"].as_str().unwrap().to_owned();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    refused(&exchange(&client, &invite_code, None, "room1", "bob").await, 401, ErrorCode::InviteExpired);
    for life in [0, 2_592_001] {
        let answer = invite(&client, &alice, "room1", json!({ "username": "bob", "expires_in": life })).await;
        refused(&answer, 422, ErrorCode::InvalidBody);
    }
}

#[tokio::test]
async fn members_see_who_is_invited_and_take_it_back() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let alice = client.token("alice", "room1").await;
    let stranger = client.token("alice", "room2").await;
    let made = invite(&client, &alice, "room1", json!({ "username": "bob" })).await.json();
    let pending = client.get_with("/rooms/room1/invites", &alice).await;
    let [only] = pending.json()["invites"].as_array().unwrap().clone().try_into().unwrap();
    assert_eq!((&only["username"], &only["creator"], &only["id"]), (&json!("bob"), &json!("alice"), &made["id"]));
    let secret = made["invite"].as_str().unwrap();
    assert!(!pending.body.contains(secret.strip_prefix("duet_inv_").unwrap()), "{}", pending.body);

    let path = format!("/rooms/room1/invites/{}", made["id"].as_str().unwrap());
    let withdraw = async |token: &str| answer(client.request(Method::DELETE, &path).bearer_auth(token)).await;
    refused(&client.get_with("/rooms/room1/invites", &stranger).await, 403, ErrorCode::WrongRoom);
    refused(&withdraw(&stranger).await, 403, ErrorCode::WrongRoom);
    refused(&client.get("/rooms/room1/invites").await, 401, ErrorCode::TokenMissing);
    assert_eq!(withdraw(&alice).await.status, 204);
    refused(&withdraw(&alice).await, 404, ErrorCode::NotFound);
    refused(&exchange(&client, secret, None, "room1", "bob").await, 401, ErrorCode::InviteInvalid);
}

#[tokio::test]
async fn who_leaves_for_good_leaves_nothing_behind_and_sends_nobody_else_away() {
    on_each_broker(async |client: Client| {
        let alice = client.token("alice", "room1").await;
        let invite = code(&client, &alice, "room1", "bob").await;
        let entered = exchange(&client, &invite, Some("k1"), "room1", "bob").await;
        let (bob, refresh) = (text(&entered, "token"), text(&entered, "refresh_token"));
        let leave = async |token: &str| {
            answer(client.request(Method::DELETE, "/rooms/room1/members/bob").bearer_auth(token)).await
        };
        refused(&leave(&alice).await, 403, ErrorCode::WrongUser);
        assert_eq!(leave(&bob).await.status, 204);
        refused(&exchange(&client, &refresh, None, "room1", "bob").await, 401, ErrorCode::RefreshInvalid);
        refused(&exchange(&client, &invite, Some("k1"), "room1", "bob").await, 401, ErrorCode::InviteInvalid);
    })
    .await;
}

#[tokio::test]
async fn the_operator_invites_before_there_is_a_server_and_revokes_beside_it() {
    in_each_place(async |place: &Place| {
        let variables: Vec<(&str, &str)> =
            place.database.iter().map(|database| ("DATABASE_URL", database.url())).collect();
        let said = run_with(&place.folder, &variables, &["invite", "room 1", "--for", "alice"]);
        assert!(said.is_good && said.out.lines().count() == 1, "{said:?}");
        assert!(said.err.starts_with("duet-server: for alice alone, good for once, until "), "{said:?}");
        let link = Link::find(&said.out).unwrap();
        assert_eq!((link.room.as_str(), link.user.as_str()), ("room 1", "alice"));
        assert_eq!(link.server, "http://127.0.0.1:8000");

        let server = Server::start(&place.folder, &place.arguments()).await;
        let client = Client::of(server.address);
        let refresh = text(&exchange(&client, &link.invite, None, "room 1", "alice").await, "refresh_token");
        // Beside the server: one more, and then she is sent away.
        let said = run_with(&place.folder, &variables, &["invite", "room 1", "--for", "bob", "--expires", "7d"]);
        let bobs = Link::find(&said.out).unwrap();
        assert_eq!(exchange(&client, &bobs.invite, None, "room 1", "bob").await.status, 200);
        let said = run_with(&place.folder, &variables, &["revoke", "room 1", "--user", "alice"]);
        assert!(said.is_good && said.out.is_empty() && said.err.contains("no member of room 1"), "{said:?}");
        refused(&exchange(&client, &refresh, None, "room 1", "alice").await, 401, ErrorCode::RefreshInvalid);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn who_was_sent_away_does_not_come_back_by_an_invite_of_their_own() {
    in_each_place(async |place: &Place| {
        let key = "an-issuer-key-of-thirty-two-bytes-at-least";
        let closed = ["--access", "closed", "--issuer-key", key];
        let server = Server::start(&place.folder, &[&closed, &*place.arguments()].concat()).await;
        let client = Client::of(server.address);
        let token = async |user| text(&exchange(&client, key, None, "room1", user).await, "token");
        let (mallory, alice) = (token("mallory").await, token("alice").await);
        let theirs = code(&client, &mallory, "room1", "mallory2").await;
        let another = code(&client, &alice, "room1", "mallory2").await;
        let path = "/rooms/room1/members/mallory";
        assert_eq!(answer(client.request(Method::DELETE, path).bearer_auth(key)).await.status, 204);
        refused(&exchange(&client, &theirs, None, "room1", "mallory2").await, 401, ErrorCode::InviteInvalid);
        assert_eq!(exchange(&client, &another, None, "room1", "mallory2").await.status, 200, "it is alice's");
        server.stop().await;
    })
    .await;
}

#[test]
fn the_link_says_how_the_server_is_reached() {
    let folder = Folder::new();
    let invite = |variables: &[(&str, &str)], arguments: &[&str]| {
        run_with(&folder, variables, &[&["invite", "room1", "--for", "bob"], arguments].concat())
    };
    let begins = |said: &str, begin: &str| assert!(said.starts_with(begin), "{said}");
    let public = invite(&[("DUET_PUBLIC_URL", "https://chat.example.org")], &[]);
    begins(&public.out, "tui-client join 'duet://bob@chat.example.org/room1#duet_inv_");
    begins(&invite(&[], &["--server", "chat.example.org"]).out, "tui-client join 'duet://bob@chat.example.org/room1#");
    begins(&invite(&[], &["--server", "http://a.b:8"]).out, "tui-client join 'duet+http://bob@a.b:8/room1#");
    // A server that was never there may be another one than is meant.
    assert!(public.err.contains("good for once, until ") && public.err.contains("No server has used "), "{public:?}");
    let history = kept::open(&folder, Retention::default());
    let good = invite(&[("DUET_PUBLIC_URL", "https://chat.example.org")], &[]);
    assert!(good.err.ends_with("; duet-server revoke takes it back\n"), "{good:?}");
    drop(history);
    let several = "tui-client join 'duet://bob@a.example.org,b.example.org/room1#";
    begins(&invite(&[("DUET_PUBLIC_URL", "https://a.example.org,https://b.example.org")], &[]).out, several);
    begins(&invite(&[], &["--server", "a.example.org", "--server", "b.example.org"]).out, several);
    let everywhere = invite(&[("DUET_LISTEN", "0.0.0.0:8000")], &[]);
    assert!(!everywhere.is_good && everywhere.err.contains("DUET_PUBLIC_URL"), "{everywhere:?}");
    let hostile = invite(&[], &["--server", "https://a'; rm -rf ~ #"]);
    assert!(!hostile.is_good && hostile.err.contains("cannot stand in a link"), "{hostile:?}");
    let wrong = run(&folder, &["invite", "room1", "--for", "bob", "--expires", "31d"]);
    assert!(!wrong.is_good && wrong.err.contains("such as 24h or 7d"), "{wrong:?}");
}
