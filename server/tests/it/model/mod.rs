//! The protocols of several nodes as small models, every state of which is looked at (stateright). Each rule that they stand
//! on is broken once, and must then be missed.

mod intake;
mod seats;
