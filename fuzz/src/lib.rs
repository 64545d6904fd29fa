//! What must hold of whatever comes from outside: a function for each way in, which takes any bytes and panics where it does
//! not. The fuzz targets call them, and so do tests of `server` and `tui-client`, so that they and the corpora do not rot.

pub mod client;
pub mod server;
