//! Links that invite: whatever is pasted is a link or none, and what is one leads where it seems to and gives its invite to
//! nobody else.

use shared::link::{Link, LinkError};
use tui_client::config;

const OTHER: &str = "duet+https://eve@evil.example/room9#duet_inv_0123456789abcdefghijklmn";

pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Link::find(&text) {
        Ok(link) => {
            let kept: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            assert!(kept.contains(&link.invite), "{} was not pasted", link.invite);
            good(&link);
            // Whatever stands around it.
            assert_eq!(Link::find(&format!("alice: <{link}> {link}\n")).as_ref(), Ok(&link));
            assert!(link.to_string() == OTHER || Link::find(&format!("{OTHER} {link}")) == Err(LinkError::Several));
        }
        Err(error) => {
            assert!(error.to_string().chars().all(|c| c == '…' || c.is_ascii_graphic() || c == ' '), "{error}")
        }
    }
    // As the address of a server, which whoever invites may have written in any way.
    let mut link = Link::find(OTHER).expect("a link");
    link.server = text.into_owned();
    if let Ok(link) = link.checked() {
        let written = Link::find(&link.command()).expect("what was written is a link");
        assert_eq!(written.servers().collect::<Vec<_>>(), [link.server.trim_end_matches('/')]);
        good(&written);
    }
}

fn good(link: &Link) {
    assert_eq!(link.clone().checked().as_ref(), Ok(link));
    assert_eq!(Link::find(&link.to_string()).as_ref(), Ok(link), "what is written is read");
    let command = link.command();
    let quoted = command.strip_prefix("tui-client join '").and_then(|rest| rest.strip_suffix('\''));
    assert!(quoted.is_some_and(|text| text.chars().all(|c| c.is_ascii_graphic() && c != '\'')), "{command}");
    let code = link.invite.strip_prefix("duet_inv_").expect("an invite has its prefix");
    assert!(code.len() >= 24 && code.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c)), "{code}");

    // Without TLS it leads to this machine, or says so.
    let says_so = link.to_string().starts_with("duet+http://");
    link.servers().for_each(|server| leads_there(server, says_so));
}

/// The host that a person reads is the one that is asked.
fn leads_there(server: &str, is_plain: bool) {
    let Ok(url) = config::server(server) else { return };
    let shown = server.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    assert!(url.username().is_empty() && url.password().is_none() && url.query().is_none(), "{url}");
    let asked = url.host_str().unwrap_or_default();
    let is_number = shown.starts_with('[') || shown.starts_with(|c: char| c.is_ascii_digit());
    assert!(is_number || shown.to_ascii_lowercase().split(':').next() == Some(asked), "{shown} leads to {asked}");
    assert!(url.scheme() == "https" || is_plain || is_here(asked), "{url}");
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.starts_with("127.") || host.starts_with("[::ffff:7f")
}
