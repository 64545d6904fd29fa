//! Pure. What a line means that is typed into `join --plain`: a message, a part of one, or a command.

use crate::app::update::size_in_words;
use crate::cli::lines::state_in_words;
use crate::cli::plain::conversation::{Conversation, Deed, Link, Typist};

/// What `/help` says, a line each.
const HELP: [&str; 6] = [
    "a line is a message; one that ends in \\ goes on in the next",
    "// begins a message with a /",
    "/who tells who is here",
    "/status tells how the connection is, and what became of what you said",
    "/retry connects now instead of waiting",
    "/quit leaves the room, and so does the end of the input, when what was said is sent",
];

impl Conversation {
    /// What a line means that is typed or piped in.
    pub(crate) fn typed(&mut self, line: &str) -> Option<Deed> {
        if self.begun.is_empty()
            && let Some(command) = line.strip_prefix('/')
            && !command.starts_with('/')
        {
            return self.command(command.trim());
        }
        if let Some(line) = line.strip_suffix('\\') {
            self.begun.push_str(line);
            self.begun.push('\n');
            return None;
        }
        self.begun.push_str(line);
        self.finish()
    }

    /// Takes what was begun for the whole message.
    pub(crate) fn finish(&mut self) -> Option<Deed> {
        let text = std::mem::take(&mut self.begun);
        let text = text.trim_end();
        let content = text.strip_prefix('/').filter(|rest| rest.starts_with('/')).unwrap_or(text);
        if content.is_empty() {
            return None;
        }
        if content.len() > self.max_content_bytes {
            let (size, most) = (size_in_words(content.len()), size_in_words(self.max_content_bytes));
            self.not_sent(&format!("the message is {size}, and the room takes at most {most}: send it in parts"));
            return None;
        }
        Some(Deed::Send(content.to_owned()))
    }

    fn command(&mut self, name: &str) -> Option<Deed> {
        match name {
            "quit" => return Some(Deed::Quit),
            "retry" => return Some(Deed::Retry),
            "help" => HELP.iter().for_each(|line| self.say(line)),
            "who" => {
                let here = self.who();
                self.say(&here);
            }
            "status" => self.status(),
            other if self.typist == Typist::Person => {
                self.say(&format!("there is no command /{other}: /help tells of those there are"));
            }
            // Nobody is there who would write it again.
            other => {
                self.not_sent(&format!("there is no command /{other}: a message that begins with / is written with //"))
            }
        }
        None
    }

    pub(super) fn who(&self) -> String {
        if self.others.is_empty() {
            return format!("nobody else is here; somebody joins with: {}", self.invitation);
        }
        let others = self.others.iter().map(|(name, state)| format!("{} {}", self.name(name), state_in_words(*state)));
        others.collect::<Vec<_>>().join(", ")
    }

    fn status(&mut self) {
        self.say(&match &self.link {
            Link::Live => match &self.host {
                Some(host) => format!("connected to {host}"),
                None => "connected".to_owned(),
            },
            Link::Lost(reason) => format!("no connection ({reason}), trying again"),
            Link::Connecting | Link::Full => "not connected yet".to_owned(),
        });
        match self.waiting.len() {
            0 => {}
            1 => self.say("1 message waits to be sent"),
            count => self.say(&format!("{count} messages wait to be sent")),
        }
        let reached = self.receipts.furthest();
        match self.last_mine {
            None => self.say("you have said nothing that is known here"),
            Some(last) if last <= reached.read => self.say("your last message was read"),
            Some(last) if last <= reached.delivered => self.say("your last message was delivered"),
            Some(_) => self.say("your last message was sent"),
        }
    }
}
