//! The demo city's generated events, with fences and rules over them, taken in as any source's are.

use super::{Delivery, Record, Refusal, Source, Taken};
use anyhow::Context;
use axum::body::Bytes;
use citywall_demo::{DEFAULT_SEED, FEED_SOURCE, Feed, demo_fences, demo_rules};
use citywall_model::{CollectionId, EventDraft, Properties, limits};
use citywall_query::City;
use jiff::Timestamp;
use std::{collections::VecDeque, ops::ControlFlow, time::Duration};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The name under which the journal knows the feed.
const ACTOR: &str = "demo-feed";
/// How often the feed is asked what has happened.
const PERIOD: Duration = Duration::from_secs(1);

/// The feed as a source.
pub struct DemoFeed {
    feed: Feed,
    events: CollectionId,
    period: Interval,
    /// What goes ahead of the events: fences first, since rules name them.
    first: VecDeque<(CollectionId, Vec<EventDraft>)>,
    /// What is still to be sent.
    drafts: Vec<EventDraft>,
}

impl DemoFeed {
    /// The feed of a demo city, which it must know.
    ///
    /// # Errors
    /// It is no demo city.
    pub fn new(city: &City) -> anyhow::Result<Self> {
        let events = CollectionId::new("events")?;
        let layer = |name: &str| anyhow::Ok(city.store().load_layer(&CollectionId::new(name)?)?);
        let feed = Feed::new(DEFAULT_SEED, &layer("grids")?, &layer("streets")?).context("--demo-feed needs the demo city")?;
        let mut period = interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let drafts = left_over(city, &events);
        let now = Timestamp::now();
        let mut first = VecDeque::new();
        for (id, made) in [("fences", demo_fences(now)?), ("rules", demo_rules(now))] {
            let id = CollectionId::new(id)?;
            let missing = missing(city, &id, made);
            if !missing.is_empty() {
                first.push_back((id, missing));
            }
        }
        Ok(Self { feed, events, period, first, drafts })
    }
}

/// Those that are not there: what people changed or switched off stays so.
fn missing(city: &City, collection: &CollectionId, made: Vec<EventDraft>) -> Vec<EventDraft> {
    let Ok(view) = city.view(collection) else { return made };
    made.into_iter().filter(|draft| view.item(&draft.id, |_| ()).is_none()).collect()
}

/// What an earlier run of the feed left open, it can clear no more.
fn left_over(city: &City, events: &CollectionId) -> Vec<EventDraft> {
    let open = city.view(events).map(|view| view.open_items()).unwrap_or_default();
    let own = open.into_iter().filter(|item| &**item.source() == FEED_SOURCE);
    own.map(|item| {
        let mut properties = Properties::new();
        properties.insert("status".to_owned(), "cleared".into());
        EventDraft { id: item.id().to_owned(), source: Some(FEED_SOURCE.to_owned()), time: None, geometry: None, properties }
    })
    .collect()
}

fn delivery(collection: CollectionId, drafts: Vec<EventDraft>) -> Delivery {
    let records = drafts.into_iter().map(|draft| Record { text: Bytes::from(draft.id.clone()), draft: Ok(draft) }).collect();
    Delivery { collection, actor: ACTOR.into(), records }
}

impl Source for DemoFeed {
    async fn next(&mut self) -> Option<Delivery> {
        if let Some((collection, drafts)) = self.first.pop_front() {
            return Some(delivery(collection, drafts));
        }
        while self.drafts.is_empty() {
            self.period.tick().await;
            match self.feed.events(Timestamp::now()) {
                Ok(drafts) => self.drafts = drafts,
                Err(error) => {
                    tracing::error!(%error, "the demo feed ended");
                    return None;
                }
            }
        }
        let rest = self.drafts.split_off(self.drafts.len().min(limits::INGEST_BATCH_RECORDS_MAX));
        let batch = std::mem::replace(&mut self.drafts, rest);
        Some(delivery(self.events.clone(), batch))
    }

    async fn settle(&mut self, taken: Taken) -> ControlFlow<()> {
        match taken {
            Ok(results) => {
                for refused in results.into_iter().filter_map(Result::err) {
                    let refused: Refusal = refused;
                    tracing::warn!(%refused, "a record of the demo feed was refused");
                }
            }
            // A demo does not stop because the disk is full for a while.
            Err(error) => tracing::warn!(%error, "events of the demo feed were not taken"),
        }
        ControlFlow::Continue(())
    }
}
