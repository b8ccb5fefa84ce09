//! Query parameters, strictly: each known, each once (OGC API – Features, 7.6: 400 otherwise).

use super::Problem;

/// The query parameters of one request.
#[derive(Debug, Default)]
pub struct Params(Vec<(String, String)>);

/// Parameters that every resource takes.
const COMMON: [&str; 2] = ["f", "lang"];

impl Params {
    /// Reads a query string and checks every name against `known`.
    ///
    /// # Errors
    /// A name is unknown or comes twice.
    pub fn parse(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut params: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) && !COMMON.contains(&&*name) {
                let list = known.iter().chain(&COMMON).copied().collect::<Vec<_>>().join(", ");
                return Err(Problem::parameter(&name, format!("there is no such parameter here; known are {list}")));
            }
            if params.iter().any(|(seen, _)| *seen == name) {
                return Err(Problem::parameter(&name, "given twice"));
            }
            params.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(params))
    }

    /// A parameter's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The parameters but for these, as a query string with a leading `?`, or empty.
    pub fn without(&self, names: &[&str]) -> Query {
        Query(self.0.iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned().collect())
    }
}

/// A query string in the making.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }
}

impl std::fmt::Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        query.extend_pairs(&self.0);
        f.write_str(&query.finish())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn unknown_and_repeated_parameters_are_refused_by_name() {
        let unknown = Params::parse(Some("bbox=1&foo=2"), &["bbox"]).unwrap_err();
        assert_eq!(unknown.status(), 400);
        assert!(serde_json::to_string(&unknown).unwrap().contains("\"parameter\":\"foo\""));
        assert!(Params::parse(Some("bbox=1&bbox=2"), &["bbox"]).is_err());
        let fine = Params::parse(Some("bbox=1%2C2&f=json"), &["bbox"]).unwrap();
        assert_eq!(fine.get("bbox"), Some("1,2"));
        assert_eq!(fine.without(&["f"]).with("cursor", "a b").to_string(), "?bbox=1%2C2&cursor=a+b");
    }
}
