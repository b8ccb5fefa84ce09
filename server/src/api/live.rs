//! `/live` (WebSocket) and `/live/sse` (server-sent events): the same messages,
//! [`citywall_wire::LiveMessage`], on both.

use crate::{
    app::{App, Open},
    http::{Answer, Ask, Params, Problem},
    limits,
    live::{
        Interest,
        line::{Ended, Line, Said, error, farewell, heartbeat, styles_changed},
        lines::{Lines, Subscription},
        replay::{Player, Window},
    },
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
use citywall_query::City;
use citywall_wire::{AreaOf, LiveRequest, Replay, Subscribe};
use futures::{StreamExt, stream};
use serde_json::Value;
use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::broadcast::{self, error::RecvError};
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

/// `GET /live/sse`: the same, asked for by query parameters; `Last-Event-ID` is an `after`.
pub async fn events(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    let params = ask.params(&["collections", "bbox", "area", "filter", "after", "replay", "speed"])?;
    let city = app.city()?.clone();
    check_room(&app)?;
    let last_seen = ask.headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let replay = replay(&params)?;
    let resumes = replay.is_none();
    let request = Subscribe {
        replay,
        collections: list(&params, "collections").map(str::to_owned).collect(),
        bbox: bbox(&params)?,
        area: area(&params)?,
        filter: params.get("filter").map(filter),
        after: revision(params.get("after"), "after")?.or(revision(last_seen.filter(|_| resumes), "Last-Event-ID")?),
        ..Subscribe::default()
    };
    let mut lines = Lines::default();
    let line = start(&app, &city, request, &lines).await.map_err(|(parameter, reason)| Problem::parameter(parameter, reason))?;
    lines.insert(None, line).map_err(Problem::body)?;
    Ok(event_response(event_stream(app, city, lines)))
}

/// Server-sent events as an answer.
pub(super) fn event_response(events: impl futures::Stream<Item = Result<Bytes, Infallible>> + Send + 'static) -> Response {
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy must not hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Refuses one more line where there are as many as may be.
pub(super) fn check_room(app: &App) -> Result<(), Problem> {
    let max = app.config.limits.subscribers_max;
    if app.metrics.subscribers.load(Ordering::Relaxed) >= max as u64 {
        return Err(Problem::later(format!("there are subscribers_max ({max}) live lines already"), 5));
    }
    Ok(())
}

fn list<'p>(params: &'p Params, name: &str) -> impl Iterator<Item = &'p str> {
    params.get(name).unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn bbox(params: &Params) -> Result<Option<[f64; 4]>, Problem> {
    let wrong = || Problem::parameter("bbox", "must be four numbers: west, south, east, north in degrees");
    let numbers: Vec<f64> = list(params, "bbox").map(|text| text.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
    if params.get("bbox").is_none() { Ok(None) } else { numbers.try_into().map(Some).map_err(|_| wrong()) }
}

/// CQL2 JSON if it is an object, else CQL2 Text.
fn filter(text: &str) -> Value {
    serde_json::from_str(text).ok().filter(Value::is_object).unwrap_or_else(|| text.into())
}

fn area(params: &Params) -> Result<Option<AreaOf>, Problem> {
    let parts = |text: &str| {
        let (level, code) =
            text.split_once(':').ok_or_else(|| Problem::parameter("area", "must be LEVEL:CODE, such as street:120101001"))?;
        Ok(AreaOf { level: level.to_owned(), code: code.to_owned() })
    };
    params.get("area").map(parts).transpose()
}

/// A window of the past and the pace at which it is to be played.
fn replay(params: &Params) -> Result<Option<Replay>, Problem> {
    let speed = params.get("speed").map(|speed| speed.parse().map_err(|_| Problem::parameter("speed", "must be a number"))).transpose()?;
    let Some(window) = params.get("replay") else {
        let alone = || Problem::parameter("speed", "is for a replay; give replay=FROM/TO too");
        return if speed.is_some() { Err(alone()) } else { Ok(None) };
    };
    let (from, to) =
        window.split_once('/').ok_or_else(|| Problem::parameter("replay", "must be FROM/TO, two RFC 3339 date-times; TO may be .."))?;
    let to = Some(to).filter(|to| !["", ".."].contains(to)).map(str::to_owned);
    Ok(Some(Replay { from: from.to_owned(), to, speed: speed.unwrap_or(1.0) }))
}

fn revision(text: Option<&str>, parameter: &str) -> Result<Option<u64>, Problem> {
    text.map(|text| text.parse().map_err(|_| Problem::parameter(parameter, "must be a revision, a whole number"))).transpose()
}

/// Starts a subscription. A refusal names the member that is wrong.
async fn start(app: &Arc<App>, city: &Arc<City>, request: Subscribe, lines: &Lines) -> Result<Subscription, (&'static str, String)> {
    let window = request.replay.as_ref().map(Window::read).transpose().map_err(|reason| ("replay", reason))?;
    if window.is_some() && request.after.is_some() {
        return Err(("after", "a replay begins at its “from”; it cannot be resumed after a revision".to_owned()));
    }
    let room = match window {
        None => None,
        Some(_) => {
            let room = app.replays.clone().try_acquire_owned();
            let full = |_| ("replay", format!("there are REPLAYS_MAX ({}) replays already; try again later", limits::REPLAYS_MAX));
            Some(room.map_err(full)?)
        }
    };
    let (hub, city, bell) = (app.hub.clone(), city.clone(), lines.bell());
    let started = app.blocking(move || {
        Ok(Interest::read(&request, &city).and_then(|interest| match window.zip(room) {
            None => {
                let line =
                    Line::start(&hub, &city, request.id.clone(), interest, request.after, bell).map_err(|reason| ("after", reason))?;
                Ok(Subscription::Present(Box::new(line)))
            }
            Some((window, room)) => {
                let player = Player::start(&city, request.id.clone(), interest, window, room, bell).map_err(|reason| ("replay", reason))?;
                Ok(Subscription::Replay(player))
            }
        }))
    });
    started.await.map_err(|problem| ("subscribe", problem.to_string()))?
}

/// What a stream of events has to say next.
async fn next_event(
    app: &App,
    city: &City,
    lines: &mut Lines,
    beat: &mut tokio::time::Interval,
    styled: &mut broadcast::Receiver<String>,
) -> (Vec<Said>, bool) {
    let mut closing = app.closing.subscribe();
    let bare = |text| Said { text, revision: None };
    tokio::select! {
        biased;
        said = lines.next() => match said {
            Ok(said) => (vec![said], false),
            Err(ended) => {
                note_end(app, &ended);
                (vec![bare(farewell(&ended))], true)
            }
        },
        () = stopping(&mut closing) => (vec![bare(farewell(&Ended::Closing))], true),
        style = news_of(styled) => (vec![bare(styles_changed(style))], false),
        _ = beat.tick() => {
            let mut said = lines.catch_up(app.hub.delivered());
            if lines.is_of_the_present() {
                said.push(bare(heartbeat(city)));
            }
            (said, false)
        }
    }
}

/// Returns once the server stops.
async fn stopping(closing: &mut tokio::sync::watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

/// The style that has changed. After more changes than are kept the latest ones that are.
async fn news_of(styled: &mut broadcast::Receiver<String>) -> String {
    loop {
        match styled.recv().await {
            Ok(style) => return style,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn note_end(app: &App, ended: &Ended) {
    if matches!(ended, Ended::TooSlow) {
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
fn event_stream(app: Arc<App>, city: Arc<City>, lines: Lines) -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    struct Sse {
        app: Arc<App>,
        city: Arc<City>,
        lines: Lines,
        beat: tokio::time::Interval,
        styled: broadcast::Receiver<String>,
        over: bool,
    }
    impl Drop for Sse {
        fn drop(&mut self) {
            self.app.metrics.subscribers.fetch_sub(1, Ordering::Relaxed);
        }
    }
    app.metrics.subscribers.fetch_add(1, Ordering::Relaxed);
    let styled = app.styled.subscribe();
    let start = Sse { app, city, lines, beat: beats(), styled, over: false };
    let events = stream::unfold(start, |mut sse| async move {
        if sse.over {
            return None;
        }
        let (said, over) = next_event(&sse.app, &sse.city, &mut sse.lines, &mut sse.beat, &mut sse.styled).await;
        sse.over = over;
        sse.app.metrics.live_messages.fetch_add(said.len() as u64, Ordering::Relaxed);
        let mut events = Vec::with_capacity(said.iter().map(|said| said.text.len() + 32).sum());
        for Said { text, revision } in said {
            if let Some(revision) = revision {
                events.extend_from_slice(format!("id: {revision}\n").as_bytes());
            }
            events.extend_from_slice(b"data: ");
            events.extend_from_slice(&text);
            events.extend_from_slice(b"\n\n");
        }
        Some((Ok(Bytes::from(events)), sse))
    });
    stream::once(async { Ok(Bytes::from_static(b"retry: 2000\n\n")) }).chain(events)
}

/// Talks on a socket until either side ends it.
async fn serve_socket(app: &Arc<App>, city: &Arc<City>, mut socket: WebSocket) {
    let mut lines = Lines::default();
    let mut beat = beats();
    let mut closing = app.closing.subscribe();
    let mut styled = app.styled.subscribe();
    loop {
        let say = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => hear(app, city, &mut lines, &text).await,
                Some(Ok(Message::Binary(_))) => Some(error(None, "send text, not binary".to_owned())),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => None,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            said = lines.next() => match said {
                Ok(said) => Some(said.text),
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
            style = news_of(&mut styled) => Some(styles_changed(style)),
            _ = beat.tick() => {
                for said in lines.catch_up(app.hub.delivered()) {
                    if !send(app, &mut socket, said.text).await {
                        return;
                    }
                }
                lines.is_of_the_present().then(|| heartbeat(city))
            }
        };
        if let Some(text) = say
            && !send(app, &mut socket, text).await
        {
            return;
        }
    }
}

/// Does what a client says; what is to be answered at once.
async fn hear(app: &Arc<App>, city: &Arc<City>, lines: &mut Lines, text: &str) -> Option<Bytes> {
    let request: LiveRequest = match serde_json::from_str(text) {
        Ok(request) => request,
        Err(cause) => return Some(error(None, format!("the message is not understood: {cause}"))),
    };
    let (id, refusal) = match request {
        LiveRequest::Ping => return Some(heartbeat(city)),
        LiveRequest::Subscribe(request) => {
            let id = request.id.clone();
            if id.as_ref().is_some_and(|id| id.len() > limits::SUBSCRIPTION_ID_BYTES_MAX) {
                return Some(error(
                    None,
                    format!("id: longer than SUBSCRIPTION_ID_BYTES_MAX ({}) bytes", limits::SUBSCRIPTION_ID_BYTES_MAX),
                ));
            }
            match start(app, city, request, lines).await {
                Ok(line) => (id.clone(), lines.insert(id, line).err()),
                Err((member, reason)) => (id, Some(format!("{member}: {reason}"))),
            }
        }
        LiveRequest::Unsubscribe { id } => {
            let missing = (!lines.remove(&id)).then(|| "there is no subscription of this id".to_owned());
            (id, missing)
        }
        LiveRequest::Replay(control) => {
            let refusal = lines.steer(&control).err();
            (control.id, refusal)
        }
    };
    refusal.map(|reason| error(id, reason))
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
