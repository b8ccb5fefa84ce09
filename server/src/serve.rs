//! The server's life: the port opens, the city loads, requests are served, a signal ends it.

use crate::{
    app::{self, App, Open},
    config::Config,
    ingest, limits, logging, redis, retention, rules,
    targets::PostOffice,
};
use anyhow::{Context, bail};
use axum::{Router, body::Body, http::Request};
use citywall_query::City;
use citywall_store::{CityStore, GeoPackage, OutboxFile};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
};
use tower::ServiceExt;

/// Serves a city until a signal ends it.
///
/// # Errors
/// The port is taken, the file is no city or in use, or the configuration does not make sense.
pub fn run(config: Config, file: &Path, demo_feed: bool) -> anyhow::Result<()> {
    config.check()?;
    logging::start(&config)?;
    if !file.exists() {
        bail!("there is no city file {}; make one with `citywall import SOURCE --city {0}` or `citywall demo --city {0}`", file.display());
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime did not start")?
        .block_on(serve(config, file, demo_feed))
}

async fn serve(config: Config, file: &Path, demo_feed: bool) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.listen).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!(
                "port {} on {} is in use by another program; choose another with --listen ADDRESS:PORT",
                config.listen.port(),
                config.listen.ip()
            )
        }
        _ => anyhow::anyhow!("cannot listen on {}: {error}", config.listen),
    })?;
    let bound = listener.local_addr().context("the port is open but has no address")?;
    let address = local_address(bound);
    let app = App::new(config, file.to_owned(), &address);
    println!("listening on {address}");
    tracing::info!(%address, file = %file.display(), "the port is open");
    let mut ended = shutdown_signal()?;
    let accepting = tokio::spawn(accept(app.clone(), listener));
    // A signal during the load ends the process at once: nothing has been promised yet.
    let (store, city) = tokio::select! {
        loaded = load(&app, &address) => loaded?,
        () = signalled(&mut ended) => return Ok(()),
    };
    open_post_office(&app, &city)?;
    ingest::start(&app, &city, demo_feed).await?;
    retention::start(&app, &city);
    let checkpoints = tokio::spawn(checkpoints(store.clone()));
    announce(&app, &city, &address);
    redis::start(&app, &city).await?;
    signalled(&mut ended).await;
    tracing::info!("stopping");
    app.closing.send_replace(true);
    accepting.await.context("the port's task failed")?;
    drain(&app).await;
    app.hub.close();
    if let Some(office) = app.post_office.get() {
        office.close();
    }
    checkpoints.abort();
    let stop = {
        let app = app.clone();
        tokio::task::spawn_blocking(move || {
            app.analyses.stop();
            app.imports.stop();
            app.intake.review.write(&*store);
            store.checkpoint()
        })
    };
    stop.await.context("the last checkpoint failed")?.context("the last checkpoint failed; the journal keeps everything")?;
    tracing::info!(revision = city.revision().0, "stopped");
    Ok(())
}

/// Where a client on this machine reaches the server.
fn local_address(bound: SocketAddr) -> String {
    match bound.ip() {
        ip if ip.is_unspecified() => format!("http://127.0.0.1:{}", bound.port()),
        _ => format!("http://{bound}"),
    }
}

/// Loads the city and lets requests in.
pub async fn load(app: &Arc<App>, address: &str) -> anyhow::Result<(Arc<dyn CityStore>, Arc<City>)> {
    let (app_too, address) = (app.clone(), address.to_owned());
    let loaded = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
        let store = GeoPackage::open(&app_too.file)?;
        store.set_address(&address)?;
        let store: Arc<dyn CityStore> = Arc::new(store);
        let city = City::open(store.clone())?;
        ingest::ensure(&city, &app_too.config.live)?;
        Ok((store, Arc::new(city)))
    });
    let (store, city) = loaded.await.context("loading failed")??;
    let applied = city.clone();
    // Before anyone can write: the rules see every change.
    tokio::task::spawn_blocking(move || rules::start(&applied)).await.context("the rules did not start")??;
    app.set_city(city.clone()).context("no thread for push")?;
    Ok((store, city))
}

/// Starts the targets; what is on its way out stands beside the city file.
fn open_post_office(app: &App, city: &Arc<City>) -> anyhow::Result<()> {
    let mut path = app.file.clone().into_os_string();
    path.push("-outbox");
    let outbox = OutboxFile::open(Path::new(&path)).context("the queue of the targets cannot be opened")?;
    let office = PostOffice::start(app.hub.clone(), city.clone(), Arc::new(outbox), app.config.allowed_addresses()?)?;
    let _ = app.post_office.set(office);
    Ok(())
}

fn announce(app: &App, city: &City, address: &str) {
    let collections = city.collections();
    let items: u64 = collections.iter().map(|view| view.counts().total).sum();
    let took_ms = app.started.elapsed().as_millis();
    tracing::info!(collections = collections.len(), items, revision = city.revision().0, took_ms, "ready");
    println!("ready: {} collections, {items} items, after {took_ms} ms", collections.len());
    println!("  map   {address}/map");
    println!("  API   {address}/");
}

/// Accepts connections until the server stops.
async fn accept(app: Arc<App>, listener: TcpListener) {
    let router = app::router(app.clone());
    let prefix: Arc<str> = app.public_links().map_or("", |links| links.prefix()).into();
    let room = Arc::new(Semaphore::new(app.config.limits.connections_max));
    let mut closing = app.closing.subscribe();
    loop {
        // Beyond the limit, connections wait in the system's own short queue.
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = signalled(&mut closing) => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                // Out of file handles, say: some must close first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (app, router, prefix) = (app.clone(), router.clone(), prefix.clone());
        tokio::spawn(async move {
            let _open = Open::count(&app.metrics.connections);
            let closing = app.closing.subscribe();
            if let Err(error) = serve_connection(stream, router, prefix, closing).await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(permit);
        });
    }
}

/// Answers the requests of one connection; once the server stops, the one that is open.
async fn serve_connection(stream: TcpStream, router: Router, prefix: Arc<str>, mut closing: Signal) -> hyper::Result<()> {
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        app::strip_prefix(&prefix, &mut request);
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits::HEADER_SECONDS_MAX))
        .max_headers(limits::HEADERS_MAX)
        .max_buf_size(limits::HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = signalled(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// Lets open requests and live lines end, for a bounded time.
async fn drain(app: &App) {
    let count = || app.metrics.connections.load(Ordering::Relaxed) + app.metrics.subscribers.load(Ordering::Relaxed);
    let all_end = async {
        while count() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(limits::DRAIN_SECONDS_MAX), all_end).await.is_err() {
        tracing::warn!(open = count(), "some connections did not end within DRAIN_SECONDS_MAX");
    }
}

/// Folds the journal into the tables now and then, if there is something to fold.
async fn checkpoints(store: Arc<dyn CityStore>) {
    let (mut folded, mut waited) = (store.revision(), 0);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        waited += 1;
        let revision = store.revision();
        let new = revision.0 - folded.0;
        if new == 0 || (waited < limits::CHECKPOINT_SECONDS && new < limits::CHECKPOINT_CHANGES) {
            continue;
        }
        waited = 0;
        let store = store.clone();
        match tokio::task::spawn_blocking(move || store.checkpoint()).await {
            Ok(Ok(())) => folded = revision,
            Ok(Err(error)) => tracing::error!(%error, "a checkpoint failed; the journal keeps everything"),
            Err(error) => tracing::error!(%error, "a checkpoint failed; the journal keeps everything"),
        }
    }
}

type Signal = tokio::sync::watch::Receiver<bool>;

/// Turns true at SIGTERM or SIGINT.
fn shutdown_signal() -> anyhow::Result<Signal> {
    let (sender, receiver) = tokio::sync::watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be heard")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be heard")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        sender.send_replace(true);
    });
    Ok(receiver)
}

async fn signalled(signal: &mut Signal) {
    // A sender that is gone has ended too.
    let _ = signal.wait_for(|signalled| *signalled).await;
}
