//! The way to the server, step by step: its name, a connection, whether it is ready, its clock, a token, a WebSocket.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::frames::AttentionState;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use crate::cli::doctor::{Asked, Report};
use crate::cli::ends::leave;
use crate::cli::exit::Failure;
use crate::cli::schema::Verdict::{Fail, Ok as Fine, Warn};
use crate::network::api::{Api, Range, Readiness};
use crate::network::error::{ApiError, host_and_port};
use crate::network::{Membership, Network, NetworkEvent, Request, new_message_id, start_with};

/// How long each step may take.
const STEP_WITHIN: Duration = Duration::from_secs(5);
/// A clock that is off by more confuses whoever reads times. The server tells its own in whole seconds.
const CLOCKS_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// Looks at each server, and whether they are one.
pub(super) async fn look(membership: &Membership, asked: Asked, report: &mut Report) -> Result<(), Failure> {
    let mut histories = Vec::new();
    for server in membership.servers.iter() {
        let alone = Membership { servers: server.clone().into(), ..membership.clone() };
        look_at(&alone, asked, report).await?;
        if membership.servers.are_several() {
            histories.push((host_and_port(server), history(&alone).await));
        }
    }
    are_one(&histories, report)
}

/// Which history a server has, where it tells.
async fn history(membership: &Membership) -> Option<String> {
    let api = Api::new(membership).ok()?;
    let page = timeout(STEP_WITHIN, api.page(Range::Newest, 1)).await.ok()?;
    page.ok().map(|page| page.epoch)
}

/// Servers of which one goes on where another was lost have the same history.
fn are_one(histories: &[(String, Option<String>)], report: &mut Report) -> Result<(), Failure> {
    let mut known = histories.iter().filter_map(|(host, history)| Some((host, history.as_ref()?)));
    let Some((host, history)) = known.next() else { return Ok(()) };
    match known.find(|(_, another)| *another != history) {
        Some((other, _)) => {
            let words = format!("{host} and {other} have different histories: name only servers that share one");
            report.say("servers", Fail, &words)
        }
        None => report.say("servers", Fine, "all that answer have the same history"),
    }
}

/// Looks, and stops where nothing behind can work.
async fn look_at(membership: &Membership, asked: Asked, report: &mut Report) -> Result<(), Failure> {
    let api = Api::new(membership)?;
    let address = api.address();
    if !reach(membership, &address, report).await? {
        return Ok(());
    }
    match api.readiness().await {
        Err(error) => {
            return report.say("server", Fail, &format!("{address} does not answer as a server does: {error}"));
        }
        Ok(readiness) => ready(&readiness, report)?,
    }
    let begin = Instant::now();
    match timeout(STEP_WITHIN, api.token()).await {
        Ok(Err(ApiError::Uninvited(_))) if !asked.is_room_named => {
            let words =
                "the server is closed, and lets only members into a room: name one that you are in to look further";
            return report.say("token", Warn, words);
        }
        Err(_) => return report.say("token", Fail, "the server gives no token in time: look into its log"),
        Ok(Err(error)) => return report.say("token", Fail, &format!("the server gives no token: {error}")),
        Ok(Ok(_)) => report.say("token", Fine, &format!("given to {} in {}", membership.user, ms(begin.elapsed())))?,
    }
    room(membership, asked.post, report).await
}

/// Finds the server's address and connects to it.
async fn reach(membership: &Membership, address: &str, report: &mut Report) -> Result<bool, Failure> {
    let url = membership.servers.first();
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80));
    let asked = Instant::now();
    let found: Vec<SocketAddr> = match timeout(STEP_WITHIN, lookup_host((host.trim_matches(['[', ']']), port))).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(_)) | Err(_) => vec![],
    };
    if found.is_empty() {
        let words = format!("the name {host} is not found: look at --server, or at the network");
        report.say("network", Fail, &words)?;
        return Ok(false);
    }
    let named = asked.elapsed();
    let asked = Instant::now();
    match timeout(STEP_WITHIN, TcpStream::connect(found.as_slice())).await {
        Ok(Ok(_)) => {
            let named = if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
                String::new()
            } else {
                format!(" (its name was found in {})", ms(named))
            };
            let words = format!("{address} is reached in {}{named}", ms(asked.elapsed()));
            report.say("network", Fine, &words)?;
            Ok(true)
        }
        failed => {
            let why = match failed {
                Ok(Err(error)) => error.to_string(),
                _ => "no answer".to_owned(),
            };
            let words =
                format!("{address} is not reached ({why}): start a server there, or name another one with --server");
            report.say("network", Fail, &words)?;
            Ok(false)
        }
    }
}

fn ready(Readiness { asked, answered, its_clock, trouble }: &Readiness, report: &mut Report) -> Result<(), Failure> {
    let took = ms(Duration::try_from(answered.duration_since(*asked)).unwrap_or_default());
    match trouble {
        None => report.say("server", Fine, &format!("answers in {took} and is ready"))?,
        Some(error) => report.say("server", Fail, &format!("answers in {took} and is not ready: {error}"))?,
    }
    match its_clock.map(|its| skew(*asked, *answered, its)) {
        None => report.say("clock", Warn, "the server does not tell its time"),
        Some(skew) if skew.abs() <= CLOCKS_WITHIN => {
            report.say("clock", Fine, "this machine and the server agree on the time")
        }
        Some(skew) => {
            let (seconds, way) = (skew.abs().as_secs(), if skew.is_positive() { "ahead of" } else { "behind" });
            let words = format!("this machine is {seconds} s {way} the server: times mislead; set one of them by NTP");
            report.say("clock", Warn, &words)
        }
    }
}

/// How far we are ahead of a clock that was read in between and tells whole seconds; the least that it can be.
fn skew(asked: Timestamp, answered: Timestamp, its: Timestamp) -> SignedDuration {
    let second = SignedDuration::from_secs(1);
    let (least, most) = (asked.duration_since(its) - second, answered.duration_since(its));
    if least.is_positive() {
        least
    } else if most.is_negative() {
        most
    } else {
        SignedDuration::ZERO
    }
}

/// Comes into the room and leaves it again.
async fn room(membership: &Membership, post: bool, report: &mut Report) -> Result<(), Failure> {
    let mut network = start_with(membership, AttentionState::Idle)?;
    let result = come_in(&mut network, membership, post, report).await;
    leave(network).await;
    result
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a question has few answers, and whatever else happens is none")]
async fn come_in(
    network: &mut Network,
    membership: &Membership,
    post: bool,
    report: &mut Report,
) -> Result<(), Failure> {
    let asked = Instant::now();
    // The answer to the first ping may come before the welcome.
    let mut round_trip = None;
    let came_in = next(network, |event| match event {
        NetworkEvent::RoundTrip(time) => {
            round_trip = Some(time);
            None
        }
        NetworkEvent::Welcomed(_) => Some(Ok(())),
        NetworkEvent::RoomFull => Some(Err((Warn, "the room holds two other users: WebSockets work".to_owned()))),
        NetworkEvent::Refused(sentence) => Some(Err((Fail, format!("the server refuses: {sentence}")))),
        NetworkEvent::NotLetIn(error) => {
            let verdict = if matches!(error, ApiError::TooOften { .. }) { Warn } else { Fail };
            Some(Err((verdict, format!("the server does not let us in now: {error}"))))
        }
        NetworkEvent::Lost { reason, .. } => {
            let words =
                format!("it breaks off ({reason}): does something between here and the server stop WebSockets?");
            Some(Err((Fail, words)))
        }
        _ => None,
    });
    match came_in.await {
        None => return report.say("websocket", Fail, "the server does not welcome us in time"),
        Some(Err((verdict, words))) => return report.say("websocket", verdict, &words),
        Some(Ok(())) => report.say("websocket", Fine, &format!("welcomed in {}", ms(asked.elapsed())))?,
    }
    if round_trip.is_none() {
        let time = |event| if let NetworkEvent::RoundTrip(time) = event { Some(time) } else { None };
        round_trip = next(network, time).await;
    }
    match round_trip {
        None => {
            report.say("ping", Fail, "no ping comes back: does something between here and the server stop them?")?
        }
        Some(time) => report.say("ping", Fine, &format!("comes back in {}", ms(time)))?,
    }
    if !post {
        return Ok(());
    }
    let (id, asked) = (new_message_id(), Instant::now());
    let content = format!("tui-client doctor of {} looks whether messages arrive", membership.user);
    // The channel is empty.
    _ = network.requests.try_send(Request::Post { id: id.clone(), content });
    let back = next(network, |event| match event {
        NetworkEvent::Message(message) if message.id == id => Some(Ok(())),
        NetworkEvent::PostRefused { reason, .. } | NetworkEvent::PostDelayed(reason) => Some(Err(reason)),
        NetworkEvent::PostedTooOften { .. } => Some(Err("sent too often".to_owned())),
        _ => None,
    });
    match back.await {
        None => {
            report.say("post", Fail, "a message that was posted does not arrive in time: look into the server's log")
        }
        Some(Err(reason)) => report.say("post", Fail, &format!("a message is not taken: {reason}")),
        Some(Ok(())) => report.say("post", Fine, &format!("a message is back in {}", ms(asked.elapsed()))),
    }
}

/// Waits for an event that means something, for as long as a step may take.
async fn next<T>(network: &mut Network, mut meaning: impl FnMut(NetworkEvent) -> Option<T>) -> Option<T> {
    let waiting = async {
        loop {
            if let Some(meant) = meaning(network.events.recv().await?) {
                return Some(meant);
            }
        }
    };
    timeout(STEP_WITHIN, waiting).await.ok().flatten()
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_tells_whole_seconds_is_off_by_what_is_sure() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let its = at("2026-11-22T14:02:11Z");
        let check = |asked, answered, ms| {
            assert_eq!(skew(at(asked), at(answered), its), SignedDuration::from_millis(ms));
        };
        check("2026-11-22T14:02:11.500Z", "2026-11-22T14:02:11.600Z", 0);
        check("2026-11-22T14:02:10.900Z", "2026-11-22T14:02:12.900Z", 0);
        check("2026-11-22T14:02:20.500Z", "2026-11-22T14:02:20.600Z", 8500);
        check("2026-11-22T14:02:00.500Z", "2026-11-22T14:02:01.000Z", -10_000);
    }
}
