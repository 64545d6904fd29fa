//! Invites and revocations from the command line, beside a server at work and before there is one.

use std::time::Duration;

use jiff::Unit;
use shared::link::Link;

use crate::access::invites::{self, Added, MAX_PENDING, Member};
use crate::access::store::Store;
use crate::clock;
use crate::config::Settings;
use crate::database::{Address, AddressError, Database};
use crate::history::postgres;

/// An invite that is kept.
#[derive(Debug)]
pub struct Invited {
    /// What they paste into a shell.
    pub line: String,
    /// What whoever invites is to know of it.
    pub note: String,
}

/// Invites somebody.
///
/// # Errors
/// A sentence that says what to do.
#[tokio::main(flavor = "current_thread")]
pub async fn invite(
    settings: &Settings,
    member: Member,
    life: Duration,
    servers: Vec<String>,
) -> Result<Invited, String> {
    settings.limits.lengths().check(&member.room, &member.user).map_err(|e| e.to_string())?;
    let servers = if servers.is_empty() { vec![listening(settings)?] } else { servers };
    let mut servers =
        servers.into_iter().map(|server| if server.contains("://") { server } else { format!("https://{server}") });
    let (server, others) = (servers.next().unwrap_or_default(), servers.collect());
    let made = invites::make(member, None, clock::timestamp(), life);
    let (invite, code) = made.map_err(|e| format!("cannot make an invite: {e}"))?;
    let (room, user, until) = (invite.room.clone(), invite.user.clone(), invite.expires_at);
    let link =
        Link { server, others, room, user, invite: code.expose().to_owned() }.checked().map_err(|e| e.to_string())?;
    let (store, database) = open(settings).await?;
    let added = store.add(invite, code.digest(), None).await.map_err(|e| e.to_string());
    close(&store, database).await;
    if added? == Added::Kept {
        let until = until.round(Unit::Second).unwrap_or(until);
        let user = &link.user;
        let note = format!("for {user} alone, good for once, until {until}; duet-server revoke takes it back");
        return Ok(Invited { line: link.command(), note: note + &whereabouts(settings) });
    }
    Err(format!("{MAX_PENDING} invites of {} wait to be used: wait until some have expired", link.room))
}

/// Takes from somebody all that lets them in, and says so.
///
/// # Errors
/// A sentence that says what to do.
#[tokio::main(flavor = "current_thread")]
pub async fn revoke(settings: &Settings, member: &Member) -> Result<String, String> {
    let (store, database) = open(settings).await?;
    let revoked = store.revoke(member).await.map_err(|e| e.to_string());
    close(&store, database).await;
    let Member { room, user } = member;
    revoked.map(|()| format!("{user} is no member of {room} any more; a server that runs notices within seconds"))
}

/// In which folder it was written down, where no server has worked: then it may be the wrong one.
fn whereabouts(settings: &Settings) -> String {
    match settings.history_file() {
        Ok(history) if settings.database_url().is_none() && !history.exists() => {
            let folder = history.parent().unwrap_or(&history).display();
            format!(
                ". No server has used {folder} so far: it is good there alone, so see that DUET_DATA_DIR is the server's"
            )
        }
        _ => String::new(),
    }
}

async fn open(settings: &Settings) -> Result<(Store, Option<Database>), String> {
    let Some(url) = settings.database_url() else {
        let folder = settings.data_folder().map_err(|e| e.to_string())?;
        return Ok((Store::open(&folder).map_err(|e| e.to_string())?, None));
    };
    let address: Address = url.parse().map_err(|e: AddressError| e.to_string())?;
    let database = Database::open(address).await.map_err(|e| e.to_string())?;
    postgres::prepare(&database).await.map_err(|e| e.to_string())?;
    Ok((Store::share(&database), Some(database)))
}

async fn close(store: &Store, database: Option<Database>) {
    store.close().await;
    if let Some(database) = database {
        database.close().await;
    }
}

/// The address that the server listens on, where others can use it as it is. With a certificate they cannot, for it is of a name.
fn listening(settings: &Settings) -> Result<String, String> {
    let listen = settings.listen;
    if listen.ip().is_unspecified() || listen.port() == 0 || settings.listener.has_certificate() {
        return Err("say how the server is reached: --server https://chat.example.org, or DUET_PUBLIC_URL".to_owned());
    }
    Ok(format!("http://{listen}"))
}
