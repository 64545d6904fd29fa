//! What is handed to somebody who is invited: the servers, the room, their name and the invite in one line, `duet://…`. Pure.

use std::fmt;
use std::fmt::Write as _;
use std::iter::once;
use std::net::IpAddr;

use crate::names::{NameError, RoomId, Username};
use crate::rest::INVITE_PREFIX;

/// How a link begins. It means `https`, and `http` for this machine, where nobody listens in; of several servers each for itself.
const SCHEME: &str = "duet://";
/// How one begins that says which of the two, for all of them.
const PLAIN_SCHEME: &str = "duet+http://";
const TLS_SCHEME: &str = "duet+https://";

/// How many characters an invite has behind its prefix.
const CODE_CHARS: usize = 24;

/// A link. `Debug` shows nothing of the invite.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// The server's address: `https://host:port` or `http://…`, with whatever path it has.
    pub server: String,
    /// Those of further servers that are one with it, in the same way.
    pub others: Vec<String>,
    /// Where to.
    pub room: RoomId,
    /// Whom.
    pub user: Username,
    /// The invite.
    pub invite: String,
}

/// Why a text is no link. The sentence says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// There is none in it.
    #[error("there is no duet://… in it: paste the whole line that you were given")]
    None,
    /// Something is missing or cut off.
    #[error("the link is not whole ({0}): paste all of it, from duet:// to its end, between single quotes")]
    Incomplete(&'static str),
    /// A name in it is none.
    #[error("the link cannot be read: {0}")]
    Name(#[from] NameError),
    /// There are several, and they differ.
    #[error("there is more than one link in it: paste the one that you were given")]
    Several,
    /// Some of its servers have TLS and some have not.
    #[error("servers with https and others with http cannot stand in one link: leave out those of one kind")]
    Mixed,
    /// The server's address cannot stand in a link.
    #[error("{0} cannot stand in a link: write the server's address like https://chat.example.org")]
    Server(String),
}

impl Link {
    /// Finds the link in what somebody pasted: with the command before it, without its quotes, or over several lines.
    ///
    /// # Errors
    /// When there is none, not all of it, or a second one.
    pub fn find(text: &str) -> Result<Self, LinkError> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let mut begins: Vec<_> = [(TLS_SCHEME, "https"), (PLAIN_SCHEME, "http"), (SCHEME, "")]
            .into_iter()
            .flat_map(|(scheme, means)| text.match_indices(scheme).map(move |(at, _)| (at, at + scheme.len(), means)))
            .collect();
        begins.sort_unstable();
        let ends = begins.iter().skip(1).map(|(at, ..)| *at).chain([text.len()]);
        let mut links = begins
            .iter()
            .zip(ends)
            .map(|((_, begin, means), end)| Self::read(text.get(*begin..end).unwrap_or_default(), means));
        let first = links.next().ok_or(LinkError::None)?;
        if links.all(|link| link == first) { first } else { Err(LinkError::Several) }
    }

    /// Reads what stands behind a scheme.
    fn read(rest: &str, means: &str) -> Result<Self, LinkError> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-._~%:[]@/#,".contains(c);
        let rest = rest.split(|c| !is_part(c)).next().unwrap_or_default();

        let (address, invite) = rest.split_once('#').ok_or(LinkError::Incomplete("it has no invite behind a #"))?;
        let (user, place) = address.split_once('@').ok_or(LinkError::Incomplete("it has no name before an @"))?;
        let (base, room) = place.rsplit_once('/').ok_or(LinkError::Incomplete("it has no room behind a /"))?;
        if base.split(',').any(|base| authority(base).is_empty()) || room.is_empty() || user.is_empty() {
            return Err(LinkError::Incomplete("it has no server, no room or no name"));
        }
        let invite = invite.split(|c| !is_unreserved(c)).next().unwrap_or_default();
        let code = invite.strip_prefix(INVITE_PREFIX).map(str::len);
        if code.is_none_or(|chars| chars < CODE_CHARS) {
            return Err(LinkError::Incomplete("the invite is cut off"));
        }
        let mut servers = base.split(',').map(|base| {
            let means = if means.is_empty() { scheme_without_saying(base) } else { means };
            format!("{means}://{}", base.trim_end_matches('/'))
        });
        let decoded = |text| decode(text).ok_or(LinkError::Incomplete("a % is not followed by two digits"));
        let link = Self {
            server: servers.next().unwrap_or_default(),
            others: servers.collect(),
            room: RoomId::new(decoded(room)?)?,
            user: Username::new(decoded(user)?)?,
            invite: invite.to_owned(),
        };
        link.checked()
    }

    /// Whether it can be written as a link: whether the servers' addresses are some, and of one kind.
    ///
    /// # Errors
    /// When they are not.
    pub fn checked(self) -> Result<Self, LinkError> {
        self.parts()?;
        Ok(self)
    }

    /// The addresses of all servers.
    pub fn servers(&self) -> impl Iterator<Item = &str> {
        once(&self.server).chain(&self.others).map(String::as_str)
    }

    /// The line that the invited pastes into a shell.
    #[must_use]
    pub fn command(&self) -> String {
        format!("tui-client join '{self}'")
    }

    /// The scheme for the servers' addresses, and what follows it of each.
    fn parts(&self) -> Result<(&'static str, Vec<&str>), LinkError> {
        let parts = self.servers().map(|address| part(address).ok_or_else(|| LinkError::Server(address.to_owned())));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let all = |means: fn(&str) -> &str| parts.iter().all(|(scheme, base)| *scheme == means(base));
        let scheme = if all(scheme_without_saying) {
            SCHEME
        } else if all(|_| "http") {
            PLAIN_SCHEME
        } else if all(|_| "https") {
            TLS_SCHEME
        } else {
            return Err(LinkError::Mixed);
        };
        Ok((scheme, parts.into_iter().map(|(_, base)| base).collect()))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, servers) = self.parts().unwrap_or_else(|_| (SCHEME, self.servers().collect()));
        let (user, room) = (encode(self.user.as_str()), encode(self.room.as_str()));
        write!(f, "{scheme}{user}@{}/{room}#{}", servers.join(","), self.invite)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, others, room, user, .. } = self;
        let mut link = f.debug_struct("Link");
        link.field("server", server).field("others", others).field("room", room).field("user", user);
        link.finish_non_exhaustive()
    }
}

/// The scheme of an address that can stand in a link, and what follows it.
fn part(address: &str) -> Option<(&str, &str)> {
    let (scheme, base) = address.split_once("://")?;
    let base = base.trim_end_matches('/');
    let (host, path) = base.split_once('/').unwrap_or((base, ""));
    // A host that is written with a % is another one than it seems.
    let is_host = |c| is_unreserved(c) || ":[]".contains(c);
    let is_path = |c| is_host(c) || "%/".contains(c);
    // What has :// in it is a link of its own.
    let is_good = !host.is_empty() && host.chars().all(is_host) && path.chars().all(is_path) && !base.contains("//");
    (is_good && matches!(scheme, "http" | "https")).then_some((scheme, base))
}

/// What a link means that does not say it.
fn scheme_without_saying(base: &str) -> &'static str {
    if is_this_machine(authority(base)) { "http" } else { "https" }
}

/// The host, with its port.
fn authority(base: &str) -> &str {
    base.split('/').next().unwrap_or_default()
}

/// Whether a host, with its port, is this machine.
fn is_this_machine(authority: &str) -> bool {
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether it stands for itself in an address (RFC 3986 §2.3).
fn is_unreserved(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~".contains(c)
}

/// Percent-encodes all but the unreserved characters.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_unreserved(char::from(byte)) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text never fails.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        rest = behind;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INVITE: &str = "duet_inv_0123456789abcdefghijklm-";

    fn link(server: &str, room: &str, user: &str) -> Link {
        let (room, user) = (room.parse().unwrap(), user.parse().unwrap());
        let mut servers = server.split(',').map(str::to_owned);
        Link { server: servers.next().unwrap(), others: servers.collect(), room, user, invite: INVITE.to_owned() }
    }

    #[track_caller]
    fn check(server: &str, room: &str, user: &str, expected: &str) {
        let link = link(server, room, user).checked().unwrap();
        assert_eq!(link.to_string(), format!("{expected}#{INVITE}"));
        assert_eq!(Link::find(&link.to_string()), Ok(link));
    }

    #[test]
    fn a_link_says_https_but_on_this_machine() {
        check("https://chat.example.org", "room1", "bob", "duet://bob@chat.example.org/room1");
        check("http://chat.example.org:8000", "room1", "bob", "duet+http://bob@chat.example.org:8000/room1");
        check("http://127.0.0.1:8000", "room1", "bob", "duet://bob@127.0.0.1:8000/room1");
        check("http://[::1]:8000", "room1", "bob", "duet://bob@[::1]:8000/room1");
        check("https://localhost:8000", "room1", "bob", "duet+https://bob@localhost:8000/room1");
    }

    #[test]
    fn servers_that_are_one_stand_in_it_with_commas_between() {
        check("https://a.org,https://b.org:8443", "room1", "bob", "duet://bob@a.org,b.org:8443/room1");
        check("https://a.org/duet,https://b.org/x/y", "room1", "bob", "duet://bob@a.org/duet,b.org/x/y/room1");
        check("http://127.0.0.1:8001,http://[::1]:8002", "room1", "bob", "duet://bob@127.0.0.1:8001,[::1]:8002/room1");
        check("https://a.org,http://localhost:8000", "room1", "bob", "duet://bob@a.org,localhost:8000/room1");
        check("http://10.0.0.1,http://10.0.0.2", "room1", "bob", "duet+http://bob@10.0.0.1,10.0.0.2/room1");
        check("http://localhost,http://10.0.0.2", "room1", "bob", "duet+http://bob@localhost,10.0.0.2/room1");
        check("https://localhost,https://a.org", "room1", "bob", "duet+https://bob@localhost,a.org/room1");
        let refused = |servers| link(servers, "room1", "bob").checked().unwrap_err();
        assert_eq!(refused("https://a.org,http://b.org"), LinkError::Mixed);
        assert_eq!(refused("https://a.org,b.org"), LinkError::Server("b.org".to_owned()));
        let whole = link("https://a.org,https://b.org", "room1", "bob");
        assert_eq!(Link::find(&format!("{whole}, and then there is coffee")), Ok(whole));
    }

    #[test]
    fn any_name_fits_and_a_server_may_have_a_path() {
        check("https://a.org/duet", "a/b c#d", "bo'b", "duet://bo%27b@a.org/duet/a%2Fb%20c%23d");
        check("https://a.org", "räum", "日", "duet://%E6%97%A5@a.org/r%C3%A4um");
    }

    #[test]
    fn what_was_pasted_may_be_broken_over_lines_or_have_lost_its_quotes() {
        let whole = link("https://chat.example.org:8443", "room1", "bob");
        let text = whole.to_string();
        let (begin, end) = text.split_at(30);
        for pasted in [
            whole.command(),
            format!("tui-client join {text}"),
            format!("  $ tui-client join '{begin}\n    {end}'\n"),
            format!("\u{201c}{text}\u{201d}"),
            format!("<{begin}\r\n{end}>"),
            format!("{text}'"),
            format!("alice: `{text}`."),
        ] {
            // A full stop may belong to the code of an invite of a later version, never to one of ours.
            let found = Link::find(&pasted).unwrap();
            assert_eq!(
                (&found.server, &found.room, &found.user),
                (&whole.server, &whole.room, &whole.user),
                "{pasted}"
            );
            assert_eq!(found.invite, INVITE, "{pasted}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let incomplete = |text: &str| matches!(Link::find(text), Err(LinkError::Incomplete(_)));
        assert_eq!(Link::find("room1"), Err(LinkError::None));
        for text in [
            "duet://",
            "duet://bob@chat.example.org/room1",
            "duet://bob@chat.example.org/room1#duet_inv_0123",
            "duet://bob@chat.example.org/room1#",
            &format!("duet://chat.example.org/room1#{INVITE}"),
            &format!("duet://bob@chat.example.org#{INVITE}"),
            &format!("duet://bob@/room1#{INVITE}"),
            &format!("duet://bob@a.org,/room1#{INVITE}"),
            &format!("duet://bob@a.org,/duet/room1#{INVITE}"),
            &format!("duet://bob%2@chat.example.org/room1#{INVITE}"),
        ] {
            assert!(incomplete(text), "{text}: {:?}", Link::find(text));
        }
    }

    #[test]
    fn an_address_that_breaks_out_of_the_line_is_no_server() {
        for server in [
            "ftp://a",
            "http://",
            "https://a.org'; rm -rf ~ '",
            "https://a@b",
            "a.org",
            "https://ä.org",
            "https://a.org%2eb",
            "https://a.org/duet://bob@b",
            "https://duet://a.org",
        ] {
            assert!(link(server, "room1", "bob").checked().is_err(), "{server}");
        }
    }

    #[test]
    fn a_link_leads_to_no_other_server_than_the_one_that_is_read_in_it() {
        for place in ["chat.example.org@evil.org", "chat.example.org:x@evil.org", "chat.example.org%2eevil.org"] {
            let found = Link::find(&format!("duet://bob@{place}/room1#{INVITE}"));
            assert_eq!(found, Err(LinkError::Server(format!("https://{place}"))));
        }
    }

    #[test]
    fn of_several_links_none_is_taken_and_no_invite_is_sent_with_another() {
        let whole = link("https://chat.example.org", "room1", "bob");
        for other in [
            format!("duet+https://bob@evil.org/room1#{INVITE}"),
            format!("duet://bob@chat.example.org/room1#{INVITE}x"),
            "duet://bob@evil.org/".to_owned(),
        ] {
            assert_eq!(Link::find(&format!("{whole} {other}")), Err(LinkError::Several), "{other}");
            assert_eq!(Link::find(&format!("{other}\n{whole}")), Err(LinkError::Several), "{other}");
        }
        assert_eq!(Link::find(&format!("[{whole}]({whole})")), Ok(whole.clone()), "the same one, as Markdown has it");
        assert_eq!(Link::find(&format!("{whole}/#@behind")), Ok(whole));
    }

    #[test]
    fn an_invite_never_shows_in_debug_output() {
        assert!(!format!("{:?}", link("https://a.org", "room1", "bob")).contains("0123456789"));
    }

    proptest! {
        #[test]
        fn whatever_is_pasted_is_a_link_or_an_error(text in ".*", tail in "[ -~]{0,60}") {
            let _ = Link::find(&text);
            let _ = Link::find(&format!("duet://{tail}"));
        }

        #[test]
        fn every_pair_of_names_comes_back(room in "[^\\p{C}\\p{Z}]{1,20}", user in "[^\\p{C}\\p{Z}]{1,10}") {
            let (Ok(room), Ok(user)) = (RoomId::new(room), Username::new(user)) else { return Ok(()) };
            let link = Link { server: "https://a.org".to_owned(), others: vec![], room, user, invite: INVITE.to_owned() };
            prop_assert_eq!(Link::find(&link.command()), Ok(link));
        }
    }
}
