//! What the client remembers between runs: of each room a draft and what was sent, and the rooms that were joined.
//!
//! None of it is ever needed, so where it cannot be read or written nobody is bothered.

use std::cmp::Reverse;
use std::iter::once;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use shared::names::{RoomId, Username};

use crate::files::{Outlives, name, read, write};
use crate::outbox::lines::Whose;

/// The most rooms that are remembered of one user.
const MAX_ROOMS: usize = 200;
/// The most texts that are remembered of those sent in a room: as many as one run recalls.
const MAX_SENT: usize = 100;
/// And the most bytes of them.
const MAX_SENT_BYTES: usize = 64 * 1024;
/// Of more servers that are one the others are not looked for: each doubles the files that there may be.
const MAX_TOGETHER: usize = 6;

/// The files of what is remembered.
#[derive(Debug)]
pub struct Memory {
    folder: Option<PathBuf>,
}

/// What was being written in a room.
#[derive(Debug, Serialize, Deserialize)]
struct DraftFile {
    #[serde(flatten)]
    whose: Whose,
    text: String,
}

/// What was sent in a room, the newest last.
#[derive(Debug, Serialize, Deserialize)]
struct SentFile {
    #[serde(flatten)]
    whose: Whose,
    texts: Vec<String>,
}

/// The rooms that a user has joined on a server, the last first.
#[derive(Debug, Serialize, Deserialize)]
struct RoomsFile {
    server: String,
    user: Username,
    rooms: Vec<RoomId>,
}

impl Memory {
    /// What is remembered in `folder`. Touches nothing yet.
    #[must_use]
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// The draft that was kept, for these servers or before for fewer of them.
    #[must_use]
    pub fn draft(&self, whose: &Whose) -> Option<String> {
        once(whose.clone()).chain(fewer(whose)).find_map(|whose| self.draft_of(&whose))
    }

    fn draft_of(&self, whose: &Whose) -> Option<String> {
        let file: DraftFile = read(&self.path_of("drafts", whose)?)?;
        (file.whose == *whose).then_some(file.text)
    }

    /// Keeps a draft, or forgets the one there is where nothing is written.
    pub fn keep_draft(&self, whose: &Whose, text: &str) {
        let Some(path) = self.path_of("drafts", whose) else { return };
        // See above: it is nobody's matter when it fails.
        drop(if text.is_empty() {
            std::fs::remove_file(&path)
        } else {
            // The loop waits for it.
            write(&path, &DraftFile { whose: whose.clone(), text: text.to_owned() }, Outlives::Process)
        });
        // What was kept for fewer servers is in this one now, and must not come back.
        for path in fewer(whose).into_iter().filter_map(|whose| self.path_of("drafts", &whose)) {
            drop(std::fs::remove_file(path));
        }
    }

    /// What was sent, to these servers or before to fewer of them, the newest last.
    #[must_use]
    pub fn sent(&self, whose: &Whose) -> Vec<String> {
        let sent = once(whose.clone()).chain(fewer(whose)).map(|whose| self.sent_of(&whose));
        sent.into_iter().find(|texts| !texts.is_empty()).unwrap_or_default()
    }

    fn sent_of(&self, whose: &Whose) -> Vec<String> {
        let file: Option<SentFile> = self.path_of("sent", whose).and_then(|path| read(&path));
        let file = file.filter(|file| file.whose == *whose);
        file.map(|file| file.texts).unwrap_or_default()
    }

    /// Notes what was sent, behind what other clients have noted meanwhile. The oldest goes when there is too much; what is too
    /// much by itself is not noted.
    pub fn note_sent(&self, whose: &Whose, text: &str) {
        let Some(path) = self.path_of("sent", whose) else { return };
        let mut texts = self.sent(whose);
        if text.len() > MAX_SENT_BYTES || texts.last().is_some_and(|last| last == text) {
            return;
        }
        texts.push(text.to_owned());
        let mut bytes = 0;
        let fits = |text: &&String| {
            bytes += text.len();
            bytes <= MAX_SENT_BYTES
        };
        let kept = texts.iter().rev().take(MAX_SENT).take_while(fits).count();
        texts.drain(..texts.len() - kept);
        // See above.
        drop(write(&path, &SentFile { whose: whose.clone(), texts }, Outlives::Process));
    }

    /// The rooms that were joined by the same user on the same servers, or before on fewer of them, the last first.
    #[must_use]
    pub fn rooms(&self, whose: &Whose) -> Vec<RoomId> {
        let mut rooms = self.rooms_of(whose);
        for earlier in fewer(whose).into_iter().flat_map(|whose| self.rooms_of(&whose)) {
            if !rooms.contains(&earlier) {
                rooms.push(earlier);
            }
        }
        rooms
    }

    fn rooms_of(&self, whose: &Whose) -> Vec<RoomId> {
        let file: Option<RoomsFile> = self.rooms_path(whose).and_then(|path| read(&path));
        let file = file.filter(|file| file.server == whose.server && file.user == whose.user);
        file.map(|file| file.rooms).unwrap_or_default()
    }

    /// Notes that a room was joined.
    pub fn joined(&self, whose: &Whose) {
        let Some(path) = self.rooms_path(whose) else { return };
        let mut rooms = self.rooms(whose);
        if rooms.first() == Some(&whose.room) {
            return;
        }
        rooms.retain(|room| *room != whose.room);
        rooms.insert(0, whose.room.clone());
        rooms.truncate(MAX_ROOMS);
        let file = RoomsFile { server: whose.server.clone(), user: whose.user.clone(), rooms };
        // See above.
        drop(write(&path, &file, Outlives::Process));
    }

    /// Where something of a room is.
    fn path_of(&self, what: &str, whose: &Whose) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(what).join(name(&[&whose.server, whose.user.as_str(), whose.room.as_str()])))
    }

    fn rooms_path(&self, whose: &Whose) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join("rooms").join(name(&[&whose.server, whose.user.as_str()])))
    }
}

/// The same with fewer of the servers: as they were named before others came to them. Those with the most first.
fn fewer(whose: &Whose) -> Vec<Whose> {
    let addresses: Vec<&str> = whose.addresses().take(MAX_TOGETHER).collect();
    let chosen =
        |bits: u32| (0..).zip(&addresses).filter(move |(at, _)| bits & (1 << at) != 0).map(|(_, address)| *address);
    let mut sets: Vec<u32> = (1..1 << addresses.len()).collect();
    sets.sort_by_key(|bits| Reverse(bits.count_ones()));
    let keys = sets.into_iter().map(|bits| chosen(bits).collect::<Vec<_>>().join(" "));
    keys.filter(|key| *key != whose.server).map(|server| Whose { server, ..whose.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whose(room: &str) -> Whose {
        Whose {
            server: "http://127.0.0.1:8000/".to_owned(),
            room: room.parse().unwrap(),
            user: "alice".parse().unwrap(),
        }
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("duet-memory-{}-{name}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        folder
    }

    #[test]
    fn a_draft_is_kept_for_its_room_until_nothing_is_written() {
        let folder = folder("drafts");
        let memory = Memory::new(Some(folder.clone()));
        assert_eq!(memory.draft(&whose("a")), None);
        memory.keep_draft(&whose("a"), "half a\nthought");
        memory.keep_draft(&whose("b"), "another");
        memory.keep_draft(&whose("a"), "half a\nthought…");
        let later = Memory::new(Some(folder.clone()));
        assert_eq!(later.draft(&whose("a")).as_deref(), Some("half a\nthought…"));
        later.keep_draft(&whose("a"), "");
        assert_eq!(memory.draft(&whose("a")), None);
        assert_eq!(memory.draft(&whose("b")).as_deref(), Some("another"));
        assert_eq!(std::fs::read_dir(folder.join("drafts")).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_of_somebody_else_is_passed_over() {
        let folder = folder("torn");
        let memory = Memory::new(Some(folder.clone()));
        memory.keep_draft(&whose("a"), "text");
        let path = memory.path_of("drafts", &whose("a")).unwrap();
        std::fs::rename(&path, memory.path_of("drafts", &whose("b")).unwrap()).unwrap();
        assert_eq!(memory.draft(&whose("b")), None);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_was_sent_is_remembered_for_its_room_as_much_as_is_recalled() {
        let folder = folder("sent");
        let (memory, other) = (Memory::new(Some(folder.clone())), Memory::new(Some(folder.clone())));
        for text in ["one", "two\nlines", "two\nlines"] {
            memory.note_sent(&whose("a"), text);
        }
        // Another client of the same person, at the same time.
        other.note_sent(&whose("a"), "three");
        assert_eq!(memory.sent(&whose("a")), ["one", "two\nlines", "three"]);
        assert_eq!(memory.sent(&whose("b")), [""; 0]);
        let path = memory.path_of("sent", &whose("a")).unwrap();
        for number in 0..MAX_SENT + 5 {
            memory.note_sent(&whose("a"), &number.to_string());
        }
        let sent = memory.sent(&whose("a"));
        assert_eq!((sent.len(), sent.first().map(String::as_str)), (MAX_SENT, Some("5")));
        for letter in ["a", "b", "c"] {
            memory.note_sent(&whose("a"), &letter.repeat(MAX_SENT_BYTES / 2));
        }
        memory.note_sent(&whose("a"), &"d".repeat(MAX_SENT_BYTES + 1));
        let sent: Vec<String> = memory.sent(&whose("a")).iter().map(|text| text[..1].to_owned()).collect();
        assert_eq!(sent, ["b", "c"]);
        std::fs::write(&path, "{\"v\":1,\"ser").unwrap();
        memory.note_sent(&whose("a"), "anew");
        assert_eq!(memory.sent(&whose("a")), ["anew"]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn rooms_are_remembered_the_last_first_and_each_once() {
        let folder = folder("rooms");
        let memory = Memory::new(Some(folder.clone()));
        for room in ["a", "b", "a", "c"] {
            memory.joined(&whose(room));
        }
        let rooms: Vec<String> = memory.rooms(&whose("x")).iter().map(RoomId::to_string).collect();
        assert_eq!(rooms, ["c", "a", "b"]);
        let bob = Whose { user: "bob".parse().unwrap(), ..whose("x") };
        assert_eq!(memory.rooms(&bob), []);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_was_kept_for_fewer_servers_is_there_for_more_and_does_not_come_back() {
        let folder = folder("several");
        let memory = Memory::new(Some(folder.clone()));
        let several =
            |room| Whose { server: "http://127.0.0.1:8000/ http://127.0.0.1:9000/".to_owned(), ..whose(room) };
        memory.keep_draft(&whose("a"), "half");
        memory.note_sent(&whose("a"), "one");
        memory.joined(&whose("a"));
        memory.joined(&several("b"));
        memory.note_sent(&several("a"), "two");
        assert_eq!(memory.sent(&several("a")), ["one", "two"]);
        assert_eq!(memory.draft(&several("a")).as_deref(), Some("half"));
        assert_eq!(memory.rooms(&several("x")).iter().map(RoomId::as_str).collect::<Vec<_>>(), ["b", "a"]);
        memory.keep_draft(&several("a"), "half a thought");
        assert_eq!(memory.draft(&several("a")).as_deref(), Some("half a thought"));
        let more = Whose { server: format!("http://127.0.0.1:7000/ {}", several("a").server), ..whose("a") };
        assert_eq!(memory.draft(&more).as_deref(), Some("half a thought"));
        assert_eq!(memory.sent(&more), ["one", "two"]);
        assert_eq!(memory.rooms(&more).iter().map(RoomId::as_str).collect::<Vec<_>>(), ["b", "a"]);
        memory.keep_draft(&more, "");
        assert_eq!(memory.draft(&more), None);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn without_a_folder_nothing_is_remembered_and_nothing_fails() {
        let memory = Memory::new(None);
        memory.keep_draft(&whose("a"), "text");
        memory.joined(&whose("a"));
        memory.note_sent(&whose("a"), "text");
        assert_eq!((memory.draft(&whose("a")), memory.sent(&whose("a"))), (None, vec![]));
        // A file is where a folder would have to be.
        let memory = Memory::new(Some("/dev/null".into()));
        memory.keep_draft(&whose("a"), "text");
        assert_eq!(memory.draft(&whose("a")), None);
    }
}
