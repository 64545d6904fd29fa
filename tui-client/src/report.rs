//! What a panic leaves: a terminal as it was, a file that says where it happened, and one sentence that names the file.
//!
//! Nothing that somebody has said is in the file. So what the panic itself says is left out unless it is a constant: a
//! message about a text quotes the text.

use std::backtrace::Backtrace;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::app::sanitize;
use crate::cli::exit::Exit;
use crate::terminal;

/// From now on a panic of any thread ends the program in this way. `folder` is where reports are kept.
pub(crate) fn on_panic(folder: Option<PathBuf>) {
    std::panic::set_hook(Box::new(move |panic| {
        terminal::put_back();
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let kept = match folder.as_deref().map(|folder| write(folder, &text(panic, &place))) {
            Some(Ok(file)) => {
                format!("{} tells where, without anything that was said: please report it", file.display())
            }
            Some(Err(e)) => format!("it was at {place}, please report that; a file could not be written: {e}"),
            None => format!("it was at {place}, please report that"),
        };
        let sentence =
            format!("tui-client: a mistake in this program has ended it, and nothing that was sent is lost; {kept}");
        // With standard error closed there is nobody to tell.
        _ = writeln!(io::stderr(), "{}", sanitize::line(&sentence));
        // Whatever panicked, the rest cannot go on without it.
        std::process::exit(i32::from(Exit::Unexpected as u8));
    }));
}

fn text(panic: &PanicHookInfo<'_>, place: &str) -> String {
    let size = terminal::size();
    let thread = std::thread::current();
    let terminal = std::env::var("TERM").unwrap_or_default();
    // What is put together while running is a String.
    let words =
        panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(left out, for it may quote a message)");
    format!(
        "tui-client {version}, {os} on {arch}\nwhen: {now}\nwhere: {place}, thread {thread}\nwhat: {words}\nterminal: {terminal}, \
         {width} x {height}\n\n{backtrace}",
        version = env!("CARGO_PKG_VERSION"),
        os = std::env::consts::OS,
        arch = std::env::consts::ARCH,
        now = Timestamp::now(),
        thread = thread.name().unwrap_or("without a name"),
        terminal = sanitize::line(&terminal),
        width = size.width,
        height = size.height,
        backtrace = Backtrace::force_capture(),
    )
}

fn write(folder: &Path, text: &str) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let file = folder.join(format!("panic-{now}-{}.txt", std::process::id()));
    let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
    open.write_all(text.as_bytes())?;
    Ok(file)
}

/// Panics with the words of `DUET_TEST_PANIC`, if it is set. A release does not look.
#[cfg_attr(debug_assertions, expect(clippy::panic, reason = "a test asks for it"))]
pub(crate) fn panic_if_a_test_asks() {
    #[cfg(debug_assertions)]
    if let Ok(words) = std::env::var("DUET_TEST_PANIC") {
        panic!("{words}");
    }
}
