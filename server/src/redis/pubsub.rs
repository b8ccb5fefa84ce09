//! Channels and who listens to them.

use super::{codec::Reply, filter::matches};
use crate::limits;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// One message on its way to a subscriber.
#[derive(Clone, Debug)]
pub struct Message {
    /// The pattern that fitted the channel, if the subscriber asked by one.
    pub pattern: Option<Arc<str>>,
    /// The channel.
    pub channel: Arc<str>,
    /// What was said.
    pub text: Arc<str>,
}

impl Message {
    /// As a reply: what a subscriber, or with `live` what a live fence, is told.
    pub fn reply(&self, live: bool) -> Reply {
        let text = Reply::bulk(&*self.text);
        match &self.pattern {
            _ if live => text,
            None => Reply::Push(vec![Reply::bulk("message"), Reply::bulk(&*self.channel), text]),
            Some(pattern) => Reply::Push(vec![Reply::bulk("pmessage"), Reply::bulk(&**pattern), Reply::bulk(&*self.channel), text]),
        }
    }
}

/// A subscriber's end of its queue.
#[derive(Clone, Debug)]
pub struct Listener {
    id: u64,
    queue: Sender<Message>,
}

#[derive(Default)]
struct Lists {
    channels: FxHashMap<Arc<str>, Vec<Listener>>,
    patterns: Vec<(Arc<str>, Listener)>,
}

/// Who listens to which channel.
#[derive(Default)]
pub struct Pubsub {
    lists: Mutex<Lists>,
    /// The number of subscriptions.
    count: AtomicUsize,
    next: AtomicU64,
}

impl Pubsub {
    /// A new subscriber: its name here, and where its messages come.
    pub fn listener(&self) -> (Listener, Receiver<Message>) {
        let (queue, messages) = channel(limits::REDIS_MESSAGES_MAX);
        (Listener { id: self.next.fetch_add(1, Ordering::Relaxed), queue }, messages)
    }

    /// A number that was not given before.
    pub fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Has a subscriber hear a channel, or every channel that a pattern fits.
    pub fn subscribe(&self, listener: &Listener, name: &str, is_pattern: bool) {
        self.unsubscribe(listener, name, is_pattern);
        let mut lists = self.lists.lock();
        if is_pattern {
            lists.patterns.push((name.into(), listener.clone()));
        } else {
            lists.channels.entry(name.into()).or_default().push(listener.clone());
        }
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a subscription back.
    pub fn unsubscribe(&self, listener: &Listener, name: &str, is_pattern: bool) {
        self.retain(
            |kept, pattern, channel| kept.id != listener.id || pattern != is_pattern || channel != name,
            (!is_pattern).then_some(name),
        );
    }

    /// Takes all subscriptions of a subscriber back.
    pub fn leave(&self, listener: &Listener) {
        self.retain(|kept, _, _| kept.id != listener.id, None);
    }

    /// Keeps subscriptions, of all or of one channel.
    fn retain(&self, keep: impl Fn(&Listener, bool, &str) -> bool, only: Option<&str>) {
        let mut lists = self.lists.lock();
        if let Some(name) = only {
            if let Some(list) = lists.channels.get_mut(name) {
                list.retain(|listener| keep(listener, false, name));
                if list.is_empty() {
                    lists.channels.remove(name);
                }
            }
        } else {
            lists.channels.retain(|name, list| {
                list.retain(|listener| keep(listener, false, name));
                !list.is_empty()
            });
            lists.patterns.retain(|(pattern, listener)| keep(listener, true, pattern));
        }
        let count = lists.channels.values().map(Vec::len).sum::<usize>() + lists.patterns.len();
        self.count.store(count, Ordering::Relaxed);
    }

    /// True if a message on the channel would reach someone. O(patterns).
    pub fn has(&self, channel: &str) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let lists = self.lists.lock();
        lists.channels.contains_key(channel) || lists.patterns.iter().any(|(pattern, _)| matches(pattern, channel))
    }

    /// Tells everyone who listens, and counts them. Whoever has not read the last
    /// [`limits::REDIS_MESSAGES_MAX`] messages is cut off.
    pub fn publish(&self, channel: &str, text: &str) -> usize {
        let (name, text): (Arc<str>, Arc<str>) = (channel.into(), text.into());
        let (mut told, mut slow) = (0, Vec::new());
        let mut tell = |listener: &Listener, pattern: Option<Arc<str>>| match listener.queue.try_send(Message {
            pattern,
            channel: name.clone(),
            text: text.clone(),
        }) {
            Ok(()) => told += 1,
            Err(_) => slow.push(listener.clone()),
        };
        {
            let lists = self.lists.lock();
            lists.channels.get(channel).into_iter().flatten().for_each(|listener| tell(listener, None));
            for (pattern, listener) in lists.patterns.iter().filter(|(pattern, _)| matches(pattern, channel)) {
                tell(listener, Some(pattern.clone()));
            }
        }
        // Without a sender left, its connection ends.
        slow.iter().for_each(|listener| self.leave(listener));
        told
    }
}
