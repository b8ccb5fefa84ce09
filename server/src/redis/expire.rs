//! Objects whose time is over are removed: by a record like any other.

use super::{
    channels, hooks,
    object::EXPIRES,
    write::{now, removal},
};
use crate::{app::App, limits};
use citywall_model::{Change, CollectionId, CollectionKind, FeatureRef, LifeState, LiveItem};
use citywall_query::{City, CollectionView};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// Ids by the millisecond since 1970 at which their time is over. One whose time was set anew
/// stands here twice: what counts is what the item says.
type Due = BTreeMap<i64, BTreeSet<(CollectionId, String)>>;

/// Follows the city and removes what is due.
pub fn start(app: &Arc<App>, city: &Arc<City>) {
    let due = Arc::new(Mutex::new(Due::new()));
    let noted = due.clone();
    city.on_commit(move |commit| commit.changes.iter().filter(|change| !change.late).for_each(|change| see(&noted, change)));
    let has_due = |view: &&CollectionView| {
        view.kind() == CollectionKind::MovingObjects || [channels::collection(), hooks::collection()].contains(view.id())
    };
    for view in city.collections().iter().filter(has_due) {
        view.open_items().iter().for_each(|item| note(&due, view.id(), item));
    }
    let (city, mut closing) = (city.clone(), app.closing.subscribe());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = super::closed(&mut closing) => return,
                () = tokio::time::sleep(Duration::from_millis(limits::REDIS_EXPIRE_MS)) => {}
            }
            let over = {
                let mut due = due.lock();
                let later = due.split_off(&(millis(now()) + 1));
                std::mem::replace(&mut *due, later)
            };
            for (id, name) in over.into_values().flatten() {
                remove(&city, &id, &name);
            }
        }
    });
}

fn see(due: &Mutex<Due>, change: &Change) {
    if change.item.state() != LifeState::Removed {
        note(due, &change.collection, &change.item);
    }
}

fn note(due: &Mutex<Due>, collection: &CollectionId, item: &LiveItem) {
    if let Some(expires) = expires(item) {
        due.lock().entry(millis(expires)).or_default().insert((collection.clone(), item.id().to_owned()));
    }
}

fn expires(item: &LiveItem) -> Option<f64> {
    // Most items have none, and are not parsed for it.
    if !item.properties_json().contains(EXPIRES) {
        return None;
    }
    item.property(EXPIRES).as_f64()
}

#[expect(clippy::cast_possible_truncation, reason = "a float too large saturates")]
fn millis(seconds: f64) -> i64 {
    (seconds * 1e3) as i64
}

fn remove(city: &City, id: &CollectionId, name: &str) {
    let is_over = |item: FeatureRef<'_>| match item {
        FeatureRef::Live(item) => expires(item).is_some_and(|expires| expires <= now()),
        FeatureRef::Row(..) => false,
    };
    let Ok(view) = city.view(id) else { return };
    if view.item(name, is_over) == Some(true)
        && let Err(error) = city.submit(id, vec![removal(name)], "expire", |_| ())
    {
        tracing::warn!(collection = %id, item = name, %error, "what is due is not removed until the next start");
    }
}
