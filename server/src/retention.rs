//! Retention: what a collection's `retention_days` have passed over is exported, if a folder is
//! configured, and then removed from the history. Incidents and alarms that have been cleared for
//! so long are exported too, and removed altogether; the present state of any other item stays.
//!
//! A clock that jumps forward must not cost history: what ages out is counted from the latest
//! state of the collection, or from now if that is earlier; and after a jump nothing is removed
//! for a day.

use crate::{app::App, geojson::write, limits};
use anyhow::Context;
use citywall_model::{Change, CollectionId, CollectionKind, EventDraft, FeatureRef, LiveItem};
use citywall_query::City;
use citywall_store::{ExpireQuery, StoreError};
use jiff::{SignedDuration, Timestamp};
use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// Who removes what has been cleared for long.
const ACTOR: &str = "retention";

/// Looks now and then for what has aged out, until the server stops.
pub fn start(app: &Arc<App>, city: &Arc<City>) {
    let kept: Vec<(CollectionId, u32)> = app.config.live.iter().filter_map(|live| Some((live.id.clone(), live.retention_days?))).collect();
    if kept.is_empty() {
        return;
    }
    let (app, city) = (app.clone(), city.clone());
    tokio::spawn(async move {
        let mut closing = app.closing.subscribe();
        let mut clock = Watch::new();
        loop {
            if clock.is_steady() {
                for (id, days) in &kept {
                    if let Err(error) = expire(&app, &city, id, *days).await {
                        tracing::error!(collection = %id, error = format!("{error:#}"), "what has aged out was not removed");
                    }
                }
            }
            let wait = Duration::from_secs(limits::RETENTION_SECONDS);
            if tokio::time::timeout(wait, closing.wait_for(|closing| *closing)).await.is_ok() {
                return;
            }
        }
    });
}

/// The system's clock beside the process' own.
struct Watch {
    time: Timestamp,
    at: Instant,
    held_until: Option<Instant>,
}

impl Watch {
    fn new() -> Self {
        Self { time: Timestamp::now(), at: Instant::now(), held_until: None }
    }

    /// False for a day after the system's clock has jumped.
    fn is_steady(&mut self) -> bool {
        self.notes(Timestamp::now(), Instant::now())
    }

    fn notes(&mut self, time: Timestamp, at: Instant) -> bool {
        let passed = SignedDuration::try_from(at.duration_since(self.at)).unwrap_or(SignedDuration::MAX);
        let drift = time.duration_since(self.time).saturating_sub(passed).abs();
        (self.time, self.at) = (time, at);
        if drift > SignedDuration::from_secs(limits::CLOCK_JUMP_SECONDS) {
            tracing::warn!(drift_s = drift.as_secs(), "the clock has jumped: nothing is removed from the history for a day");
            self.held_until = Some(at + Duration::from_secs(limits::CLOCK_HOLD_SECONDS));
        }
        self.held_until.is_none_or(|until| at >= until)
    }
}

/// Removes what has aged out of one collection, a bounded step at a time.
async fn expire(app: &Arc<App>, city: &Arc<City>, id: &CollectionId, days: u32) -> anyhow::Result<()> {
    let latest = city.view(id)?.latest().unwrap_or(Timestamp::MIN).min(Timestamp::now());
    let Ok(before) = latest.checked_sub(SignedDuration::from_hours(24 * i64::from(days))) else { return Ok(()) };
    remove_cleared(app, city, id, before).await?;
    let mut after_fid = 0;
    let mut removed = 0;
    loop {
        let query = ExpireQuery {
            collection: id.clone(),
            before,
            after_fid,
            items_max: limits::RETENTION_ITEMS_MAX,
            changes_max: limits::RETENTION_CHANGES_MAX,
        };
        let (its, folder) = (city.clone(), app.config.history_export.clone());
        let step = tokio::task::spawn_blocking(move || {
            its.expire(&query, &mut |changes| folder.as_deref().map_or(Ok(()), |folder| export(folder, changes)))
        });
        let step = step.await.context("the step failed")??;
        if step.changes > 0 {
            removed += step.changes;
            app.metrics.history_expired.fetch_add(step.changes as u64, Ordering::Relaxed);
        }
        match step.next {
            Some(next) if !*app.closing.borrow() => after_fid = next,
            _ => break,
        }
        // Events come first.
        tokio::time::sleep(Duration::from_millis(limits::RETENTION_PAUSE_MS)).await;
    }
    if removed > 0 {
        tracing::info!(collection = %id, removed, %before, "what has aged out was removed from the history");
    }
    Ok(())
}

/// Has incidents and alarms removed that have been cleared since an instant or longer, a bounded
/// step at a time. Their removal is a change like any other, at the time at which they were
/// cleared; it ages out with them.
async fn remove_cleared(app: &Arc<App>, city: &Arc<City>, id: &CollectionId, before: Timestamp) -> anyhow::Result<()> {
    if !matches!(city.view(id)?.kind(), CollectionKind::Incidents | CollectionKind::Alarms) {
        return Ok(());
    }
    let mut after_fid = 0;
    loop {
        let items = city.cleared_by(id, before, after_fid, limits::RETENTION_ITEMS_MAX)?;
        let Some(last) = items.last() else { return Ok(()) };
        after_fid = last.fid();
        let removal = |item: &LiveItem| EventDraft {
            id: item.id().to_owned(),
            source: None,
            time: Some(item.since()),
            geometry: None,
            properties: [("status".to_owned(), "removed".into())].into_iter().collect(),
        };
        let (its, id, drafts) = (city.clone(), id.clone(), items.iter().map(removal).collect());
        let results = tokio::task::spawn_blocking(move || its.ingest(&id, drafts, ACTOR)).await.context("the step failed")??;
        for refused in results.into_iter().filter_map(Result::err) {
            tracing::warn!(%refused, "what has been cleared for long was not removed");
        }
        if *app.closing.borrow() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(limits::RETENTION_PAUSE_MS)).await;
    }
}

/// Appends changes to the export of today, one to a line, and has them flushed to the disk. After
/// a crash in between, what was exported comes once more.
fn export(folder: &Path, changes: &[Change]) -> Result<(), StoreError> {
    let Some(first) = changes.first() else { return Ok(()) };
    let path = file(folder, &first.collection);
    let failed = |source| StoreError::Io { path: path.clone(), source };
    let mut lines = Vec::with_capacity(changes.len() * 512);
    for change in changes {
        lines.extend_from_slice(
            format!(
                "{{\"collection\":\"{}\",\"revision\":{},\"late\":{},\"actor\":",
                change.collection,
                change.item.revision(),
                change.late
            )
            .as_bytes(),
        );
        write::string(&mut lines, &change.actor);
        lines.extend_from_slice(b",\"feature\":");
        write::feature(&mut lines, FeatureRef::Live(&change.item));
        lines.extend_from_slice(b"}\n");
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
    file.write_all(&lines).and_then(|()| file.sync_data()).map_err(failed)
}

fn file(folder: &Path, collection: &CollectionId) -> PathBuf {
    folder.join(format!("{collection}-{}.ndjson", Timestamp::now().strftime("%F")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_jump_of_the_clock_nothing_is_removed_for_a_day() {
        let (time, at) = (Timestamp::now(), Instant::now());
        let mut watch = Watch { time, at, held_until: None };
        let after = |seconds: i64| (time + SignedDuration::from_secs(seconds), at + Duration::from_secs(seconds.unsigned_abs()));
        let (later, at_later) = after(3600);
        assert!(watch.notes(later, at_later));
        // A year within an hour.
        let jump = SignedDuration::from_hours(24 * 365);
        let (later, at_later) = after(7200);
        assert!(!watch.notes(later + jump, at_later));
        let (later, at_later) = after(7200 + 86_000);
        assert!(!watch.notes(later + jump, at_later));
        let (later, at_later) = after(7200 + 86_401);
        assert!(watch.notes(later + jump, at_later));
        // And back.
        let (later, at_later) = after(7200 + 90_000);
        assert!(!watch.notes(later, at_later));
    }
}
