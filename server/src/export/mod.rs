//! Items in forms that other programs read at a gulp: CSV, FlatGeobuf, GeoJSON in lines or as one
//! document, JSON-FG, Arrow, GeoParquet.
//!
//! An export is written as it is read: the answer holds no more of a collection than a few
//! chunks, however many items there are, and a client that stops reading stops the reading.
//! Coordinates are x, y (east, north) in every CRS, as these formats have it; in the documents they are
//! as in a page of them.

mod arrow;
mod batches;
mod columns;
mod csv;
mod document;
mod flatgeobuf;
mod lines;
mod parquet;
mod progress;
mod sink;

pub use progress::Exports;
pub use sink::Sink;

use crate::{
    api::features::crs::{self, Turn},
    app::App,
    geojson::{Writer, fg},
    http::{Answer, Params, Problem},
    limits,
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use citywall_crs::Crs;
use citywall_model::FeatureRef;
use citywall_query::{CollectionView, ItemsQuery};
use columns::Columns;
use progress::Told;
use std::{io, sync::Arc};

/// A form that is streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RFC 4180, with the geometry as WKT.
    Csv,
    /// FlatGeobuf without an index, so that it need not be known whole.
    FlatGeobuf,
    /// A Feature per line.
    Lines,
    /// Arrow IPC, the streaming format, with the geometry as WKB.
    Arrow,
    /// GeoParquet 1.1, with the geometry as WKB.
    Parquet,
    /// One FeatureCollection.
    GeoJson,
    /// One FeatureCollection with times and places.
    JsonFg,
}

impl Form {
    /// Every form that is always streamed, with its name in `f` and its media type.
    pub const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Csv, "csv", "text/csv"),
        (Self::FlatGeobuf, "fgb", "application/flatgeobuf"),
        (Self::Lines, "geojsonl", "application/x-ndjson"),
        (Self::Arrow, "arrow", "application/vnd.apache.arrow.stream"),
        (Self::Parquet, "parquet", "application/vnd.apache.parquet"),
    ];

    /// The forms that come by pages unless they are asked for as an export.
    const DOCUMENTS: [(Self, &'static str, &'static str); 2] =
        [(Self::GeoJson, "geojson", "application/geo+json"), (Self::JsonFg, "fg.json", fg::MEDIA)];

    /// The form of a whole document: JSON-FG if it is asked for, else GeoJSON.
    pub fn of_documents(params: &Params, headers: &HeaderMap) -> Self {
        if fg::is_asked(params, headers) { Self::JsonFg } else { Self::GeoJson }
    }

    /// The form that `f`, or without it the header `Accept`, asks for before all others.
    pub fn asked(params: &Params, headers: &HeaderMap) -> Option<Self> {
        match params.get("f") {
            Some(f) => Self::ALL.into_iter().find(|(_, name, _)| *name == f).map(|(form, ..)| form),
            None => {
                let accept = headers.get(header::ACCEPT)?.to_str().ok()?;
                let first = accept.split(',').next()?.split(';').next()?.trim();
                Self::ALL.into_iter().find(|(_, _, media)| *media == first).map(|(form, ..)| form)
            }
        }
    }

    /// True if the form is no text.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::FlatGeobuf | Self::Arrow | Self::Parquet)
    }

    /// How the form's files end, and its media type.
    pub fn names(self) -> (&'static str, &'static str) {
        Self::ALL.into_iter().chain(Self::DOCUMENTS).find(|(form, ..)| *form == self).map_or(("", ""), |(_, name, media)| (name, media))
    }
}

/// Writes items in one form.
trait Encoder {
    /// Appends an item.
    fn item(&mut self, item: FeatureRef<'_>) -> io::Result<()>;
    /// Ends the document.
    fn end(&mut self) -> io::Result<()>;
}

/// What is to be written.
pub struct Export {
    /// The items.
    pub view: CollectionView,
    /// Which of them, and in which order. Without `whole`, one page.
    pub query: ItemsQuery,
    /// True for all items that match.
    pub whole: bool,
    /// The properties to write; all without a list.
    pub properties: Option<Vec<String>>,
    /// The CRS to write; longitude and latitude without one.
    pub crs: Option<Crs>,
    /// True if a CSV begins with a byte order mark.
    pub has_mark: bool,
    /// The name under which the client wants to be told how far it is.
    pub name: Option<String>,
}

impl Export {
    /// Streams the items. `link` is the header of the next page, from where this one ends.
    ///
    /// # Errors
    /// Too many exports run (503), or the CRS has no transformation (400).
    pub fn answer(self, app: &App, form: Form, etag: &str) -> Answer {
        let permit = app.exports.clone().try_acquire_owned();
        let permit = permit.map_err(|_| Problem::later(format!("EXPORTS_MAX ({}) exports run already", limits::EXPORTS_MAX), 5))?;
        // A transformation stays on its thread; whether there is one is said before the answer begins.
        self.crs.as_ref().map(Turn::new).transpose()?;
        let content_crs = crs::header(&self.crs);
        let id = self.view.id().to_string();
        let told = self.name.as_deref().map(|name| app.exports_told.tell(name));
        let (sink, chunks) = Sink::new();
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let id = self.view.id().clone();
            let mut end = sink.clone();
            let written = self.write(form, sink, told.as_ref());
            if let Some(told) = told {
                let mut told = told.lock();
                told.state = if written.is_ok() { "done" } else { "failed" };
                told.reason = written.as_ref().err().map(ToString::to_string);
            }
            if let Err(error) = written {
                tracing::debug!(collection = %id, %error, "an export broke off");
                end.fail(error);
            }
        });
        let (name, media) = form.names();
        let mut response = Body::from_stream(chunks).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
        headers.insert("content-crs", content_crs);
        let file = format!("inline; filename=\"{id}.{name}\"");
        for (name, value) in [(header::ETAG, etag), (header::CONTENT_DISPOSITION, &*file)] {
            headers.insert(name, value.parse().unwrap_or(HeaderValue::from_static("")));
        }
        *response.status_mut() = StatusCode::OK;
        Ok(response)
    }

    fn write(self, form: Form, sink: Sink, told: Option<&Told>) -> io::Result<()> {
        let Self { view, query, whole, properties, crs, has_mark, .. } = self;
        let turn = crs.as_ref().map(Turn::new).transpose().map_err(|problem| io::Error::other(problem.to_string()))?;
        let is_fg = form == Form::JsonFg;
        let turn = if is_fg || form == Form::GeoJson { turn } else { turn.map(Turn::east_first) };
        let meta = view.meta();
        let columns = Arc::new(Columns::of(&meta, properties.as_deref()));
        let mut encoder: Box<dyn Encoder> = match form {
            Form::Csv => Box::new(csv::Csv::new(sink, columns, turn, has_mark)?),
            Form::FlatGeobuf => {
                Box::new(flatgeobuf::FlatGeobuf::new(sink, columns, turn, flatgeobuf::Head::of(&view, &query, crs.as_ref()))?)
            }
            Form::Lines => Box::new(lines::Lines::new(sink, properties, turn)),
            Form::GeoJson | Form::JsonFg => {
                let address = crs.as_ref().map(|_| crs::address(&crs));
                let head = if is_fg { fg::head(view.id().as_str(), address.as_deref()) } else { String::new() };
                let revision = view.revision();
                Box::new(document::Document::new(sink, Writer::new(is_fg, properties, turn), &head, revision)?)
            }
            Form::Arrow => Box::new(arrow::Arrow::new(sink, batches::Batches::new(columns, turn, crs.as_ref()))?),
            Form::Parquet => {
                let has_crs = batches::projjson(crs.as_ref()).is_some();
                Box::new(parquet::Parquet::new(sink, batches::Batches::new(columns, turn, crs.as_ref()), has_crs)?)
            }
        };
        let mut done = Ok(());
        let mut visit = |item: FeatureRef<'_>| {
            if done.is_ok() {
                done = encoder.item(item);
                told.into_iter().for_each(|told| told.lock().items += 1);
            }
            done.is_ok()
        };
        if whole {
            view.each(&query, visit);
        } else {
            let page = view.items(&query, |item| {
                visit(item);
            });
            page.map_err(io::Error::other)?;
        }
        done?;
        encoder.end()
    }
}

/// A geometry turned into the CRS.
fn turned(turn: Option<&Turn>, wkb: &[u8]) -> io::Result<Option<Vec<u8>>> {
    turn.map(|turn| turn.wkb(wkb)).transpose().map_err(io::Error::other)
}
