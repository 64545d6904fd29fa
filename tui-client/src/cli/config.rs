//! `config`: writes a configuration file to begin with, and tells what is wrong with one.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use clap::{Args, Subcommand};

use crate::app::sanitize;
use crate::cli::exit::{self, Exit, Failure};
use crate::config::file::ConfigFile;
use crate::config::init;
use crate::config::read::{Read, read};

/// The arguments of `config`.
#[derive(Debug, Args)]
#[command(after_help = exit::help())]
pub(crate) struct Config {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write a configuration file with every setting and what holds without it; leaves one alone that is there
    Init(ConfigFile),
    /// Tell whether the configuration file is understood, and what it changes; ends with 2 when it is not
    Check(ConfigFile),
}

impl Config {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.what {
            What::Init(file) => init(&file),
            What::Check(file) => check(&file),
        }
    }
}

fn init(config: &ConfigFile) -> Result<(), Failure> {
    let Some(file) = config.path() else {
        return Err(Failure::new(
            Exit::Usage,
            "there is no home here to keep a configuration in: name a file with --config FILE",
        ));
    };
    let shown = config.shown();
    match write_new(&file) {
        Ok(()) => say(&format!("{shown} is written: it holds every setting and changes nothing yet\n")),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(Failure::new(
            Exit::Usage,
            format!("{shown} is there already and stays as it is: `tui-client config check` reads it"),
        )),
        Err(e) => Err(Failure::new(Exit::Unexpected, format!("writing {shown}: {e}"))),
    }
}

fn write_new(file: &Path) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(file)?.write_all(init::text().as_bytes())
}

fn check(config: &ConfigFile) -> Result<(), Failure> {
    let shown = config.shown();
    let Some(text) = config.content()? else {
        if shown.is_empty() {
            return say("there is no home here to look for a configuration in, and none is needed\n");
        }
        return say(&format!("there is no {shown}, and none is needed: `tui-client config init` writes one\n"));
    };
    match read(&text) {
        Ok(Read { changes, .. }) if changes.is_empty() => say(&format!("{shown} is understood and changes nothing\n")),
        Ok(Read { changes, .. }) => {
            let changed = |change| {
                let crate::config::read::Change { name, value, default, .. } = change;
                sanitize::line(&format!("{name} = {value}, not {default}"))
            };
            let lines: Vec<String> = changes.into_iter().map(changed).collect();
            say(&format!("{shown} is understood:\n  {}\n", lines.join("\n  ")))
        }
        Err(problems) => {
            let problems: Vec<String> = problems.iter().map(|problem| problem.show(&shown, &text)).collect();
            let count = match problems.len() {
                1 => "1 thing is".to_owned(),
                many => format!("{many} things are"),
            };
            // With standard error closed there is nobody to tell.
            _ = writeln!(std::io::stderr(), "{}", problems.join("\n"));
            Err(Failure::new(Exit::Usage, format!("{count} wrong in {shown}")))
        }
    }
}

fn say(words: &str) -> Result<(), Failure> {
    std::io::stdout().write_all(words.as_bytes()).map_err(|e| Failure::new(Exit::Unexpected, format!("writing: {e}")))
}
