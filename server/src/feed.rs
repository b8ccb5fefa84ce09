//! The demo city's generated events, posted as any client's would be.

use crate::app::App;
use anyhow::Context;
use citywall_demo::{DEFAULT_SEED, FEED_SOURCE, Feed};
use citywall_model::{CollectionId, EventDraft, Properties, limits};
use citywall_query::City;
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};

/// The name under which the journal knows the feed.
const ACTOR: &str = "demo-feed";
/// How often the feed is asked what has happened.
const PERIOD: Duration = Duration::from_secs(1);

/// Starts the feed on a thread of its own, which ends when the server stops.
///
/// # Errors
/// There is no thread for it.
pub fn start(app: &Arc<App>, city: &Arc<City>) -> anyhow::Result<()> {
    let (app, city) = (app.clone(), city.clone());
    let run = move || {
        if let Err(error) = run(&app, &city) {
            tracing::error!(error = format!("{error:#}"), "the demo feed ended");
        }
    };
    std::thread::Builder::new().name("demo-feed".to_owned()).spawn(run).context("no thread for the demo feed")?;
    Ok(())
}

fn run(app: &App, city: &City) -> anyhow::Result<()> {
    let events = CollectionId::new("events")?;
    let layer = |name: &str| anyhow::Ok(city.store().load_layer(&CollectionId::new(name)?)?);
    let mut feed = Feed::new(DEFAULT_SEED, &layer("grids")?, &layer("streets")?).context("--demo-feed needs the demo city")?;
    post(app, city, &events, left_over(city, &events))?;
    while !*app.closing.borrow() {
        post(app, city, &events, feed.events(Timestamp::now())?)?;
        std::thread::sleep(PERIOD);
    }
    Ok(())
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

fn post(app: &App, city: &City, events: &CollectionId, drafts: Vec<EventDraft>) -> anyhow::Result<()> {
    let mut drafts = drafts.into_iter().peekable();
    while drafts.peek().is_some() && !*app.closing.borrow() {
        let batch: Vec<EventDraft> = drafts.by_ref().take(limits::INGEST_BATCH_RECORDS_MAX).collect();
        match city.ingest(events, batch, ACTOR) {
            Ok(results) => {
                for refused in results.into_iter().filter_map(Result::err) {
                    tracing::warn!(%refused, "an event of the demo feed was refused");
                }
            }
            // A demo does not stop because the disk is full for a while.
            Err(error) => tracing::warn!(%error, "events of the demo feed were not taken"),
        }
    }
    Ok(())
}
