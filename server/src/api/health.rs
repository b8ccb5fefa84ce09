//! `/healthz`, `/readyz`, `/metrics`: for those who run the server.

use super::{json, value};
use crate::{app::App, http::Answer, metrics::resident_bytes, targets::Standing};
use axum::extract::State;
use serde_json::json as object;
use std::sync::{Arc, atomic::Ordering};

/// `GET /healthz`: the process lives.
pub async fn healthz() -> Answer {
    Ok(value(&object!({"status": "ok"})))
}

/// `GET /readyz`: the city is loaded.
pub async fn readyz(State(app): State<Arc<App>>) -> Answer {
    let city = app.city()?;
    Ok(value(&object!({"status": "ready", "revision": city.revision(), "version": env!("CARGO_PKG_VERSION")})))
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(State(app): State<Arc<App>>) -> Answer {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let number = |n: u64| n as f64;
    let mut gauges = vec![
        ("citywall_ready", "1 once the city is loaded.", if app.city().is_ok() { 1.0 } else { 0.0 }),
        ("citywall_uptime_seconds", "Since the process started.", app.started.elapsed().as_secs_f64()),
        ("citywall_tile_cache_bytes", "Compressed tiles in memory.", number(app.tiles().map_or(0, |tiles| tiles.size().1))),
        (
            "citywall_live_coalesced_changes",
            "Changes that slow readers did not get because a later one waited.",
            number(app.hub.coalesced.load(Ordering::Relaxed)),
        ),
    ];
    if let Some(bytes) = resident_bytes() {
        gauges.push(("process_resident_memory_bytes", "Resident memory.", number(bytes)));
    }
    let mut by_collection = String::new();
    if let Ok(city) = app.city() {
        gauges.push(("citywall_revision", "The last committed revision.", number(city.revision().0)));
        gauges.push(("citywall_ingest_waiting_records", "Records that wait for the writer.", number(city.ingest_waiting() as u64)));
        by_collection.push_str("# HELP citywall_items Items by collection.\n# TYPE citywall_items gauge\n");
        let counts: Vec<_> = city.collections().iter().map(|view| (view.id().clone(), view.is_live(), view.counts())).collect();
        for (id, _, counts) in &counts {
            by_collection.push_str(&format!("citywall_items{{collection=\"{id}\"}} {}\n", counts.total));
        }
        by_collection.push_str(
            "# HELP citywall_open_items Open items of live collections, by level; 0 has none.\n# TYPE citywall_open_items gauge\n",
        );
        for (id, _, counts) in counts.iter().filter(|(_, live, _)| *live) {
            for (level, count) in counts.open_by_level.iter().enumerate() {
                by_collection.push_str(&format!("citywall_open_items{{collection=\"{id}\",level=\"{level}\"}} {count}\n"));
            }
        }
    }
    let text = app.metrics.text(&gauges) + &app.intake.metrics() + &by_collection + &targets(&app);
    Ok(json("text/plain; version=0.0.4; charset=utf-8", text))
}

/// A figure's name, its kind, what it means, and its value.
type Figure<'f> = (&'f str, &'f str, &'f str, &'f dyn Fn(&Standing) -> f64);

/// How each target stands.
fn targets(app: &App) -> String {
    let Some(office) = app.post_office.get() else { return String::new() };
    let standings = office.standings();
    let age_s = |standing: &Standing| {
        standing.counts.oldest.map_or(0.0, |oldest| jiff::Timestamp::now().duration_since(oldest).as_secs_f64().max(0.0))
    };
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let figures: [Figure<'_>; 5] = [
        ("delivered_total", "counter", "Letters that arrived.", &|standing| standing.delivered as f64),
        ("failed_total", "counter", "Tries in vain.", &|standing| standing.failed as f64),
        ("waiting", "gauge", "Letters that wait.", &|standing| standing.counts.waiting as f64),
        ("dead", "gauge", "Letters that came back.", &|standing| standing.counts.dead as f64),
        ("oldest_seconds", "gauge", "Age of the oldest letter that waits.", &age_s),
    ];
    let mut out = String::new();
    for (name, kind, help, figure) in figures {
        out.push_str(&format!("# HELP citywall_target_{name} {help}\n# TYPE citywall_target_{name} {kind}\n"));
        for (target, standing) in &standings {
            let label = target.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            out.push_str(&format!("citywall_target_{name}{{target=\"{label}\"}} {}\n", figure(standing)));
        }
    }
    out
}
