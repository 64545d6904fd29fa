//! Pure. What may happen in the random world of several nodes.

use proptest::prelude::*;

use crate::rooms::Voice;
use crate::rooms::input::Leaving;

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Post,
    Join {
        node: u8,
        user: u8,
        voice: Voice,
        resumes: bool,
    },
    Leave {
        which: u8,
        leaving: Leaving,
    },
    Attend {
        which: u8,
        idle: bool,
    },
    Write {
        which: u8,
        stops: bool,
    },
    Reach(u8),
    /// The judge does an errand; the answer may be lost, and then the node gives the errand up for lost.
    Errand {
        node: u8,
        is_heard: bool,
    },
    /// The node gives an errand up for lost; it is done later, or never.
    GiveUp {
        node: u8,
        is_done_later: bool,
    },
    Answer(u8),
    /// All that a node waits for comes to it.
    Quiet(u8),
    Late(u8),
    Word {
        which: u8,
        again: bool,
    },
    LoseWord(u8),
    BeginRead(u8),
    EndRead {
        node: u8,
        fails: bool,
    },
    Compare(u8),
    Renew {
        node: u8,
        is_heard: bool,
    },
    StandStill {
        node: u8,
        stands_still: bool,
    },
    Die(u8),
    Wait(u8),
}

/// Any of them, the usual ones more often.
pub(super) fn step() -> impl Strategy<Value = Step> {
    let voice = prop_oneof![3 => Just(Voice::DuetV1), 1 => Just(Voice::Plain)];
    let leaving = prop_oneof![Just(Leaving::Closed), Just(Leaving::Vanished)];
    let byte = any::<u8>;
    prop_oneof![
        3 => Just(Step::Post),
        10 => (byte(), byte(), voice, any::<bool>())
            .prop_map(|(node, user, voice, resumes)| Step::Join { node, user, voice, resumes }),
        4 => (byte(), leaving).prop_map(|(which, leaving)| Step::Leave { which, leaving }),
        2 => (byte(), any::<bool>()).prop_map(|(which, idle)| Step::Attend { which, idle }),
        1 => (byte(), any::<bool>()).prop_map(|(which, stops)| Step::Write { which, stops }),
        2 => byte().prop_map(Step::Reach),
        20 => byte().prop_map(Step::Quiet),
        3 => (byte(), prop::bool::weighted(0.7)).prop_map(|(node, is_heard)| Step::Errand { node, is_heard }),
        2 => (byte(), any::<bool>()).prop_map(|(node, is_done_later)| Step::GiveUp { node, is_done_later }),
        3 => byte().prop_map(Step::Answer),
        2 => byte().prop_map(Step::Late),
        6 => (byte(), prop::bool::weighted(0.2)).prop_map(|(which, again)| Step::Word { which, again }),
        2 => byte().prop_map(Step::LoseWord),
        2 => byte().prop_map(Step::BeginRead),
        2 => (byte(), prop::bool::weighted(0.3)).prop_map(|(node, fails)| Step::EndRead { node, fails }),
        2 => byte().prop_map(Step::Compare),
        6 => (byte(), prop::bool::weighted(0.9)).prop_map(|(node, is_heard)| Step::Renew { node, is_heard }),
        1 => (byte(), any::<bool>()).prop_map(|(node, stands_still)| Step::StandStill { node, stands_still }),
        1 => byte().prop_map(Step::Die),
        2 => byte().prop_map(Step::Wait),
    ]
}
