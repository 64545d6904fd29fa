//! The help: what it looks like at every size, and that it shows the keys a person has chosen.

use crossterm::event::KeyCode;
use tui_client::app::commands;

use crate::stage::Stage;

#[test]
fn at_80_by_24_nothing_is_cut_and_it_begins_with_writing_and_reading() {
    Stage::joined(80, 24, 1)
        .types("?")
        .expect_row(0, " Keys and commands · look for: ▏")
        .expect_row(2, " Writing")
        .expect_text("Writing Enter send the message")
        .expect_text("Reading PgUp scroll to older messages");
    for command in commands::all().filter(|command| !command.help.is_empty()) {
        let screen = Stage::joined(80, 24, 1).types("?").types(command.help).screen();
        assert!(screen.lines().skip(2).any(|row| row.ends_with(command.help)), "{screen}");
    }
}

#[test]
fn at_20_by_5_it_is_all_list_and_what_a_command_does_stands_below_its_keys() {
    Stage::joined(20, 5, 1).types("?").expect_screen(
        "
 Look for: ▏
 Enter
   send the message
 Alt+Enter  Ctrl+J
   begin a new line
",
    );
    Stage::joined(20, 5, 1).types("?retry").expect_screen(
        "
 Look for: retry▏
 Ctrl+R  /retry
   connect now
   instead of
   waiting
",
    );
}

#[test]
fn on_a_narrow_screen_nothing_of_it_is_cut() {
    for (width, height) in [(24, 7), (40, 12), (59, 24)] {
        for command in commands::all().filter(|command| !command.help.is_empty()) {
            Stage::joined(width, height, 1).types("?").types(command.help).expect_text(command.help);
        }
    }
}

#[test]
fn at_200_by_50_it_shows_every_key_of_every_command() {
    let screen = Stage::joined(200, 50, 1).types("?").screen();
    let is_shown =
        |command: &&commands::Command| screen.lines().any(|row| row.ends_with(&format!("  {}", command.help)));
    let shown: Vec<_> = commands::all().filter(|command| !command.help.is_empty()).filter(is_shown).collect();
    assert!(shown.len() > 20, "{screen}");
    for key in shown.iter().flat_map(|command| command.keys) {
        assert!(screen.contains(&key.to_string()), "{key} is not in\n{screen}");
    }
}

#[test]
fn its_end_can_be_reached_at_every_size() {
    for (width, height) in [(20, 5), (80, 24), (200, 50)] {
        let down = (0..400).fold(Stage::joined(width, height, 1).types("?"), |stage, _| stage.press(KeyCode::Down));
        let last = commands::all().filter(|command| !command.help.is_empty()).last().unwrap();
        let way = last.keys.first().unwrap().to_string();
        let down = down.expect_text(&way);
        if height > 5 {
            down.expect_text("Esc goes back");
        }
    }
}

#[test]
fn what_is_in_no_row_is_said() {
    Stage::joined(80, 24, 1).types("?xyzzy").expect_text("Nothing has that word. Esc goes back");
}

#[test]
fn sentences_name_the_keys_that_a_person_has_chosen() {
    let mut stage = Stage::joined(80, 24, 1);
    let bring_back = commands::all().find(|command| command.id == "bring-back").unwrap();
    stage.state.preferences.keymap.bind(bring_back, vec!["Alt+R".parse().unwrap()]);
    let stage = stage.types("a thought").ctrl('c').expect_text("Cleared. Alt+R brings it back, Ctrl+C leaves Duet.");
    stage.ctrl('y').expect_no_text("a thought");
}

#[test]
fn it_shows_the_keys_that_a_person_has_chosen() {
    let mut stage = Stage::joined(80, 24, 1);
    let retry = commands::all().find(|command| command.id == "retry").unwrap();
    stage.state.preferences.keymap.bind(retry, vec!["Alt+R".parse().unwrap()]);
    stage.types("?connect now").expect_text("Alt+R /retry connect now instead of waiting").expect_no_text("Ctrl+R");
}
