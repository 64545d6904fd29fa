//! A third user, who tries every room again and again, and leaves at once when let in: seats may be free after a
//! restart of the server.

use std::sync::Arc;
use std::time::Duration;

use shared::frames::ServerFrame;
use tokio::time::{Instant, sleep, timeout};

use crate::faults::event::{Event, Room};
use crate::faults::listening::{connect, next};
use crate::faults::people::People;

/// Between two tries.
const EVERY: Duration = Duration::from_millis(300);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// At one node, until everybody leaves. Straight to the server, so that no broken wire keeps the seat of one who has left.
pub(crate) async fn run(people: Arc<People>, node: usize) {
    let intrude = async {
        loop {
            for room in (0..people.rooms).map(Room) {
                // What comes of it in the end tells the next try.
                let _ = timeout(TIMEOUT, knock(&people, node, room)).await;
                sleep(EVERY).await;
            }
        }
    };
    let _: Option<()> = people.over.run_until_cancelled(intrude).await;
}

async fn knock(people: &People, node: usize, room: Room) {
    let asked = people.recorder.now();
    let Ok(mut socket) = connect(people.ways[node].node, "mallory", room, "", true).await else { return };
    let (_reads, mut reads) = tokio::sync::watch::channel(true);
    let mut last = Instant::now();
    match next(&mut socket, &mut reads, &mut last).await {
        Ok(text) => {
            if let Ok(ServerFrame::Welcome(welcome)) = serde_json::from_str(&text) {
                people.recorder.note(Event::Intruded(room, asked, welcome.occupants.len()));
            }
            // Waits for the close to be answered; a server that dies meanwhile frees the seat all the same.
            if socket.close(None).await.is_ok() {
                while next(&mut socket, &mut reads, &mut last).await.is_ok() {}
            }
        }
        Err(why) if why == "closed with 4001" => people.recorder.note(Event::TurnedAway(room)),
        Err(_) => {}
    }
}
