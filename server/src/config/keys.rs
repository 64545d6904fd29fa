//! The key that signs tokens: set, or made and kept.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::access::tokens::MIN_KEY_BYTES;
use crate::config::access::{is_loopback, long_enough};
use crate::config::secret::Secret;
use crate::config::{ConfigError, Settings};

/// Where the made key is kept, within the data folder.
const KEY_FILE: &str = "secret.key";

impl Settings {
    /// The key that signs tokens: the one that is set, or on a loopback address the one that is kept in `folder`.
    ///
    /// # Errors
    /// When the key is too short, when none is set on an address that others can reach, or when the made one cannot be
    /// kept.
    pub fn key(&self, folder: &Path) -> Result<Secret, ConfigError> {
        let (key, origin) = match &self.secret_key {
            Some(key) if !key.expose().is_empty() => (key.clone(), "SECRET_KEY".to_owned()),
            Some(_) | None if is_loopback(self.listen) => kept_key(folder)?,
            Some(_) | None => {
                return Err(ConfigError(format!(
                    "SECRET_KEY is not set, and {} can be reached from other machines: set SECRET_KEY to at least \
                     {MIN_KEY_BYTES} random bytes (openssl rand -hex 32), or listen on 127.0.0.1",
                    self.listen
                )));
            }
        };
        long_enough(&key, &origin)?;
        Ok(key)
    }
}

/// Reads the key kept in `folder`, or makes it. Nobody else may read the file.
fn kept_key(folder: &Path) -> Result<(Secret, String), ConfigError> {
    let path = folder.join(KEY_FILE);
    let failed = |e: std::io::Error| {
        ConfigError(format!("cannot keep the key in {}: {e}; set SECRET_KEY or DUET_DATA_DIR", path.display()))
    };
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            let key: [u8; 32] = rand::random();
            let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(failed(e)),
    }
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    Ok((Secret::new(text.trim()), path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::Parser;

    use super::*;

    const KEY: &str = "a-secret-key-of-at-least-thirty-two-bytes";

    fn settings(arguments: &[&str]) -> Settings {
        Settings::parse_from([&["duet-server"], arguments].concat())
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("duet-config-{name}-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_key_that_is_set_is_the_key() {
        let key = settings(&["--secret-key", KEY]).key(Path::new("/nonexistent")).unwrap();
        assert_eq!(key.expose(), KEY);
    }

    #[test]
    fn a_short_key_is_refused_with_what_to_do() {
        let error = settings(&["--secret-key", "short"]).key(Path::new("/nonexistent")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "SECRET_KEY is 5 bytes long, and HS256 needs at least 32: make one with openssl rand -hex 32"
        );
    }

    #[test]
    fn on_a_loopback_address_a_key_is_made_and_kept_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder("made");
        let made = settings(&[]).key(&folder).unwrap();
        let mode = std::fs::metadata(folder.join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(settings(&["--listen", "[::1]:9"]).key(&folder).unwrap(), made);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn on_any_other_address_a_missing_key_is_an_error_that_says_what_to_set() {
        for listen in ["0.0.0.0:8000", "192.0.2.1:8000", "[::]:8000"] {
            let error = settings(&["--listen", listen]).key(Path::new("/nonexistent")).unwrap_err().to_string();
            assert!(error.starts_with("SECRET_KEY is not set"), "{error}");
        }
    }
}
