//! `/live` (WebSocket) and `/live/sse` (server-sent events): the same messages,
//! [`citywall_wire::LiveMessage`], on both.

use crate::{
    app::{App, Open},
    http::{Answer, Ask, Params, Problem},
    limits,
    live::line::{Ended, Line, Subscription, Told, error, farewell, heartbeat},
};
use axum::{
    body::{Body, Bytes},
    extract::{
        FromRequestParts, Request, State,
        ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use citywall_model::CollectionId;
use citywall_query::City;
use citywall_wire::LiveRequest;
use futures::{StreamExt, stream};
use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

const HEARTBEAT: Duration = Duration::from_secs(limits::HEARTBEAT_SECONDS);

/// `GET /live`: the client says first what it wants, then listens.
pub async fn socket(State(app): State<Arc<App>>, ask: Ask, request: Request) -> Answer {
    ask.params(&[])?;
    let city = app.city()?.clone();
    check_room(&app)?;
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &app).await.map_err(|rejection| {
        let detail = format!("{} (this is a WebSocket; /live/sse is the same as server-sent events)", rejection.body_text());
        let status = rejection.status();
        let problem = Problem::new(if status.is_client_error() { status } else { StatusCode::BAD_REQUEST }, detail);
        problem.header(header::UPGRADE, HeaderValue::from_static("websocket"))
    })?;
    Ok(upgrade.max_message_size(limits::SUBSCRIBE_BYTES_MAX).on_upgrade(move |socket| async move {
        let _open = Open::count(&app.metrics.subscribers);
        serve_socket(&app, &city, socket).await;
    }))
}

/// `GET /live/sse`: the same, asked for by `collections` and `after` (or `Last-Event-ID`).
pub async fn events(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    let params = ask.params(&["collections", "after"])?;
    let city = app.city()?.clone();
    check_room(&app)?;
    let last_seen = ask.headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let subscription = Subscription {
        collections: collections(&params)?,
        after: revision(params.get("after"), "after")?.or(revision(last_seen, "Last-Event-ID")?),
    };
    let line = start(&app, &city, subscription).await?.map_err(|reason| Problem::parameter("collections", reason))?;
    let stream = event_stream(app, city, line);
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy must not hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn check_room(app: &App) -> Result<(), Problem> {
    let max = app.config.limits.subscribers_max;
    if app.metrics.subscribers.load(Ordering::Relaxed) >= max as u64 {
        return Err(Problem::later(format!("there are subscribers_max ({max}) live lines already"), 5));
    }
    Ok(())
}

fn collections(params: &Params) -> Result<Vec<CollectionId>, Problem> {
    let names = params.get("collections").unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| CollectionId::new(name).map_err(|error| Problem::parameter("collections", error))).collect()
}

fn revision(text: Option<&str>, parameter: &str) -> Result<Option<u64>, Problem> {
    text.map(|text| text.parse().map_err(|_| Problem::parameter(parameter, "must be a revision, a whole number"))).transpose()
}

async fn start(app: &Arc<App>, city: &Arc<City>, subscription: Subscription) -> Result<Result<Line, String>, Problem> {
    let (app_too, city) = (app.clone(), city.clone());
    app.blocking(move || Ok(Line::start(&app_too, &city, &subscription))).await
}

/// What a stream of events has to say next.
async fn next_event(app: &App, city: &City, line: &mut Line, beat: &mut tokio::time::Interval) -> (Bytes, Option<u64>, bool) {
    let mut closing = app.closing.subscribe();
    tokio::select! {
        biased;
        told = line.next() => match told {
            Ok(Told { text, revision }) => (text, revision, false),
            Err(ended) => {
                note_end(app, &ended);
                (farewell(&ended), None, true)
            }
        },
        () = stopping(&mut closing) => (farewell(&Ended::Closing), None, true),
        _ = beat.tick() => (heartbeat(city), None, false),
    }
}

/// Returns once the server stops.
async fn stopping(closing: &mut tokio::sync::watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

fn note_end(app: &App, ended: &Ended) {
    if matches!(ended, Ended::TooSlow { .. }) {
        app.metrics.subscribers_cut.fetch_add(1, Ordering::Relaxed);
    }
    tracing::debug!(?ended, "a live line ends");
}

fn beats() -> tokio::time::Interval {
    let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}

/// A line as server-sent events (WHATWG HTML, 9.2); the event's id is the revision reached.
fn event_stream(app: Arc<App>, city: Arc<City>, line: Line) -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    struct Sse {
        app: Arc<App>,
        city: Arc<City>,
        line: Line,
        beat: tokio::time::Interval,
        over: bool,
    }
    impl Drop for Sse {
        fn drop(&mut self) {
            self.app.metrics.subscribers.fetch_sub(1, Ordering::Relaxed);
        }
    }
    app.metrics.subscribers.fetch_add(1, Ordering::Relaxed);
    let start = Sse { app, city, line, beat: beats(), over: false };
    let events = stream::unfold(start, |mut sse| async move {
        if sse.over {
            return None;
        }
        let (text, revision, over) = next_event(&sse.app, &sse.city, &mut sse.line, &mut sse.beat).await;
        sse.over = over;
        sse.app.metrics.live_messages.fetch_add(1, Ordering::Relaxed);
        let mut event = Vec::with_capacity(text.len() + 32);
        if let Some(revision) = revision {
            event.extend_from_slice(format!("id: {revision}\n").as_bytes());
        }
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(&text);
        event.extend_from_slice(b"\n\n");
        Some((Ok(Bytes::from(event)), sse))
    });
    stream::once(async { Ok(Bytes::from_static(b"retry: 2000\n\n")) }).chain(events)
}

/// Talks on a socket until either side ends it.
async fn serve_socket(app: &Arc<App>, city: &Arc<City>, mut socket: WebSocket) {
    let mut line: Option<Line> = None;
    let mut beat = beats();
    let mut closing = app.closing.subscribe();
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => match hear(app, city, &text).await {
                    Ok(Some(new)) => line = Some(new),
                    Ok(None) => if !send(app, &mut socket, heartbeat(city)).await { return },
                    Err(reason) => if !send(app, &mut socket, error(reason)).await { return },
                },
                Some(Ok(Message::Binary(_))) => if !send(app, &mut socket, error("send text, not binary".to_owned())).await { return },
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            told = next_told(&mut line) => match told {
                Ok(told) => if !send(app, &mut socket, told.text).await { return },
                Err(ended) => {
                    note_end(app, &ended);
                    send(app, &mut socket, farewell(&ended)).await;
                    return;
                }
            },
            () = stopping(&mut closing) => {
                send(app, &mut socket, farewell(&Ended::Closing)).await;
                return;
            }
            _ = beat.tick() => if !send(app, &mut socket, heartbeat(city)).await { return },
        }
    }
}

/// The line's next message; never, before there is a line.
async fn next_told(line: &mut Option<Line>) -> Result<Told, Ended> {
    match line {
        Some(line) => line.next().await,
        None => std::future::pending().await,
    }
}

/// What a client says: a new line, or nothing but a question whether we are there.
async fn hear(app: &Arc<App>, city: &Arc<City>, text: &str) -> Result<Option<Line>, String> {
    let request: LiveRequest = serde_json::from_str(text).map_err(|error| format!("the message is not understood: {error}"))?;
    let LiveRequest::Subscribe { collections, after } = request else { return Ok(None) };
    let collections =
        collections.iter().map(|name| CollectionId::new(name).map_err(|error| error.to_string())).collect::<Result<_, _>>()?;
    let line = start(app, city, Subscription { collections, after }).await.map_err(|problem| problem.to_string())?;
    line.map(Some)
}

/// False if the reader is gone or does not read.
async fn send(app: &App, socket: &mut WebSocket, text: Bytes) -> bool {
    app.metrics.live_messages.fetch_add(1, Ordering::Relaxed);
    let Ok(text) = Utf8Bytes::try_from(text) else { return false };
    match timeout(Duration::from_secs(limits::SEND_SECONDS_MAX), socket.send(Message::Text(text))).await {
        Ok(sent) => sent.is_ok(),
        Err(_) => {
            app.metrics.subscribers_cut.fetch_add(1, Ordering::Relaxed);
            tracing::debug!("a live reader took longer than SEND_SECONDS_MAX");
            false
        }
    }
}
