//! What the client reads and keeps on disk.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::cli::doctor::Report;
use crate::cli::exit::Failure;
use crate::cli::schema::Verdict::{Fail, Ok as Fine, Warn};
use crate::config::StateDir;
use crate::config::file::ConfigFile;
use crate::config::table::Config;
use crate::outbox::look;

/// Gives what the configuration says, or what holds without it where it is broken.
pub(super) fn configuration(file: &ConfigFile, report: &mut Report) -> Result<Config, Failure> {
    let shown = file.shown();
    match (file.content(), file.read()) {
        (Ok(None), Ok(config)) => {
            report.say("config", Fine, "there is no configuration file, and none is needed")?;
            Ok(config)
        }
        (Ok(Some(_)), Ok(config)) => {
            report.say("config", Fine, &format!("{shown} is understood"))?;
            Ok(config)
        }
        (Err(error), _) | (_, Err(error)) => {
            report.say("config", Fail, &error.to_string())?;
            Ok(Config::default())
        }
    }
}

pub(super) fn outbox(state: &StateDir, report: &mut Report) -> Result<(), Failure> {
    let Some(folder) = state.outbox() else {
        let words = "there is no home to keep unsent messages in: name a folder with --state-dir or DUET_STATE_DIR";
        return report.say("state", Fail, words);
    };
    let shown = folder.display();
    match trouble_with(&folder) {
        Some(Trouble::Missing) => {
            report.say("state", Fine, &format!("{shown} is made with the first message"))?;
            return report.say("outbox", Fine, "nothing waits to be sent");
        }
        Some(Trouble::Open(mode)) => {
            let words = format!("others may look into {shown} (its mode is {mode:o}): chmod 700 '{shown}'");
            report.say("state", Warn, &words)?;
        }
        Some(Trouble::Broken(error)) => {
            let words =
                format!("nothing can be kept in {shown} ({error}): put that right, or name another --state-dir");
            report.say("state", Fail, &words)?;
        }
        None => report.say("state", Fine, &format!("{shown} takes messages, and is yours alone"))?,
    }
    match look(&folder) {
        Err(error) => report.say("outbox", Fail, &error.to_string()),
        Ok(kept) => {
            let waiting: usize = kept.values().map(|held| held.waiting.len()).sum();
            let refused: usize = kept.values().map(|held| held.refused.len()).sum();
            match (waiting, refused) {
                (0, 0) => report.say("outbox", Fine, "nothing waits to be sent"),
                _ => {
                    let words = format!(
                        "{waiting} waiting to be sent and {refused} refused: `tui-client outbox` lists them, with --send it sends them"
                    );
                    report.say("outbox", Warn, &words)
                }
            }
        }
    }
}

/// What is wrong with a folder.
enum Trouble {
    /// It is not there, and can be made.
    Missing,
    /// Others than its owner get in, by this mode.
    Open(u32),
    Broken(std::io::Error),
}

fn trouble_with(folder: &Path) -> Option<Trouble> {
    let metadata = match folder.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Some(probed(existing(folder)).map_or_else(Trouble::Broken, |()| Trouble::Missing));
        }
        Err(error) => return Some(Trouble::Broken(error)),
    };
    if let Err(error) = probed(folder) {
        return Some(Trouble::Broken(error));
    }
    let mode = metadata.permissions().mode() & 0o777;
    let is_ours = metadata.uid() == rustix::process::getuid().as_raw();
    (mode & 0o077 != 0 || !is_ours).then_some(Trouble::Open(mode))
}

/// The nearest folder above one that is not there.
fn existing(folder: &Path) -> &Path {
    // A link to nowhere is there, and nothing can be made in it.
    let above = folder.ancestors().find(|above| above.symlink_metadata().is_ok());
    above.unwrap_or(Path::new("."))
}

/// Makes something in a folder, and takes it away again.
fn probed(folder: &Path) -> std::io::Result<()> {
    let name = folder.join(format!("doctor-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&name)?;
    std::fs::remove_file(&name)
}
