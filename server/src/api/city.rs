//! `GET /city`: what a map or a wall needs to open, in one document.

use super::json;
use crate::{
    app::App,
    http::{Answer, Ask, Problem},
};
use axum::extract::State;
use citywall_model::{Bbox, CimCategory, CollectionKind, FieldType, LocalText};
use citywall_query::{City, CollectionView};
use citywall_wire as wire;
use std::sync::Arc;

/// `GET /city`
pub async fn document(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    ask.params(&[])?;
    let document = city_document(app.city()?);
    let body = serde_json::to_vec(&document).map_err(|error| Problem::internal(&error))?;
    Ok(json("application/json", body))
}

fn city_document(city: &City) -> wire::CityDocument {
    let profile = city.profile();
    wire::CityDocument {
        name: text(&profile.name),
        time_zone: profile.time_zone.clone(),
        extent: city.extent().map(degrees),
        home: profile.home.map(|home| wire::HomeView { longitude: home.longitude, latitude: home.latitude, zoom: home.zoom }),
        notice: profile.notice.as_ref().map(text),
        area_levels: profile
            .area_levels
            .iter()
            .map(|level| wire::AreaLevel {
                collection: level.collection.to_string(),
                title: text(&level.title),
                name_field: level.name_field.clone(),
                code_field: level.code_field.clone(),
            })
            .collect(),
        revision: city.revision().0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        collections: city.collections().iter().map(collection_document).collect(),
    }
}

fn collection_document(view: &CollectionView) -> wire::CollectionDocument {
    let meta = view.meta();
    let counts = view.counts();
    wire::CollectionDocument {
        id: meta.id.to_string(),
        title: text(&meta.title),
        kind: kind(meta.kind).to_owned(),
        category: category(meta.category).to_owned(),
        generated: meta.generated,
        source: meta.source,
        geometry_type: meta.geometry_type,
        extent: meta.extent.map(degrees),
        count: counts.total,
        solids: meta.solids,
        open: view.is_live().then_some(counts.open),
        open_by_level: view.is_live().then_some(counts.open_by_level),
        revision: view.changed().0,
        fields: meta.schema.fields.iter().map(|field| (field.name.to_string(), field_type(field.kind).to_owned())).collect(),
    }
}

fn text(text: &LocalText) -> wire::LocalText {
    wire::LocalText { zh: text.zh.clone(), en: text.en.clone() }
}

fn degrees(bbox: Bbox) -> [f64; 4] {
    bbox.into()
}

/// A collection kind on the wire.
pub fn kind(kind: CollectionKind) -> &'static str {
    match kind {
        CollectionKind::Layer => "layer",
        CollectionKind::Elevation => "elevation",
        CollectionKind::Imagery => "imagery",
        CollectionKind::Features => "features",
        CollectionKind::Incidents => "incidents",
        CollectionKind::MovingObjects => "moving_objects",
        CollectionKind::Things => "things",
        CollectionKind::Datastreams => "datastreams",
        CollectionKind::Fences => "fences",
        CollectionKind::Rules => "rules",
        CollectionKind::Alarms => "alarms",
        CollectionKind::Sources => "sources",
        CollectionKind::Targets => "targets",
    }
}

/// A CIM category on the wire.
pub fn category(category: CimCategory) -> &'static str {
    match category {
        CimCategory::SpatiotemporalBase => "spatiotemporal_base",
        CimCategory::ResourceSurvey => "resource_survey",
        CimCategory::PlanningControl => "planning_control",
        CimCategory::ConstructionProjects => "construction_projects",
        CimCategory::PublicThemes => "public_themes",
        CimCategory::IotSensing => "iot_sensing",
    }
}

/// A field's type on the wire.
pub fn field_type(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Boolean => "boolean",
        FieldType::Integer => "integer",
        FieldType::Number => "number",
        FieldType::Text => "text",
        FieldType::Json => "json",
    }
}
