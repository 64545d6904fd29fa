//! The outbox on a real disk: what is kept, who may take it over, and what happens where nothing can be kept.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use tui_client::outbox::lines::{Kept, Refused, Whose};
use tui_client::outbox::{MAX_WAITING, MAX_WAITING_BYTES, Outbox, OutboxError, Remains, look};

/// A folder of its own, gone with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn fresh() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("duet-outbox-{}-{number}", std::process::id())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn outbox(&self, user: &str) -> Outbox {
        Outbox::new(Some(self.0.clone()), whose(user))
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// The ids of what waits for `user`, as who looks on sees them.
    fn waiting(&self, user: &str) -> Vec<String> {
        let files = look(&self.0).unwrap();
        let posts = files.into_iter().filter(|(of, _)| *of == whose(user)).flat_map(|(_, held)| held.waiting);
        posts.map(|kept| kept.id.to_string()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn whose(user: &str) -> Whose {
    let (room, user) = ("room1".parse().unwrap(), user.parse().unwrap());
    Whose { server: "http://127.0.0.1:8000/".to_owned(), room, user }
}

fn kept(id: &str) -> Kept {
    Kept { id: id.parse().unwrap(), content: format!("{id} says hi"), at: Timestamp::UNIX_EPOCH }
}

fn put(outbox: &mut Outbox, ids: &[&str]) {
    for id in ids {
        outbox.put(&kept(id)).unwrap();
    }
}

fn adopt(outbox: &mut Outbox) -> Vec<String> {
    let left = outbox.adopt();
    assert!(left.trouble.is_none(), "{:?}", left.trouble);
    left.held.waiting.iter().map(|kept| kept.id.to_string()).collect()
}

#[test]
fn what_is_put_waits_until_it_is_done_with_and_then_leaves_no_file() {
    let folder = Folder::fresh();
    let mut outbox = folder.outbox("alice");
    put(&mut outbox, &["a", "b", "a"]);
    assert_eq!(folder.waiting("alice"), ["a", "b"], "an id is kept once");
    outbox.done(&kept("a").id);
    assert_eq!(folder.waiting("alice"), ["b"]);
    put(&mut outbox, &["c"]);
    outbox.done(&kept("b").id);
    outbox.done(&kept("c").id);
    assert!(folder.waiting("alice").is_empty());
    put(&mut outbox, &["d"]);
    assert_eq!(folder.waiting("alice"), ["d"]);
    outbox.done(&kept("d").id);
    drop(outbox);
    assert!(folder.files().is_empty());
}

#[test]
fn what_was_refused_is_kept_with_its_reason_and_never_waits_again() {
    let folder = Folder::fresh();
    let mut outbox = folder.outbox("alice");
    put(&mut outbox, &["a", "b"]);
    outbox.refuse(&kept("a").id, "too long");
    outbox.done(&kept("b").id);
    assert_eq!(outbox.remains(), Remains { waiting: 0, refused: 1 });
    drop(outbox);
    for _ in 0..2 {
        let mut next = folder.outbox("alice");
        let held = next.adopt().held;
        assert_eq!(held.refused, [Refused { kept: kept("a"), reason: "too long".to_owned() }]);
        assert_eq!((held.waiting, next.remains()), (Vec::new(), Remains { waiting: 0, refused: 1 }));
    }
    // Sent once more it waits once more.
    let mut outbox = folder.outbox("alice");
    assert!(adopt(&mut outbox).is_empty());
    put(&mut outbox, &["a"]);
    assert_eq!((folder.waiting("alice"), outbox.remains()), (vec!["a".to_owned()], Remains { waiting: 1, refused: 0 }));
    outbox.refuse(&kept("a").id, "too long");
    outbox.done(&kept("a").id);
    drop(outbox);
    assert!(folder.files().is_empty());
}

#[test]
fn it_is_for_its_owner_alone() {
    let folder = Folder::fresh();
    let mut outbox = folder.outbox("alice");
    put(&mut outbox, &["a"]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(folder.path()), mode(&folder.files()[0])), (0o700, 0o600));
}

#[test]
fn what_a_client_left_is_taken_over_in_order_by_the_next_and_by_nobody_while_it_lives() {
    let folder = Folder::fresh();
    let mut first = folder.outbox("alice");
    put(&mut first, &["a", "b"]);
    let mut second = folder.outbox("alice");
    assert!(adopt(&mut second).is_empty(), "the first one lives");
    put(&mut second, &["c"]);
    drop((first, second));

    let mut third = folder.outbox("alice");
    assert_eq!(adopt(&mut third), ["a", "b", "c"]);
    third.done(&kept("a").id);
    third.done(&kept("c").id);
    put(&mut third, &["d"]);
    drop(third);
    assert_eq!(adopt(&mut folder.outbox("alice")), ["b", "d"]);
}

#[test]
fn what_is_of_another_user_or_of_a_later_version_is_left_alone() {
    let folder = Folder::fresh();
    put(&mut folder.outbox("bob"), &["a"]);
    let later = folder.path().join("0.jsonl");
    std::fs::write(&later, "{\"type\":\"outbox\",\"v\":2}\n").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not ours").unwrap();
    assert!(adopt(&mut folder.outbox("alice")).is_empty());
    assert_eq!(folder.files().len(), 3);
    assert_eq!(adopt(&mut folder.outbox("bob")), ["a"]);
}

#[test]
fn a_file_that_a_crash_tore_is_mended_and_goes_on() {
    let folder = Folder::fresh();
    put(&mut folder.outbox("alice"), &["a", "b"]);
    let file = folder.files().remove(0);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 5]).unwrap();
    let mut outbox = folder.outbox("alice");
    assert_eq!(adopt(&mut outbox), ["a"]);
    put(&mut outbox, &["c"]);
    assert_eq!(folder.waiting("alice"), ["a", "c"]);
}

#[test]
fn a_file_without_a_message_is_swept_away_whoevers_it_was() {
    let folder = Folder::fresh();
    put(&mut folder.outbox("bob"), &["a"]);
    let file = folder.files().remove(0);
    let whole = std::fs::read_to_string(&file).unwrap();
    let head = whole.lines().next().unwrap();
    for nothing in ["", "{\"type\":\"outb", &format!("{head}\n"), &format!("{head}\n{{\"type\":\"post\",\"id")] {
        std::fs::write(&file, nothing).unwrap();
        assert!(adopt(&mut folder.outbox("alice")).is_empty());
        assert!(folder.files().is_empty(), "{nothing:?}");
    }
}

#[test]
fn many_that_come_at_once_take_each_message_once() {
    const CLIENTS: usize = 8;
    for _ in 0..20 {
        let folder = Folder::fresh();
        for id in ["a", "b", "c", "d", "e", "f"] {
            // Each is a client of its own: the one before is gone.
            let mut outbox = folder.outbox("alice");
            put(&mut outbox, &[id]);
        }
        let start = Barrier::new(CLIENTS);
        // All hold what they have until the last has looked.
        let all: Vec<Vec<String>> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|number| {
                    let (folder, start) = (&folder, &start);
                    scope.spawn(move || {
                        let mut outbox = folder.outbox("alice");
                        start.wait();
                        let mut has = adopt(&mut outbox);
                        let own = format!("own-{number}");
                        put(&mut outbox, &[&own]);
                        has.push(own);
                        start.wait();
                        has
                    })
                })
                .collect();
            clients.into_iter().map(|client| client.join().unwrap()).collect()
        });
        let mut taken: Vec<String> = all.into_iter().flatten().filter(|id| !id.starts_with("own")).collect();
        taken.sort();
        assert_eq!(taken, ["a", "b", "c", "d", "e", "f"]);
        assert_eq!(folder.waiting("alice").len(), 6 + CLIENTS, "nothing that was put is gone");
    }
}

#[test]
fn too_much_is_refused_in_a_sentence_and_what_waits_stays() {
    let folder = Folder::fresh();
    let mut outbox = folder.outbox("alice");
    let large = Kept { content: "x".repeat(MAX_WAITING_BYTES - 100), ..kept("large") };
    outbox.put(&large).unwrap();
    let refused = outbox.put(&Kept { content: "x".repeat(101), ..kept("more") });
    assert!(matches!(refused, Err(OutboxError::Full)));
    put(&mut outbox, &["little"]);
    assert_eq!(folder.waiting("alice"), ["large", "little"]);
    // As many as there may be, left by a client that is gone.
    let mut lines = std::fs::read_to_string(&folder.files()[0]).unwrap().lines().next().unwrap().to_owned();
    drop(outbox);
    std::fs::remove_file(&folder.files()[0]).unwrap();
    for number in 0..MAX_WAITING {
        lines +=
            &format!("\n{{\"type\":\"post\",\"id\":\"{number}\",\"content\":\"hi\",\"at\":\"2026-11-22T14:00:00Z\"}}");
    }
    std::fs::write(folder.path().join("0.jsonl"), lines + "\n").unwrap();
    let mut outbox = folder.outbox("alice");
    assert_eq!(adopt(&mut outbox).len(), MAX_WAITING);
    assert!(matches!(outbox.put(&kept("more")), Err(OutboxError::Full)));
    outbox.done(&"7".parse().unwrap());
    put(&mut outbox, &["more"]);
}

#[test]
fn where_nothing_can_be_kept_it_says_so() {
    let folder = Folder::fresh();
    std::fs::write(folder.path(), "a file where the folder should be").unwrap();
    let mut outbox = Outbox::new(Some(folder.path().join("outbox")), whose("alice"));
    let error = outbox.put(&kept("a")).unwrap_err().to_string();
    assert!(error.contains(&folder.path().display().to_string()) && error.contains("--state-dir"), "{error}");
    std::fs::remove_file(folder.path()).unwrap();
    outbox.put(&kept("a")).unwrap();
    std::fs::remove_dir_all(folder.path()).unwrap();
    // Somebody tidied up under a client that runs: what comes after that is kept again.
    outbox.put(&kept("b")).unwrap();
    assert_eq!(look(&folder.path().join("outbox")).unwrap().len(), 1);
    let error = Outbox::new(None, whose("alice")).put(&kept("a")).unwrap_err().to_string();
    assert!(error.contains("--state-dir"), "{error}");
}
