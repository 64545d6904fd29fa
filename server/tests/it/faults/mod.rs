//! The fault suite: real processes under load, broken in every way we can think of, and a checker that reads all that
//! happened. docs/faults.md says what is done and what is checked.

mod checker;
mod event;
