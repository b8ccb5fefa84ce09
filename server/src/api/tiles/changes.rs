//! Which tiles have changed, as server-sent events: for clients that keep tiles of their own.
//!
//! Not part of OGC API – Tiles. At most one event a second; it names the revision up to which it
//! tells, which is also its id, so that a client that comes back with `Last-Event-ID` misses nothing.

use super::{
    super::live::{check_room, event_response},
    parse_set, selected,
};
use crate::{
    app::App,
    http::{Answer, Ask, PathOf, Problem, problem::collection_id},
    limits,
};
use axum::{body::Bytes, extract::State};
use citywall_model::{Bbox, Revision};
use citywall_query::CollectionView;
use citywall_tiles::{Changed, Kept};
use futures::stream;
use serde_json::json;
use std::{
    convert::Infallible,
    ops::RangeInclusive,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// `GET /collections/{id}/tiles/{matrix}/changes`
pub async fn collection_changes(State(app): State<Arc<App>>, ask: Ask, PathOf((id, matrix)): PathOf<(String, String)>) -> Answer {
    let view = app.city()?.view(&collection_id(&id)?)?;
    answer(&app, &ask, vec![view], &matrix, &["levels", "bbox", "after"])
}

/// `GET /tiles/{matrix}/changes`: of every collection, or those of `collections`.
pub async fn dataset_changes(State(app): State<Arc<App>>, ask: Ask, PathOf(matrix): PathOf<String>) -> Answer {
    let accepted = ["collections", "levels", "bbox", "after"];
    let views = selected(&app, ask.params(&accepted)?.get("collections"))?;
    answer(&app, &ask, views, &matrix, &accepted)
}

fn answer(app: &Arc<App>, ask: &Ask, views: Vec<CollectionView>, matrix: &str, accepted: &[&str]) -> Answer {
    let params = ask.params(accepted)?;
    let set = parse_set(matrix)?;
    let levels = match params.get("levels") {
        Some(text) => levels(text, set.levels())?,
        None => set.levels().0..=set.levels().1.min(16),
    };
    let within = params.get("bbox").map(window).transpose()?;
    let last_seen = ask.headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let after = match last_seen.or(params.get("after")) {
        Some(text) => Revision(text.parse().map_err(|_| Problem::parameter("after", "must be a revision, a whole number"))?),
        None => app.city()?.revision(),
    };
    check_room(app)?;
    let collections = views.iter().map(|view| view.id().clone()).collect();
    Ok(event_response(events(app.clone(), Kept { collections, set, levels, within }, after)))
}

/// `10-14`, or one level.
fn levels(text: &str, (first, last): (u32, u32)) -> Result<RangeInclusive<u32>, Problem> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    match (from.trim().parse(), to.trim().parse()) {
        (Ok(from), Ok(to)) if first <= from && from <= to && to <= last => Ok(from..=to),
        _ => Err(Problem::parameter("levels", format!("must be FIRST-LAST within {first}-{last}, such as 10-14"))),
    }
}

fn window(text: &str) -> Result<Bbox, Problem> {
    let numbers: Vec<f64> = text.split(',').filter_map(|part| part.trim().parse().ok()).filter(|number: &f64| number.is_finite()).collect();
    match numbers[..] {
        [west, south, east, north] if west <= east && south <= north => Ok(Bbox::new(west, south, east, north)),
        _ => Err(Problem::parameter("bbox", "must be four numbers: west, south, east, north in degrees, west below east")),
    }
}

struct Line {
    app: Arc<App>,
    kept: Kept,
    told: Revision,
    said: Instant,
    second: tokio::time::Interval,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.app.metrics.subscribers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Line {
    /// What changed since the last event, or, now and then, that nothing has.
    async fn next(&mut self) -> Option<Bytes> {
        let mut closing = self.app.closing.subscribe();
        loop {
            tokio::select! {
                biased;
                _ = closing.wait_for(|closing| *closing) => return None,
                _ = self.second.tick() => {}
            }
            let is_due = self.said.elapsed() >= Duration::from_secs(limits::HEARTBEAT_SECONDS);
            let log = self.app.tiles().ok()?.log();
            // Read first: what is noted meanwhile is told again, never left out.
            let noted = log.noted();
            let changed = if noted > self.told { log.changed(&self.kept, self.told).ok()? } else { Changed::Tiles(Vec::new()) };
            let tiles = match changed {
                Changed::Tiles(tiles) if tiles.is_empty() && !is_due => {
                    self.told = self.told.max(noted);
                    continue;
                }
                Changed::Tiles(tiles) => {
                    let address = |tile: &citywall_tiles::TileId| json!([tile.level(), tile.y(), tile.x()]);
                    json!(tiles.iter().map(address).collect::<Vec<_>>())
                }
                Changed::All => json!("all"),
            };
            self.told = self.told.max(noted);
            self.said = Instant::now();
            let event = json!({"revision": self.told.0, "tileMatrixSetId": self.kept.set.id(), "tiles": tiles});
            return Some(Bytes::from(format!("id: {}\ndata: {event}\n\n", self.told)));
        }
    }
}

/// The first event comes at once: what changed after the revision that the client has.
fn events(app: Arc<App>, kept: Kept, after: Revision) -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    app.metrics.subscribers.fetch_add(1, Ordering::Relaxed);
    let mut second = interval(Duration::from_secs(limits::TILE_CHANGES_SECONDS));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let heard = Instant::now().checked_sub(Duration::from_secs(limits::HEARTBEAT_SECONDS)).unwrap_or_else(Instant::now);
    let line = Line { app, kept, told: after, said: heard, second };
    stream::unfold(line, |mut line| async move { line.next().await.map(|event| (Ok(event), line)) })
}
