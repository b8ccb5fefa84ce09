//! What goes on beside the taking of records, once a second: the register of sources is written,
//! the silent are marked, refused records are kept. None of it is in the way of an answer.

use super::{DemoFeed, drive, heartbeat, heartbeat::Heartbeats, registry::REGISTRAR};
use crate::{app::App, config::SourceConfig};
use anyhow::Context;
use citywall_model::{CollectionId, EventDraft};
use citywall_query::City;
use std::{sync::Arc, time::Duration};

const PERIOD: Duration = Duration::from_secs(1);

/// Starts the upkeep and the sources that the server fetches from by itself. Everything ends
/// with the server.
///
/// # Errors
/// `--demo-feed` is given for another city, or a broker's configuration makes no sense here.
pub async fn start(app: &Arc<App>, city: &Arc<City>, demo_feed: bool) -> anyhow::Result<()> {
    if demo_feed {
        let its = city.clone();
        let mut feed = tokio::task::spawn_blocking(move || DemoFeed::new(its)).await.context("the demo feed did not start")??;
        let (app, city) = (app.clone(), city.clone());
        tokio::spawn(async move { drive(&app.intake, &city, &mut feed).await });
    }
    let sources = CollectionId::new("sources")?;
    let heartbeats = Heartbeats::start(city, &app.config.live);
    let expected: Vec<SourceConfig> = app.config.sources.iter().cloned().chain(app.config.mqtt.iter().map(SourceConfig::from)).collect();
    let configured = app.intake.registry.start(city, &sources, &expected);
    write(city, &sources, configured, REGISTRAR);
    for mqtt in &app.config.mqtt {
        super::mqtt::start(app, city, &sources, mqtt)?;
    }
    let (app, city) = (app.clone(), city.clone());
    tokio::spawn(async move {
        let mut closing = app.closing.subscribe();
        loop {
            let is_last = tokio::time::timeout(PERIOD, closing.wait_for(|closing| *closing)).await.is_ok();
            keep(&app, &city, &sources, &heartbeats).await;
            if is_last {
                return;
            }
        }
    });
    Ok(())
}

/// Writes what is due.
async fn keep(app: &Arc<App>, city: &Arc<City>, sources: &CollectionId, heartbeats: &Heartbeats) {
    write(city, sources, app.intake.registry.due(city, sources), REGISTRAR);
    let (review, store) = (app.intake.review.clone(), city.store().clone());
    let _ = tokio::task::spawn_blocking(move || review.write(&*store)).await;
    for (collection, drafts) in heartbeats.due(city) {
        write(city, &collection, drafts, heartbeat::ACTOR);
    }
}

/// Writes the server's own words to a collection. Nobody waits for them; what does not get
/// through now is due again with the next change.
pub fn write(city: &City, collection: &CollectionId, drafts: Vec<EventDraft>, actor: &'static str) {
    if drafts.is_empty() {
        return;
    }
    let reply = move |outcome: citywall_query::Outcome| match outcome {
        Ok(results) => {
            for refused in results.into_iter().filter_map(Result::err) {
                tracing::warn!(%refused, actor, "an item was not written");
            }
        }
        Err(error) => tracing::warn!(%error, actor, "items were not written"),
    };
    if let Err(error) = city.submit(collection, drafts, actor, reply) {
        tracing::warn!(%error, actor, "items were not written");
    }
}
