//! One target's letters on their way: in order, again and again, until they arrive or come back.

use super::{
    address::Allowed,
    document::{TargetDocument, Via},
    mqtt::Mqtt,
    webhook::Webhook,
};
use crate::limits;
use citywall_model::Revision;
use citywall_store::{Letter, Outbox, StoreError};
use jiff::Timestamp;
use parking_lot::{Condvar, Mutex};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Why a try was in vain.
pub enum Failure {
    /// It may go better later.
    Later(String),
    /// The letter itself will never be taken.
    Never(String),
}

/// One message of a letter: a line of it.
pub struct Message<'l> {
    /// The same however often it is sent.
    pub key: String,
    /// What is sent.
    pub body: &'l str,
}

/// A way to deliver messages. Blocks until one has arrived or the target's timeout is over.
pub trait Sender: Send {
    /// Delivers one message.
    ///
    /// # Errors
    /// It was not taken.
    fn send(&mut self, message: &Message<'_>) -> Result<(), Failure>;

    /// Called now and then while there is nothing to send.
    fn idle(&mut self) {}
}

/// The key of a letter: the same however often it is sent.
pub fn key(target: &str, revision: Revision) -> String {
    format!("{target}-{revision}")
}

/// The messages of a letter.
fn messages<'l>(target: &str, letter: &'l Letter) -> impl Iterator<Item = Message<'l>> {
    let key = key(target, letter.revision);
    letter.body.lines().enumerate().map(move |(at, body)| Message { key: if at == 0 { key.clone() } else { format!("{key}-{at}") }, body })
}

/// Ways of which each is tried where those before it failed.
struct Ways(Vec<Box<dyn Sender>>);

impl Sender for Ways {
    fn send(&mut self, message: &Message<'_>) -> Result<(), Failure> {
        let mut failure = Failure::Never("there is no way to send it".to_owned());
        for way in &mut self.0 {
            match (way.send(message), &failure) {
                (Ok(()), _) => return Ok(()),
                // What one way may take later is not lost because another never will.
                (Err(Failure::Never(_)), Failure::Later(_)) => {}
                (Err(reason), _) => failure = reason,
            }
        }
        Err(failure)
    }

    fn idle(&mut self) {
        self.0.iter_mut().for_each(|way| way.idle());
    }
}

/// What is counted of a target since the server started.
#[derive(Default)]
pub struct Counters {
    /// Letters that arrived.
    pub delivered: AtomicU64,
    /// Tries in vain.
    pub failed: AtomicU64,
    /// Why the last try was in vain; `None` after a success.
    pub problem: Mutex<Option<String>>,
}

/// The thread that carries a target's letters. Dropping it asks it to end and does not wait.
pub struct Carrier {
    wake: Arc<Wake>,
}

#[derive(Default)]
struct Wake {
    rung: Mutex<bool>,
    bell: Condvar,
    ends: AtomicBool,
}

impl Wake {
    fn ring(&self) {
        *self.rung.lock() = true;
        self.bell.notify_one();
    }

    /// Sleeps until it is rung or the time is over.
    fn sleep(&self, time: Duration) {
        let mut rung = self.rung.lock();
        if !*rung {
            self.bell.wait_for(&mut rung, time);
        }
        *rung = false;
    }

    /// Sleeps the whole time, unless the thread is to end.
    fn rest(&self, time: Duration) {
        let end = std::time::Instant::now() + time;
        while !self.ends() {
            let left = end.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return;
            }
            self.sleep(left);
        }
    }

    fn ends(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.wake.ends.store(true, Ordering::Relaxed);
        self.wake.ring();
    }
}

impl Carrier {
    /// Starts to carry.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn start(
        target: &str,
        document: &TargetDocument,
        allowed: Allowed,
        outbox: Arc<dyn Outbox>,
        counters: Arc<Counters>,
    ) -> std::io::Result<Self> {
        let wake = Arc::new(Wake::default());
        let round = Round {
            target: target.to_owned(),
            sender: senders(target, document, &allowed),
            document: document.clone(),
            outbox,
            counters,
            wake: wake.clone(),
        };
        std::thread::Builder::new().name("target".to_owned()).spawn(move || round.run())?;
        Ok(Self { wake })
    }

    /// Says that there are letters.
    pub fn ring(&self) {
        self.wake.ring();
    }
}

fn senders(target: &str, document: &TargetDocument, allowed: &Allowed) -> Ways {
    let timeout = Duration::from_secs_f64(document.timeout_s);
    let sender = |via: &Via| -> Box<dyn Sender> {
        match via {
            Via::Webhook { url, secret } => Box::new(Webhook::new(target, url, secret.as_deref(), timeout, allowed.clone())),
            Via::Mqtt(at) => Box::new(Mqtt::new(target, at.clone(), timeout, allowed.clone())),
        }
    };
    Ways(std::iter::once(&document.via).chain(&document.fallbacks).map(sender).collect())
}

struct Round {
    target: String,
    document: TargetDocument,
    sender: Ways,
    outbox: Arc<dyn Outbox>,
    counters: Arc<Counters>,
    wake: Arc<Wake>,
}

impl Round {
    fn run(mut self) {
        while !self.wake.ends() {
            match self.carry() {
                Ok(true) => {}
                Ok(false) => {
                    self.sender.idle();
                    self.wake.sleep(Duration::from_secs(limits::TARGET_IDLE_SECONDS));
                }
                Err(error) => {
                    tracing::error!(%error, target = self.target, "the outbox failed; its letters wait");
                    self.wake.rest(Duration::from_secs(limits::TARGET_IDLE_SECONDS));
                }
            }
        }
    }

    /// Carries the letters that wait; false if there are none.
    fn carry(&mut self) -> Result<bool, StoreError> {
        let letters = self.outbox.waiting(&self.target, limits::TARGET_LETTERS_READ_MAX)?;
        for letter in &letters {
            if self.wake.ends() {
                return Ok(true);
            }
            let sent = messages(&self.target, letter).try_for_each(|message| self.sender.send(&message));
            match sent {
                Ok(()) => {
                    self.outbox.delivered(&[letter.number])?;
                    self.counters.delivered.fetch_add(1, Ordering::Relaxed);
                    *self.counters.problem.lock() = None;
                }
                Err(failure) => {
                    self.note(letter, failure)?;
                    // The letter may have come back, or be sent again: what is next is read anew.
                    return Ok(true);
                }
            }
        }
        Ok(!letters.is_empty())
    }

    /// Notes a try in vain and waits before the next one.
    fn note(&self, letter: &Letter, failure: Failure) -> Result<(), StoreError> {
        let age_s = Timestamp::now().duration_since(letter.queued).as_secs_f64();
        let (reason, never) = match failure {
            Failure::Later(reason) => (reason, false),
            Failure::Never(reason) => (reason, true),
        };
        let dead = never || letter.tries + 1 >= self.document.tries_max || age_s >= self.document.age_max_s;
        self.outbox.failed(letter.number, &reason, dead)?;
        self.counters.failed.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(target = self.target, revision = %letter.revision, tries = letter.tries + 1, dead, reason, "a letter did not arrive");
        *self.counters.problem.lock() = Some(reason);
        if !dead {
            self.wake.rest(self.wait(letter.tries));
        }
        Ok(())
    }

    /// The wait after a number of tries before this one: doubling, and spread so that targets do
    /// not all try in the same instant.
    fn wait(&self, tries_before: u32) -> Duration {
        let doubled = self.document.retry_first_s * 2_f64.powi(i32::try_from(tries_before.min(30)).unwrap_or(30));
        Duration::from_secs_f64(doubled.min(self.document.retry_max_s) * (0.5 + fastrand::f64() / 2.0))
    }
}
