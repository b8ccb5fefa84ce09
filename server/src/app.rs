//! What every request shares, and which handler answers which address.

use crate::{
    access::{self, Tokens},
    api::{
        self,
        processes::{Analysis, analyses},
        query::Choropleths,
    },
    config::Config,
    export::Exports,
    http::{Links, Problem},
    importing::{self, ImportJob},
    ingest::Intake,
    jobs::Jobs,
    limits,
    live::Hub,
    metrics::Metrics,
    targets::PostOffice,
};
use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use citywall_analysis::network::Networks;
use citywall_model::limits as engine;
use citywall_query::City;
use citywall_tiles::FreshTiles;
use citywall_tiles3d::Plans;
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock, atomic::Ordering},
    time::Instant,
};
use tokio::sync::{Semaphore, broadcast, watch};
use tower_http::{
    CompressionLevel,
    compression::CompressionLayer,
    cors::{AllowOrigin, CorsLayer},
};

/// What every request shares.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The file that is served.
    pub file: PathBuf,
    /// Tokens and sessions.
    pub tokens: Tokens,
    /// Counters.
    pub metrics: Metrics,
    /// The one way in for live items.
    pub intake: Intake,
    /// Push.
    pub hub: Arc<Hub>,
    /// Imports.
    pub imports: Jobs<ImportJob>,
    /// Questions that are answered as jobs.
    pub analyses: Jobs<Analysis>,
    /// Networks that are kept between questions.
    pub networks: Networks,
    /// Aggregates that are kept between their tiles.
    pub choropleths: Choropleths,
    /// Which building stands in which 3D tile.
    pub plans: Plans,
    /// Turns true once the server stops.
    pub closing: watch::Sender<bool>,
    /// Tells the live lines which style was put or removed; a line that lags behind misses some, and reads them all anyway.
    pub styled: broadcast::Sender<String>,
    /// When the process started.
    pub started: Instant,
    /// Room for ingest sockets.
    pub ingest_sockets: Arc<Semaphore>,
    /// Room for exports.
    pub exports: Arc<Semaphore>,
    /// How far exports are.
    pub exports_told: Exports,
    /// Room for replays.
    pub replays: Arc<Semaphore>,
    city: OnceLock<Arc<City>>,
    tiles: OnceLock<Arc<FreshTiles>>,
    /// Targets, once the city is loaded.
    pub post_office: OnceLock<Arc<PostOffice>>,
    requests: Semaphore,
    readers: Arc<Semaphore>,
    public: Option<Links>,
    local: Links,
}

impl App {
    /// The state of a server that listens on `address` and has not loaded its city yet.
    pub fn new(config: Config, file: PathBuf, address: &str) -> Arc<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Arc::new(Self {
            file,
            tokens: Tokens::new(&config.tokens),
            metrics: Metrics::default(),
            hub: Arc::default(),
            intake: Intake::new(&config.live),
            imports: importing::imports(),
            analyses: analyses(),
            networks: Networks::default(),
            choropleths: Choropleths::default(),
            plans: Plans::default(),
            closing: watch::Sender::new(false),
            styled: broadcast::Sender::new(limits::STYLE_NEWS_MAX),
            started: Instant::now(),
            ingest_sockets: Arc::new(Semaphore::new(limits::INGEST_SOCKETS_MAX)),
            exports: Arc::new(Semaphore::new(limits::EXPORTS_MAX)),
            exports_told: Exports::default(),
            replays: Arc::new(Semaphore::new(limits::REPLAYS_MAX)),
            city: OnceLock::new(),
            tiles: OnceLock::new(),
            post_office: OnceLock::new(),
            requests: Semaphore::new(config.limits.requests_max),
            readers: Arc::new(Semaphore::new(2 * cores)),
            public: config.public_url.as_deref().map(Links::new),
            local: Links::new(address),
            config,
        })
    }

    /// The city, once it is loaded.
    ///
    /// # Errors
    /// 503 until then.
    pub fn city(&self) -> Result<&Arc<City>, Problem> {
        self.city.get().ok_or_else(|| Problem::later("the city is being loaded", 1))
    }

    /// The tiles, once the city is loaded.
    ///
    /// # Errors
    /// 503 until then.
    pub fn tiles(&self) -> Result<&Arc<FreshTiles>, Problem> {
        self.tiles.get().ok_or_else(|| Problem::later("the city is being loaded", 1))
    }

    /// Lets requests in.
    ///
    /// # Errors
    /// There is no thread for push.
    pub fn set_city(&self, city: Arc<City>) -> std::io::Result<()> {
        self.hub.follow(&city)?;
        let _ = self.tiles.set(FreshTiles::follow(&city, engine::TILE_CACHE_BYTES_MAX));
        let _ = self.city.set(city);
        Ok(())
    }

    /// The public address, if one is configured.
    pub fn public_links(&self) -> Option<&Links> {
        self.public.as_ref()
    }

    /// The address of the server as the sender of these headers sees it.
    pub fn links(&self, headers: &HeaderMap) -> Links {
        if let Some(public) = &self.public {
            return public.clone();
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|value| is_plain(value));
        let host = text(header::HOST.as_str());
        if self.config.trust_forwarded
            && let Some(host) = text("x-forwarded-host").or(host)
        {
            let scheme = text("x-forwarded-proto").filter(|scheme| *scheme == "https").unwrap_or("http");
            let prefix = text("x-forwarded-prefix").filter(|prefix| prefix.starts_with('/')).unwrap_or("");
            return Links::new(&format!("{scheme}://{host}{prefix}"));
        }
        host.map_or_else(|| self.local.clone(), |host| Links::new(&format!("http://{host}")))
    }

    /// Runs a query on a thread that may block, at most as many at once as the machine can use.
    ///
    /// # Errors
    /// The query's own refusal.
    pub async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
        let permit = self.readers.clone().acquire_owned().await.map_err(|error| Problem::internal(&error))?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|error| Problem::internal(&error))?
    }
}

/// True if a header's value can stand in an address.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.len() <= 255 && value.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]/_~".contains(c))
}

/// Every address and its handler.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(api::common::landing))
        .route("/conformance", get(api::common::conformance))
        .route("/api", get(api::common::definition))
        .route("/asyncapi", get(api::asyncapi::document))
        .route("/api.html", get(api::common::definition_page))
        .route("/collections", get(api::features::collections).post(api::live_collections::create))
        .route("/collections/{id}", get(api::features::collection))
        .route(
            "/collections/{id}/items",
            get(api::features::items).post(api::ingest::post_items).options(api::features::edit::items_options),
        )
        .route("/collections/{id}/items/{fid}", api::features::edit::routes(get(api::features::item)))
        .route("/collections/{id}/items/{fid}/history", get(api::history::states::history))
        .route("/collections/{id}/items/{fid}/track", get(api::history::track::track))
        .route("/collections/{id}/items/{fid}/series", get(api::history::series::series))
        .route("/collections/{id}/versions", get(api::versions::list))
        .route("/collections/{id}/versions/{version}", delete(api::versions::remove))
        .route("/collections/{id}/changes", get(api::versions::changes))
        .route("/collections/{id}/queryables", get(api::features::schema::queryables_document))
        .route("/collections/{id}/sortables", get(api::features::schema::sortables_document))
        .route("/collections/{id}/schema", get(api::features::schema::schema_document))
        .route("/functions", get(api::features::schema::functions))
        .route("/collections/{id}/tiles", get(api::tiles::collection_tilesets))
        .route("/collections/{id}/tiles/{matrix}", get(api::tiles::collection_tileset))
        .route("/collections/{id}/tiles/{matrix}/changes", get(api::tiles::collection_changes))
        .route("/collections/{id}/tiles/{matrix}/{z}/{row}/{col}", get(api::tiles::collection_tile))
        .route("/collections/{id}/map/tiles", get(api::tiles::collection_map_tilesets))
        .route("/collections/{id}/map/tiles/{matrix}", get(api::tiles::collection_map_tileset))
        .route("/collections/{id}/map/tiles/{matrix}/{z}/{row}/{col}", get(api::tiles::collection_map_tile))
        .route("/collections/{id}/3dtiles/tileset.json", get(api::tiles3d::tileset))
        .route("/collections/{id}/3dtiles/blocks.glb", get(api::tiles3d::blocks))
        .route("/collections/{id}/3dtiles/content/{level}/{x}/{y}", get(api::tiles3d::content))
        .route("/collections/{id}/3dtiles/subtrees/{level}/{x}/{y}", get(api::tiles3d::subtree))
        .route("/collections/{id}/styles", get(api::styles::of_collection).post(api::styles::create_of_collection))
        .route(
            "/collections/{id}/styles/{style}",
            get(api::styles::one_of_collection).put(api::styles::put_of_collection).delete(api::styles::remove_of_collection),
        )
        .route("/styles", get(api::styles::list).post(api::styles::create))
        .route("/styles/{style}", get(api::styles::one).put(api::styles::put).delete(api::styles::remove))
        .route("/3dtiles", get(api::foreign_tiles::list))
        .route("/3dtiles/{id}/{*path}", get(api::foreign_tiles::file))
        .route("/tiles", get(api::tiles::dataset_tilesets))
        .route("/tiles/{matrix}", get(api::tiles::dataset_tileset))
        .route("/tiles/{matrix}/changes", get(api::tiles::dataset_changes))
        .route("/tiles/{matrix}/{z}/{row}/{col}", get(api::tiles::dataset_tile))
        .route("/tileMatrixSets", get(api::tiles::matrix_sets))
        .route("/tileMatrixSets/{matrix}", get(api::tiles::matrix_set))
        .route("/wmts", get(api::tiles::kvp))
        .route("/wmts/1.0.0/WMTSCapabilities.xml", get(api::tiles::rest_capabilities))
        .route("/wmts/1.0.0/{layer}/default/{matrix}/{z}/{row}/{col}", get(api::tiles::rest_tile))
        .route("/city", get(api::city::document))
        .route("/demo/snapshots/{camera}", get(api::snapshots::picture))
        .route("/ingest", get(api::ingest_socket::socket))
        .merge(api::query::routes())
        .merge(api::processes::routes())
        .route("/rules/schema", get(api::rules::schema))
        .route("/rules/try", post(api::rules::attempt))
        .route("/refused", get(api::refused::list))
        .route("/live", get(api::live::socket))
        .route("/live/sse", get(api::live::events))
        .route("/targets/{id}/dead-letters", get(api::targets::list).post(api::targets::resend_all))
        .route("/targets/{id}/dead-letters/{number}", post(api::targets::resend))
        .route("/exports/{id}", get(api::exports::one))
        .route("/imports", get(api::imports::list).post(api::imports::start))
        .route("/imports/{id}", get(api::imports::job))
        .route("/healthz", get(api::health::healthz))
        .route("/readyz", get(api::health::readyz))
        .route("/metrics", get(api::health::metrics))
        .route("/control", get(api::control::page))
        .route("/control/{script}", get(api::control::script))
        .route("/control/scenes", get(api::control::scenes))
        .route("/map", get(api::map::page))
        .route("/map/", get(api::map::page))
        .route("/map/{*path}", get(api::map::asset))
        .route("/login", get(access::login_page))
        .route("/session", post(access::create_session).delete(access::end_session))
        .fallback(missing)
        .method_not_allowed_fallback(not_allowed)
        .layer(CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest))
        .layer(middleware::from_fn_with_state(app.clone(), access::guard))
        .layer(tower::util::option_layer(cors(&app.config)))
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

async fn missing(request: Request) -> Problem {
    Problem::missing(format!("there is nothing at {}", request.uri().path().chars().take(200).collect::<String>()))
}

async fn not_allowed(request: Request) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} is not for this address", request.method()))
}

/// Reads for the foreign pages that the configuration lists.
fn cors(config: &Config) -> Option<CorsLayer> {
    let origins = &config.cors_origins;
    if origins.is_empty() {
        return None;
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin.trim_end_matches('/')).ok()))
    };
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers([header::AUTHORIZATION, header::ACCEPT, header::IF_NONE_MATCH])
        .expose_headers([header::ETAG, header::LINK, HeaderName::from_static("content-crs")]);
    Some(layer)
}

/// Bounds, times, logs and counts every request, and adds the headers that every answer has.
async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    let uri = request.uri().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match app.requests.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => Problem::later("more requests are worked on than requests_max allows", 1).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if app.config.cors_origins.is_empty() {
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    }
    let status = response.status();
    let took = start.elapsed();
    app.metrics.request(route.as_ref().map_or("unmatched", MatchedPath::as_str), &method, status.as_u16(), took);
    let took_ms = took.as_secs_f64() * 1e3;
    if status.is_server_error() {
        tracing::warn!(%method, path = uri.path(), status = status.as_u16(), took_ms, "request");
    } else {
        tracing::debug!(%method, path = uri.path(), status = status.as_u16(), took_ms, "request");
    }
    response
}

/// Takes the public address' prefix off a path, whether or not the proxy did.
pub fn strip_prefix<B>(prefix: &str, request: &mut axum::http::Request<B>) {
    let Some(rest) = request.uri().path_and_query().and_then(|path| path.as_str().strip_prefix(prefix)) else { return };
    if prefix.is_empty() || !(rest.is_empty() || rest.starts_with(['/', '?'])) {
        return;
    }
    let path = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    if let Ok(path) = path.parse() {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(path);
        if let Ok(uri) = axum::http::Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
}

/// Counts something that is open for as long as the guard lives.
pub struct Open<'a>(&'a std::sync::atomic::AtomicU64);

impl<'a> Open<'a> {
    /// Counts one more.
    pub fn count(counter: &'a std::sync::atomic::AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
