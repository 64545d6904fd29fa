//! The built client with the built server: several rooms in one client, and what it remembers of them.

use shared::names::RoomId;
use tui_client::memory::Memory;
use tui_client::outbox::lines::Whose;

use crate::tmux::{Tmux, pid, runs};
use crate::together::{Server, say};

const CLIENT: &str = env!("CARGO_BIN_EXE_tui-client");

fn join(server: &Server, rooms: &str, user: &str) -> String {
    format!("{CLIENT} join {rooms} --user {user} --server http://{}", server.address)
}

/// alice's place in a room, as the outbox and the memory know it.
fn whose(server: &Server, room: &str) -> Whose {
    let server = format!("http://{}/", server.address);
    Whose { server, room: room.parse().unwrap(), user: "alice".parse().unwrap() }
}

#[tokio::test]
async fn two_rooms_are_two_conversations_in_one_client() {
    let server = Server::fresh();
    let alice = Tmux::start().await;
    alice.shell(&join(&server, "room1 ops", "alice"));
    alice.expect("[1 room1] · 2 ops  ").await;
    let bob = server.joined_by("bob").await;
    let carol = Tmux::start().await;
    carol.shell(&join(&server, "ops", "carol"));
    carol.expect("alice is here").await;
    say(&bob, "hello from room1");
    say(&carol, "hello from ops");
    say(&carol, "and again");
    let screen = alice.expect("2 ops (2)").await;
    assert!(screen.contains("hello from room1") && !screen.contains("hello from ops"), "{screen}");
    alice.keys(&["M-2"]);
    let screen = alice.expect("and again").await;
    assert!(screen.contains(" 1 room1 · [2 ops]"), "{screen}");
    say(&alice, "to ops alone");
    carol.expect("to ops alone").await;
    assert!(!bob.screen().contains("to ops alone"));
    // A third room, without restarting, and one less.
    say(&alice, "/join build");
    alice.expect("[3 build]").await;
    alice.expect("nobody else is here").await;
    alice.keys(&["M-2"]);
    say(&alice, "/leave");
    carol.expect("alice was here").await;
    alice.expect("You left ops.").await;
    say(&bob, "still there?");
    alice.expect("1 room1 (1)").await;
    say(&alice, "/quit");
    bob.expect("alice was here").await;
    // It comes back to what it was, and has the rooms in its memory.
    alice.shell(&join(&server, "room1", "alice"));
    alice.expect("still there?").await;
    alice.keys(&["M-k"]);
    let screen = alice.expect("build  joined before").await;
    assert!(screen.contains("ops  joined before"), "{screen}");
    alice.keys(&["Escape"]);
    alice.expect("still there?").await;
    alice.text("/join b");
    alice.expect("\n build\n").await;
    alice.keys(&["Tab"]);
    alice.expect("> /join build").await;
    alice.keys(&["Enter"]);
    alice.expect("[2 build]").await;
}

#[tokio::test]
async fn what_waits_in_a_room_that_is_left_stays_in_its_outbox_and_goes_out_on_coming_back() {
    let mut server = Server::fresh();
    let alice = Tmux::start().await;
    alice.shell(&join(&server, "room1 ops", "alice"));
    alice.expect("[1 room1] · 2 ops  ").await;
    let (listen, folder) = (server.address.to_string(), server.folder.clone());
    server.kill();
    alice.expect("2 ops ! no connection").await;
    alice.keys(&["M-2"]);
    say(&alice, "written in the dark");
    alice.expect("waiting").await;
    say(&alice, "/leave");
    alice.expect("You left ops. 1 message was not sent; the outbox keeps it until you are back.").await;
    let server = Server::start(&listen, &folder);
    alice.expect("live").await;
    say(&alice, "/join ops");
    alice.expect("written in the dark").await;
    let bob = Tmux::start().await;
    bob.shell(&join(&server, "ops", "bob"));
    bob.expect("written in the dark").await;
    say(&alice, "/quit");
    alice.expect("shell$").await;
    assert!(!alice.screen().contains("waits to be sent"), "{}", alice.screen());
}

#[tokio::test]
async fn a_draft_outlives_a_kill_once_it_has_rested_and_a_sigterm_at_once() {
    let server = Server::fresh();
    let alice = Tmux::start().await;
    let memory = Memory::new(Some(alice.state.clone()));
    let (line, file) = alice.with_pid(&join(&server, "room1 ops", "alice"));
    alice.shell(&line);
    alice.expect("live").await;
    alice.text("half a thought");
    let kept = || memory.draft(&whose(&server, "room1")).filter(|draft| draft == "half a thought");
    alice.until("draft on disk".to_owned(), kept).await;
    let process = pid(&file).unwrap();
    alice.kill(&process, "-KILL");
    alice.until("end".to_owned(), || (!runs(&process)).then_some(())).await;

    let alice = Tmux::start_with(&alice.state).await;
    let (line, file) = alice.with_pid(&join(&server, "room1 ops", "alice"));
    alice.shell(&line);
    alice.expect("> half a thought").await;
    alice.text(" more");
    alice.keys(&["M-2"]);
    alice.expect("[2 ops]").await;
    alice.text("typed just now");
    alice.expect("typed just now").await;
    let process = pid(&file).unwrap();
    alice.kill(&process, "-TERM");
    alice.until("end".to_owned(), || (!runs(&process)).then_some(())).await;
    assert_eq!(memory.draft(&whose(&server, "ops")).as_deref(), Some("typed just now"));
    assert_eq!(memory.draft(&whose(&server, "room1")).as_deref(), Some("half a thought more"));
    assert_eq!(memory.rooms(&whose(&server, "x")).iter().map(RoomId::as_str).collect::<Vec<_>>().len(), 2);

    // What is sent is no draft any more.
    let alice = Tmux::start_with(&alice.state).await;
    alice.shell(&join(&server, "ops", "alice"));
    alice.expect("> typed just now").await;
    alice.keys(&["Enter"]);
    alice.expect("sent").await;
    assert_eq!(memory.sent(&whose(&server, "ops")), ["typed just now"]);
    alice.until("no draft".to_owned(), || memory.draft(&whose(&server, "ops")).is_none().then_some(())).await;

    // And comes back with Up when the client does.
    say(&alice, "/quit");
    alice.expect("shell$").await;
    alice.shell(&join(&server, "ops", "alice"));
    alice.expect("live").await;
    alice.keys(&["Up"]);
    alice.expect("> typed just now").await;
}

#[tokio::test]
async fn who_waits_for_a_seat_gets_in_when_somebody_leaves() {
    let server = Server::fresh();
    let bob = server.joined_by("bob").await;
    let carol = server.joined_by("carol").await;
    let alice = Tmux::start().await;
    alice.shell(&join(&server, "room1 ops", "alice"));
    alice.expect("waiting for a seat").await;
    alice.expect("room1 is full: bob and carol are in it.").await;
    // The other room is there meanwhile.
    alice.keys(&["M-2"]);
    alice.expect("nobody else is here").await;
    alice.expect("1 room1 ! waiting for a seat").await;
    say(&carol, "/quit");
    alice.until("a seat".to_owned(), || (!alice.screen().contains("waiting for a seat")).then_some(())).await;
    alice.keys(&["M-1"]);
    alice.expect("A seat was free: you are in room1 now.").await;
    say(&alice, "here I am");
    bob.expect("here I am").await;
}

#[tokio::test]
async fn who_waits_for_a_seat_takes_none_from_two_whose_server_restarts() {
    let mut server = Server::fresh();
    let alice = server.joined_by("alice").await;
    let bob = server.joined_by("bob").await;
    let carol = Tmux::start().await;
    carol.shell(&join(&server, "room1", "carol"));
    carol.expect("room1 is full: alice and bob are in it.").await;
    let (listen, folder) = (server.address.to_string(), server.folder.clone());
    server.kill();
    alice.expect("no connection").await;
    bob.expect("no connection").await;
    // So long that the next attempt is not the immediate one.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    let _server = Server::start(&listen, &folder);
    alice.expect("bob is here").await;
    bob.expect("alice is here").await;
    say(&bob, "there we are again");
    alice.expect("there we are again").await;
    let screen = carol.expect("waiting for a seat").await;
    assert!(!screen.contains("there we are again"), "{screen}");
}
