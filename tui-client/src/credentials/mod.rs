//! What makes a person a member of a room: the refresh token that an invite was exchanged for. In the system's keyring where there
//! is one, else in a file for its owner alone.
//!
//! A small file says for each membership where its secret is. Where there is none nothing else is looked at, so that those who
//! were never invited wait for nothing.

mod keyring;

use std::fmt;
use std::io;
use std::iter::once;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shared::names::{RoomId, Username};

use crate::files::{self, Outlives};

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// Where the client keeps them. Nowhere by default: then nobody is a member.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    folder: Option<PathBuf>,
}

/// Whose: who, in which room of which server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The server's address, as its link or a setting names it.
    pub server: String,
    /// The room.
    pub room: RoomId,
    /// The name.
    pub user: Username,
}

/// An invite that is being redeemed, and the key under which it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The invite.
    pub invite: Secret,
    /// The `Idempotency-Key`, which gets the same answer again.
    pub key: String,
}

/// Where a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// In the keyring.
    InKeyring,
    /// In a file.
    InFile,
}

/// Why a secret cannot be had, or kept: a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CredentialError(String);

#[derive(Debug, Serialize, Deserialize)]
struct Written<T> {
    #[serde(flatten)]
    member: Member,
    /// Other servers that are one with the member's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<String>,
    kept: T,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Keyring,
    File(Secret),
}

impl Secret {
    /// Takes a text for a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T> Written<T> {
    fn servers(&self) -> impl Iterator<Item = &String> {
        once(&self.member.server).chain(&self.others)
    }

    fn is_of(&self, Member { server, room, user }: &Member) -> bool {
        self.member.room == *room && self.member.user == *user && self.servers().any(|known| known == server)
    }

    /// Whether a newer one speaks of all its servers, and is of one of them: any link may name servers of others.
    fn gives_way_to(&self, newer: &Self) -> bool {
        let mut members = self.servers().map(|server| Member { server: server.clone(), ..self.member.clone() });
        self.member != newer.member && self.is_of(&newer.member) && members.all(|member| newer.is_of(&member))
    }
}

impl Credentials {
    /// Those within the client's state folder. Touches nothing yet.
    #[must_use]
    pub fn new(state: Option<PathBuf>) -> Self {
        Self { folder: state.map(|state| state.join("credentials")) }
    }

    /// Whether somebody is known as a member. Asks no keyring.
    #[must_use]
    pub fn has(&self, member: &Member) -> bool {
        self.found(member).is_some()
    }

    /// The secret of a member; none where nobody was invited.
    ///
    /// # Errors
    /// When there is one, and the keyring does not give it.
    pub async fn secret(&self, member: &Member) -> Result<Option<Secret>, CredentialError> {
        let Some(Written { member, kept, .. }) = self.found(member) else { return Ok(None) };
        match kept {
            Place::File(secret) => Ok(Some(secret)),
            Place::Keyring => {
                let secret = off_the_loop(&member, keyring::look_up).await.map_err(|why| {
                    let Member { room, user, .. } = &member;
                    CredentialError(format!(
                        "the keyring does not give what makes {user} a member of {room} ({why}): unlock it, or ask for a new invite"
                    ))
                })?;
                Ok(Some(secret))
            }
        }
    }

    /// Keeps the secret of a member once, to be found by any of the servers that are one, and says where. What was kept for
    /// them under another one of them goes.
    ///
    /// # Errors
    /// When it cannot be kept anywhere.
    pub async fn keep(&self, member: &Member, others: Vec<String>, secret: &Secret) -> Result<Kept, CredentialError> {
        let given = secret.clone();
        let in_keyring = off_the_loop(member, move |member| keyring::store(member, given.expose())).await;
        let (place, kept) = match in_keyring {
            Ok(()) => (Place::Keyring, Kept::InKeyring),
            Err(_) => (Place::File(secret.clone()), Kept::InFile),
        };
        self.put_in_place(Written { member: member.clone(), others, kept: place }).await?;
        Ok(kept)
    }

    /// Keeps it in the place of what was kept for these servers.
    async fn put_in_place(&self, written: Written<Place>) -> Result<(), CredentialError> {
        self.put(&self.file(&written.member, "json"), &written)?;
        for before in self.all().filter(|before| before.gives_way_to(&written)) {
            self.discard(&before).await;
        }
        Ok(())
    }

    /// Forgets all that is kept of a member.
    pub async fn forget(&self, member: &Member) {
        for written in self.all().filter(|written| written.is_of(member)) {
            self.discard(&written).await;
        }
        self.redeemed(member);
    }

    async fn discard(&self, Written { member, kept, .. }: &Written<Place>) {
        if matches!(kept, Place::Keyring) {
            // One that stays there is of no use to anybody any more.
            drop(off_the_loop(member, keyring::clear).await);
        }
        for kind in ["json", "pending"] {
            self.remove(member, kind);
        }
    }

    /// The key under which an invite is redeemed: the one that was written down before for this invite, or a new one, which is on disk
    /// when this is done.
    ///
    /// # Errors
    /// When it cannot be written down. The invite can be redeemed all the same.
    pub fn redeeming(&self, member: &Member, invite: &str, new: impl FnOnce() -> String) -> Result<Pending, Pending> {
        let invite = Secret(invite.to_owned());
        let path = self.file(member, "pending");
        let before: Option<Written<Pending>> = path.as_ref().and_then(|path| written(path, member));
        if let Some(before) = before.map(|before| before.kept).filter(|before| before.invite == invite) {
            return Ok(before);
        }
        let written = Written { member: member.clone(), others: Vec::new(), kept: Pending { invite, key: new() } };
        match self.put(&path, &written) {
            Ok(()) => Ok(written.kept),
            Err(_) => Err(written.kept),
        }
    }

    /// An invite is redeemed, or will never be.
    pub fn redeemed(&self, member: &Member) {
        self.remove(member, "pending");
    }

    /// What is kept of a member: under this server, else under one that is one with it.
    fn found(&self, member: &Member) -> Option<Written<Place>> {
        let own = written(&self.file(member, "json")?, member);
        own.or_else(|| self.all().find(|written| written.is_of(member)))
    }

    /// What is kept of all members.
    fn all(&self) -> impl Iterator<Item = Written<Place>> {
        let files = self.folder.as_ref().and_then(|folder| std::fs::read_dir(folder).ok());
        let paths = files.into_iter().flatten().flatten().map(|file| file.path());
        paths.filter(|path| path.extension().is_some_and(|kind| kind == "json")).filter_map(|path| files::read(&path))
    }

    fn put<T: Serialize>(&self, path: &Option<PathBuf>, written: &Written<T>) -> Result<(), CredentialError> {
        let Some(path) = path else {
            return Err(CredentialError(
                "there is no folder to keep the membership in: set DUET_STATE_DIR to one".to_owned(),
            ));
        };
        files::write(path, written, Outlives::PowerCut)
            .map_err(|e| CredentialError(format!("the membership cannot be kept in {}: {e}", path.display())))
    }

    fn remove(&self, member: &Member, kind: &str) {
        if let Some(path) = self.file(member, kind) {
            // Most often there is none.
            drop(std::fs::remove_file(path));
        }
    }

    fn file(&self, member: &Member, kind: &str) -> Option<PathBuf> {
        let name = files::name(&[&member.server, member.user.as_str(), member.room.as_str()]);
        Some(self.folder.as_ref()?.join(name).with_extension(kind))
    }
}

/// What a file says of a member.
fn written<T: DeserializeOwned>(path: &Path, member: &Member) -> Option<Written<T>> {
    files::read(path).filter(|written: &Written<T>| written.member == *member)
}

/// Asks the keyring on a thread of its own.
async fn off_the_loop<T: Send + 'static>(
    member: &Member,
    ask: impl FnOnce(&Member) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let member = member.clone();
    // The join fails only when the runtime is ending.
    tokio::task::spawn_blocking(move || ask(&member)).await.unwrap_or_else(|e| Err(io::Error::other(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(user: &str) -> Member {
        Member {
            server: "https://chat.example.org/".to_owned(),
            room: "room1".parse().unwrap(),
            user: user.parse().unwrap(),
        }
    }

    fn at(server: &str) -> Member {
        Member { server: server.to_owned(), ..member("bob") }
    }

    /// Keeps it for Bob where no keyring is asked.
    async fn keep(credentials: &Credentials, server: &str, others: &[&str], secret: &str) {
        let others = others.iter().map(|&server| server.to_owned()).collect();
        let kept = Place::File(Secret(secret.to_owned()));
        credentials.put_in_place(Written { member: at(server), others, kept }).await.unwrap();
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("duet-credentials-{}-{name}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        folder
    }

    #[tokio::test]
    async fn a_secret_in_a_file_is_for_one_member() {
        let folder = folder("file");
        let credentials = Credentials::new(Some(folder.clone()));
        keep(&credentials, "https://chat.example.org/", &[], "duet_ref_x").await;
        assert_eq!(credentials.secret(&member("bob")).await.unwrap().unwrap().expose(), "duet_ref_x");
        assert!(credentials.has(&member("bob")) && !credentials.has(&member("alice")));
        credentials.forget(&member("bob")).await;
        assert!(!credentials.has(&member("bob")));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_secret_is_kept_once_for_servers_that_are_one_and_goes_with_any_of_them() {
        let folder = folder("one");
        let credentials = Credentials::new(Some(folder.clone()));
        let secret = async |server| credentials.secret(&at(server)).await.unwrap().map(|secret| secret.0);
        keep(&credentials, "https://a/", &["https://b/"], "first").await;
        assert_eq!(secret("https://b/").await.as_deref(), Some("first"));
        assert_eq!(secret("https://c/").await, None);
        let alice = Member { user: "alice".parse().unwrap(), ..at("https://b/") };
        assert!(!credentials.has(&alice), "another's");

        // Another invite, by a link that names more of them and in another order.
        keep(&credentials, "https://b/", &["https://c/", "https://a/"], "second").await;
        assert_eq!(std::fs::read_dir(folder.join("credentials")).unwrap().count(), 1);
        assert_eq!(secret("https://a/").await.as_deref(), Some("second"));
        // A link of somebody else names ours beside its own: what was kept for ours stays, and is what ours gets.
        keep(&credentials, "https://evil/", &["https://a/", "https://b/", "https://c/"], "theirs").await;
        assert_eq!(secret("https://b/").await.as_deref(), Some("second"));
        credentials.forget(&at("https://evil/")).await;
        // By one that names fewer, which says nothing of the others.
        keep(&credentials, "https://c/", &[], "third").await;
        assert_eq!(secret("https://a/").await.as_deref(), Some("second"));
        assert_eq!(secret("https://c/").await.as_deref(), Some("third"));
        credentials.forget(&at("https://c/")).await;
        assert_eq!(std::fs::read_dir(folder.join("credentials")).unwrap().count(), 0);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_key_of_an_invite_is_written_down_before_and_is_the_same_again() {
        let folder = folder("pending");
        let credentials = Credentials::new(Some(folder.clone()));
        let first = credentials.redeeming(&member("bob"), "duet_inv_1", || "k1".to_owned()).unwrap();
        let again = credentials.redeeming(&member("bob"), "duet_inv_1", || "k2".to_owned()).unwrap();
        assert_eq!((first.key.as_str(), &again), ("k1", &first));
        let another = credentials.redeeming(&member("bob"), "duet_inv_2", || "k3".to_owned()).unwrap();
        assert_eq!(another.key, "k3");
        credentials.redeemed(&member("bob"));
        assert_eq!(credentials.redeeming(&member("bob"), "duet_inv_2", || "k4".to_owned()).unwrap().key, "k4");
        std::fs::remove_dir_all(folder).unwrap();
        // Nowhere to write: it is redeemed all the same.
        assert_eq!(Credentials::default().redeeming(&member("bob"), "i", || "k".to_owned()).unwrap_err().key, "k");
    }

    #[test]
    fn a_secret_never_shows_in_debug_output() {
        assert_eq!(format!("{:?}", Secret("x".to_owned())), "***");
    }
}
