//! What every test needs: a server of its own, and clients for it.

pub(crate) mod brokers;
pub(crate) mod client;
pub(crate) mod command;
pub(crate) mod ends;
pub(crate) mod foreign;
pub(crate) mod histories;
pub(crate) mod kept;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod rabbitmq;
pub(crate) mod relay;
pub(crate) mod server;
pub(crate) mod service;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long anything may take that is expected to happen.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Long enough to believe that nothing comes.
pub(crate) const A_WHILE: Duration = Duration::from_millis(150);

/// Waits for what is expected to happen.
#[track_caller]
pub(crate) fn soon<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(SOON, future).await {
            Ok(value) => value,
            Err(_) => panic!("waited {SOON:?} in vain at {caller}"),
        }
    }
}

/// A folder of the test's own, removed with it.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("duet-test-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
