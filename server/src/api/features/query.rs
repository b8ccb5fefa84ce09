//! The parameters of an items request, among them filters (OGC API – Features Part 3, 19-079r2),
//! `sortby` (OGC API – Records, 20-004r1), `properties` and `q`.

use super::{crs, window::windows};
use crate::http::{Params, Problem};
use citywall_cql2::{Filter, QueryableKind, Queryables};
use citywall_crs::Crs;
use citywall_model::{AREA_PROPERTIES, CollectionMeta, Revision, TimeFilter, limits};
use citywall_query::{Access, CollectionView, Cursor, Equals, ItemsQuery, Moment, Search, SortKey};
use serde_json::{Value, json};
use std::sync::Arc;

/// The parameters of an items request, besides the collection's own properties.
pub const ITEMS_PARAMETERS: [&str; 16] = [
    "bbox",
    "bbox-crs",
    "datetime",
    "as-of",
    "filter",
    "filter-lang",
    "filter-crs",
    "q",
    "sortby",
    "properties",
    "crs",
    "explain",
    "export-id",
    "bom",
    "limit",
    "cursor",
];

/// The most keys of `sortby`.
const SORT_KEYS_MAX: usize = 8;
/// The longest `q`, in bytes.
const SEARCH_BYTES_MAX: usize = 400;

/// What an items request asks for.
pub struct ItemsRequest {
    /// Which past; the present, if none.
    pub moment: Moment,
    /// Which items.
    pub query: ItemsQuery,
    /// The properties to write; all without a list.
    pub properties: Option<Vec<String>>,
    /// The CRS to write; longitude and latitude without one.
    pub crs: Option<Crs>,
    /// True if the plan is asked for instead of the items.
    pub explain: bool,
    /// True if a CSV begins with a byte order mark.
    pub has_mark: bool,
}

/// The standard parameters and the collection's own properties (Features Part 1, 7.15.5).
pub fn known_parameters(meta: &CollectionMeta) -> Vec<&str> {
    ITEMS_PARAMETERS.into_iter().chain(own_parameters(meta)).collect()
}

/// The properties that can be asked for by their name. One whose name means something else already cannot.
fn own_parameters(meta: &CollectionMeta) -> impl Iterator<Item = &str> {
    let live: &[&str] = if meta.kind.is_live() { &["source", "class", "title", "level", "status"] } else { &[] };
    let areas: &[&str] = if meta.kind.is_live() { &AREA_PROPERTIES } else { &[] };
    let fields = meta.schema.fields.iter().map(|field| &*field.name).chain(live.iter().copied()).chain(areas.iter().copied());
    fields.filter(|name| !ITEMS_PARAMETERS.contains(name) && !["f", "lang"].contains(name))
}

/// Reads the parameters of an items request.
pub fn items_request(params: &Params, meta: &CollectionMeta, queryables: &Queryables) -> Result<ItemsRequest, Problem> {
    let equal = |name: &str| Some(Equals { property: name.to_owned(), value: params.get(name)?.to_owned() });
    let query = ItemsQuery {
        windows: windows(params.get("bbox"), params.get("bbox-crs"))?,
        equals: own_parameters(meta).filter_map(equal).collect(),
        filter: filter(params, queryables)?.map(Arc::new),
        search: search(params.get("q"))?,
        sort: sort(params.get("sortby"), queryables)?,
        after: params.get("cursor").map(str::parse::<Cursor>).transpose()?,
        limit: limit(params.get("limit"))?,
    };
    let moment = Moment { time: time(params.get("datetime"))?, as_of: as_of(params.get("as-of"))? };
    Ok(ItemsRequest {
        moment,
        query,
        properties: properties(params.get("properties"), queryables)?,
        crs: crs::asked(params, "crs")?,
        explain: flag(params, "explain")?,
        has_mark: flag(params, "bom")?,
    })
}

fn flag(params: &Params, name: &str) -> Result<bool, Problem> {
    match params.get(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Problem::parameter(name, format!("“{other}” is neither true nor false"))),
    }
}

/// The filter, bound to the collection.
pub fn filter(params: &Params, queryables: &Queryables) -> Result<Option<citywall_cql2::Bound>, Problem> {
    let refuse = |error: citywall_cql2::FilterError| Problem::parameter("filter", error);
    let is_json = match params.get("filter-lang") {
        None | Some("cql2-text") => false,
        Some("cql2-json") => true,
        Some(other) => {
            return Err(Problem::parameter("filter-lang", format!("“{other}” is no language here; known are cql2-text, cql2-json")));
        }
    };
    let crs = crs::asked(params, "filter-crs")?;
    let Some(text) = params.get("filter") else { return Ok(None) };
    let mut filter = if is_json { Filter::from_json(text) } else { Filter::from_text(text) }.map_err(refuse)?;
    if let Some(crs) = crs {
        let turn = crs::Turn::back(&crs, "filter-crs")?;
        filter.map_coordinates(|positions| turn.to_lon_lat(positions)).map_err(refuse)?;
    }
    filter.bind(queryables).map(Some).map_err(refuse)
}

/// Reads `as-of`.
pub fn as_of(text: Option<&str>) -> Result<Option<Revision>, Problem> {
    let refuse =
        |text: &str| Problem::parameter("as-of", format!("“{}” is no revision, a whole number", text.chars().take(40).collect::<String>()));
    text.map(|text| text.parse().map(Revision).map_err(|_| refuse(text))).transpose()
}

/// Reads `datetime`.
pub fn time(datetime: Option<&str>) -> Result<Option<TimeFilter>, Problem> {
    datetime.map(str::parse).transpose().map_err(|error| Problem::parameter("datetime", error))
}

fn search(q: Option<&str>) -> Result<Option<Search>, Problem> {
    let Some(text) = q else { return Ok(None) };
    if text.len() > SEARCH_BYTES_MAX {
        return Err(Problem::parameter("q", format!("{} bytes where at most {SEARCH_BYTES_MAX} are taken", text.len())));
    }
    Search::new(text).map(Some).ok_or_else(|| Problem::parameter("q", "there is no word in it"))
}

/// `name`, `+name` or `-name`, separated by commas.
fn sort(sortby: Option<&str>, queryables: &Queryables) -> Result<Vec<SortKey>, Problem> {
    let Some(text) = sortby else { return Ok(Vec::new()) };
    let keys: Vec<&str> = text.split(',').collect();
    if keys.len() > SORT_KEYS_MAX {
        return Err(Problem::parameter("sortby", format!("{} keys where at most {SORT_KEYS_MAX} are taken", keys.len())));
    }
    let key = |key: &str| {
        // A plus sign that nobody encoded has become a space.
        let key = key.trim();
        let (name, descending) = match key.strip_prefix('-') {
            Some(name) => (name, true),
            None => (key.strip_prefix('+').unwrap_or(key), false),
        };
        let property = queryables.get(name).filter(|property| sortable(property.kind));
        let property = property
            .ok_or_else(|| Problem::parameter("sortby", format!("items cannot be sorted by “{name}”; /sortables lists what they can")))?;
        Ok(SortKey { property, descending })
    };
    keys.into_iter().map(key).collect()
}

/// True if items can be put in order by properties of this type.
pub fn sortable(kind: QueryableKind) -> bool {
    !matches!(kind, QueryableKind::Geometry | QueryableKind::Array)
}

fn properties(properties: Option<&str>, queryables: &Queryables) -> Result<Option<Vec<String>>, Problem> {
    let Some(text) = properties else { return Ok(None) };
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let names = names.map(|name| match queryables.get(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err(Problem::parameter("properties", format!("there is no property “{name}”; /schema lists them"))),
    });
    names.collect::<Result<_, _>>().map(Some)
}

/// A limit above the most that there can be means the most (Features Part 1, /req/core/fc-limit-response-1).
fn limit(limit: Option<&str>) -> Result<usize, Problem> {
    let Some(text) = limit else { return Ok(limits::ITEMS_LIMIT_DEFAULT) };
    match text.parse::<u64>() {
        Ok(0) | Err(_) => Err(Problem::parameter("limit", format!("“{text}” is no whole number from 1 to {}", limits::ITEMS_LIMIT_MAX))),
        Ok(limit) => Ok(usize::try_from(limit).unwrap_or(usize::MAX).min(limits::ITEMS_LIMIT_MAX)),
    }
}

/// The past that is asked for, in words.
fn moment(moment: &Moment) -> Value {
    json!({
        "datetime": moment.time.map(|time| [time.start, time.end].map(|at| at.map(|at| at.to_string()))),
        "asOf": moment.as_of,
    })
}

/// How a request would be answered.
pub fn explain(view: &CollectionView, items: &ItemsRequest) -> Value {
    let query = &items.query;
    let counts = view.counts();
    let access = view.access(query);
    let (index, windows) = match (&access, query.windows.as_slice(), query.filter.as_ref().and_then(|filter| filter.windows())) {
        (_, [], Some([])) => ("none: no item can match".to_owned(), json!([])),
        (Access::Order { properties, .. }, ..) => {
            (format!("order of {}, then the filter itself", properties.join(", ")), json!(query.windows))
        }
        (_, [], None) => ("none: every item is looked at".to_owned(), json!([])),
        (_, [], Some(windows)) => ("R-tree, windows of the filter".to_owned(), json!(windows)),
        (_, windows, _) => ("R-tree, window of bbox, then the geometry itself".to_owned(), json!(windows)),
    };
    let rows = if let Access::Order { rows, .. } = access { Some(rows) } else { None };
    let equals: Vec<String> = query.equals.iter().map(|equals| format!("{} = {}", equals.property, equals.value)).collect();
    let sort: Vec<String> =
        query.sort.iter().map(|key| format!("{}{}", if key.descending { "-" } else { "+" }, key.property.name)).collect();
    json!({
        "collection": view.id(),
        "items": counts.total,
        "index": index,
        "windows": windows,
        "rows": rows,
        "time": query.filter.as_ref().and_then(|filter| filter.time()).map(|time| [time.start, time.end].map(|at| at.map(|at| at.to_string()))),
        "moment": moment(&items.moment),
        "equals": equals,
        "filter": query.filter.as_ref().map(|filter| filter.text()),
        "order": if sort.is_empty() { json!(["fid"]) } else { json!(sort) },
        "limit": query.limit,
        "revision": view.changed(),
    })
}
