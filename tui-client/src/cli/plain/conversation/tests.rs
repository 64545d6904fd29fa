//! What is told of a conversation, and to whom.

use jiff::Timestamp;
use serde_json::json;
use shared::frames::Presence;

use super::*;

fn talk(typist: Typist) -> Conversation {
    let membership = Membership {
        servers: "http://127.0.0.1:8000".parse::<reqwest::Url>().unwrap().into(),
        room: "room1".parse().unwrap(),
        user: "alice".parse().unwrap(),
        email: "".parse().unwrap(),
        last: 10,
        access: crate::network::Access::default(),
    };
    Conversation::new(&membership, TimeZone::UTC, typist)
}

fn welcomed(typist: Typist) -> Conversation {
    let mut talk = talk(typist);
    assert!(!talk.takes_input(), "the room may be full");
    assert_eq!(talk.hear(welcome(&["alice", "bob"], "recent")), Some(Deed::Adopt));
    check(&mut talk, "-- room1 as alice: bob is here\n");
    talk
}

fn welcome(occupants: &[&str], resume: &str) -> NetworkEvent {
    NetworkEvent::Welcomed(
        serde_json::from_value(json!({"room_id": "room1", "user": "alice", "epoch": "e1", "head": 2,
            "occupants": occupants, "resume": resume, "max_content_bytes": 20}))
        .unwrap(),
    )
}

fn message(seq: u64, at: &str, sender: Option<&str>, content: &str) -> NetworkEvent {
    NetworkEvent::Message(Message {
        seq: Seq(seq),
        id: id(seq),
        sender: sender.map(|name| name.parse().unwrap()),
        content: content.to_owned(),
        sent_at: at.parse().unwrap(),
    })
}

fn id(number: u64) -> MessageId {
    MessageId::new(format!("id-{number}")).unwrap()
}

fn lost() -> NetworkEvent {
    NetworkEvent::Lost { reason: "refused".to_owned(), retry_at: Timestamp::UNIX_EPOCH, is_reached: false }
}

#[track_caller]
fn check(talk: &mut Conversation, expected: &str) {
    assert_eq!(std::mem::take(&mut talk.out), expected);
}

#[test]
fn messages_are_lines_with_their_day_before_them() {
    let mut talk = welcomed(Typist::Person);
    assert_eq!(talk.hear(message(1, "2026-11-22T14:03:00Z", Some("bob"), "hi\nthere")), Some(Deed::Printed(Seq(1))));
    talk.hear(message(2, "2026-11-22T23:59:00Z", Some("alice"), "from another client"));
    talk.hear(message(3, "2026-11-23T00:01:00Z", None, "build is green"));
    check(
        &mut talk,
        "-- Sunday 22 November 2026\n14:03 bob: hi\n      there\n23:59 alice: from another client\n\
         -- Monday 23 November 2026\n00:01 (outside): build is green\n",
    );
}

#[test]
fn no_message_and_no_name_passes_for_another_ones() {
    let mut talk = welcomed(Typist::Person);
    let at = "2026-11-22T14:03:00Z";
    talk.hear(message(1, at, Some("bob"), "ok\n14:03 carol: yes\n-- carol has come"));
    talk.hear(message(2, at, Some("carol: yes"), "x"));
    talk.hear(message(3, at, Some("(outside)"), "x"));
    let lines = [
        "-- Sunday 22 November 2026",
        "14:03 bob: ok",
        "      14:03 carol: yes",
        "      -- carol has come",
        "14:03 \"carol: yes\": x",
        "14:03 \"(outside)\": x\n",
    ];
    check(&mut talk, &lines.join("\n"));
}

#[test]
fn what_was_typed_before_ones_eyes_is_not_said_again_and_what_was_piped_in_is() {
    for (typist, expected) in [(Typist::Person, ""), (Typist::Pipe, "-- Sunday 22 November 2026\n14:03 alice: hello\n")]
    {
        let mut talk = welcomed(typist);
        assert_eq!(talk.typed("hello"), Some(Deed::Send("hello".to_owned())));
        talk.sent(id(3));
        assert_eq!(talk.waits_for(), 1);
        assert_eq!(talk.hear(NetworkEvent::Posted(id(3))), Some(Deed::Forget(id(3))));
        talk.hear(message(3, "2026-11-22T14:03:00Z", Some("alice"), "hello"));
        assert_eq!(talk.waits_for(), 0);
        check(&mut talk, expected);
    }
}

#[test]
fn a_line_says_what_it_means() {
    let mut talk = welcomed(Typist::Person);
    let send = |text: &str| Some(Deed::Send(text.to_owned()));
    assert_eq!(talk.typed("a\\"), None);
    assert_eq!(talk.typed("/b\\"), None);
    assert_eq!(talk.typed("c "), send("a\n/b\nc"));
    assert_eq!(talk.typed("//who"), send("/who"));
    assert_eq!(talk.typed("C:\\ "), send("C:\\"));
    assert_eq!(talk.typed("   "), None);
    assert_eq!(talk.typed("begun\\"), None);
    assert_eq!(talk.finish(), send("begun"), "the end of the input ends it");
    assert_eq!((talk.typed("/quit"), talk.typed("/retry")), (Some(Deed::Quit), Some(Deed::Retry)));
    check(&mut talk, "");
    assert_eq!(talk.typed("/wo"), None);
    check(&mut talk, "-- there is no command /wo: /help tells of those there are\n");
    assert_eq!(talk.typed("a text that is longer than 20 bytes"), None);
    check(&mut talk, "-- not sent: the message is 35 bytes, and the room takes at most 20 bytes: send it in parts\n");
    assert_eq!(talk.unsent, 1);
    let mut piped = welcomed(Typist::Pipe);
    assert_eq!(piped.typed("/etc/hosts is gone"), None);
    assert_eq!(piped.unsent, 1, "{}", piped.out);
}

#[test]
fn a_loss_is_said_once_and_who_came_and_went_meanwhile() {
    let mut talk = welcomed(Typist::Person);
    talk.hear(lost());
    talk.hear(NetworkEvent::Connecting);
    talk.hear(lost());
    assert!(talk.takes_input());
    talk.sent(id(7));
    talk.sent(id(8));
    check(
        &mut talk,
        "-- no connection (refused), trying again\n-- kept: it goes out when there is a connection again\n",
    );
    talk.hear(welcome(&["alice", "carol"], "complete"));
    check(&mut talk, "-- connected again\n-- bob has gone\n-- carol has come\n");
}

#[test]
fn a_post_that_was_sent_too_often_says_when_it_goes_out() {
    let mut talk = welcomed(Typist::Person);
    let retry_at = "2026-11-22T14:03:59.5Z".parse().unwrap();
    talk.hear(NetworkEvent::PostedTooOften { retry_at });
    talk.hear(NetworkEvent::PostedTooOften { retry_at });
    check(&mut talk, "-- still waiting: sent too often, trying again at 14:03:59\n");
}

#[test]
fn who_comes_and_goes_is_said_and_who_is_idle_only_when_asked() {
    let mut talk = welcomed(Typist::Person);
    let presence = |user: &str, state, occupants: &[&str]| {
        let occupants = occupants.iter().map(|name| name.parse().unwrap()).collect();
        let since = Timestamp::UNIX_EPOCH;
        NetworkEvent::Presence(Presence { user: user.parse().unwrap(), state, since, occupants })
    };
    talk.hear(presence("bob", PresenceState::Idle, &["alice", "bob"]));
    check(&mut talk, "");
    talk.typed("/who");
    check(&mut talk, "-- bob is connected, not at the keyboard\n");
    talk.hear(presence("bob", PresenceState::Gone, &["alice"]));
    talk.hear(presence("alice", PresenceState::Here, &["alice"]));
    check(&mut talk, "-- bob has gone\n");
    talk.typed("/who");
    check(&mut talk, "-- nobody else is here; somebody joins with: tui-client join room1 --user bob\n");
    talk.hear(presence("bob", PresenceState::Here, &["alice", "bob"]));
    check(&mut talk, "-- bob has come\n");
}

#[test]
fn status_tells_at_which_of_several_servers_it_is() {
    let mut talk = welcomed(Typist::Person);
    talk.hear(NetworkEvent::Server("b.example:8000".to_owned()));
    talk.typed("/status");
    check(&mut talk, "-- connected to b.example:8000\n-- you have said nothing that is known here\n");
}

#[test]
fn status_tells_what_became_of_what_was_said() {
    let mut talk = welcomed(Typist::Person);
    talk.sent(id(9));
    talk.hear(message(3, "2026-11-22T14:03:00Z", Some("alice"), "hello"));
    let receipt = |delivered, read| {
        let receipt = json!({"user": "bob", "delivered": delivered, "read": read});
        NetworkEvent::Receipt(serde_json::from_value(receipt).unwrap())
    };
    talk.out.clear();
    for (delivered, read, word) in [(2, 2, "sent"), (3, 2, "delivered"), (3, 3, "read")] {
        talk.hear(receipt(delivered, read));
        talk.typed("/status");
        check(&mut talk, &format!("-- connected\n-- 1 message waits to be sent\n-- your last message was {word}\n"));
    }
    let refused = NetworkEvent::PostRefused { id: id(9), reason: "too \u{1b}long".to_owned() };
    assert!(matches!(talk.hear(refused), Some(Deed::Refuse { .. })));
    check(&mut talk, "-- not sent: too ␛long; `tui-client outbox` keeps it\n");
    talk.typed("/status");
    check(&mut talk, "-- connected\n-- your last message was read\n");
}
