//! The demo city's generated events and vehicles, with fences and rules over them, taken in as any
//! source's are; and the hand that closes its generated alarms.

use super::{Delivery, Record, Refusal, Source, Taken};
use anyhow::Context;
use axum::body::Bytes;
use citywall_demo::{DEFAULT_SEED, FEED_SOURCE, Feed, Fleet, demo_fences, demo_rules};
use citywall_model::{CimCategory, CollectionId, CollectionKind, EventDraft, LocalText, Properties, limits};
use citywall_query::City;
use jiff::{SignedDuration, Timestamp};
use std::{collections::VecDeque, ops::ControlFlow, sync::Arc, time::Duration};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The name under which the journal knows the feed.
const ACTOR: &str = "demo-feed";
/// How often the feed is asked what has happened.
const PERIOD: Duration = Duration::from_secs(1);

/// A generated alarm is acknowledged, handled and closed after so many seconds.
const ALARM_STEPS_SECONDS: [(&str, i64); 3] = [("acknowledged", 45), ("handled", 420), ("closed", 1_200)];

/// The feed as a source.
pub struct DemoFeed {
    city: Arc<City>,
    feed: Feed,
    fleet: Fleet,
    events: CollectionId,
    vehicles: CollectionId,
    alarms: CollectionId,
    period: Interval,
    /// What is still to be sent.
    waiting: VecDeque<(CollectionId, Vec<EventDraft>)>,
}

impl DemoFeed {
    /// The feed of a demo city, which it must know.
    ///
    /// # Errors
    /// It is no demo city, or its collection of vehicles cannot be made.
    pub fn new(city: Arc<City>) -> anyhow::Result<Self> {
        let id = |name: &str| CollectionId::new(name);
        let (events, vehicles, alarms) = (id("events")?, id("vehicles")?, id("alarms")?);
        let (fences, rules) = (id("fences")?, id("rules")?);
        let layer = |name: &str| anyhow::Ok(city.store().load_layer(&CollectionId::new(name)?)?);
        let feed = Feed::new(DEFAULT_SEED, &layer("grids")?, &layer("streets")?).context("--demo-feed needs the demo city")?;
        let fleet = Fleet::new(DEFAULT_SEED, &layer("roads")?).context("--demo-feed needs the demo city")?;
        let title = LocalText::new("重点车辆（生成）", "Key vehicles (generated)");
        super::make(&city, &vehicles, CollectionKind::MovingObjects, &title, CimCategory::IotSensing, true)?;
        let mut period = interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let now = Timestamp::now();
        // Fences first, since rules name them.
        let waiting = VecDeque::from([
            (fences.clone(), missing(&city, &fences, demo_fences(now)?)),
            (rules.clone(), missing(&city, &rules, demo_rules(now))),
            (events.clone(), left_over(&city, &events)),
        ]);
        Ok(Self { city, feed, fleet, events, vehicles, alarms, period, waiting })
    }

    /// Asks for what has happened.
    fn gather(&mut self, now: Timestamp) -> Result<(), citywall_demo::DemoError> {
        let drafts = [
            (self.events.clone(), self.feed.events(now)?),
            (self.vehicles.clone(), self.fleet.positions(now)?),
            (self.alarms.clone(), self.steps(now)),
        ];
        self.waiting.extend(drafts);
        Ok(())
    }

    /// What the demo's operators do with alarms of generated rules, so that they do not pile up.
    fn steps(&self, now: Timestamp) -> Vec<EventDraft> {
        let open = self.city.view(&self.alarms).map(|view| view.open_items()).unwrap_or_default();
        let generated = open.into_iter().filter(|alarm| alarm.property("generated") == true);
        let step = |alarm: citywall_model::LiveItem| {
            let is = alarm.property("status");
            let at = ALARM_STEPS_SECONDS.iter().position(|(step, _)| is == *step).map_or(0, |at| at + 1);
            let (next, seconds) = ALARM_STEPS_SECONDS.get(at)?;
            let is_due = alarm.time() + SignedDuration::from_secs(*seconds) <= now;
            let mut properties = Properties::new();
            properties.insert("status".to_owned(), (*next).into());
            is_due.then(|| EventDraft { id: alarm.id().to_owned(), source: None, time: None, geometry: None, properties })
        };
        generated.filter_map(step).collect()
    }
}

/// Those that were never there: what people changed, switched off or removed stays so.
fn missing(city: &City, collection: &CollectionId, made: Vec<EventDraft>) -> Vec<EventDraft> {
    let Ok(view) = city.view(collection) else { return made };
    made.into_iter().filter(|draft| view.fid_ever(&draft.id).is_none()).collect()
}

/// What an earlier run of the feed left open, it can clear no more.
fn left_over(city: &City, events: &CollectionId) -> Vec<EventDraft> {
    let open = city.view(events).map(|view| view.open_items()).unwrap_or_default();
    let own = open.into_iter().filter(|item| item.source() == FEED_SOURCE);
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
        let (collection, batch) = loop {
            match self.waiting.pop_front() {
                Some((_, drafts)) if drafts.is_empty() => {}
                Some((collection, mut drafts)) => {
                    let rest = drafts.split_off(drafts.len().min(limits::INGEST_BATCH_RECORDS_MAX));
                    self.waiting.push_front((collection.clone(), rest));
                    break (collection, drafts);
                }
                None => {
                    self.period.tick().await;
                    if let Err(error) = self.gather(Timestamp::now()) {
                        tracing::error!(%error, "the demo feed ended");
                        return None;
                    }
                }
            }
        };
        Some(delivery(collection, batch))
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
            Err(error) => tracing::warn!(%error, "records of the demo feed were not taken"),
        }
        ControlFlow::Continue(())
    }
}
