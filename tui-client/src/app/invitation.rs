//! Pure. How somebody else gets into this room, as a line for a shell.

use crate::app::sanitize;
use crate::config::DEFAULT_SERVER;
use crate::network::Membership;

/// The line by which somebody else gets into this room: what they type, or where one has to be invited what the person types.
pub(crate) fn line(membership: &Membership) -> String {
    if membership.is_invited() {
        return by_invite(membership);
    }
    let other = if membership.user.as_str() == "bob" { "alice" } else { "bob" };
    let room = quoted(membership.room.as_str());
    let servers = membership.servers.to_string();
    let server = if servers == DEFAULT_SERVER { String::new() } else { format!(" --server {}", quoted(&servers)) };
    // A name that begins like a flag would be taken for one, even in quotes.
    let line = if membership.room.as_str().starts_with('-') {
        format!("tui-client join --user {other}{server} -- {room}")
    } else {
        format!("tui-client join {room} --user {other}{server}")
    };
    sanitize::line(&line)
}

/// The line that makes the line for somebody else.
fn by_invite(membership: &Membership) -> String {
    let Membership { room, user, servers, .. } = membership;
    let (room, me, servers) = (quoted(room.as_str()), quoted(user.as_str()), quoted(&servers.to_string()));
    let server = if servers == DEFAULT_SERVER { String::new() } else { format!(" --server {servers}") };
    let other = if user.as_str() == "bob" { "alice" } else { "bob" };
    let dashes = if room.starts_with('-') { "-- " } else { "" };
    sanitize::line(&format!("tui-client invite --for {other} --user {me}{server} {dashes}{room}"))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:@%+,".contains(&b));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::servers::Servers;

    #[track_caller]
    fn check(server: &str, room: &str, user: &str, expected: &str) {
        let membership = Membership {
            servers: Servers::new(server.split(',').map(|server| server.parse().unwrap())).unwrap(),
            room: room.parse().unwrap(),
            user: user.parse().unwrap(),
            email: "".parse().unwrap(),
            last: 50,
            access: crate::network::Access::default(),
        };
        assert_eq!(line(&membership), expected);
    }

    #[test]
    fn the_line_can_be_pasted_into_a_shell() {
        check(DEFAULT_SERVER, "room1", "alice", "tui-client join room1 --user bob");
        check(DEFAULT_SERVER, "room1", "bob", "tui-client join room1 --user alice");
        check(DEFAULT_SERVER, "it's $HOME", "alice", r"tui-client join 'it'\''s $HOME' --user bob");
        check(
            "http://b:8000,http://a:8000",
            "room1",
            "alice",
            "tui-client join room1 --user bob --server http://b:8000,http://a:8000",
        );
        check(
            "https://chat.example.org/duet/",
            "room1",
            "alice",
            "tui-client join room1 --user bob --server https://chat.example.org/duet",
        );
    }

    #[test]
    fn a_room_that_begins_like_a_flag_is_not_taken_for_one() {
        check(DEFAULT_SERVER, "-rf", "alice", "tui-client join --user bob -- -rf");
    }
}
