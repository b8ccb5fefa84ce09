//! The live collections that a served city has: the server's own, and those of the configuration.

use crate::config::LiveConfig;
use anyhow::Context;
use citywall_model::{CimCategory, CollectionId, CollectionKind, LocalText};
use citywall_query::City;

/// A collection that every served city has.
pub struct System {
    /// Its id.
    pub id: &'static str,
    /// What its items are.
    pub kind: CollectionKind,
    zh: &'static str,
    en: &'static str,
}

/// The collections that every served city has.
pub fn system_collections() -> [System; 7] {
    let system = |id, kind, zh, en| System { id, kind, zh, en };
    [
        system("events", CollectionKind::Incidents, "事件", "Events"),
        system("fences", CollectionKind::Fences, "围栏", "Fences"),
        system("rules", CollectionKind::Rules, "规则", "Rules"),
        system("alarms", CollectionKind::Alarms, "告警", "Alarms"),
        system("sources", CollectionKind::Sources, "来源", "Sources"),
        system("targets", CollectionKind::Targets, "推送目标", "Targets"),
        // A wall is a device with a place; what it is told to show are its properties.
        system("walls", CollectionKind::Things, "大屏", "Walls"),
    ]
}

/// Makes what is missing.
///
/// # Errors
/// Something else has one of the ids, or the store cannot be written.
pub fn ensure(city: &City, configured: &[LiveConfig]) -> anyhow::Result<()> {
    // A configured one comes first: its title counts for more.
    for live in configured {
        make(city, &live.id, live.kind.into(), &(&live.title).into(), live.category.into(), live.generated)?;
    }
    for System { id, kind, zh, en } in system_collections() {
        make(city, &CollectionId::new(id)?, kind, &LocalText::new(zh, en), CimCategory::IotSensing, false)?;
    }
    Ok(())
}

/// Makes a live collection, if there is none of that id.
///
/// # Errors
/// Something else has the id, or the store cannot be written.
pub fn make(
    city: &City,
    id: &CollectionId,
    kind: CollectionKind,
    title: &LocalText,
    category: CimCategory,
    generated: bool,
) -> anyhow::Result<()> {
    match city.view(id).map(|view| view.meta().kind) {
        Ok(found) if found == kind => Ok(()),
        Ok(found) => anyhow::bail!("the collection “{id}” holds {found:?}, where {kind:?} are needed: give one of the two another id"),
        Err(_) => city.create_live(id, kind, title, category, generated).with_context(|| format!("the collection “{id}” cannot be made")),
    }
}
