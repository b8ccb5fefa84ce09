//! OpenStreetMap's further tags, which GDAL gives as one text in PostgreSQL's hstore form:
//! `"height"=>"12","name:en"=>"Palace"`.

use citywall_model::Value;

/// Tags that become attributes of their own, since a city is drawn and searched by them.
const LIFTED: [&str; 14] = [
    "height",
    "min_height",
    "building:levels",
    "building:min_level",
    "building:material",
    "roof:shape",
    "roof:height",
    "name:zh",
    "name:en",
    "addr:housenumber",
    "addr:street",
    "surface",
    "maxspeed",
    "oneway",
];

/// Those of them whose values are metres or counts.
const NUMBERS: [&str; 6] = ["height", "min_height", "building:levels", "building:min_level", "roof:height", "maxspeed"];

/// The tags in order; `None` if the text is no hstore.
pub(super) fn parse(text: &str) -> Option<Vec<(String, String)>> {
    let mut tags = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = quoted(rest)?;
        let (value, after) = quoted(after.trim_start().strip_prefix("=>")?.trim_start())?;
        tags.push((key, value));
        rest = after.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    Some(tags)
}

/// A quoted text with backslash escapes, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.strip_prefix('"')?.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => out.push(chars.next()?.1),
            '"' => return Some((out, &text[at + 2..])),
            c => out.push(c),
        }
    }
    None
}

/// The attributes of the tags: those of [`LIFTED`], and the rest as one JSON object.
pub(super) fn attributes(tags: Vec<(String, String)>) -> (Vec<(String, Value)>, Option<Value>) {
    let (lifted, rest): (Vec<_>, Vec<_>) = tags.into_iter().partition(|(key, _)| LIFTED.contains(&key.as_str()));
    let lifted = lifted
        .into_iter()
        .map(|(key, text)| {
            let value = if NUMBERS.contains(&key.as_str()) { number(&text) } else { None };
            (key, value.map_or(Value::Text(text), Value::Number))
        })
        .collect();
    let rest: serde_json::Map<String, serde_json::Value> = rest.into_iter().map(|(k, v)| (k, v.into())).collect();
    (lifted, (!rest.is_empty()).then(|| Value::Json(serde_json::Value::Object(rest).to_string())))
}

/// A number with or without “m” behind it; anything else (feet, ranges) stays text.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let number: f64 = text.strip_suffix('m').unwrap_or(text).trim_end().parse().ok()?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tags_are_lifted_or_kept_together() {
        let (lifted, rest) =
            attributes(parse(r#""height"=>"12.5 m","roof:shape"=>"flat","note"=>"say \"hi\", ok","wikidata"=>"Q1""#).unwrap());
        assert_eq!(lifted, [("height".to_owned(), Value::Number(12.5)), ("roof:shape".to_owned(), Value::Text("flat".to_owned()))]);
        assert_eq!(rest, Some(Value::Json(r#"{"note":"say \"hi\", ok","wikidata":"Q1"}"#.to_owned())));
        assert_eq!(number("3'6\""), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\"=>,\\\\a天 ]{0,40}") {
            let _ = parse(&text);
        }
    }
}
