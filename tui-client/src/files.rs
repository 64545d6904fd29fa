//! Small files for their owner alone. Each is written beside the one there is and put in its place: a client that is killed leaves
//! the one or the other, and of two that write, the last one's stays.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of the files. One of another version is passed over.
const VERSION: u32 = 1;
/// The largest file that is read; far above what is ever written.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// How far up the folders are synced that were just made: `~`, `.local`, `state`, `duet`.
const NEW_FOLDERS: usize = 5;

/// What a file is to outlive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlives {
    /// The end of this process. It is not waited for the disk; what a power cut leaves of it is passed over.
    Process,
    /// A power cut, as soon as it is written.
    PowerCut,
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    #[serde(flatten)]
    contents: T,
}

/// A name for a file, the same for the same parts in every version of this program. Names of rooms may be too long for one, and
/// hold anything; two may share a name, if by the rarest of chances. FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>).
pub(crate) fn name(parts: &[&str]) -> String {
    // No part holds a zero byte, so this tells apart where one ends.
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}.json")
}

/// What is in a file; nothing where there is none, or what is there cannot be read.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let is_sane = std::fs::metadata(path).is_ok_and(|file| file.len() <= MAX_BYTES);
    let bytes = is_sane.then(|| std::fs::read(path).ok()).flatten()?;
    let Versioned { v, contents } = serde_json::from_slice(&bytes).ok()?;
    (v == VERSION).then_some(contents)
}

/// Puts a file in the place of the one there is, and makes its folder where there is none.
pub(crate) fn write(path: &Path, contents: &impl Serialize, outlives: Outlives) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    make_folder(folder)?;
    let bytes = serde_json::to_vec(&Versioned { v: VERSION, contents })?;
    // Another client may be writing the same at this moment.
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let written =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside).and_then(|mut file| {
            file.write_all(&bytes)?;
            if outlives == Outlives::PowerCut { file.sync_all() } else { Ok(()) }
        });
    let placed = written.and_then(|()| std::fs::rename(&beside, path));
    if placed.is_err() {
        // It does no harm there, and may not even be.
        drop(std::fs::remove_file(&beside));
    }
    placed.and_then(|()| if outlives == Outlives::PowerCut { sync_folder(folder) } else { Ok(()) })
}

/// Makes a folder, for its owner alone, so that it outlives a power cut.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    folder.ancestors().skip(1).take(NEW_FOLDERS).try_for_each(|above| match sync_folder(above) {
        // Some of them may not be ours to read; those were there before.
        Err(e) if e.kind() != io::ErrorKind::PermissionDenied => Err(e),
        Ok(()) | Err(_) => Ok(()),
    })
}

/// Makes the names in a folder outlive a power cut. That of a relative path without one is not ours.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() { Ok(()) } else { File::open(folder)?.sync_all() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use serde_json::json;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("duet-files-{}-{name}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        folder
    }

    #[test]
    fn a_file_takes_the_place_of_the_one_before_for_its_owner_alone() {
        let folder = folder("place");
        let path = folder.join("new").join(name(&["a", "b"]));
        for (text, outlives) in [("one", Outlives::Process), ("two", Outlives::PowerCut)] {
            write(&path, &json!({"text": text}), outlives).unwrap();
        }
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), r#"{"v":1,"text":"two"}"#);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_torn_or_of_another_version_is_passed_over() {
        let folder = folder("torn");
        let path = folder.join("x.json");
        make_folder(&folder).unwrap();
        for (text, found) in
            [(r#"{"v":1,"text":"a"}"#, true), (r#"{"v":2,"text":"a"}"#, false), (r#"{"v":1,"te"#, false)]
        {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read::<serde_json::Value>(&path).is_some(), found, "{text}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
