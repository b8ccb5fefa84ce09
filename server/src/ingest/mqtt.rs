//! Subscriptions at MQTT brokers (OASIS MQTT 3.1.1 and 5) as sources.
//!
//! A task listens to the broker and queues what comes; the source takes what waits together and
//! acknowledges it once it is durable. The queue is bounded: while it is full, the connection is
//! not read, and messages of QoS 0, which promise nothing, are dropped and counted. A message
//! that cannot be read is kept for review and acknowledged: sent again it would be no better.

mod expression;
mod link;
pub mod mapping;

pub use expression::{Expression, Pattern};

use super::{Delivery, Record, Source, Taken, drive, registry, upkeep};
use crate::{app::App, config::MqttConfig, limits};
use citywall_model::{CollectionId, limits as engine};
use citywall_query::{City, IngestError};
use jiff::Timestamp;
use link::{Heard, Listener, Message, Sender, Token};
use serde_json::json;
use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// Shortest wait before a broker is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// Subscribes at a broker until the server stops.
///
/// # Errors
/// The credentials or certificates cannot be read, or a topic's collection is not there.
pub fn start(app: &Arc<App>, city: &Arc<City>, sources: &CollectionId, config: &MqttConfig) -> anyhow::Result<()> {
    for topic in &config.topics {
        if !city.view(&topic.collection).is_ok_and(|view| view.is_live()) {
            anyhow::bail!("mqtt “{}”: there is no live collection “{}”; add a [[live]] table", config.name, topic.collection);
        }
    }
    let (sender, listener) = link::open(config)?;
    let (queue, messages) = mpsc::channel(limits::MQTT_WAITING_MAX);
    let connection = Arc::new(AtomicU64::new(0));
    let mut source = Subscription {
        config: config.clone(),
        sender: sender.clone(),
        messages,
        connection: connection.clone(),
        groups: VecDeque::new(),
        under_way: Vec::new(),
    };
    let listening =
        Listening { app: app.clone(), city: city.clone(), sources: sources.clone(), config: config.clone(), sender, queue, connection };
    tokio::spawn(listening.run(listener));
    let (app, city) = (app.clone(), city.clone());
    tokio::spawn(async move { drive(&app.intake, &city, &mut source).await });
    Ok(())
}

/// A message with the connection that brought it, counted from 1.
type Queued = (Message, u64);

/// What listens to the broker.
struct Listening {
    app: Arc<App>,
    city: Arc<City>,
    sources: CollectionId,
    config: MqttConfig,
    sender: Sender,
    queue: mpsc::Sender<Queued>,
    connection: Arc<AtomicU64>,
}

impl Listening {
    async fn run(self, mut listener: Listener) {
        let filters: Vec<(String, u8)> = self.config.topics.iter().map(|topic| (topic.topic.filter(), topic.qos)).collect();
        let mut closing = self.app.closing.subscribe();
        let mut wait = RETRY;
        let mut is_connected = None;
        while !*closing.borrow() {
            match listener.hear().await {
                Ok(Heard::Connected) => {
                    wait = RETRY;
                    self.connection.fetch_add(1, Ordering::AcqRel);
                    // The broker may have lost the session: asking again does no harm.
                    if self.sender.subscribe(&filters).await.is_err() {
                        return;
                    }
                    tracing::info!(source = self.config.name, broker = self.config.broker, "subscribed");
                    self.tell(&mut is_connected, true);
                }
                Ok(Heard::Message(message)) => {
                    if self.take(message).await.is_err() {
                        return;
                    }
                }
                Ok(Heard::Nothing) => {}
                Err((_, true)) => {}
                Err((error, false)) => {
                    if is_connected != Some(false) {
                        tracing::warn!(
                            source = self.config.name,
                            broker = self.config.broker,
                            error = format!("{error:#}"),
                            "no connection; trying again"
                        );
                    }
                    self.tell(&mut is_connected, false);
                    // A fleet of servers does not come back all at once.
                    let jitter = wait.mul_f64(fastrand::f64() / 2.0);
                    let stops = tokio::time::timeout(wait + jitter, closing.wait_for(|closing| *closing)).await;
                    if stops.is_ok() {
                        return;
                    }
                    wait = (wait * 2).min(Duration::from_secs(limits::MQTT_RETRY_SECONDS_MAX));
                }
            }
        }
    }

    async fn take(&self, message: Message) -> Result<(), ()> {
        let is_best_effort = message.is_best_effort;
        let queued = (message, self.connection.load(Ordering::Acquire));
        if !is_best_effort {
            return self.queue.send(queued).await.map_err(drop);
        }
        match self.queue.try_send(queued) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.app.intake.counters.dropped.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(()),
        }
    }

    /// Tells in the register whether the broker is reached.
    fn tell(&self, known: &mut Option<bool>, now: bool) {
        if known.replace(now) == Some(now) {
            return;
        }
        let draft =
            registry::draft(&self.config.name, json!({"connected": now}), registry::is_known(&self.city, &self.sources, &self.config.name));
        upkeep::write(&self.city, &self.sources, vec![draft], registry::REGISTRAR);
    }
}

/// What waits for one collection.
struct Group {
    collection: CollectionId,
    records: Vec<Record>,
    tokens: Vec<(Token, u64)>,
}

/// A subscription as a source.
struct Subscription {
    config: MqttConfig,
    sender: Sender,
    messages: mpsc::Receiver<Queued>,
    connection: Arc<AtomicU64>,
    groups: VecDeque<Group>,
    under_way: Vec<(Token, u64)>,
}

impl Subscription {
    /// Reads a message into the group of its collection.
    fn add(&mut self, (message, connection): Queued) {
        let topics = self.config.topics.iter();
        let Some((topic, fields)) = topics.filter_map(|topic| Some((topic, topic.topic.read(&message.topic)?))).next() else {
            // A subscription of an earlier configuration, which the broker remembers.
            self.under_way.push((message.token, connection));
            return;
        };
        let records = mapping::records(topic, &self.config.name, &fields, &message.payload, Timestamp::now());
        let fits = |group: &&mut Group| {
            group.collection == topic.collection && group.records.len() + records.len() <= engine::INGEST_BATCH_RECORDS_MAX
        };
        let token = (message.token, connection);
        // Later messages must not overtake earlier ones of the same collection.
        match self.groups.iter_mut().rev().find(|group| group.collection == topic.collection).filter(fits) {
            Some(group) => {
                group.records.extend(records);
                group.tokens.push(token);
            }
            None => self.groups.push_back(Group { collection: topic.collection.clone(), records, tokens: vec![token] }),
        }
    }

    async fn acknowledge(&mut self) {
        for (token, connection) in std::mem::take(&mut self.under_way) {
            // A number of a connection that broke may stand for another message by now.
            if connection == self.connection.load(Ordering::Acquire) {
                self.sender.acknowledge(&token).await;
            }
        }
    }
}

impl Source for Subscription {
    async fn next(&mut self) -> Option<Delivery> {
        while self.groups.is_empty() {
            let first = self.messages.recv().await?;
            self.add(first);
            for _ in 1..limits::MQTT_WAITING_MAX {
                let Ok(message) = self.messages.try_recv() else { break };
                self.add(message);
            }
            if self.groups.is_empty() {
                self.acknowledge().await;
            }
        }
        let group = self.groups.pop_front()?;
        self.under_way.extend(group.tokens);
        Some(Delivery { collection: group.collection, actor: self.config.name.as_str().into(), records: group.records })
    }

    async fn settle(&mut self, taken: Taken) -> ControlFlow<()> {
        if let Err(IngestError::Closed) = taken {
            return ControlFlow::Break(());
        }
        self.acknowledge().await;
        ControlFlow::Continue(())
    }

    fn insists(&self) -> bool {
        true
    }
}
