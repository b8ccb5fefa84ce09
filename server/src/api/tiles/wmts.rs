//! WMTS 1.0.0 (OGC 07-057r7) over the same tiles, as KVP (clause 8) and REST (clause 10).
//!
//! A layer is a collection; its one style is `default`; vector tiles are their format, elevation
//! is PNG, imagery PNG or WebP. Errors are OWS ExceptionReports, as WMTS clients expect.

use super::{answer, metadata::media_types, raster, tile_id};
use crate::{
    app::App,
    http::{Answer, Ask, Links, PathOf, Problem, problem::collection_id},
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use citywall_model::Bbox;
use citywall_tiles::MatrixSet;
use std::{collections::HashMap, fmt::Write, sync::Arc};

/// `GET /wmts?SERVICE=WMTS&REQUEST=…`; the names of parameters are of any case.
pub async fn kvp(State(app): State<Arc<App>>, ask: Ask) -> Response {
    let query = ask.uri.query().unwrap_or_default();
    let params: HashMap<String, String> =
        form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.to_ascii_uppercase(), value.into_owned())).collect();
    let text = |name: &'static str| params.get(name).map(String::as_str);
    if let Some(service) = text("SERVICE").filter(|service| !service.eq_ignore_ascii_case("WMTS")) {
        return exception(StatusCode::BAD_REQUEST, "InvalidParameterValue", "service", &format!("“{service}” is not WMTS"));
    }
    match text("REQUEST") {
        Some("GetCapabilities") => capabilities(&app, &ask.links),
        Some("GetTile") => {
            for name in ["LAYER", "TILEMATRIXSET", "TILEMATRIX", "TILEROW", "TILECOL"] {
                if text(name).is_none() {
                    return exception(StatusCode::BAD_REQUEST, "MissingParameterValue", &name.to_lowercase(), "is missing");
                }
            }
            let part = |name: &'static str| text(name).unwrap_or_default().to_owned();
            let address = [part("LAYER"), part("TILEMATRIXSET"), part("TILEMATRIX"), part("TILEROW"), part("TILECOL")];
            let bare = Ask { uri: axum::http::Uri::from_static("/"), ..ask };
            tile(&app, &bare, address, text("FORMAT")).await.unwrap_or_else(|problem| report(&problem))
        }
        Some(other) => exception(StatusCode::NOT_IMPLEMENTED, "OperationNotSupported", other, "known are GetCapabilities and GetTile"),
        None => exception(StatusCode::BAD_REQUEST, "MissingParameterValue", "request", "is missing; known are GetCapabilities and GetTile"),
    }
}

/// `GET /wmts/1.0.0/WMTSCapabilities.xml`
pub async fn rest_capabilities(State(app): State<Arc<App>>, ask: Ask) -> Response {
    capabilities(&app, &ask.links)
}

/// `GET /wmts/1.0.0/{layer}/default/{matrix}/{z}/{row}/{col}`, the column with the format's ending.
pub async fn rest_tile(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf((layer, matrix, z, row, col)): PathOf<(String, String, String, String, String)>,
) -> Response {
    let (col, ending) = col.split_once('.').map_or((col.as_str(), None), |(col, ending)| (col, Some(ending)));
    tile(&app, &ask, [layer, matrix, z, row, col.to_owned()], ending).await.unwrap_or_else(|problem| report(&problem))
}

async fn tile(app: &Arc<App>, ask: &Ask, [layer, matrix, z, row, col]: [String; 5], form: Option<&str>) -> Answer {
    let view = app.city()?.view(&collection_id(&layer)?)?;
    let tile = tile_id(&matrix, &z, &row, &col)?;
    if view.is_raster() { raster::coverage(app, ask, view, tile, form).await } else { answer(app, ask, vec![view], tile, None).await }
}

fn report(problem: &Problem) -> Response {
    exception(problem.status(), "InvalidParameterValue", "", &problem.to_string())
}

fn exception(status: StatusCode, code: &str, locator: &str, text: &str) -> Response {
    let xml = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ExceptionReport xmlns="http://www.opengis.net/ows/1.1" version="1.1.0" xml:lang="en"><Exception exceptionCode="{code}" locator="{}"><ExceptionText>{}</ExceptionText></Exception></ExceptionReport>
"#,
        escape(locator),
        escape(text)
    );
    answer_xml(status, xml)
}

fn answer_xml(status: StatusCode, xml: String) -> Response {
    let mut response = Response::new(Body::from(xml));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn capabilities(app: &App, links: &Links) -> Response {
    let city = match app.city() {
        Ok(city) => city,
        Err(problem) => return report(&problem),
    };
    let mut layers = String::new();
    for view in city.collections() {
        let meta = view.meta();
        let formats = media_types(std::slice::from_ref(&view));
        let Bbox { x_min, y_min, x_max, y_max } = meta.extent.unwrap_or(Bbox::WORLD);
        let resource = |format: &&str| {
            let ending = format.strip_prefix("image/").unwrap_or("mvt");
            let path = format!("/wmts/1.0.0/{}/default/{{TileMatrixSet}}/{{TileMatrix}}/{{TileRow}}/{{TileCol}}.{ending}", meta.id);
            format!(r#"<ResourceURL format="{format}" resourceType="tile" template="{}"/>"#, escape(&links.to(&path)))
        };
        // Writing into a text does not fail.
        let _ = write!(
            layers,
            r#"<Layer><ows:Title>{}</ows:Title><ows:Abstract>{}</ows:Abstract><ows:WGS84BoundingBox><ows:LowerCorner>{x_min} {y_min}</ows:LowerCorner><ows:UpperCorner>{x_max} {y_max}</ows:UpperCorner></ows:WGS84BoundingBox><ows:Identifier>{}</ows:Identifier><Style isDefault="true"><ows:Identifier>default</ows:Identifier></Style>{}{}{}</Layer>"#,
            escape(&meta.title.en),
            escape(&meta.source),
            meta.id,
            formats.iter().map(|format| format!("<Format>{format}</Format>")).collect::<String>(),
            MatrixSet::ALL.map(|set| format!("<TileMatrixSetLink><TileMatrixSet>{set}</TileMatrixSet></TileMatrixSetLink>")).concat(),
            formats.iter().map(resource).collect::<String>(),
        );
    }
    let profile = city.profile();
    let kvp = escape(&links.to("/wmts?"));
    let operation = |name: &str| {
        format!(
            r#"<ows:Operation name="{name}"><ows:DCP><ows:HTTP><ows:Get xlink:href="{kvp}"><ows:Constraint name="GetEncoding"><ows:AllowedValues><ows:Value>KVP</ows:Value></ows:AllowedValues></ows:Constraint></ows:Get></ows:HTTP></ows:DCP></ows:Operation>"#
        )
    };
    let xml = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.0.0"><ows:ServiceIdentification><ows:Title>{} · Citywall</ows:Title><ows:ServiceType>OGC WMTS</ows:ServiceType><ows:ServiceTypeVersion>1.0.0</ows:ServiceTypeVersion></ows:ServiceIdentification><ows:OperationsMetadata>{}{}</ows:OperationsMetadata><Contents>{layers}{}</Contents><ServiceMetadataURL xlink:href="{}"/></Capabilities>
"#,
        escape(&profile.name.en),
        operation("GetCapabilities"),
        operation("GetTile"),
        MatrixSet::ALL.map(matrix_set).concat(),
        escape(&links.to("/wmts/1.0.0/WMTSCapabilities.xml")),
    );
    answer_xml(StatusCode::OK, xml)
}

fn matrix_set(set: MatrixSet) -> String {
    // Annex E names EPSG:900913's successor for WebMercatorQuad; latitude comes first in EPSG:4490.
    let (crs, corner, known) = match set {
        MatrixSet::WebMercatorQuad => {
            ("urn:ogc:def:crs:EPSG::3857", "-20037508.3427892 20037508.3427892", "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible")
        }
        MatrixSet::TiandituW => ("urn:ogc:def:crs:EPSG::3857", "-20037508.3427892 20037508.3427892", ""),
        MatrixSet::WorldCrs84Quad => ("urn:ogc:def:crs:OGC:1.3:CRS84", "-180 90", "urn:ogc:def:wkss:OGC:1.0:GoogleCRS84Quad"),
        MatrixSet::TiandituC => ("urn:ogc:def:crs:EPSG::4490", "90 -180", ""),
    };
    let known = if known.is_empty() { String::new() } else { format!("<WellKnownScaleSet>{known}</WellKnownScaleSet>") };
    let (first, last) = set.levels();
    let matrices: String = (first..=last)
        .map(|level| {
            let (columns, rows) = set.size(level);
            format!(
                "<TileMatrix><ows:Identifier>{level}</ows:Identifier><ScaleDenominator>{}</ScaleDenominator><TopLeftCorner>{corner}</TopLeftCorner><TileWidth>256</TileWidth><TileHeight>256</TileHeight><MatrixWidth>{columns}</MatrixWidth><MatrixHeight>{rows}</MatrixHeight></TileMatrix>",
                set.scale_denominator(level)
            )
        })
        .collect();
    format!(
        "<TileMatrixSet><ows:Identifier>{set}</ows:Identifier><ows:SupportedCRS>{crs}</ows:SupportedCRS>{known}{matrices}</TileMatrixSet>"
    )
}
