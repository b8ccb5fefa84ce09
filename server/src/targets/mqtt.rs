//! Letters as MQTT messages (3.1.1, quality of service 1).

use super::{
    address::Allowed,
    carrier::{Failure, Message, Sender},
    document::{Broker, secret},
};
use citywall_model::AREA_PROPERTIES;
use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use std::time::{Duration, Instant};

/// A target behind a broker.
pub struct Mqtt {
    target: String,
    at: Broker,
    timeout: Duration,
    allowed: Allowed,
    line: Option<(Client, Connection)>,
}

impl Mqtt {
    pub fn new(target: &str, at: Broker, timeout: Duration, allowed: Allowed) -> Self {
        Self { target: target.to_owned(), at, timeout, allowed, line: None }
    }

    fn connect(&self) -> Result<(Client, Connection), String> {
        let host = self.at.broker.strip_prefix("mqtt://").unwrap_or(&self.at.broker).trim_end_matches('/');
        let host = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
            host.to_owned()
        } else {
            format!("{host}:1883")
        };
        let address = *self.allowed.resolve(&host)?.first().ok_or("the broker has no address")?;
        // Two servers with one id would throw each other out.
        let mut options =
            MqttOptions::new(format!("citywall-{}-{}", self.target, std::process::id()), address.ip().to_string(), address.port());
        options.set_keep_alive(Duration::from_secs(30)).set_clean_session(true);
        if let Some(username) = &self.at.username {
            options.set_credentials(username, self.at.secret.as_deref().map(secret).transpose()?.unwrap_or_default());
        }
        Ok(Client::new(options, 1))
    }

    fn publish(&mut self, topic: &str, body: &str) -> Result<(), String> {
        let end = Instant::now() + self.timeout;
        let line = match self.line.take() {
            Some(line) => line,
            None => self.connect()?,
        };
        let (client, connection) = self.line.insert(line);
        client.try_publish(topic, QoS::AtLeastOnce, self.at.retain, body).map_err(|error| error.to_string())?;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match connection.recv_timeout(left) {
                // One letter is under way at a time, so this is its acknowledgement.
                Ok(Ok(Event::Incoming(Packet::PubAck(_)))) => return Ok(()),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err(format!("the broker did not acknowledge within {:?}", self.timeout)),
            }
        }
    }
}

impl Sender for Mqtt {
    fn send(&mut self, message: &Message<'_>) -> Result<(), Failure> {
        let topic = topic(&self.at.topic, message.body);
        self.publish(&topic, message.body).map_err(|reason| {
            // What was under way on it must not be taken for the next letter's acknowledgement.
            self.line = None;
            Failure::Later(reason)
        })
    }

    fn idle(&mut self) {
        // The keep-alive of a line on which nothing is sent.
        if let Some((_, connection)) = &mut self.line {
            loop {
                match connection.recv_timeout(Duration::from_millis(1)) {
                    Ok(Ok(_)) => {}
                    Ok(Err(_)) => {
                        self.line = None;
                        return;
                    }
                    Err(_) => return,
                }
            }
        }
    }
}

/// A topic with the item's own collection, id, level and areas in it. What would change the
/// topic's levels is replaced. What a hook sends is no item.
fn topic(template: &str, body: &str) -> String {
    let letter: Value = serde_json::from_str(body).unwrap_or_default();
    if letter["feature"].is_null() {
        return template.to_owned();
    }
    let properties = &letter["feature"]["properties"];
    let plain = |value: &Value| {
        let text = value.as_str().map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned);
        text.replace(['/', '+', '#', '\0'], "_")
    };
    let mut topic = template.replace("{collection}", &plain(&letter["collection"])).replace("{id}", &plain(&letter["feature"]["id"]));
    for name in AREA_PROPERTIES.into_iter().chain(["level"]) {
        topic = topic.replace(&format!("{{{name}}}"), &plain(&properties[name]));
    }
    topic
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_the_items_own_words_and_no_levels_of_theirs() {
        let body = r#"{"collection":"alarms","feature":{"id":"a/b+","properties":{"level":2,"street":"120101001"}}}"#;
        assert_eq!(topic("city/{street}/{collection}/{level}/{id}/{grid}", body), "city/120101001/alarms/2/a_b_/");
    }
}
