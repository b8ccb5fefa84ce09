//! From a message to records, as a topic's configuration says.

use crate::{
    config::{Payload, TopicConfig},
    geojson::{point, read},
    ingest::{Reason, Record, Refusal},
    limits,
};
use axum::body::Bytes;
use citywall_model::{EventDraft, Properties, Wkb, limits as engine, time};
use jiff::{Timestamp, civil::DateTime, fmt::strtime, tz::TimeZone};
use serde_json::Value;

/// The records of a message on a topic with these named levels; a message that cannot be read is
/// one refused record. `name` is the source of records whose mapping says nothing else.
pub fn records(config: &TopicConfig, name: &str, fields: &[(&str, &str)], payload: &Bytes, now: Timestamp) -> Vec<Record> {
    let refused = |refusal| vec![Record { draft: Err(refusal), text: payload.clone() }];
    if payload.len() > limits::INGEST_FRAME_BYTES_MAX {
        let detail = format!("the message is longer than INGEST_FRAME_BYTES_MAX ({} bytes)", limits::INGEST_FRAME_BYTES_MAX);
        return refused(Refusal::new(Reason::Oversized, detail));
    }
    if config.payload == Payload::Feature {
        let mut record = read::record(payload.clone());
        if let Ok(draft) = &mut record.draft {
            draft.source.get_or_insert_with(|| name.to_owned());
        }
        return vec![record];
    }
    let message: Value = match serde_json::from_slice(payload) {
        Ok(message) => message,
        Err(error) => return refused(Refusal::malformed(format!("the message is no JSON: {error}"))),
    };
    let Some(pointer) = &config.records else {
        return vec![Record { draft: draft(config, name, fields, &message, now), text: payload.clone() }];
    };
    match message.pointer(pointer) {
        Some(Value::Array(all)) if all.len() > engine::INGEST_BATCH_RECORDS_MAX => refused(Refusal::new(
            Reason::Oversized,
            format!("more than INGEST_BATCH_RECORDS_MAX ({}) records", engine::INGEST_BATCH_RECORDS_MAX),
        )),
        Some(Value::Array(all)) => {
            let record = |one: &Value| Record { draft: draft(config, name, fields, one, now), text: Bytes::from(one.to_string()) };
            all.iter().map(record).collect()
        }
        _ => refused(Refusal::malformed(format!("the message has no array at “{pointer}”"))),
    }
}

fn draft(config: &TopicConfig, name: &str, fields: &[(&str, &str)], record: &Value, now: Timestamp) -> Result<EventDraft, Refusal> {
    let invalid = |detail: String| Refusal::new(Reason::Invalid, detail);
    let text = |member: &str, value: Value| match value {
        Value::String(text) => Ok(text),
        Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
        other => Err(invalid(format!("{member}: {} is neither text nor a whole number", short(&other)))),
    };
    let id = config.id.value(fields, record).ok_or_else(|| invalid("id: is missing".to_owned()))?;
    let source = config.source.as_ref().and_then(|source| source.value(fields, record)).map(|source| text("source", source)).transpose()?;
    let time = match &config.time {
        None => now,
        Some(time) => {
            let value = time.value(fields, record).ok_or_else(|| invalid("time: is missing".to_owned()))?;
            instant(config, &value).map_err(|reason| invalid(format!("time: {} {reason}", short(&value))))?
        }
    };
    let properties = config.properties.iter().filter_map(|(name, value)| Some((name.clone(), value.value(fields, record)?)));
    Ok(EventDraft {
        id: text("id", id)?,
        source: Some(source.unwrap_or_else(|| name.to_owned())),
        time: Some(time),
        geometry: place(config, fields, record).map_err(invalid)?.map(Some),
        properties: properties.collect::<Properties>(),
    })
}

/// Where it is; `None` leaves the place as it is.
fn place(config: &TopicConfig, fields: &[(&str, &str)], record: &Value) -> Result<Option<Wkb>, String> {
    if let Some(geometry) = config.geometry.as_ref().and_then(|geometry| geometry.value(fields, record)) {
        return read::geometry(&geometry.to_string()).map(Some);
    }
    let number = |member: &str, expression: &Option<super::Expression>| {
        let Some(value) = expression.as_ref().and_then(|expression| expression.value(fields, record)) else { return Ok(None) };
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
        number.map(Some).ok_or_else(|| format!("{member}: {} is no number", short(&value)))
    };
    match (number("longitude", &config.longitude)?, number("latitude", &config.latitude)?) {
        (Some(x), Some(y)) => {
            Wkb::new(point::wkb(x, y, number("altitude", &config.altitude)?)).map(Some).map_err(|error| format!("place: {error}"))
        }
        (None, None) => Ok(None),
        (None, Some(_)) => Err("longitude: is missing".to_owned()),
        (Some(_), None) => Err("latitude: is missing".to_owned()),
    }
}

fn instant(config: &TopicConfig, value: &Value) -> Result<Timestamp, String> {
    let number = || value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).ok_or("is no number".to_owned());
    #[expect(clippy::cast_possible_truncation, reason = "out of range saturates and is then refused")]
    let nanoseconds = |unit: f64| Ok::<_, String>((number()? * unit).round() as i128);
    let text = || value.as_str().ok_or("is no text".to_owned());
    match config.time_format.as_str() {
        "rfc3339" => time::instant(text()?).map_err(|_| "is no RFC 3339 date-time such as 2026-03-01T08:15:00Z".to_owned()),
        "unix_s" => Timestamp::from_nanosecond(nanoseconds(1e9)?).map_err(|error| error.to_string()),
        "unix_ms" => Timestamp::from_nanosecond(nanoseconds(1e6)?).map_err(|error| error.to_string()),
        pattern => {
            let parsed = strtime::parse(pattern, text()?).map_err(|error| error.to_string())?;
            if let Ok(instant) = parsed.to_timestamp() {
                return Ok(instant);
            }
            let local: DateTime = parsed.to_datetime().map_err(|error| error.to_string())?;
            let zone = TimeZone::get(&config.time_zone).map_err(|error| error.to_string())?;
            zone.to_timestamp(local).map_err(|error| error.to_string())
        }
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 60 { text.chars().take(60).chain(['…']).collect() } else { text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(config: &str, topic: &str, payload: &str) -> Vec<Result<EventDraft, String>> {
        let config: TopicConfig = toml::from_str(config).unwrap();
        let fields = config.topic.read(topic).unwrap();
        let now = "2026-03-01T00:00:00Z".parse().unwrap();
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        records(&config, "broker", &fields, &payload, now)
            .into_iter()
            .map(|record| record.draft.map_err(|refusal| refusal.detail))
            .collect()
    }

    const VEHICLE: &str = r#"
        topic = "vehicles/{id}/position"
        collection = "vehicles"
        time = "/ts"
        time_format = "unix_ms"
        longitude = "/pos/0"
        latitude = "/pos/1"
        altitude = "/alt"
        properties = { speed_mps = "/speed", type = "bus", plate = "津{/plate}" }
    "#;

    #[test]
    fn a_message_becomes_a_record() {
        let drafts = read(
            VEHICLE,
            "vehicles/v7/position",
            r#"{"ts": 1772323200500, "pos": [117.2, "39.1"], "alt": 3, "speed": 12.5, "plate": "A1"}"#,
        );
        let draft = drafts[0].as_ref().unwrap();
        assert_eq!((draft.id.as_str(), draft.source.as_deref()), ("v7", Some("broker")));
        assert_eq!(draft.time.unwrap().to_string(), "2026-03-01T00:00:00.5Z");
        assert_eq!(draft.geometry.as_ref().unwrap().as_ref().unwrap().bytes(), point::wkb(117.2, 39.1, Some(3.0)));
        assert_eq!(Value::Object(draft.properties.clone()), serde_json::json!({"plate": "津A1", "speed_mps": 12.5, "type": "bus"}));
    }

    #[test]
    fn what_cannot_be_mapped_says_why() {
        for (payload, word) in [
            ("{", "JSON"),
            (r#"{"pos": [117, 39]}"#, "time: is missing"),
            (r#"{"ts": "soon", "pos": [117, 39]}"#, "is no number"),
            (r#"{"ts": 0, "pos": [117]}"#, "latitude"),
            (r#"{"ts": 0, "pos": [117, "x"]}"#, "latitude"),
            (r#"{"ts": 0, "pos": [517, 39]}"#, "longitude"),
            (r#"{"ts": 1e300}"#, "time"),
        ] {
            let error = read(VEHICLE, "vehicles/v7/position", payload)[0].clone().unwrap_err();
            assert!(error.contains(word), "{payload}: {error}");
        }
    }

    #[test]
    fn one_message_may_hold_many_records_and_local_times() {
        let config = r#"
            topic = "stations"
            collection = "air"
            records = "/data"
            id = "{/station}-pm25"
            time = "/at"
            time_format = "%Y-%m-%d %H:%M"
            time_zone = "Asia/Shanghai"
            source = "/net"
            properties = { result = "/v" }
        "#;
        let drafts = read(
            config,
            "stations",
            r#"{"data": [{"station": "a", "at": "2026-03-01 08:00", "v": 1, "net": "n"}, {"station": "b", "at": "yesterday"}]}"#,
        );
        let first = drafts[0].as_ref().unwrap();
        assert_eq!((first.id.as_str(), first.time.unwrap().to_string().as_str()), ("a-pm25", "2026-03-01T00:00:00Z"));
        assert_eq!(first.source.as_deref(), Some("n"));
        assert!(drafts[1].is_err());
        assert!(read(config, "stations", "{}")[0].clone().unwrap_err().contains("/data"));
    }

    #[test]
    fn a_bare_number_and_a_feature_are_payloads_too() {
        let number = "topic = \"sensors/{id}/pm25\"\ncollection = \"air\"\nproperties = { result = \"\" }";
        assert_eq!(read(number, "sensors/3/pm25", "35.2")[0].as_ref().unwrap().properties["result"], 35.2);
        let feature = "topic = \"events\"\ncollection = \"events\"\npayload = \"feature\"";
        let drafts = read(feature, "events", r#"{"type":"Feature","id":"e","properties":{"time":"2026-03-01T00:00:00Z"}}"#);
        assert_eq!(drafts[0].as_ref().unwrap().source.as_deref(), Some("broker"));
    }
}
