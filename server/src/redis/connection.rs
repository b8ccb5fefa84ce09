//! One connection: commands in order, writes that follow each other in one batch.

use super::{
    Door,
    arguments::{Arguments, Fault},
    channels,
    codec::{self, Command, Reply},
    fence::Fence,
    filter::matches,
    hooks, keys,
    pubsub::{Listener, Message},
    read,
    search::{Search, Verb},
    write::{self, Set, Told, Write, ok_json, removal},
};
use crate::{access::Caller, config::Scope, limits};
use bytes::BytesMut;
use citywall_model::{CollectionId, EventDraft, limits as engine};
use citywall_query::{Deed, Edit, Expected, IngestError, Outcome, Refused};
use std::{collections::BTreeSet, io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc::Receiver, oneshot},
};

/// What a connection is made of.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Serves a connection until it ends.
///
/// # Errors
/// The connection broke.
pub async fn serve(door: Arc<Door>, mut stream: impl Stream) -> io::Result<()> {
    let caller = door.stranger();
    let mut connection = Connection { door, caller, json: false, is_three: false, out: Vec::new(), batch: Batch::default(), ear: None };
    let ended = connection.talk(&mut stream).await;
    if let Some(ear) = connection.ear.take() {
        connection.door.fences.pubsub.leave(&ear.listener);
        if let Some(name) = ear.live {
            connection.door.fences.delete(&name, false);
        }
    }
    ended
}

/// Writes that wait for each other: one batch to one collection.
#[derive(Default)]
struct Batch {
    to: Option<(String, CollectionId)>,
    drafts: Vec<EventDraft>,
    told: Vec<Told>,
}

/// What a connection that subscribes hears.
struct Ear {
    listener: Listener,
    messages: Receiver<Message>,
    names: BTreeSet<(bool, String)>,
    /// The name of the fence of a live search.
    live: Option<String>,
}

struct Connection {
    door: Arc<Door>,
    caller: Option<Caller>,
    json: bool,
    /// The client asked for version 3 of the protocol.
    is_three: bool,
    out: Vec<u8>,
    batch: Batch,
    ear: Option<Ear>,
}

/// Whether the connection goes on.
#[derive(PartialEq)]
enum Flow {
    On,
    Quit,
}

impl Connection {
    async fn talk(&mut self, stream: &mut impl Stream) -> io::Result<()> {
        let mut buffer = BytesMut::with_capacity(16 << 10);
        let mut closing = self.door.app.closing.subscribe();
        loop {
            loop {
                match codec::take(&mut buffer) {
                    Ok(Some(command)) => {
                        if !command.is_empty() && self.command(&command).await == Flow::Quit {
                            self.flush().await;
                            return self.send(stream).await;
                        }
                    }
                    Ok(None) => break,
                    Err(reason) => {
                        self.flush().await;
                        Reply::Error(format!("ERR {reason}").into()).write(&mut self.out, self.is_three);
                        return self.send(stream).await;
                    }
                }
                if self.out.len() > limits::REDIS_REPLY_BYTES_MAX {
                    self.flush().await;
                    self.send(stream).await?;
                }
            }
            self.flush().await;
            self.send(stream).await?;
            buffer.reserve(16 << 10);
            let heard = async {
                match &mut self.ear {
                    Some(ear) => ear.messages.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                read = stream.read_buf(&mut buffer) => if read? == 0 { return Ok(()) },
                message = heard => match message {
                    Some(message) => self.hear(&message),
                    None => {
                        Reply::Error("ERR cut off: messages were read too slowly".into()).write(&mut self.out, self.is_three);
                        return self.send(stream).await;
                    }
                },
                () = super::closed(&mut closing) => return Ok(()),
            }
        }
    }

    /// Writes what there is to say; a client that does not read it is cut off.
    async fn send(&mut self, stream: &mut impl Stream) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let sent = tokio::time::timeout(Duration::from_secs(limits::SEND_SECONDS_MAX), stream.write_all(&self.out)).await;
        self.out.clear();
        sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Takes a message and all that wait behind it.
    fn hear(&mut self, message: &Message) {
        let Some(ear) = &mut self.ear else { return };
        message.reply(ear.live.is_some()).write(&mut self.out, self.is_three);
        while self.out.len() < limits::REDIS_REPLY_BYTES_MAX
            && let Ok(message) = ear.messages.try_recv()
        {
            message.reply(ear.live.is_some()).write(&mut self.out, self.is_three);
        }
    }

    async fn command(&mut self, command: &Command) -> Flow {
        let name = String::from_utf8_lossy(&command[0]).to_ascii_lowercase();
        match self.run(&name, command).await {
            Ok(Some(reply)) => {
                self.flush().await;
                reply.write(&mut self.out, self.is_three);
                if name == "quit" { Flow::Quit } else { Flow::On }
            }
            // It waits in the batch, or has been answered.
            Ok(None) => Flow::On,
            Err(fault) => {
                self.flush().await;
                fault.reply(&name, self.json).write(&mut self.out, self.is_three);
                Flow::On
            }
        }
    }

    fn allow(&self, scope: Scope) -> Result<(), Fault> {
        match &self.caller {
            None => Err(Fault::new("authentication required")),
            Some(caller) if caller.may(scope) => Ok(()),
            Some(_) => Err(Fault::new("the token does not allow this")),
        }
    }

    fn actor(&self) -> &str {
        self.caller.as_ref().map_or("nobody", |caller| &caller.name)
    }

    /// Does a command: a reply, or `None` if it waits in the batch.
    async fn run(&mut self, name: &str, command: &Command) -> Result<Option<Reply>, Fault> {
        let mut arguments = Arguments::new(command)?;
        let a = &mut arguments;
        if !matches!(name, "auth" | "hello" | "ping" | "echo" | "quit" | "output" | "client") && self.caller.is_none() {
            return Err(Fault::new("authentication required"));
        }
        match name {
            "set" | "fset" | "del" | "expire" | "persist" | "setchan" | "sethook" => self.write(name, a).await,
            "pdel" | "drop" => {
                self.allow(Scope::Ingest)?;
                self.flush().await;
                let (key, pattern) = (a.text()?, if name == "pdel" { a.text()? } else { "*" });
                a.end()?;
                self.remove_all(key, pattern).await.map(|count| {
                    let count = if name == "drop" { count.min(1) } else { count };
                    Some(if self.json { ok_json("") } else { Reply::Integer(count) })
                })
            }
            "delchan" | "pdelchan" => {
                self.allow(Scope::Ingest)?;
                self.flush().await;
                let names = self.door.fences.delete(a.word()?, name == "pdelchan");
                let drafts: Vec<_> = names.iter().map(|name| removal(name)).collect();
                self.submit(&channels::collection(), drafts).await?;
                Ok(Some(if self.json { ok_json("") } else { Reply::Integer(i64::try_from(names.len()).unwrap_or(0)) }))
            }
            "delhook" | "pdelhook" => {
                self.allow(Scope::Ingest)?;
                self.flush().await;
                let names = hooks::names(&self.door.city, a.word()?, name == "pdelhook");
                a.end()?;
                let drafts: Vec<_> = names.iter().map(|name| removal(name)).collect();
                self.submit(&hooks::collection(), drafts).await?;
                Ok(Some(if self.json { ok_json("") } else { Reply::Integer(i64::try_from(names.len()).unwrap_or(0)) }))
            }
            "subscribe" | "psubscribe" | "unsubscribe" | "punsubscribe" => self.subscribe(name, a).map(|()| None),
            _ => {
                self.flush().await;
                self.read(name, a).map(Some)
            }
        }
    }

    /// The commands that write one object.
    async fn write(&mut self, name: &str, a: &mut Arguments<'_>) -> Result<Option<Reply>, Fault> {
        self.allow(Scope::Ingest)?;
        let json = self.json;
        match name {
            "set" => {
                let set = Set::read(a)?;
                match set.must_be {
                    None => self.add(Write { key: set.key, draft: set.draft, told: Told::Ok }).await,
                    Some(must_be) => self.set_if(set, must_be).await.map(Some),
                }
            }
            "del" => {
                let (key, id) = (a.text()?, a.text()?);
                let must_be = a.takes("erron404");
                a.end()?;
                self.readable(key).await;
                if must_be {
                    self.flush().await;
                    write::known(&self.door.city, key, id)?;
                }
                if self.batch.drafts.is_empty() && keys::view(&self.door.city, key).is_none() {
                    return Ok(Some(if json { ok_json("") } else { Reply::Integer(0) }));
                }
                self.add(Write { key, draft: removal(id), told: Told::Changed }).await
            }
            "fset" | "expire" | "persist" => {
                // They look at the object as the writes before have made it.
                self.flush().await;
                let planned = match name {
                    "fset" => write::fset(a, &self.door.city)?,
                    _ => write::expire(a, &self.door.city, name == "persist", json)?,
                };
                match planned {
                    Ok(write) => self.add(write).await,
                    Err(reply) => Ok(Some(if json { ok_json("") } else { reply })),
                }
            }
            "sethook" => {
                self.flush().await;
                match hooks::set(&self.door, a)? {
                    Some(draft) => self.add_to(String::new(), hooks::collection(), draft, Told::Number(1)).await,
                    None => Ok(Some(if json { ok_json("") } else { Reply::Integer(0) })),
                }
            }
            _ => match channels::set(&self.door, a, json)? {
                Ok(draft) => self.add_to(String::new(), channels::collection(), draft, Told::Number(1)).await,
                Err(reply) => Ok(Some(reply)),
            },
        }
    }

    /// The commands that change nothing.
    fn read(&mut self, name: &str, a: &mut Arguments<'_>) -> Result<Reply, Fault> {
        let json = self.json;
        let city = self.door.city.clone();
        if let Some(verb) = super::verb(name) {
            self.allow(Scope::Read)?;
            return self.search(verb, a);
        }
        match name {
            "get" | "fget" | "ttl" | "keys" | "bounds" | "exists" | "fexists" | "stats" | "server" | "info" | "chans" | "hooks" => {
                self.allow(Scope::Read)?;
            }
            _ => {}
        }
        match name {
            "ping" | "echo" => Ok(match (a.peek(), json) {
                (Some(text), true) => ok_json(&format!(",\"{name}\":{}", super::object::quoted(text))),
                (None, true) => ok_json(&format!(",\"{name}\":\"pong\"")),
                (Some(text), false) => Reply::bulk(text),
                (None, false) if self.ear.is_some() && !self.is_three => Reply::Array(vec![Reply::bulk("PONG"), Reply::bulk("")]),
                (None, false) => Reply::Simple("PONG"),
            }),
            "get" => read::get(a, &city, json),
            "fget" => read::fget(a, &city, json),
            "ttl" => read::ttl(a, &city, json),
            "exists" | "fexists" => read::exists(a, &city, name == "fexists", json),
            "keys" => read::list_keys(a, &city, json),
            "bounds" => tokio::task::block_in_place(|| read::bounds(a, &city, json)),
            "stats" => tokio::task::block_in_place(|| read::stats(a, &city, json)),
            "server" | "info" => Ok(read::server(&city, self.door.app.started, json)),
            "chans" => channels::list(&self.door, a, json),
            "hooks" => hooks::list(&city, a, json),
            "publish" => {
                self.allow(Scope::Ingest)?;
                let told = self.door.fences.pubsub.publish(a.text()?, a.text()?);
                Ok(if json { ok_json(&format!(",\"published\":{told}")) } else { Reply::Integer(i64::try_from(told).unwrap_or(0)) })
            }
            "auth" => self.authenticate(a),
            "hello" => self.hello(a),
            "output" => self.output(a),
            "quit" => Ok(self.ok()),
            "client" => Ok(self.ok()),
            "healthz" => Ok(self.ok()),
            "config" => self.config(a),
            _ => Err(Fault::new(format!("unknown command '{}'", name.chars().take(64).collect::<String>()))),
        }
    }

    fn ok(&self) -> Reply {
        if self.json { ok_json("") } else { Reply::Simple("OK") }
    }

    /// AUTH, with a token of the configuration; a user's name before it is passed over.
    fn authenticate(&mut self, a: &mut Arguments<'_>) -> Result<Reply, Fault> {
        let mut secret = a.text()?;
        if a.left() > 0 {
            secret = a.text()?;
        }
        a.end()?;
        if self.door.app.tokens.is_empty() {
            return Err(Fault::new("invalid password"));
        }
        self.caller = Some(self.door.app.tokens.holder(secret).ok_or_else(|| Fault::new("invalid password"))?);
        Ok(self.ok())
    }

    /// HELLO: version 2 or 3 of the protocol; a client that asks for another one is told so.
    fn hello(&mut self, a: &mut Arguments<'_>) -> Result<Reply, Fault> {
        let version = if a.left() > 0 { a.text()? } else { "2" };
        if !matches!(version, "2" | "3") {
            return Ok(Reply::Error("NOPROTO unsupported protocol version".into()));
        }
        while a.left() > 0 {
            match a.text()?.to_ascii_lowercase().as_str() {
                "auth" => {
                    a.text()?;
                    let secret = a.text()?;
                    self.caller = Some(self.door.app.tokens.holder(secret).ok_or_else(|| Fault::new("invalid password"))?);
                }
                "setname" => drop(a.text()?),
                other => return Err(Fault::argument(other)),
            }
        }
        self.is_three = version == "3";
        let text = Reply::bulk;
        Ok(Reply::Map(vec![
            text("server"),
            text("citywall"),
            text("version"),
            text(env!("CARGO_PKG_VERSION")),
            text("proto"),
            Reply::Integer(if self.is_three { 3 } else { 2 }),
            text("id"),
            Reply::Integer(1),
            text("mode"),
            text("standalone"),
            text("role"),
            text("master"),
            text("modules"),
            Reply::Array(Vec::new()),
        ]))
    }

    fn output(&mut self, a: &mut Arguments<'_>) -> Result<Reply, Fault> {
        if a.left() == 0 {
            return Ok(if self.json { ok_json(",\"output\":\"json\"") } else { Reply::bulk("resp") });
        }
        let form = a.text()?;
        a.end()?;
        self.json = match form.to_ascii_lowercase().as_str() {
            "json" => true,
            "resp" => false,
            _ => return Err(Fault::argument(form)),
        };
        Ok(self.ok())
    }

    /// CONFIG GET: every setting that a client may ask for is empty here.
    fn config(&self, a: &mut Arguments<'_>) -> Result<Reply, Fault> {
        let action = a.text()?;
        if !action.eq_ignore_ascii_case("get") {
            return Err(Fault::argument(action));
        }
        let pattern = a.text()?.to_ascii_lowercase();
        let known = ["requirepass", "leaderauth", "protected-mode", "maxmemory", "autogc", "keepalive", "save", "appendonly"];
        let found: Vec<&str> = known.into_iter().filter(|name| matches(&pattern, name)).collect();
        if self.json {
            let members: Vec<String> = found.iter().map(|name| format!("\"{name}\":\"\"")).collect();
            return Ok(ok_json(&format!(",\"properties\":{{{}}}", members.join(","))));
        }
        Ok(Reply::Array(found.into_iter().flat_map(|name| [Reply::bulk(name), Reply::bulk("")]).collect()))
    }

    /// A search; with FENCE the connection goes on as a live one.
    fn search(&mut self, verb: Verb, a: &mut Arguments<'_>) -> Result<Reply, Fault> {
        let search = Search::read(verb, a, &self.door.city)?;
        if search.fence.is_fence {
            if self.ear.is_some() {
                return Err(Fault::new("the connection listens already"));
            }
            let (listener, messages) = self.door.fences.pubsub.listener();
            let name = format!("\u{0}live:{}", self.door.fences.pubsub.number());
            self.door.fences.pubsub.subscribe(&listener, &name, false);
            let set = Fence::new(&name, Default::default(), Vec::new(), search, false).and_then(|fence| self.door.fences.set(fence));
            self.ear = Some(Ear { listener, messages, names: BTreeSet::new(), live: Some(name) });
            return set.map(|_| self.ok());
        }
        let (city, json) = (&self.door.city, self.json);
        Ok(if verb == Verb::Scan { tokio::task::block_in_place(|| search.answer(city, json)) } else { search.answer(city, json) })
    }

    fn subscribe(&mut self, command: &str, a: &mut Arguments<'_>) -> Result<(), Fault> {
        self.allow(Scope::Read)?;
        if self.ear.as_ref().is_some_and(|ear| ear.live.is_some()) {
            return Err(Fault::new("the connection listens already"));
        }
        let (is_pattern, ends) = (command.starts_with('p'), command.ends_with("unsubscribe"));
        let pubsub = &self.door.fences.pubsub;
        let ear = self.ear.get_or_insert_with(|| {
            let (listener, messages) = pubsub.listener();
            Ear { listener, messages, names: BTreeSet::new(), live: None }
        });
        let mut names: Vec<String> = a.rest().iter().map(|name| (*name).to_owned()).collect();
        if names.is_empty() {
            if !ends {
                return Err(Fault::count());
            }
            names = ear.names.iter().filter(|(pattern, _)| *pattern == is_pattern).map(|(_, name)| name.clone()).collect();
        }
        for name in names {
            if ends {
                ear.names.remove(&(is_pattern, name.clone()));
                pubsub.unsubscribe(&ear.listener, &name, is_pattern);
            } else if ear.names.len() < limits::REDIS_CHANNELS_MAX {
                ear.names.insert((is_pattern, name.clone()));
                pubsub.subscribe(&ear.listener, &name, is_pattern);
            }
            let count = ear.names.len();
            let reply = if self.json {
                ok_json(&format!(",\"command\":\"{command}\",\"channel\":{},\"num\":{count}", super::object::quoted(&name)))
            } else {
                Reply::Push(vec![Reply::bulk(command), Reply::Bulk(name), Reply::Integer(i64::try_from(count).unwrap_or(0))])
            };
            reply.write(&mut self.out, self.is_three);
        }
        Ok(())
    }

    /// Adds a write to the batch.
    async fn add(&mut self, write: Write<'_>) -> Result<Option<Reply>, Fault> {
        let goes_along =
            self.batch.to.as_ref().is_some_and(|(key, _)| key == write.key) && self.batch.drafts.len() < limits::REDIS_BATCH_MAX;
        if goes_along {
            self.batch.drafts.push(write.draft);
            self.batch.told.push(write.told);
            return Ok(None);
        }
        let id = tokio::task::block_in_place(|| keys::to_write(&self.door.city, write.key))?;
        self.add_to(write.key.to_owned(), id, write.draft, write.told).await
    }

    async fn add_to(&mut self, key: String, id: CollectionId, draft: EventDraft, told: Told) -> Result<Option<Reply>, Fault> {
        let same = self.batch.to.as_ref().is_none_or(|(_, other)| *other == id);
        if !same || self.batch.drafts.len() >= limits::REDIS_BATCH_MAX {
            self.flush().await;
        }
        self.batch.to = Some((key, id));
        self.batch.drafts.push(draft);
        self.batch.told.push(told);
        Ok(None)
    }

    /// Sees to it that a batch for another key is written before this key is looked at.
    async fn readable(&mut self, key: &str) {
        if self.batch.to.as_ref().is_some_and(|(other, _)| other != key) {
            self.flush().await;
        }
    }

    /// Writes the batch and says how it went, once it is durable.
    async fn flush(&mut self) {
        let Batch { to, drafts, told } = std::mem::take(&mut self.batch);
        let Some((_, id)) = to else { return };
        let outcome = self.submit(&id, drafts).await;
        for (at, told) in told.iter().enumerate() {
            let result = match &outcome {
                Ok(results) => results.get(at).cloned().unwrap_or_else(|| Err(Fault::new("the city is being closed"))),
                Err(fault) => Err(fault.clone()),
            };
            match result {
                Ok(receipt) => told.reply(&receipt, self.json).write(&mut self.out, self.is_three),
                Err(fault) => fault.reply("set", self.json).write(&mut self.out, self.is_three),
            }
        }
    }

    /// Writes records, and waits while the writer is busy with others.
    async fn submit(&self, id: &CollectionId, mut drafts: Vec<EventDraft>) -> Result<Vec<Result<citywall_query::Receipt, Fault>>, Fault> {
        let city = &self.door.city;
        let checked: Vec<Result<(), Fault>> = {
            let mut check = self.door.app.intake.checker(city, id, self.actor());
            drafts.iter_mut().map(|draft| check(draft).map_err(|refusal| Fault::new(refusal.to_string()))).collect()
        };
        let mut goes = checked.iter().map(Result::is_ok);
        drafts.retain(|_| goes.next().unwrap_or(false));
        let mut results = Vec::with_capacity(drafts.len());
        while !drafts.is_empty() {
            let rest = drafts.split_off(drafts.len().min(engine::INGEST_BATCH_RECORDS_MAX));
            let (reply, outcome) = oneshot::channel();
            city.submit(id, drafts, self.actor(), move |outcome| drop(reply.send(outcome)))?;
            results.extend(answered(outcome.await)?);
            drafts = rest;
        }
        let mut results = results.into_iter();
        let result = |checked: Result<(), Fault>| {
            checked.and_then(|()| results.next().unwrap_or(Err(Refused::NoItem { id: String::new() })).map_err(Fault::from))
        };
        Ok(checked.into_iter().map(result).collect())
    }

    /// SET with NX or XX: on the writer's thread nothing comes between the condition and the change.
    async fn set_if(&mut self, set: Set<'_>, must_be: bool) -> Result<Reply, Fault> {
        self.flush().await;
        if must_be && keys::view(&self.door.city, set.key).is_none() {
            return if self.json { Err(Fault::new("id not found")) } else { Ok(Reply::Null) };
        }
        let id = tokio::task::block_in_place(|| keys::to_write(&self.door.city, set.key))?;
        let mut draft = set.draft;
        self.door.app.intake.checker(&self.door.city, &id, self.actor())(&mut draft).map_err(|refusal| Fault::new(refusal.to_string()))?;
        let expected = if must_be { Expected::Present } else { Expected::Absent };
        let (reply, outcome) = oneshot::channel();
        let edit = Edit { draft, deed: Deed::Patch, expected };
        self.door.city.submit_edit(&id, edit, self.actor(), move |outcome| drop(reply.send(outcome)))?;
        match answered(outcome.await)?.pop() {
            Some(Err(Refused::Exists { .. })) if self.json => Err(Fault::new("id already exists")),
            Some(Err(Refused::NoItem { .. })) if self.json => Err(Fault::new("id not found")),
            Some(Err(Refused::Exists { .. } | Refused::NoItem { .. })) => Ok(Reply::Null),
            Some(Err(refused)) => Err(refused.into()),
            _ => Ok(self.ok()),
        }
    }

    /// PDEL and DROP: the objects whose ids a pattern fits.
    async fn remove_all(&self, key: &str, pattern: &str) -> Result<i64, Fault> {
        let Some(view) = keys::view(&self.door.city, key) else { return Ok(0) };
        let id = keys::to_write(&self.door.city, key)?;
        let drafts: Vec<_> = tokio::task::block_in_place(|| {
            view.open_items().iter().filter(|item| matches(pattern, item.id())).map(|item| removal(item.id())).collect()
        });
        let results = self.submit(&id, drafts).await?;
        i64::try_from(results.iter().filter(|result| result.is_ok()).count()).map_err(|_| Fault::count())
    }
}

fn answered(outcome: Result<Outcome, oneshot::error::RecvError>) -> Result<Vec<Result<citywall_query::Receipt, Refused>>, Fault> {
    Ok(outcome.unwrap_or(Err(IngestError::Closed))?)
}
