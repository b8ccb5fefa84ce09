//! A connection to a broker in either version of the protocol, through rumqttc.

use crate::{
    config::{MqttConfig, MqttVersion},
    limits,
};
use anyhow::Context;
use axum::body::Bytes;
use rumqttc::{
    ConnectionError, Event, Incoming, StateError, TlsConfiguration, Transport,
    v5::{self, mqttbytes::v5 as packets},
};
use std::{collections::BTreeSet, time::Duration};

/// Most bytes of a packet that the protocol has: a message is judged by what is mapped, never by
/// the transport, which could only cut the connection and would be sent it again.
const PACKET_BYTES_MAX: u32 = 268_435_455;
/// How long a broker keeps the session while the server is away, in seconds (MQTT 5).
const SESSION_SECONDS: u32 = 7 * 24 * 3600;

/// A message as it came.
pub struct Message {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Bytes,
    /// True for QoS 0, which promises nothing.
    pub is_best_effort: bool,
    /// What acknowledges it.
    pub token: Token,
}

/// What acknowledges a message.
pub enum Token {
    /// In MQTT 3.1.1.
    V3(rumqttc::Publish),
    /// In MQTT 5.
    V5(packets::Publish),
}

/// What a broker says.
#[expect(clippy::large_enum_variant, reason = "few at a time, and most are of the large kind")]
pub enum Heard {
    /// The connection is open.
    Connected,
    /// A message.
    Message(Message),
    /// Something that concerns the protocol alone.
    Nothing,
}

/// The side that sends: subscriptions and acknowledgements.
#[derive(Clone)]
pub enum Sender {
    /// In MQTT 3.1.1.
    V3(rumqttc::AsyncClient),
    /// In MQTT 5.
    V5(v5::AsyncClient),
}

/// The side that listens.
pub struct Listener {
    events: Events,
    /// Packet ids of QoS 2 whose release the broker still owes from before a break. rumqttc
    /// forgets them with the connection and would take the release for an error, for ever.
    owed: BTreeSet<u16>,
}

enum Events {
    V3(Box<rumqttc::EventLoop>),
    V5(Box<v5::EventLoop>),
}

/// The two sides of a connection that is not open yet.
///
/// # Errors
/// The credentials or the certificates cannot be read.
pub fn open(config: &MqttConfig) -> anyhow::Result<(Sender, Listener)> {
    let (host, port, is_tls) = config.address()?;
    let client_id = config.client_id.clone().unwrap_or_else(|| format!("citywall-{}", config.name));
    let credentials = config.credentials()?;
    let keep_alive = Duration::from_secs(config.keep_alive_s.into());
    let tls = is_tls.then(|| transport(config)).transpose()?;
    // Every message that waits can be acknowledged without waiting for the connection.
    let requests = 2 * limits::MQTT_WAITING_MAX;
    let (sender, events) = match config.version {
        MqttVersion::V3 => {
            let mut options = rumqttc::MqttOptions::new(client_id, host, port);
            options.set_keep_alive(keep_alive).set_clean_session(false).set_manual_acks(true);
            options.set_max_packet_size(PACKET_BYTES_MAX as usize, PACKET_BYTES_MAX as usize);
            if let Some((user, password)) = credentials {
                options.set_credentials(user, password);
            }
            if let Some(tls) = tls {
                options.set_transport(tls);
            }
            let (client, events) = rumqttc::AsyncClient::new(options, requests);
            (Sender::V3(client), Events::V3(Box::new(events)))
        }
        MqttVersion::V5 => {
            let mut options = v5::MqttOptions::new(client_id, host, port);
            options.set_keep_alive(keep_alive).set_clean_start(false).set_manual_acks(true);
            options.set_session_expiry_interval(Some(SESSION_SECONDS)).set_max_packet_size(Some(PACKET_BYTES_MAX));
            if let Some((user, password)) = credentials {
                options.set_credentials(user, password);
            }
            if let Some(tls) = tls {
                options.set_transport(tls);
            }
            let (client, events) = v5::AsyncClient::new(options, requests);
            (Sender::V5(client), Events::V5(Box::new(events)))
        }
    };
    Ok((sender, Listener { events, owed: BTreeSet::new() }))
}

fn transport(config: &MqttConfig) -> anyhow::Result<Transport> {
    let ca = std::fs::read(&config.ca_file)
        .with_context(|| format!("mqtt “{}”: cannot read ca_file {}", config.name, config.ca_file.display()))?;
    // A provider that is there already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Transport::tls_with_config(TlsConfiguration::Simple { ca, alpn: None, client_auth: None }))
}

impl Sender {
    /// Asks for topics: filters with their quality of service.
    ///
    /// # Errors
    /// The listening side is gone.
    pub async fn subscribe(&self, filters: &[(String, u8)]) -> anyhow::Result<()> {
        match self {
            Self::V3(client) => {
                let filters = filters.iter().map(|(filter, qos)| rumqttc::SubscribeFilter::new(filter.clone(), v3_qos(*qos)));
                client.subscribe_many(filters).await?;
            }
            Self::V5(client) => {
                let filters = filters.iter().map(|(filter, qos)| packets::Filter::new(filter.clone(), v5_qos(*qos)));
                client.subscribe_many(filters).await?;
            }
        }
        Ok(())
    }

    /// Acknowledges a message; of QoS 0 there is nothing to acknowledge.
    pub async fn acknowledge(&self, token: &Token) {
        let sent = match (self, token) {
            (Self::V3(client), Token::V3(message)) => client.ack(message).await.is_ok(),
            (Self::V5(client), Token::V5(message)) => client.ack(message).await.is_ok(),
            _ => false,
        };
        if !sent {
            tracing::debug!("a message was not acknowledged: the connection has ended, and the broker will send it again");
        }
    }
}

fn v3_qos(qos: u8) -> rumqttc::QoS {
    match qos {
        0 => rumqttc::QoS::AtMostOnce,
        1 => rumqttc::QoS::AtLeastOnce,
        _ => rumqttc::QoS::ExactlyOnce,
    }
}

fn v5_qos(qos: u8) -> v5::mqttbytes::QoS {
    match qos {
        0 => v5::mqttbytes::QoS::AtMostOnce,
        1 => v5::mqttbytes::QoS::AtLeastOnce,
        _ => v5::mqttbytes::QoS::ExactlyOnce,
    }
}

impl Listener {
    /// What the broker says next. After an error the next call opens the connection again.
    ///
    /// # Errors
    /// The connection broke or was not made; true if the next attempt may be made at once.
    pub async fn hear(&mut self) -> Result<Heard, (anyhow::Error, bool)> {
        let error = match &mut self.events {
            Events::V3(events) => match events.poll().await {
                Ok(Event::Incoming(Incoming::ConnAck(_))) => return Ok(Heard::Connected),
                Ok(Event::Incoming(Incoming::Publish(message))) => {
                    let topic = message.topic.clone();
                    return Ok(heard(topic, message.payload.clone(), message.qos as u8, Token::V3(message)));
                }
                Ok(_) => return Ok(Heard::Nothing),
                Err(ConnectionError::MqttState(StateError::Unsolicited(id))) => Err(id),
                Err(error) => Ok(anyhow::Error::new(error)),
            },
            Events::V5(events) => match events.poll().await {
                Ok(v5::Event::Incoming(v5::Incoming::ConnAck(_))) => return Ok(Heard::Connected),
                Ok(v5::Event::Incoming(v5::Incoming::Publish(message))) => {
                    let topic = String::from_utf8_lossy(&message.topic).into_owned();
                    return Ok(heard(topic, message.payload.clone(), message.qos as u8, Token::V5(message)));
                }
                Ok(_) => return Ok(Heard::Nothing),
                Err(v5::ConnectionError::MqttState(v5::StateError::Unsolicited(id))) => Err(id),
                Err(error) => Ok(anyhow::Error::new(error)),
            },
        };
        let is_release = error.is_err();
        let error = error.unwrap_or_else(|id| {
            self.owed.insert(id);
            anyhow::anyhow!("the broker released message {id} of the session before")
        });
        self.expect_releases();
        Err((error, is_release))
    }

    /// Has the next connection know the messages whose release the broker owes: as if each had
    /// come just now.
    fn expect_releases(&mut self) {
        for id in &self.owed {
            match &mut self.events {
                Events::V3(events) => {
                    let mut message = rumqttc::Publish::new("", rumqttc::QoS::ExactlyOnce, Vec::new());
                    message.pkid = *id;
                    drop(events.state.handle_incoming_packet(Incoming::Publish(message)));
                }
                Events::V5(events) => {
                    let mut message = packets::Publish::new("", v5::mqttbytes::QoS::ExactlyOnce, Bytes::new(), None);
                    message.pkid = *id;
                    drop(events.state.handle_incoming_packet(v5::Incoming::Publish(message)));
                }
            }
        }
    }
}

/// A message; what [`Listener::expect_releases`] said has no topic and is none.
fn heard(topic: String, payload: Bytes, qos: u8, token: Token) -> Heard {
    if topic.is_empty() { Heard::Nothing } else { Heard::Message(Message { topic, payload, is_best_effort: qos == 0, token }) }
}
