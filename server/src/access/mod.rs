//! Who may enter and speak.

pub mod tokens;
