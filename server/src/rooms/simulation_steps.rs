//! Pure. What may happen in the random world, and what is in it.

use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use shared::message::{Message, Seq};
use shared::names::{MessageId, RoomId, Username};

use crate::rooms::Voice;
use crate::rooms::input::Leaving;

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Post,
    Expire(u8),
    Announce { which: u8, again: bool },
    LoseAnnouncement(u8),
    Join { user: u8, voice: Voice, start: Begin },
    Leave { which: u8, leaving: Leaving },
    Drain { which: u8 },
    Reach { which: u8, lies: bool },
    Attend { which: u8, idle: bool },
    Write { which: u8, stops: bool },
    BeginRead,
    EndRead { fails: bool },
    Wait(u8),
}

/// Where a connection wants to begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begin {
    Live,
    Last(u8),
    ResumeOld { epoch_is_right: bool, ahead: bool },
}

/// Any of them, the usual ones more often.
pub(super) fn step() -> impl Strategy<Value = Step> {
    let voice = prop_oneof![Just(Voice::DuetV1), Just(Voice::Plain)];
    let leaving = prop_oneof![Just(Leaving::Closed), Just(Leaving::Vanished)];
    let start = prop_oneof![
        Just(Begin::Live),
        any::<u8>().prop_map(Begin::Last),
        (prop::bool::weighted(0.8), prop::bool::weighted(0.1))
            .prop_map(|(epoch_is_right, ahead)| Begin::ResumeOld { epoch_is_right, ahead }),
    ];
    prop_oneof![
        6 => Just(Step::Post),
        1 => any::<u8>().prop_map(Step::Expire),
        6 => (any::<u8>(), prop::bool::weighted(0.2)).prop_map(|(which, again)| Step::Announce { which, again }),
        1 => any::<u8>().prop_map(Step::LoseAnnouncement),
        4 => (any::<u8>(), voice, start).prop_map(|(user, voice, start)| Step::Join { user, voice, start }),
        2 => (any::<u8>(), leaving).prop_map(|(which, leaving)| Step::Leave { which, leaving }),
        4 => any::<u8>().prop_map(|which| Step::Drain { which }),
        2 => (any::<u8>(), prop::bool::weighted(0.1)).prop_map(|(which, lies)| Step::Reach { which, lies }),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(which, idle)| Step::Attend { which, idle }),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(which, stops)| Step::Write { which, stops }),
        4 => Just(Step::BeginRead),
        4 => prop::bool::weighted(0.1).prop_map(|fails| Step::EndRead { fails }),
        1 => any::<u8>().prop_map(Step::Wait),
    ]
}

pub(super) const EPOCH: &str = "this";

pub(super) fn room() -> RoomId {
    RoomId::new("room1").unwrap()
}

pub(super) fn user(n: u8) -> Username {
    Username::new(format!("user{n}")).unwrap()
}

pub(super) fn message(seq: u64) -> Arc<Message> {
    Arc::new(Message {
        seq: Seq(seq),
        id: MessageId::new(format!("m{seq}")).unwrap(),
        sender: seq.is_multiple_of(3).then(|| user(u8::try_from(seq % 4).unwrap())),
        content: String::new(),
        sent_at: Timestamp::UNIX_EPOCH,
    })
}

pub(super) fn pick<T>(items: &[T], which: u8) -> Option<usize> {
    (!items.is_empty()).then(|| usize::from(which) % items.len())
}
