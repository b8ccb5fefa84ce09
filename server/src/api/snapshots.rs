//! `/demo/snapshots/{camera}`: pictures for the cameras of the demo city. They are drawn, and say so.

use super::definition::{Operation, get};
use crate::{
    app::App,
    http::{Answer, Ask, PathOf, Problem},
};
use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::IntoResponse,
};
use citywall_demo::{SNAPSHOT_SIZE, snapshot};
use citywall_model::CollectionId;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The layer of the demo's cameras.
const CAMERAS: &str = "cameras";

/// What the API definition says of it.
pub fn paths() -> Map<String, Value> {
    let picture = get(Operation {
        tag: "Data",
        id: "getDemoSnapshot",
        summary: "A generated picture for a camera of the demo city",
        description: "The attribute snapshot of the demo's cameras has this address. The picture is drawn from the camera's code, has the date and the time, and says that it is generated; only a camera of a generated layer has one. Cameras of a real city have an address of this server of their own in snapshot, such as one that a proxy before it maps to the video platform.",
        parameters: &["itemId"],
        ok: json!({"200": {"description": "The picture", "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}}),
        problems: &["404"],
    });
    [("/demo/snapshots/{itemId}".to_owned(), picture)].into_iter().collect()
}

/// `GET /demo/snapshots/{camera}`
pub async fn picture(State(app): State<Arc<App>>, ask: Ask, PathOf(camera): PathOf<String>) -> Answer {
    ask.params(&[])?;
    let missing = || Problem::missing(format!("there is no generated camera “{}”", camera.chars().take(100).collect::<String>()));
    let city = app.city()?;
    let cameras = CollectionId::new(CAMERAS).ok().and_then(|id| city.view(&id).ok()).filter(|view| view.meta().generated);
    // Only a camera that is generated itself has a generated picture.
    cameras.and_then(|view| view.item(&camera, |_| ())).ok_or_else(missing)?;
    let zone = TimeZone::get(&city.profile().time_zone).unwrap_or(TimeZone::UTC);
    let time = Timestamp::now().to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let png = app.blocking(move || encode(&snapshot(&camera, &time)).map_err(|error| Problem::internal(&error))).await?;
    let headers =
        [(header::CONTENT_TYPE, HeaderValue::from_static("image/png")), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, png).into_response())
}

fn encode(pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SNAPSHOT_SIZE.0 as u32, SNAPSHOT_SIZE.1 as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(bytes)
}
