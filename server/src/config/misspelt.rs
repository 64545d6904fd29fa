//! Pure. Variables of the environment that were meant to be settings.

use clap::CommandFactory;

use crate::config::Arguments;

/// How many letters may be wrong, missing or too many.
const SLIPS: usize = 2;

/// One that is no setting, and looks like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misspelt {
    /// As it stands there.
    pub name: String,
    /// What it looks like.
    pub meant: String,
}

/// Those of `names` that are misspelt. Others may be anybody's, such as those of `tui-client`.
pub fn misspelt(names: impl IntoIterator<Item = String>) -> Vec<Misspelt> {
    let command = Arguments::command();
    let known: Vec<&str> = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str()).collect();
    let closest = |name: &str| {
        let distances = known.iter().map(|known| (strsim::damerau_levenshtein(name, known), *known));
        distances.min().filter(|(distance, _)| (1..=SLIPS).contains(distance))
    };
    let named = names.into_iter().filter(|name| name.len() > SLIPS * 4);
    named.filter_map(|name| closest(&name).map(|(_, meant)| Misspelt { meant: meant.to_owned(), name })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, meant: Option<&str>) {
        let expected = meant.map(|meant| Misspelt { name: name.to_owned(), meant: meant.to_owned() });
        assert_eq!(misspelt([name.to_owned()]), Vec::from_iter(expected));
    }

    #[test]
    fn a_slip_is_told_with_what_was_meant() {
        check("DUET_ACESS", Some("DUET_ACCESS"));
        check("DUET_LISTNE", Some("DUET_LISTEN"));
        check("SECRET_KEYS", Some("SECRET_KEY"));
        check("DATABSE_URL", Some("DATABASE_URL"));
    }

    #[test]
    fn settings_those_of_the_client_and_those_of_others_are_passed_over() {
        for name in [
            "DUET_ACCESS",
            "DUET_SERVER",
            "DUET_USER",
            "DUET_CONFIG",
            "DUET_STATE_DIR",
            "DUET_EMAIL",
            "PATH",
            "RUST_LOG",
        ] {
            check(name, None);
        }
    }
}
