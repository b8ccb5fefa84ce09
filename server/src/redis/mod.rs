//! A door for clients that speak the Redis protocol with Tile38's commands.
//!
//! A key is a live collection of moving objects ([`keys`]), an object is an item ([`object`]), a
//! field is a property: what is written here is read, pushed and kept like everything else, and
//! is acknowledged once it is durable. [`connection`] takes commands off a socket ([`codec`]),
//! gathers writes that follow each other into one batch ([`write`]), and answers reads ([`read`])
//! and searches ([`search`], [`area`], [`filter`]) from the collection's tree. [`fence`] tells
//! the channels of [`pubsub`] what a commit did; which fences it concerns is found by [`watch`].
//! A hook ([`hooks`]) is a target of the city.
//!
//! What differs from Tile38 on purpose: a write is durable before it is acknowledged; a place is
//! on the globe, or refused; a search across the antimeridian finds both sides; a field named
//! `status`, `level`, `class` or `title` must be what that property is for any item; there is no
//! FLUSHDB, RENAME, EVAL, JSET, MVT, ROAM, SPARSE, CLIP, BUFFER and no replication.

mod area;
mod arguments;
mod channels;
mod codec;
mod connection;
mod expire;
mod fence;
mod filter;
mod hooks;
mod keys;
pub mod object;
mod pubsub;
mod read;
mod search;
mod watch;
mod write;

use crate::{access::Caller, app::App, limits};
use anyhow::Context;
use area::Relation;
use citywall_query::City;
use fence::Fences;
pub use fence::Hooks;
use search::Verb;
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore};

/// What every connection shares.
struct Door {
    app: Arc<App>,
    city: Arc<City>,
    fences: Arc<Fences>,
}

impl Door {
    /// Who a connection is before it says so: anyone on a server without tokens.
    fn stranger(&self) -> Option<Caller> {
        self.app.tokens.is_empty().then(Caller::local)
    }
}

/// The searches by their commands.
fn verb(command: &str) -> Option<Verb> {
    match command.to_ascii_lowercase().as_str() {
        "scan" => Some(Verb::Scan),
        "nearby" => Some(Verb::Nearby),
        "within" => Some(Verb::Area(Relation::Within)),
        "intersects" => Some(Verb::Area(Relation::Intersects)),
        _ => None,
    }
}

/// Opens the door, if the configuration has one.
///
/// # Errors
/// The port is taken, or the channels cannot be read.
pub async fn start(app: &Arc<App>, city: &Arc<City>) -> anyhow::Result<()> {
    let Some(address) = app.config.redis.listen else { return Ok(()) };
    let listener = TcpListener::bind(address).await.with_context(|| format!("redis.listen: cannot listen on {address}"))?;
    let bound = listener.local_addr().context("the port is open but has no address")?;
    let fences = Arc::new(Fences::default());
    let door = Arc::new(Door { app: app.clone(), city: city.clone(), fences: fences.clone() });
    let loading = door.clone();
    tokio::task::spawn_blocking(move || channels::load(&loading)).await.context("the channels were not loaded")??;
    city.on_commit(move |commit| {
        fences.see(commit);
        channels::forget(&fences, commit);
    });
    expire::start(app, city);
    println!("  Redis {bound}");
    tracing::info!(%bound, "the Redis port is open");
    tokio::spawn(accept(door, listener));
    Ok(())
}

async fn accept(door: Arc<Door>, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(limits::REDIS_CONNECTIONS_MAX));
    let mut closing = door.app.closing.subscribe();
    loop {
        // Beyond the limit, connections wait in the system's own short queue.
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closed(&mut closing) => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a Redis connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let door = door.clone();
        tokio::spawn(async move {
            if let Err(error) = connection::serve(door, stream).await {
                tracing::debug!(%error, "a Redis connection broke");
            }
            drop(permit);
        });
    }
}

/// Serves one connection over any stream, in a city whose channels tell nobody.
///
/// # Errors
/// The stream broke.
#[cfg(any(test, feature = "fuzz"))]
pub async fn serve_stream(app: Arc<App>, city: Arc<City>, stream: impl connection::Stream) -> std::io::Result<()> {
    connection::serve(Arc::new(Door { app, city, fences: Arc::default() }), stream).await
}

/// Returns once the server stops.
async fn closed(closing: &mut tokio::sync::watch::Receiver<bool>) {
    // A sender that is gone has ended too.
    let _ = closing.wait_for(|closing| *closing).await;
}
