//! `/ingest` (WebSocket): live items come in as text frames, and each frame is acknowledged once
//! what is good of it is durable.
//!
//! A frame is `{"seq": 7, "collection": "events", "feature": {…}}` or, with several records,
//! `"features": […]`; `collection` may stand in the address instead (`/ingest?collection=events`).
//! `seq` is the client's own number and comes back in the answer, of which there is exactly one
//! to every frame, in order:
//!
//! - `{"type": "ack", "seq", "revision", "stored", "unchanged", "refused": [{index, reason, detail}]}`:
//!   what is stored is durable and visible;
//! - `{"type": "busy", "seq", "retry_after_s", "detail"}`: nothing of the frame was kept, send it again;
//! - `{"type": "error", "seq", "detail"}`: nothing of the frame was kept, and sending it again would not help.
//!
//! A client may send many frames without waiting. Frames that wait are taken together, at most
//! [`limits::INGEST_FRAMES_MAX`]; beyond that the socket is not read, so that the client's own
//! sending is held back.

use crate::{
    access::Caller,
    app::App,
    geojson::read,
    http::{Answer, Ask, Problem, problem::collection_id},
    ingest::{Delivery, Record, Refusal, Source, Taken, drive},
    limits,
};
use axum::{
    Extension,
    body::Bytes,
    extract::{
        FromRequestParts, Request, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderValue, StatusCode, header},
};
use citywall_model::{CollectionId, limits as engine};
use citywall_query::{Effect, IngestError, Receipt};
use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// `GET /ingest`
pub async fn socket(State(app): State<Arc<App>>, ask: Ask, Extension(caller): Extension<Caller>, request: Request) -> Answer {
    let params = ask.params(&["collection"])?;
    let city = app.city()?.clone();
    let collection = params.get("collection").map(collection_id).transpose()?;
    if let Some(collection) = &collection {
        city.view(collection)?;
    }
    let room =
        app.ingest_sockets.clone().try_acquire_owned().map_err(|_| {
            Problem::later(format!("there are INGEST_SOCKETS_MAX ({}) ingest sockets already", limits::INGEST_SOCKETS_MAX), 5)
        })?;
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &app).await.map_err(|rejection| {
        let status = rejection.status();
        let status = if status.is_client_error() { status } else { StatusCode::BAD_REQUEST };
        Problem::new(status, format!("{} (this is a WebSocket)", rejection.body_text()))
            .header(header::UPGRADE, HeaderValue::from_static("websocket"))
    })?;
    let upgrade = upgrade.max_message_size(limits::INGEST_FRAME_BYTES_MAX).max_frame_size(limits::INGEST_FRAME_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _room = room;
        let closing = app.closing.subscribe();
        let mut frames =
            Frames { socket, actor: caller.name, collection, waiting: VecDeque::new(), under_way: Vec::new(), is_over: false, closing };
        app.metrics.connections.fetch_add(1, Ordering::Relaxed);
        drive(&app.intake, &city, &mut frames).await;
        app.metrics.connections.fetch_sub(1, Ordering::Relaxed);
    }))
}

/// One frame as a client writes it.
#[derive(Deserialize)]
struct Envelope<'a> {
    seq: Option<Value>,
    collection: Option<CollectionId>,
    #[serde(borrow)]
    feature: Option<&'a RawValue>,
    #[serde(borrow)]
    features: Option<Vec<&'a RawValue>>,
}

/// A frame that was read: its records, or what is wrong with it.
struct Frame {
    seq: Value,
    content: Result<(CollectionId, Vec<Record>), String>,
}

/// A socket as a source: the frames that wait, for one collection, are one delivery.
struct Frames {
    socket: WebSocket,
    actor: Arc<str>,
    /// The collection of frames that name none.
    collection: Option<CollectionId>,
    /// Frames that were read and not taken yet.
    waiting: VecDeque<Frame>,
    /// The frames of the delivery that is under way, each with its number of records.
    under_way: Vec<(Value, usize)>,
    is_over: bool,
    closing: tokio::sync::watch::Receiver<bool>,
}

impl Frames {
    /// Notes a message; false once there will be no more.
    fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> bool {
        match message {
            Some(Ok(Message::Text(text))) => {
                let frame = self.read(&Bytes::from(text));
                self.waiting.push_back(frame);
            }
            Some(Ok(Message::Binary(_))) => {
                self.waiting.push_back(Frame { seq: Value::Null, content: Err("send text, not binary".to_owned()) });
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => self.is_over = true,
        }
        !self.is_over
    }

    fn read(&self, text: &Bytes) -> Frame {
        let envelope: Envelope<'_> = match serde_json::from_slice(text) {
            Ok(envelope) => envelope,
            Err(error) => return Frame { seq: Value::Null, content: Err(format!("the frame is not understood: {error}")) },
        };
        let raw = match (envelope.feature, envelope.features) {
            (Some(feature), None) => Ok(vec![feature]),
            (None, Some(features)) if features.len() <= engine::INGEST_BATCH_RECORDS_MAX => Ok(features),
            (None, Some(_)) => Err(format!("more than INGEST_BATCH_RECORDS_MAX ({}) records", engine::INGEST_BATCH_RECORDS_MAX)),
            _ => Err("give either “feature” or “features”".to_owned()),
        };
        let collection = envelope.collection.or_else(|| self.collection.clone());
        let collection = collection.ok_or_else(|| "“collection” is missing, here and in the address".to_owned());
        let records = |raw: Vec<&RawValue>| raw.iter().map(|raw| read::record(text.slice_ref(raw.get().as_bytes()))).collect();
        Frame { seq: envelope.seq.unwrap_or(Value::Null), content: raw.and_then(|raw| Ok((collection?, records(raw)))) }
    }

    /// The frames that wait first and are for the same collection, as one delivery.
    fn gather(&mut self) -> Option<Delivery> {
        let mut delivery: Option<Delivery> = None;
        while let Some(Ok((collection, records))) = self.waiting.front().map(|frame| &frame.content) {
            let fits = delivery.as_ref().is_none_or(|delivery| {
                delivery.collection == *collection && delivery.records.len() + records.len() <= engine::INGEST_BATCH_RECORDS_MAX
            });
            let Some(Frame { seq, content: Ok((collection, records)) }) = fits.then(|| self.waiting.pop_front()).flatten() else { break };
            self.under_way.push((seq, records.len()));
            let delivery = delivery.get_or_insert_with(|| Delivery { collection, actor: self.actor.clone(), records: Vec::new() });
            delivery.records.extend(records);
        }
        delivery
    }

    async fn send(&mut self, message: Value) {
        let sent = self.socket.send(Message::text(message.to_string()));
        let sent = tokio::time::timeout(Duration::from_secs(limits::SEND_SECONDS_MAX), sent).await;
        if !matches!(sent, Ok(Ok(()))) {
            self.is_over = true;
        }
    }
}

impl Source for Frames {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            // What has arrived already comes along.
            while !self.is_over && self.waiting.len() < limits::INGEST_FRAMES_MAX {
                let Some(message) = self.socket.recv().now_or_never() else { break };
                self.hear(message);
            }
            if let Some(delivery) = self.gather() {
                return Some(delivery);
            }
            if let Some(Frame { seq, content: Err(detail) }) = self.waiting.pop_front() {
                self.send(json!({"type": "error", "seq": seq, "detail": detail})).await;
                continue;
            }
            if self.is_over {
                return None;
            }
            let message = tokio::select! {
                message = self.socket.recv() => message,
                _ = self.closing.wait_for(|closing| *closing) => None,
            };
            self.hear(message);
        }
    }

    async fn settle(&mut self, taken: Taken) -> ControlFlow<()> {
        let under_way = std::mem::take(&mut self.under_way);
        match taken {
            Ok(results) => {
                let mut results = results.into_iter();
                for (seq, records) in under_way {
                    let ack = ack(&seq, results.by_ref().take(records));
                    self.send(ack).await;
                }
            }
            Err(error) => {
                for (seq, _) in under_way {
                    self.send(failure(&seq, &error)).await;
                }
            }
        }
        if self.is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn ack(seq: &Value, results: impl Iterator<Item = Result<Receipt, Refusal>>) -> Value {
    let (mut revision, mut stored, mut unchanged, mut refused) = (0, 0, 0, Vec::new());
    for (index, result) in results.enumerate() {
        match result {
            Ok(receipt) => {
                revision = revision.max(receipt.revision.0);
                if receipt.effect == Effect::Unchanged { unchanged += 1 } else { stored += 1 }
            }
            Err(refusal) => refused.push(json!({"index": index, "reason": refusal.reason.word(), "detail": refusal.detail})),
        }
    }
    json!({"type": "ack", "seq": seq, "revision": revision, "stored": stored, "unchanged": unchanged, "refused": refused})
}

fn failure(seq: &Value, error: &IngestError) -> Value {
    let detail = error.to_string();
    match error {
        IngestError::Busy { .. } | IngestError::Store(_) | IngestError::Closed => {
            json!({"type": "busy", "seq": seq, "retry_after_s": 1, "detail": detail})
        }
        _ => json!({"type": "error", "seq": seq, "detail": detail}),
    }
}
