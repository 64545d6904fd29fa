//! Pure. Where links are in a line, and where they lead.

use std::ops::Range;

use linkify::{LinkFinder, LinkKind};
use reqwest::Url;

/// The longest address that is taken for one, in bytes: what browsers take, and a bound for those who look for its end.
const MAX_URL_BYTES: usize = 2048;

/// Where one can go from a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The address as it was written.
    pub address: String,
    /// Where the number it opens by stands: one byte of the shown text.
    pub number: usize,
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What is opened: http, https or mailto, and ASCII. Of a mail no more than whom it is for.
    pub url: String,
    /// The host, or the address of a mail, as it is and not as it looks: `xn--` where it is not ASCII.
    pub host: String,
}

impl Link {
    /// Where it leads, unless it only looks like an address.
    #[must_use]
    pub fn target(&self) -> Option<Target> {
        target(&self.address)
    }
}

/// A link in the source, and what of it is hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// What is shown as the link; empty for an image without a name.
    pub(super) text: Range<usize>,
    /// Where all of it ends.
    pub(super) end: usize,
    /// Where the address stands.
    pub(super) address: Range<usize>,
    /// Its host, where the text is another than the address.
    pub(super) host: Option<String>,
}

/// Where an address leads, if it is one that is opened at all.
fn target(address: &str) -> Option<Target> {
    let mut url = Url::parse(address).ok().filter(|_| address.len() <= MAX_URL_BYTES)?;
    if url.scheme() == "mailto" {
        // What is behind the address may attach files of the person who opens it: `attach` of xdg-email, CVE-2020-27748.
        url.set_query(None);
        url.set_fragment(None);
    }
    let host = match url.scheme() {
        "http" | "https" => url.host_str()?.to_owned(),
        // Programs that are handed it have taken a quote in it for the end of it.
        "mailto" if url.path().bytes().all(is_of_a_mailbox) => url.path().to_owned(),
        _ => return None,
    };
    // What is told of an address is shown and asked about, so it is held to what cannot deceive.
    let is_ascii = url.as_str().bytes().chain(host.bytes()).all(|byte| byte.is_ascii_graphic());
    (is_ascii && !host.is_empty()).then(|| Target { url: url.to_string(), host })
}

/// What stands in the addresses of people, and has no other meaning to anybody.
fn is_of_a_mailbox(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"@.,+-_=~".contains(&byte)
}

/// The addresses that stand in a line as they are, in order.
pub(super) fn bare(line: &str) -> Vec<Found> {
    if !super::may_link(line) {
        return Vec::new();
    }
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url, LinkKind::Email]);
    let found = |link: linkify::Link<'_>| {
        let mail = "mailto:".len();
        let mut start = link.start();
        if *link.kind() == LinkKind::Email {
            start = start.checked_sub(mail).filter(|at| line.get(*at..link.start()) == Some("mailto:"))?;
        }
        // It is read when it is opened, and not each time that it is drawn.
        let text = start..link.end();
        let is_ours = line.get(text.clone()).is_some_and(|address| {
            ["http:", "https:", "mailto:"].iter().any(|scheme| {
                address.len() <= MAX_URL_BYTES
                    && address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            })
        });
        is_ours.then(|| Found { end: text.end, address: text.clone(), text, host: None })
    };
    finder.links(line).filter_map(found).collect()
}

/// `[text](address)` at the beginning of `line`, or the same as an image, `![text](address)`, which needs no text.
pub(super) fn written(line: &str) -> Option<Found> {
    let link = line.strip_prefix('!').unwrap_or(line);
    let is_image = link.len() < line.len();
    let inner = link.strip_prefix('[')?;
    let text = inner.find(['[', ']']).filter(|length| *length > 0 || is_image)?;
    let address = inner.get(text..)?.strip_prefix("](")?;
    let bounded = address.get(..address.floor_char_boundary(MAX_URL_BYTES + 1))?;
    let mut depth = 0_usize;
    let length = bounded.char_indices().find_map(|(at, c)| {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(Some(at)),
            ')' => depth -= 1,
            // Another link begins before this one has ended, so it never was one.
            '[' => return Some(None),
            c if c.is_whitespace() => return Some(None),
            _ => {}
        }
        None
    })??;
    let Target { host, .. } = target(bounded.get(..length)?)?;
    let begin = line.len() - inner.len();
    let start = begin + text + "](".len();
    let address = start..start + length;
    let text = if text > 0 { begin..begin + text } else { file_name(line, &address) };
    Some(Found { text, end: address.end + 1, address, host: Some(host) })
}

/// Where the name of the file stands in an address of `line`; empty where it has none.
fn file_name(line: &str, address: &Range<usize>) -> Range<usize> {
    let whole = line.get(address.clone()).unwrap_or_default();
    let path = whole.find("://").map_or(whole.len(), |at| at + "://".len());
    let end = whole.find(['?', '#']).unwrap_or(whole.len()).max(path);
    let name = whole.get(path..end).and_then(|path| path.rfind('/')).map_or(end, |slash| path + slash + 1);
    address.start + name..address.start + end
}
