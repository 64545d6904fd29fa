//! Whether messages pass RabbitMQ, out of the state of all ways through it; said in the log once each time it changes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{debug, info, warn};

use crate::broker::BrokerState;
use crate::broker::rabbitmq::connection::Address;

/// Which of the ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// Messages go in.
    Publishing,
    /// Messages come out.
    Intake,
    /// What is not a message is put aside, if there is any; what is behind it waits.
    Aside,
}

/// The state of all of them.
#[derive(Debug)]
pub(super) struct Health {
    url: String,
    links: Mutex<Links>,
}

#[derive(Debug)]
struct Links {
    publishing: BrokerState,
    intake: BrokerState,
    aside: BrokerState,
    said: Said,
}

/// What the log says last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Away,
    Back,
}

impl Health {
    /// Starts out as not connected yet, which is not worth a word in the log.
    pub(super) fn new(address: &Address) -> Self {
        let connecting = BrokerState::NotReady("not connected to RabbitMQ yet".to_owned());
        let (publishing, intake) = (connecting.clone(), connecting);
        let links = Links { publishing, intake, aside: BrokerState::Ready, said: Said::Nothing };
        Self { url: address.to_string(), links: Mutex::new(links) }
    }

    /// This way is open.
    pub(super) fn ready(&self, link: Link) {
        let mut links = self.lock();
        links.set(link, BrokerState::Ready);
        if links.all() == BrokerState::Ready && links.said != Said::Back {
            links.said = Said::Back;
            info!(url = self.url, "messages pass RabbitMQ");
        }
    }

    /// Another node takes messages out.
    pub(super) fn stands_by(&self) {
        let mut links = self.lock();
        if links.intake != BrokerState::StandingBy {
            links.intake = BrokerState::StandingBy;
            info!(url = self.url, "another server takes the messages; this one takes over when that one goes");
        }
    }

    /// Whether somebody who is none of ours takes messages out beside this server.
    pub(super) fn robbed(&self, is_robbed: bool) {
        let mut links = self.lock();
        match (&links.intake, is_robbed) {
            (BrokerState::Ready, true) => {
                links.intake = BrokerState::Robbed;
                warn!(url = self.url, "another consumer takes messages away from the queue `messages`");
            }
            (BrokerState::Robbed, false) => {
                links.intake = BrokerState::Ready;
                info!(url = self.url, "no other consumer takes messages away any more");
            }
            (BrokerState::Ready | BrokerState::Robbed | BrokerState::StandingBy | BrokerState::NotReady(_), _) => {}
        }
    }

    /// This way is not open, for `reason`.
    pub(super) fn away(&self, link: Link, reason: &str) {
        let mut links = self.lock();
        links.set(link, BrokerState::NotReady(reason.to_owned()));
        if links.said == Said::Away {
            debug!(?link, reason, "still not");
        } else {
            links.said = Said::Away;
            warn!(url = self.url, reason, "messages do not pass RabbitMQ");
        }
    }

    /// The state of all. Where several are not ready, that of the first, in the order of [`Link`].
    pub(super) fn state(&self) -> BrokerState {
        self.lock().all()
    }

    /// Why this way is not open; empty when it is.
    pub(super) fn reason(&self, link: Link) -> String {
        match self.lock().get(link) {
            BrokerState::Ready | BrokerState::Robbed | BrokerState::StandingBy => String::new(),
            BrokerState::NotReady(reason) => reason.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Links> {
        // Whoever panicked here had only copied a state, so what it left is whole.
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Links {
    fn get(&self, link: Link) -> &BrokerState {
        match link {
            Link::Publishing => &self.publishing,
            Link::Intake => &self.intake,
            Link::Aside => &self.aside,
        }
    }

    fn set(&mut self, link: Link, state: BrokerState) {
        match link {
            Link::Publishing => self.publishing = state,
            Link::Intake => self.intake = state,
            Link::Aside => self.aside = state,
        }
    }

    fn all(&self) -> BrokerState {
        let is_away = |state: &&BrokerState| matches!(state, BrokerState::NotReady(_));
        [&self.publishing, &self.intake, &self.aside].into_iter().find(is_away).unwrap_or(&self.intake).clone()
    }
}
