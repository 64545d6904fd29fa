//! Frames of `duet.v1`, both ways: whatever comes is a frame or none, and a frame that is written is read as itself.

use std::fmt::Debug;

use serde_json::Value;
use shared::frames::{ClientFrame, ServerFrame};

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    whole(serde_json::from_str::<ClientFrame>(text).ok(), |text| serde_json::from_str(text).ok());
    whole(serde_json::from_str::<ServerFrame>(text).ok(), |text| serde_json::from_str(text).ok());
    // serde takes an array for a structure as well, which does no harm here: it says the same.
    let may_be = serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object() || value.is_array());
    assert!(may_be || serde_json::from_str::<ServerFrame>(text).is_err());
}

fn whole<F: PartialEq + Debug + serde::Serialize>(frame: Option<F>, read: impl Fn(&str) -> Option<F>) {
    let Some(frame) = frame else { return };
    let written = serde_json::to_string(&frame).expect("a frame can be written");
    let again = read(&written).expect("what was written is a frame");
    // Times are written to the millisecond, so the first writing may round.
    assert_eq!(serde_json::to_string(&again).expect("a frame can be written"), written);
}
